"""`mlpack deploy --target azureml` with a model of scikit-learn, as somebody would type it."""

import json
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from mlpack.cli.main import cli

pytestmark = [pytest.mark.docker, pytest.mark.cloud]


def run(*arguments):
    done = CliRunner().invoke(cli, [*map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_whole_cycle_of_a_model(deploy, cloud, iris_model, runtime_as_it_is, tmp_path):
    name, model = deploy.name, tmp_path / "model"
    shutil.copytree(iris_model, model)
    to = ("--target", "azureml", "-n", name)
    make = ("deploy", "-m", model, *to, "--trust", "--json", "--yes")
    make = (*make, "-C", "env=MLPACK_WORKERS=1")
    plan = json.loads(run(*make, "--dry-run"))
    assert plan["action"] == "create"
    assert plan["details"]["endpoint"]["name"] == name
    assert not cloud.writes()

    made = json.loads(run(*make))
    assert made["status"] == "healthy"
    assert made["image"].startswith(cloud.login_server)
    example = model / "serving_input_example.json"
    predicted = run("deployments", "predict", *to, "-i", example)
    assert json.loads(predicted) == {"predictions": [0, 0]}
    assert "mlpack is serving" in run("deployments", "logs", *to)
    before = len(cloud.calls)
    assert json.loads(run(*make))["details"]["deployment"] == made["details"]["deployment"]
    assert not cloud.writes(before)

    (model / "note.txt").write_text("a second version")
    updated = json.loads(run(*make, "-C", "traffic_steps=50", "-C", "step_seconds=0.1"))
    assert updated["model_digest"] != made["model_digest"]
    assert json.loads(run("deployments", "predict", *to, "-i", example)) == {"predictions": [0, 0]}
    back = json.loads(run("deployments", "rollback", *to, "--json"))
    assert back["model_digest"] == made["model_digest"]
    assert name in run("deployments", "list", "--target", "azureml")
    run("deployments", "delete", *to)
    assert name not in run("deployments", "list", "--target", "azureml", "--json")


def test_planning_needs_no_azure_ai_ml(deploy, cloud, quick_images, iris_model):
    """It takes seconds to import."""
    asked = ["deploy", "-m", str(iris_model), "--image", quick_images["1"], "--dry-run", "--json"]
    asked += ["--target", "azureml", "-n", deploy.name]
    code = (
        "import sys; from mlpack.cli.main import cli; "
        f"cli({asked!r}, standalone_mode=False); "
        "print('azure.ai.ml' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip().endswith("False"), done.stderr
    assert json.loads(done.stdout)["action"] == "create"
