"""Descriptors as earlier versions of MLflow wrote them."""

from __future__ import annotations

import pickle
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from mlpack.errors import BadModel
from mlpack.flavors import load_model, load_native

pytestmark = pytest.mark.filterwarnings("ignore")
X = np.array([[0.0], [1.0], [2.0], [3.0]])
MODEL = LogisticRegression().fit(X, [0, 0, 1, 1])

# of MLflow 1.x: `env` is one plain string, the signature has no `params` and no `required`
ONE = """
artifact_path: model
flavors:
  python_function:
    env: conda.yaml
    loader_module: mlflow.sklearn
    model_path: model.pkl
    python_version: 3.6.9
  sklearn:
    pickled_model: model.pkl
    serialization_format: cloudpickle
    sklearn_version: 0.22.1
run_id: 0123456789abcdef0123456789abcdef
signature:
  inputs: '[{"name": "x", "type": "double"}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]'
utc_time_created: '2020-05-25 10:46:21.413127'
"""
# older still: no format is said, the file stands under `data`
DATA_ONLY = """
flavors:
  python_function:
    data: model.pkl
    env: conda.yaml
    loader_module: mlflow.sklearn
    python_version: 2.7.18
utc_time_created: '2018-05-25 17:28:53.353110'
"""
NO_FORMAT = """
flavors:
  sklearn: {pickled_model: model.pkl, sklearn_version: 0.19.1}
  python_function: {loader_module: mlflow.sklearn, data: model.pkl}
"""
PARAMS_OF_2_6 = """
flavors:
  python_function:
    env: {conda: conda.yaml, virtualenv: python_env.yaml}
    loader_module: mlflow.sklearn
    model_path: model.pkl
    predict_fn: predict
    python_version: 3.8.10
  sklearn: {code: null, pickled_model: model.pkl, serialization_format: cloudpickle}
mlflow_version: 2.6.0
signature:
  inputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 1]}}]'
  outputs: null
  params: '[{"name": "k", "dtype": "long", "default": 3, "shape": null}]'
"""


@pytest.mark.parametrize("text", [ONE, DATA_ONLY, NO_FORMAT, PARAMS_OF_2_6])
def test_descriptors_of_earlier_versions(tmp_path: Path, text: str) -> None:
    (tmp_path / "MLmodel").write_text(text)
    (tmp_path / "model.pkl").write_bytes(cloudpickle.dumps(MODEL))
    loaded = load_model(tmp_path)
    data = {"x": X[:, 0]} if 'name": "x' in text else X
    np.testing.assert_array_equal(loaded.predict(data), [0, 0, 1, 1])
    assert isinstance(load_native(tmp_path), LogisticRegression)


def test_a_format_that_nobody_knows(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text(ONE.replace("cloudpickle", "marshal"))
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(MODEL))
    with pytest.raises(BadModel, match="unknown serialization format 'marshal'"):
        load_model(tmp_path)
