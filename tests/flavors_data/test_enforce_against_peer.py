"""What the real MLflow accepts from Python, we accept, with the same values.

Beyond that we accept what loses nothing (int64 for double, time zones by conversion to UTC,
categories); where we are stricter on purpose, `_peer_is_lax` says why.
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlpack.errors import InvalidInput
from mlpack.flavors.enforce import enforce
from mlpack.flavors.schema import ColSpec, DataType, Schema, TensorSpec
from mlpack.flavors.signature import ModelSignature
from mlpack.flavors.table import Table

COLUMNS = [
    "np.array([1, 2], 'int8')",
    "np.array([1, 2], 'int32')",
    "np.array([1, 2], 'int64')",
    "np.array([0, 1], 'int64')",
    "np.array([1, 2], 'uint8')",
    "np.array([1, 2], 'uint32')",
    "np.array([1, 2], 'uint64')",
    "np.array([1, 2.5], 'float16')",
    "np.array([1, 2.5], 'float32')",
    "np.array([1, 2.5], 'float64')",
    "np.array([1, np.nan], 'float64')",
    "np.array([True, False])",
    "['x', 'y']",
    "['x', None]",
    "pd.Series(['x', 'y'], dtype=object)",
    "pd.Series(['x', 1], dtype=object)",
    "pd.Series(['x', None], dtype='string')",
    "pd.Categorical(['x', 'y'])",
    "[b'x', b'y']",
    "[b'x', None]",
    "pd.Series([1, 2], dtype=object)",
    "pd.Series([1, None], dtype=object)",
    "pd.Series([1.5, None], dtype=object)",
    "pd.Series([True, None], dtype=object)",
    "pd.array([1, 2], dtype='Int64')",
    "pd.array([1, None], dtype='Int64')",
    "pd.array([True, None], dtype='boolean')",
    "pd.to_datetime(['2024-01-01', '2024-01-02'])",
    "pd.to_datetime(['2024-01-01', None])",
    "pd.to_datetime(['2024-01-01', '2024-01-02']).as_unit('s')",
    "pd.to_datetime(['2024-01-01', '2024-01-02']).tz_localize('UTC')",
    "[dt.date(2024, 1, 1), dt.date(2024, 1, 2)]",
    "[dt.datetime(2024, 1, 1), None]",
    "[[1, 2], [3]]",
    "[{'k': 1}, {'k': 2}]",
]
TENSORS = [
    "np.eye(2)",
    "np.eye(2, dtype='float32')",
    "np.eye(2, dtype='int64')",
    "np.eye(3)",
    "np.array([1.5, 2.5])",
    "np.array([[True]])",
    "np.array([['x', 'y']])",
    "np.array([['x', None]], dtype=object)",
    "pd.DataFrame(np.eye(2))",
    "pd.DataFrame(np.eye(2, dtype='float32'))",
    "pd.DataFrame({'a': [[1.0, 2.0], [3.0, 4.0]]})",
    "pd.DataFrame({'a': [np.array([1.0, 2.0]), np.array([3.0, 4.0])]})",
]
SPECS = [("float64", [-1, 2]), ("float32", [-1, 2]), ("int64", [-1, 2]), ("float64", [-1])]
SPECS += [("str", [-1, 2]), ("bool", [-1, 1]), ("object", [-1, 2]), ("float64", [2, -1])]

_PYTHON = {"string": str, "binary": bytes, "boolean": bool}


def _peer_is_lax(spec: dict[str, Any], data: Any) -> bool:
    """Where the peer lets things pass unseen, and we look."""
    if spec["type"] == "tensor":
        # cells that are lists or arrays: its dtype is not compared, or numbers become strings
        return isinstance(data, pd.DataFrame) and data.iloc[:, 0].dtype == object
    values = [v for v in data["a"].to_list() if not (v is None or v is pd.NA or v != v)]
    if spec["type"] in _PYTHON:
        # columns of objects (and, for bytes, of strings) are not looked into
        return not all(isinstance(v, _PYTHON[spec["type"]]) for v in values)
    # pandas makes numbers of booleans beside a missing value
    return spec["type"] == "double" and any(isinstance(v, bool) for v in values)


_PEER = """
import datetime as dt, json, logging, sys, warnings
import numpy as np, pandas as pd
from mlflow.models.utils import _enforce_schema
from mlflow.types.schema import Schema
warnings.simplefilter("ignore"); logging.disable(logging.CRITICAL)
def accepted(schema, data):
    try:
        result = _enforce_schema(data, Schema.from_json(json.dumps([schema])))
    except Exception:
        return None
    if isinstance(result, pd.DataFrame):
        return [str(result["a"].dtype), repr(result["a"].to_list())]
    return [str(result.dtype), repr(result.tolist())]
cases = json.load(sys.stdin)
print(json.dumps([accepted(schema, eval(data)) for schema, data in cases]))
"""

CASES: list[tuple[dict[str, Any], str]] = [
    (ColSpec(t, "a", required).to_dict(), f"pd.DataFrame({{'a': {column}}})")
    for column in COLUMNS
    for t in DataType
    for required in (True, False)
]
CASES += [(TensorSpec(d, tuple(s)).to_dict(), data) for data in TENSORS for d, s in SPECS]


@pytest.mark.peer
def test_accepts_what_the_peer_accepts(peer_python: str) -> None:
    done = subprocess.run(
        [peer_python, "-c", _PEER],
        input=json.dumps(CASES),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    theirs = json.loads(done.stdout.splitlines()[-1])
    failures = []
    for (spec, expression), their in zip(CASES, theirs, strict=True):
        ours = _accepted(spec, expression)
        if their is None or ours == their:
            continue
        if not _peer_is_lax(spec, _evaluate(expression)):
            failures.append(f"{spec} of {expression}: theirs {their}, ours {ours}")
    assert not failures, "\n".join(failures)


def _evaluate(expression: str) -> Any:
    return eval(expression, {"np": np, "pd": pd, "dt": dt})


def _accepted(spec: dict[str, Any], expression: str) -> list[str] | None:
    schema = Schema.from_json(json.dumps([spec]))
    try:
        result = enforce(ModelSignature(inputs=schema), _evaluate(expression))
    except InvalidInput:
        return None
    if isinstance(result, Table):
        series = result.to_pandas()["a"]
        return [str(series.dtype), repr(series.to_list())]
    return [str(result.dtype), repr(result.tolist())]
