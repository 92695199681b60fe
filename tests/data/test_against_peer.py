"""Our datasets next to MLflow's: digest, schema and profile must be the same."""

import json
import subprocess

import numpy as np
import pandas as pd
import pytest

import mlpack

# each is evaluated here and in the peer's Python
DATASETS = [
    "data.from_pandas(pd.DataFrame({'a': [1, 2], 'b': [1.5, 2.5], 'c': ['x', 'y']}))",
    "data.from_pandas(pd.DataFrame({'a': [1, None], 'c': ['x', None], 'd': [True, False]}))",
    "data.from_pandas(pd.DataFrame({'t': pd.to_datetime(['2024-01-01', '2024-01-02'])}))",
    "data.from_pandas(pd.DataFrame({'k': pd.Categorical(['x', 'y']), 'o': [[1], [2]]}))",
    "data.from_pandas(pd.DataFrame({'b': [1], 'a': ['x']}), targets='b', name='named')",
    "data.from_pandas(pd.DataFrame({'a': range(20_000), 's': ['x'] * 20_000}))",
    "data.from_pandas(pd.DataFrame({'s': ['x'] * 10_000 + [1]}))",
    "data.from_pandas(pd.DataFrame({0: [1.0], 1: [2.0]}))",
    "data.from_pandas(pd.DataFrame({'a': [], 'b': []}))",
    "data.from_pandas(pd.DataFrame({'a': [1]}), digest='given')",
    "data.from_numpy(np.arange(6.0).reshape(2, 3))",
    "data.from_numpy(np.arange(6).reshape(2, 3).T, targets=np.array([0, 1, 0]))",
    "data.from_numpy(np.arange(60_000).reshape(3, 20_000)[:, ::2])",
    "data.from_numpy({'b': np.zeros(3), 'a': np.ones((3, 2), 'int8')}, targets=np.array(['x']))",
    "data.from_numpy(np.array(['x', 'y']), name='words')",
    "data.from_pandas(pd.DataFrame({'a': [1]}), source='/tmp/train.csv')",
    "data.from_pandas(pd.DataFrame({'a': [1]}), source='s3://bucket/train.csv')",
    "data.from_pandas(pd.DataFrame({'a': [1]}), source='https://example.com/train.csv')",
]
_PEER = """
import json, sys, warnings
warnings.simplefilter("ignore")
import numpy as np, pandas as pd
from mlflow import data
json.dump({e: eval(e).to_dict() for e in json.load(sys.stdin)}, sys.stdout)
"""


@pytest.fixture(scope="module")
def theirs(peer_python):
    done = subprocess.run(
        [peer_python, "-c", _PEER],
        input=json.dumps(DATASETS),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.peer
@pytest.mark.parametrize("expression", DATASETS)
def test_the_same_as_the_peer(expression, theirs):
    ours = eval(expression, {"data": mlpack.data, "np": np, "pd": pd}).to_dict()
    expected = {key: value for key, value in theirs[expression].items() if value is not None}
    if ours["source_type"] == "code":  # which script it was differs
        assert expected["source_type"] == "code"
        del ours["source"], expected["source"]
    assert ours == expected
