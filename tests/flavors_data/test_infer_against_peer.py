"""Our signatures next to those of the real MLflow, over a table of inputs."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from mlpack.errors import InvalidInput
from mlpack.flavors.infer import infer_signature
from mlpack.flavors.signature import ModelSignature

# each is evaluated here and in the peer's Python
INPUTS = [
    "pd.DataFrame({'a': [1, 2], 'b': [1.5, 2.5], 'c': ['x', 'y'], 'd': [True, False]})",
    "pd.DataFrame({'a': [1, None], 'b': [1.5, None], 'c': ['x', None], 'd': [True, None]})",
    "pd.DataFrame({'a': pd.array([1, None], dtype='Int64'), 'b': pd.array([True, None])})",
    "pd.DataFrame({'a': pd.array([1, 2], dtype='Int32'), 'b': pd.array([1.5, 2], 'Float32')})",
    "pd.DataFrame({'a': np.array([1, 2], 'int8'), 'b': np.array([1, 2], 'uint32')})",
    "pd.DataFrame({'a': np.array([1, 2], 'int16'), 'b': np.array([1, 2], 'uint8')})",
    "pd.DataFrame({'a': np.array([1, 2], 'uint64')})",
    "pd.DataFrame({'a': np.array([1, 2], 'float16'), 'b': np.array([1, 2], 'float32')})",
    "pd.DataFrame({'a': np.array([1, 2], 'complex128')})",
    "pd.DataFrame({'a': pd.to_datetime(['2024-01-01', '2024-01-02'])})",
    "pd.DataFrame({'a': pd.to_datetime(['2024-01-01', None])})",
    "pd.DataFrame({'a': pd.to_datetime(['2024-01-01']).tz_localize('UTC')})",
    "pd.DataFrame({'a': pd.to_timedelta(['1s'])})",
    "pd.DataFrame({'a': pd.Categorical(['x', 'y', 'x'])})",
    "pd.DataFrame({'a': pd.Categorical([1, 2, 1])})",
    "pd.DataFrame({'a': pd.Categorical(['x', None])})",
    "pd.DataFrame({'a': pd.array(['x', 'y'], dtype='string')})",
    "pd.DataFrame({'a': pd.array(['x', None], dtype='string')})",
    "pd.DataFrame({'a': ['x', 'y']}, dtype=object)",
    "pd.DataFrame({'a': ['x', None]}, dtype=object)",
    "pd.DataFrame({'a': ['x', 1]}, dtype=object)",
    "pd.DataFrame({'a': [1, 2]}, dtype=object)",
    "pd.DataFrame({'a': [1, 2.5]}, dtype=object)",
    "pd.DataFrame({'a': [None, None]})",
    "pd.DataFrame({'a': [np.nan, np.nan]})",
    "pd.DataFrame({'a': [b'x', b'y']})",
    "pd.DataFrame({'a': [bytearray(b'x')]})",
    "pd.DataFrame({'a': [dt.date(2024, 1, 1)], 'b': [dt.datetime(2024, 1, 1)]})",
    "pd.DataFrame({'a': [[1, 2], [3]], 'b': [['x'], []]})",
    "pd.DataFrame({'a': [[1, 2], None]})",
    "pd.DataFrame({'a': [[[1.5]], [[2.5], [3.5]]]})",
    "pd.DataFrame({'a': [{'k': 1}, {'k': 2, 'l': 'x'}]})",
    "pd.DataFrame({'a': [{'k': None}, {'k': 2}]})",
    "pd.DataFrame({'a': [{'k': [{'m': 1}, {'n': 'x'}]}]})",
    "pd.DataFrame({'a': [{'k': {}}, {'k': []}]})",
    "pd.DataFrame({'a': [{'k': {}}]})",
    "pd.DataFrame({'a': [np.array([1.0, 2.0]), np.array([3.0])]})",
    "pd.DataFrame({'a': [np.array([]), np.array([3.0])]})",
    "pd.DataFrame({'a': [np.array([])]})",
    "pd.DataFrame({'a': [np.array([1], 'int32')], 'b': [np.array([1], 'float32')]})",
    "pd.DataFrame({'a': [(1, 2)]})",
    "pd.DataFrame({'a': [1, 'x']})",
    "pd.DataFrame({'a': [1]}, index=['r'])",
    "pd.DataFrame(np.eye(2))",
    "pd.DataFrame({'a': []})",
    "pd.DataFrame({0: [1], 1: ['x']})",
    "pd.Series([1, 2])",
    "pd.Series([1, 2], name='s')",
    "pd.Series([1.5, None], name='s')",
    "pd.Series([1.5, None])",
    "pd.Series(['x', 'y'], name='s')",
    "pd.Series([[1, 2]], name='s')",
    "np.eye(3)",
    "np.eye(3, dtype='float32')",
    "np.array([1, 2])",
    "np.array([True])",
    "np.array(['ab', 'c'])",
    "np.array([b'ab', b'c'])",
    "np.array(['x', None], dtype=object)",
    "np.zeros((2, 3, 4), 'uint8')",
    "np.zeros((0, 3))",
    "np.array(['2024-01-01'], 'datetime64[ns]')",
    "np.array(['2024-01-01'], 'datetime64[D]')",
    "np.array([1 + 2j])",
    "np.float64(1.5)",
    "np.float32(1.5)",
    "np.float16(1.5)",
    "np.int64(1)",
    "np.int32(1)",
    "np.int8(1)",
    "np.bool_(True)",
    "np.str_('x')",
    "np.datetime64('2024-01-01')",
    "scipy.sparse.csr_matrix(np.eye(3))",
    "scipy.sparse.csc_matrix(np.eye(3, dtype='int32'))",
    "{'a': np.eye(2), 'b': np.array(['x', 'y'])}",
    "{'a': np.eye(2), 'b': [1, 2]}",
    "{'a': 1, 'b': 'x', 'c': 1.5, 'd': True, 'e': b'x'}",
    "{'a': [1, 2], 'b': ['x', 'y']}",
    "{'a': [1, None], 'b': None}",
    "{'a': []}",
    "{'a': {'k': [1.5]}}",
    "{'a': float('nan')}",
    "{1: 'x'}",
    "{'a': np.array([])}",
    "{'a': 1, 'b': np.array([])}",
    "{}",
    "[{'a': 1, 'b': 'x'}, {'a': 2}]",
    "[{'a': 1}, {'a': None}]",
    "[{'a': 1}, {'a': 'x'}]",
    "[{'a': [1, 2]}, {'a': []}]",
    "[{'a': []}, {'a': [1, 2]}]",
    "[{'a': []}, {'a': []}]",
    "[{'a': {'x': 1}}, {'a': None}]",
    "[{'a': None}, {'a': {'x': 1}}]",
    "[{'a': {'x': 1, 'y': None}}, {'a': {'x': 2, 'z': [1]}}]",
    "[{'a': {'x': [None]}}, {'a': {'x': [2.5]}}]",
    "[{'a': float('nan')}, {'a': 1.5}]",
    "[{}]",
    "[]",
    "['x', 'y']",
    "['x', None]",
    "[1, 2]",
    "[1, 2.5]",
    "[1, 'x']",
    "[True, False]",
    "[None]",
    "[[1, 2], [3]]",
    "[['x'], []]",
    "[[], ['x']]",
    "[[1], ['x']]",
    "[np.array([1.5]), np.array([2.5])]",
    "[b'x']",
    "[dt.datetime(2024, 1, 1)]",
    "'x'",
    "1",
    "1.5",
    "True",
    "b'x'",
    "dt.datetime(2024, 1, 1)",
    "dt.date(2024, 1, 1)",
    "float('nan')",
    "(1, 2)",
    "{1, 2}",
    "1 + 2j",
]

# where we say more than the peer on purpose: input -> our column type
DIFFERENT = {
    "pd.DataFrame({'a': pd.arrays.SparseArray([0, 1])})": "long",
    "np.array(1.5)": "double",
    "pd.Timestamp('2024-01-01')": "datetime",
    "object()": "any",
}

PARAMS = [
    "{'a': 1, 'b': 1.5, 'c': 'x', 'd': True}",
    "{'a': [1, 2], 'b': [1.5, 2], 'c': ['x', 'yy'], 'd': [True]}",
    "{'a': np.array([1, 2]), 'b': np.array([1.5], 'float32')}",
    "{'a': np.int32(1), 'b': np.float32(1.5), 'c': np.str_('x'), 'd': np.bool_(True)}",
    "{'a': np.int64(1), 'b': np.float64(1.5)}",
    "{'a': dt.datetime(2024, 1, 1, 12), 'b': dt.date(2024, 1, 1)}",
    "{'a': [dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 2)]}",
    "{'a': np.datetime64('2024-01-01')}",
    "{'a': {'k': 1, 'l': ['x']}}",
    "{'a': {'k': {'m': 1.5}}}",
    "{'a': [[1]]}",
    "{'a': None}",
    "{'a': b'x'}",
    "{'a': {}}",
    "{'a': [1, 'x']}",
    "{'a': [1, None]}",
    "{'a': object()}",
    "{'a': (1, 2)}",
    "{1: 2}",
    "{}",
]

_PEER = """
import datetime as dt, json, logging, sys, warnings
import numpy as np, pandas as pd, scipy.sparse
from mlflow.models import infer_signature
warnings.simplefilter("ignore"); logging.disable(logging.CRITICAL)
def answer(**parts):
    try:
        return infer_signature(**parts).to_dict()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
