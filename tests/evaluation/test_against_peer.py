"""Our numbers of an evaluation next to MLflow's."""

import json
import subprocess
import sys

import pytest

# each is run here and in the peer's Python
EVALUATIONS = {
    "binary": ("LogisticRegression(max_iter=5000)", "load_breast_cancer", "classifier", {}),
    "positive": (
        "LogisticRegression(max_iter=5000)",
        "load_breast_cancer",
        "classifier",
        {"pos_label": 0},
    ),
    "decides": ("RidgeClassifier()", "load_breast_cancer", "classifier", {}),
    "classes": ("LogisticRegression(max_iter=5000)", "load_iris", "classifier", {}),
    "macro": ("LogisticRegression(max_iter=5000)", "load_iris", "classifier", {"average": "macro"}),
    "regressor": ("Ridge()", "load_diabetes", "regressor", {"metric_prefix": "v_"}),
}
_SCRIPT = """
import json, os, sys, warnings
warnings.simplefilter("ignore")
import PACKAGE as tracker
from sklearn import datasets
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
tracker.set_tracking_uri(sys.argv[1])
found = {}
for name, (model, data, kind, config) in json.load(sys.stdin).items():
    X, y = getattr(datasets, data)(return_X_y=True, as_frame=True)
    fitted = eval(model).fit(X, y)
    with tracker.start_run() as run:
        info = tracker.sklearn.log_model(fitted, name="model", serialization_format="cloudpickle")
        result = tracker.models.evaluate(
            info.model_uri, X.assign(label=y), targets="label", model_type=kind,
            evaluator_config=config, evaluators="default",
        )
    files = tracker.MlflowClient().list_artifacts(run.info.run_id)
    found[name] = [
        tracker.get_run(run.info.run_id).data.metrics, sorted(file.path for file in files)
    ]
print(json.dumps(found))
"""


def _evaluate(python, package, store, folder):
    done = subprocess.run(
        [python, "-c", _SCRIPT.replace("PACKAGE", package), store],
        input=json.dumps(EVALUATIONS),
        capture_output=True,
        text=True,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def both(peer_python, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    ours = _evaluate(sys.executable, "mlpack", str(folder / "ours"), folder)
    theirs = _evaluate(peer_python, "mlflow", f"sqlite:///{folder}/peer.db", folder)
    return ours, theirs


@pytest.mark.peer
@pytest.mark.parametrize("name", EVALUATIONS)
def test_the_same_numbers_and_pictures(name, both):
    (ours, our_files), (theirs, their_files) = (found[name] for found in both)
    assert ours == pytest.approx(theirs)
    assert set(their_files) <= {*our_files, "shap_beeswarm_plot.png"}
