"""Train a real classifier, track it, log it as a model, and print what to type next.

    python examples/quickstart.py

The data: 442 diabetes patients (it ships with scikit-learn). The question: will a patient's
disease progress faster than for three quarters of the patients within a year?
"""

import matplotlib

matplotlib.use("Agg")  # no screen needed
import matplotlib.pyplot as plt
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import RocCurveDisplay, accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import mlpack

BLOOD = {"s1": "tc", "s2": "ldl", "s3": "hdl", "s4": "tch", "s5": "ltg", "s6": "glu"}


def patients() -> tuple[pd.DataFrame, pd.Series]:
    """Named columns of mixed types: whole years, a category, measurements."""
    X, progression = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    X = X.rename(columns=BLOOD)
    X["age"] = X["age"].astype(int)
    X["sex"] = X["sex"].map({1.0: "female", 2.0: "male"})
    return X, (progression > progression.quantile(0.75)).rename("fast")


def main() -> None:
    X, fast = patients()
    X_train, X_test, y_train, y_test = train_test_split(X, fast, stratify=fast, random_state=7)

    params = {"C": 0.5, "max_iter": 1000, "class_weight": "balanced"}
    numbers = [name for name in X.columns if name != "sex"]
    model = Pipeline(
        [
            (
                "columns",
                ColumnTransformer(
                    [
                        ("number", StandardScaler(), numbers),
                        ("category", OneHotEncoder(handle_unknown="ignore"), ["sex"]),
                    ]
                ),
            ),
            ("classifier", LogisticRegression(**params)),
        ]
    )

    mlpack.set_experiment("quickstart")
    with mlpack.start_run() as run:
        model.fit(X_train, y_train)
        probability = model.predict_proba(X_test)[:, 1]

        mlpack.log_params(params)
        mlpack.log_metrics(
            {
                "accuracy": accuracy_score(y_test, model.predict(X_test)),
                "roc_auc": roc_auc_score(y_test, probability),
            }
        )
        figure, axes = plt.subplots()
        RocCurveDisplay.from_predictions(y_test, probability, ax=axes, name="quickstart")
        mlpack.log_figure(figure, "roc_curve.png")
        mlpack.sklearn.log_model(model, name="model", input_example=X_train.head(3))

    uri = f"runs:/{run.info.run_id}/model"
    metrics = mlpack.get_run(run.info.run_id).data.metrics
    print(f"accuracy {metrics['accuracy']:.3f}, ROC AUC {metrics['roc_auc']:.3f}\n")
    print("The model is logged. What to type next:\n")
    print(f"  mlpack runs show {run.info.run_id}")
    print(f"  mlpack serve -m {uri}")
    print(f"  mlpack build-docker -m {uri} -n quickstart")
    print(f"  mlpack deploy -m {uri} --target local -n quickstart")


if __name__ == "__main__":
    main()
