"""Code for MLflow's registry, as people have it, runs with ``mlflow`` replaced by ``mlpack``."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

_SKLEARN = """
import warnings
import mlflow
import mlflow.sklearn
from mlflow import MlflowClient
from mlflow.models import infer_signature
from sklearn.datasets import make_regression
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import train_test_split

with mlflow.start_run() as run:
    X, y = make_regression(n_features=4, n_informative=2, random_state=0, shuffle=False)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
    params = {"max_depth": 2, "random_state": 42, "n_estimators": 5}
    model = RandomForestRegressor(**params)
    model.fit(X_train, y_train)
    y_pred = model.predict(X_test)
    signature = infer_signature(X_test, y_pred)
    mlflow.log_params(params)
    mlflow.log_metrics({"mse": mean_squared_error(y_test, y_pred)})
    info = mlflow.sklearn.log_model(
        sk_model=model,
        name="sklearn-model",
        signature=signature,
        registered_model_name="sk-learn-random-forest-reg-model",
    )

model_name = "sk-learn-random-forest-reg-model"
model_version = 1
assert int(info.registered_model_version) == 1
model = mlflow.pyfunc.load_model(model_uri=f"models:/{model_name}/{model_version}")
assert (model.predict(X_test) == y_pred).all()
"""

_LATER = """
result = mlflow.register_model(f"runs:/{run.info.run_id}/sklearn-model", "sk-learn-reg")
assert (result.name, int(result.version)) == ("sk-learn-reg", 1)

client = MlflowClient()
client.create_registered_model("sk-learn-random-forest-new")
mv = client.create_model_version(
    name="sk-learn-random-forest-new",
    source=info.model_uri,
    run_id=run.info.run_id,
)
assert mv.status == "READY"

client.set_registered_model_alias(model_name, "champion", 1)
champion = mlflow.sklearn.load_model(f"models:/{model_name}@champion")
assert (champion.predict(X_test) == y_pred).all()
found = client.get_model_version_by_alias(model_name, "champion")
assert int(found.version) == 1 and "champion" in found.aliases
client.delete_registered_model_alias(model_name, "champion")

client.set_registered_model_tag(model_name, "task", "regression")
client.set_model_version_tag(model_name, "1", "validation_status", "approved")
client.delete_registered_model_tag(model_name, "task")
client.delete_model_version_tag(model_name, "1", "validation_status")
client.update_model_version(
    name=model_name, version=1, description="This model version is a scikit-learn random forest"
)
client.rename_registered_model(name="sk-learn-reg", new_name="sk-learn-reg-100")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # stages are deprecated there
    client.transition_model_version_stage(name=model_name, version=1, stage="Production")
    latest = client.get_latest_versions(model_name, stages=["Production"])
    assert [int(v.version) for v in latest] == [1]
    staged = mlflow.pyfunc.load_model(f"models:/{model_name}/Production")
    client.transition_model_version_stage(name=model_name, version=1, stage="Archived")

names = [rm.name for rm in client.search_registered_models()]
assert names == ["sk-learn-random-forest-new", model_name, "sk-learn-reg-100"], names
for rm in client.search_registered_models():
    for version in rm.latest_versions:
        assert dict(version)["name"] == rm.name
filtered = client.search_registered_models(filter_string="name ILIKE '%NEW'", max_results=10)
assert [rm.name for rm in filtered] == ["sk-learn-random-forest-new"]
versions = client.search_model_versions(f"name='{model_name}'")
assert [int(v.version) for v in versions] == [1]
assert mlflow.search_model_versions(filter_string=f"run_id = '{run.info.run_id}'")

copied = client.copy_model_version(
    src_model_uri=f"models:/{model_name}/1", dst_name="regression-production"
)
assert int(copied.version) == 1
client.delete_model_version(name="sk-learn-reg-100", version="1")
client.delete_registered_model(name="sk-learn-reg-100")
try:
    client.get_registered_model("sk-learn-reg-100")
except mlflow.exceptions.MlflowException as error:
    assert error.error_code == "RESOURCE_DOES_NOT_EXIST"
else:
    raise AssertionError("it is still there")
print("done")
"""


def run(python: str, code: str, folder: Path, **environment: str) -> None:
    done = subprocess.run(
        [python, "-c", code],
        capture_output=True,
        text=True,
        cwd=folder,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin", **environment},
    )
    assert (done.returncode, done.stdout.strip()[-4:]) == (0, "done"), done.stderr


def test_with_ours(tmp_path: Path) -> None:
    code = re.sub(r"\bmlflow\b", "mlpack", _SKLEARN + _LATER)
    run(sys.executable, code, tmp_path)


@pytest.mark.peer
def test_with_the_original(tmp_path: Path, peer_python: str) -> None:
    """So that what is asked of ours is what the original does."""
    trusted = 'name="sklearn-model",\n        skops_trusted_types=["sklearn.tree._tree.Tree"],'
    code = (_SKLEARN + _LATER).replace('name="sklearn-model",', trusted)
    quiet = {"DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
    run(peer_python, code, tmp_path, MLFLOW_TRACKING_URI=f"sqlite:///{tmp_path}/m.db", **quiet)


@pytest.mark.parametrize(
    "line",
    [
        "from mlpack import MlflowClient, register_model, set_registry_uri",
        "from mlpack.tracking import MlflowClient, set_registry_uri",
        "from mlpack.tracking.client import MlflowClient",
        "from mlpack.entities.model_registry import ModelVersion, RegisteredModel",
        "from mlpack.entities import ModelVersion, Run",
        "import mlpack.entities.model_registry as m; import mlpack.entities as e; e.RunStatus",
        "import mlpack; mlpack.entities.model_registry.ModelVersion",
    ],
)
def test_imports_in_a_fresh_process(line: str) -> None:
    subprocess.run([sys.executable, "-c", line], check=True)
