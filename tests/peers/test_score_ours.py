"""MLflow's own scoring helper, which users' scripts call, as a client of our scoring server."""

import json
import subprocess
import sys
from pathlib import Path

import cloudpickle
import pandas as pd
import pytest

import mlpack
from mlpack.flavors import PythonModel, save_model
from mlpack.flavors.schema import ColSpec, ParamSchema, ParamSpec, Schema
from mlpack.flavors.signature import ModelSignature
from mlpack.tests.serve.real import Server

pytestmark = [pytest.mark.peer, pytest.mark.server]
cloudpickle.register_pickle_by_value(sys.modules[__name__])

PEOPLE = ModelSignature(
    Schema(
        [
            ColSpec("long", "age"),
            ColSpec("double", "income"),
            ColSpec("string", "city"),
            ColSpec("datetime", "since"),
            ColSpec("boolean", "member", required=False),
        ]
    ),
    params=ParamSchema([ParamSpec("threshold", "double", 0.5)]),
)


class Report(PythonModel):
    def predict(self, context, model_input, params=None):
        return pd.DataFrame(
            {
                "city": model_input["city"],
                "year": model_input["since"].dt.year,
                "score": model_input["income"] * params["threshold"],
            }
        )


def test_mlflows_scoring_helper(tmp_path, peer_python):
    save_model(Report(), tmp_path / "model", signature=PEOPLE)
    with Server(tmp_path / "model", tmp_path, "--workers", "1") as server:
        script = Path(__file__).with_name("score_ours.py")
        done = subprocess.run(
            [peer_python, script, str(server.port)], capture_output=True, text=True, cwd=tmp_path
        )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["version"] == mlpack.__version__
    assert seen["frame"] == {
        "city": ["Reykjavík", "Oslo"],
        "year": [2020, 2024],
        "score": [13000.0, 7750.125],
    }
    assert (seen["kinds"]["year"], seen["kinds"]["score"]) == ("i", "f")
    assert seen["text"]["score"] == [26000.0, 15500.25]
    assert seen["array"] == [2]
    assert "error code 400" in seen["missing column"] and "city" in seen["missing column"]
    assert "did you mean 'threshold'" in seen["wrong param"]
    # the helper writes NaN and Infinity, which are no JSON
    assert seen["gaps"] == [True, True]
    assert "column 'age'" in seen["gap among integers"] and "NaN" in seen["gap among integers"]
