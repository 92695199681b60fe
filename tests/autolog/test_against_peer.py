"""What we record of a training next to what MLflow records of the same one."""

import json
import subprocess
import sys

import pytest

# each is run here and in the peer's Python
TRAININGS = {
    "binary": "LogisticRegression(max_iter=5000, C=0.5).fit(*load_breast_cancer(return_X_y=True))",
    "classes": "DecisionTreeClassifier(random_state=0).fit(*load_iris(return_X_y=True))",
    "decides": "RidgeClassifier().fit(*load_breast_cancer(return_X_y=True))",
    "regressor": "Ridge(alpha=2).fit(*load_diabetes(return_X_y=True))",
    "pipeline": "make_pipeline(StandardScaler(), Ridge()).fit(*load_diabetes(return_X_y=True))",
    "search": "GridSearchCV(Ridge(), {'alpha': [1, 2, 3]}).fit(*load_diabetes(return_X_y=True))",
}
_SCRIPT = """
import json, sys, warnings
warnings.simplefilter("ignore")
import PACKAGE as tracker
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
tracker.set_tracking_uri(sys.argv[1])
tracker.sklearn.autolog(log_models=False, max_tuning_runs=2)
found = {}
for name, training in json.load(sys.stdin).items():
    with tracker.start_run() as run:
        eval(training)
    run = tracker.get_run(run.info.run_id)
    data = run.data
    children = tracker.search_runs(
        filter_string=f"tags.mlflow.parentRunId = '{run.info.run_id}'", output_format="list"
    )
    files = tracker.MlflowClient().list_artifacts(run.info.run_id)
    found[name] = {
        "params": data.params,
        "metrics": data.metrics,
        "tags": {k: v for k, v in data.tags.items() if not k.startswith(("mlflow.", "mlpack."))},
        "files": sorted(file.path for file in files),
        "digests": [each.dataset.digest for each in run.inputs.dataset_inputs],
        "children": sorted(
            [child.data.metrics["mean_test_score"], child.data.params, sorted(child.data.metrics)]
            for child in children
        ),
    }
print(json.dumps(found))
"""


def _record(python, package, store):
    done = subprocess.run(
        [python, "-c", _SCRIPT.replace("PACKAGE", package), store],
        input=json.dumps(TRAININGS),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def both(peer_python, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    ours = _record(sys.executable, "mlpack", str(folder / "ours"))
    theirs = _record(peer_python, "mlflow", f"sqlite:///{folder}/peer.db")
    return ours, theirs


@pytest.mark.peer
@pytest.mark.parametrize("name", TRAININGS)
def test_the_same_is_recorded(name, both):
    ours, theirs = (found[name] for found in both)
    for what in ("params", "tags", "files"):
        assert ours[what] == theirs[what], what
    assert len(ours["digests"]) == 1
    assert theirs["digests"] in ([], ours["digests"])  # the peer may be too late with them
    assert ours["metrics"] == pytest.approx(theirs["metrics"])
    assert len(ours["children"]) == len(theirs["children"])
    for mine, other in zip(ours["children"], theirs["children"], strict=True):
        assert mine[0] == pytest.approx(other[0])
        assert mine[1:] == other[1:]
