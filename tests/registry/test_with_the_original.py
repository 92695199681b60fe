"""What one side registers the other loads, whoever's server is between them."""

import os
import subprocess
import uuid
from contextlib import nullcontext

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import mlpack
from mlpack.tests.registry.places import mlflow_address  # noqa: F401 - a fixture
from mlpack.tests.rest_server import tracking_server

pytestmark = pytest.mark.peer

X = np.array([[0.0], [1.0], [2.0], [3.0]])
Y = [0, 0, 1, 1]

_LOADS = """
import sys, mlflow
name = sys.argv[1]
for which in ("/1", "@champion", "/Production", "/latest"):
    model = mlflow.pyfunc.load_model(f"models:/{name}{which}")
    print(*model.predict([[0.0], [3.0]]))
"""
_REGISTERS = """
import sys, mlflow, mlflow.sklearn
from sklearn.linear_model import LogisticRegression
name = sys.argv[1]
with mlflow.start_run() as run:
    model = LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    mlflow.sklearn.log_model(model, name="clf", registered_model_name=name)
client = mlflow.MlflowClient()
client.set_registered_model_alias(name, "champion", 1)
client.transition_model_version_stage(name, 1, "Production")
client.copy_model_version(f"models:/{name}/1", f"{name}-copy")
print(run.info.run_id)
"""


@pytest.fixture(params=["ours", "theirs"])
def server(request, mlruns, tmp_path):
    """The address of a server that both sides use."""
    ours = request.param == "ours"
    place = tracking_server(tmp_path / "ours") if ours else nullcontext(_address(request))
    with place as address:
        mlpack.set_tracking_uri(address)
        yield address
        while mlpack.active_run():
            mlpack.end_run()


def _address(request):
    return request.getfixturevalue("mlflow_address")


def peer(python, code, name, server, folder):
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "MLPACK_"))},
        "MLFLOW_TRACKING_URI": server,
        "DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    done = subprocess.run(
        [python, "-W", "ignore", "-c", code, name],
        capture_output=True,
        text=True,
        env=environment,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_original_loads_what_we_registered(server, peer_python, tmp_path):
    name, client = f"ours-{uuid.uuid4().hex[:8]}", mlpack.MlpackClient()
    with mlpack.start_run():
        mlpack.sklearn.log_model(
            LogisticRegression().fit(X, Y), name="clf", registered_model_name=name
        )
    client.set_registered_model_alias(name, "champion", 1)
    client.transition_model_version_stage(name, 1, "Production")
    assert peer(peer_python, _LOADS, name, server, tmp_path) == ["0 1"] * 4
    assert mlpack.load_model(f"models:/{name}/1").predict(X).tolist() == Y


def test_we_load_what_the_original_registered(server, peer_python, tmp_path):
    name = f"theirs-{uuid.uuid4().hex[:8]}"
    run_id = peer(peer_python, _REGISTERS, name, server, tmp_path)[-1]
    for which in ("/1", "@champion", "/Production", "/latest", "-copy/1"):
        model = mlpack.load_model(f"models:/{name}{which}")
        assert model.predict(X).tolist() == Y
    version = mlpack.MlpackClient().get_model_version(name, 1)
    assert version.run_id == run_id
    copy = mlpack.register_model(f"models:/{name}@champion", f"{name}-ours")
    assert copy.run_id == run_id
    again = mlpack.register_model(f"runs:/{run_id}/clf", f"{name}-ours")
    assert again.version == 2
    for number in (1, 2):
        loaded = mlpack.load_model(f"models:/{name}-ours/{number}")
        assert loaded.predict(X).tolist() == Y


def test_a_folder_that_both_use(mlruns, peer_python, tmp_path):
    """The original leaves a note in the folder of a version that it loads; that is no change."""
    folder = tmp_path / "saved"
    mlpack.sklearn.save_model(LogisticRegression().fit(X, Y), folder)
    mlpack.register_model(folder, "churn")
    code = """
import sys, mlflow
client = mlflow.MlflowClient()
client.create_registered_model("churn")
client.create_model_version("churn", sys.argv[1])
print(*mlflow.pyfunc.load_model("models:/churn/1").predict([[0.0], [3.0]]))
"""
    own = f"sqlite:///{tmp_path}/mlflow.db"
    assert peer(peer_python, code, str(folder), own, tmp_path)[-1] == "0 1"
    assert (folder / "registered_model_meta").is_file()
    assert mlpack.load_model("models:/churn/1").predict(X).tolist() == Y
