"""Two versions of a model with everything that lineage and diff tell of, on any store."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import mlpack
from mlpack.tests.registry.places import any_store, mlflow_address  # noqa: F401 - fixtures

FIRST, SECOND = "a1b2c3d" + "0" * 33, "a1b2c3e" + "1" * 33


@dataclass
class Made:
    """What was made.

    Attributes:
        store: "folder", "server" or "mlflow".
        name: of the registered model.
        data: the name of the dataset that both runs read.
        runs: that made version 1 and 2.
        digests: of the dataset as each run read it.
    """

    store: str
    name: str
    data: str
    runs: list[str]
    digests: list[str]


@pytest.fixture
def made(any_store: str) -> Iterator[Made]:  # noqa: F811 - the fixture
    some = uuid.uuid4().hex[:8]  # MLflow's server is shared by all tests
    found = Made(any_store, f"tumours-{some}", f"train-{some}", [], [])
    mlpack.set_experiment(f"experiment-{some}")
    for number, commit in enumerate((FIRST, SECOND), 1):
        columns = {"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, number, int(some[:7], 16)]}
        rows = pd.DataFrame({**columns, "c": [1, 2, 3, 4]} if number == 2 else columns)
        tags = {"mlflow.source.git.commit": commit, "mlflow.source.name": f"/src/{some}/train.py"}
        tags |= {"mlflow.source.git.branch": "main", "mlflow.source.git.dirty": "true"}
        with mlpack.start_run(run_name=f"run {number}", tags=tags) as run:
            dataset = mlpack.data.from_pandas(rows, source="data/rows.csv", name=found.data)
            mlpack.log_input(dataset, context="training")
            mlpack.log_params({"C": number, "solver": "lbfgs"})
            mlpack.log_metric("auc", 0.5 + number / 8)
            model = LogisticRegression().fit(rows, [0, 0, 1, 1])
            mlpack.sklearn.log_model(
                model, name="model", input_example=rows, registered_model_name=found.name
            )
        found.runs.append(run.info.run_id)
        found.digests.append(dataset.digest)
    yield found