inputs, params = json.load(sys.stdin)
print(json.dumps([[answer(model_input=eval(x)) for x in inputs],
                  [answer(model_output=1.0, params=eval(x)) for x in params]]))
"""


@pytest.fixture(scope="module")
def peer_answers(peer_python: str) -> dict[str, Any]:
    """What MLflow says to every input, from one process."""
    done = subprocess.run(
        [peer_python, "-c", _PEER],
        input=json.dumps([INPUTS, PARAMS]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    of_inputs, of_params = json.loads(done.stdout.splitlines()[-1])
    return dict(zip(_KEYS, of_inputs + of_params, strict=True))


_KEYS = [f"input {x}" for x in INPUTS] + [f"params {x}" for x in PARAMS]


def _evaluate(expression: str) -> Any:
    return eval(expression, {"np": np, "pd": pd, "dt": dt, "scipy": scipy})


@pytest.mark.peer
@pytest.mark.parametrize("expression", INPUTS)
def test_same_signature(expression: str, peer_answers: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = infer_signature(_evaluate(expression)).to_dict()
    assert ours == peer_answers[f"input {expression}"]


@pytest.mark.parametrize("expression", DIFFERENT)
def test_says_more_than_the_peer(expression: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inputs = infer_signature(_evaluate(expression)).inputs
    assert inputs is not None
    assert [repr(column.type) for column in inputs.columns] == [DIFFERENT[expression]]


@pytest.mark.peer
@pytest.mark.parametrize("expression", PARAMS)
def test_same_params(expression: str, peer_answers: dict[str, Any]) -> None:
    theirs = peer_answers[f"params {expression}"]
    try:
        ours: Any = infer_signature(None, 1.0, _evaluate(expression)).to_dict()
    except InvalidInput as error:
        ours = f"error: {error}"
    if isinstance(theirs, str):
        assert isinstance(ours, str), ours
    else:
        assert ours == theirs


@pytest.mark.peer
@pytest.mark.parametrize("key", _KEYS)
def test_reads_and_rewrites_the_peers_strings(key: str, peer_answers: dict[str, Any]) -> None:
    theirs = peer_answers[key]
    if isinstance(theirs, dict):
        assert ModelSignature.from_dict(theirs).to_dict() == theirs
