"""Record a search without a line for it, and judge the best model on data it has not seen.

python examples/autolog.py
"""

from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import mlpack

features, labels = load_breast_cancer(return_X_y=True, as_frame=True)
train, test, train_labels, test_labels = train_test_split(features, labels, random_state=0)

mlpack.autolog(max_tuning_runs=2)
with mlpack.start_run() as run:
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    search = GridSearchCV(pipeline, {"logisticregression__C": [0.01, 0.1, 1]}, cv=3)
    search.fit(train, train_labels)
    result = mlpack.evaluate(
        f"runs:/{run.info.run_id}/best_estimator",
        test.assign(benign=test_labels),
        targets="benign",
        model_type="classifier",
    )

recorded = mlpack.get_run(run.info.run_id)
trials = mlpack.search_runs(filter_string=f"tags.mlflow.parentRunId = '{run.info.run_id}'")
files = [file.path for file in mlpack.artifacts.list_artifacts(run_id=run.info.run_id)]
print("best C:       ", recorded.data.params["best_logisticregression__C"])
print("cross-val.:   ", f"{recorded.data.metrics['best_cv_score']:.3f}")
print("on test data: ", f"{result.metrics['accuracy_score']:.3f}")
print("best trials:  ", len(trials))
print("files:        ", *files)
print("look at it:    mlpack runs show", run.info.run_id)
