"""Input examples: written, read back, and as the peer writes and reads them."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from mlpack.errors import BadModel, InvalidInput
from mlpack.flavors.enforce import enforce
from mlpack.flavors.examples import load_example, load_example_params, save_example, split_example
from mlpack.flavors.infer import infer_signature
from mlpack.flavors.table import Table

# each is evaluated here and in the peer's Python
EXAMPLES = [
    "pd.DataFrame({'a': [1, 2], 'b': ['x', 'y'], 'c': [1.5, 2.5], 'd': [True, False]})",
    "pd.DataFrame({'a': ['x', None]})",
    "pd.DataFrame({'a': pd.to_datetime(['2024-01-01T00:00:00', '2024-01-02T03:04:05'])})",
    "pd.DataFrame({'a': [[1, 2], [3]], 'b': [{'k': 1}, {'k': 2}]})",
    "pd.DataFrame(np.eye(2))",
    "pd.DataFrame({'a': [1]}, index=['r'])",
    "np.eye(2)",
    "np.array([[1.5, np.nan]])",
    "np.array(['x', 'y'])",
    "np.zeros((1, 2, 2), 'uint8')",
    "{'a': np.eye(2), 'b': np.array([1, 2])}",
    "{'a': 1, 'b': ['x']}",
    "[1, 2]",
    "['x', 'y']",
    "[{'a': 1}, {'a': 2}]",
    "'x'",
    "5",
    "1.5",
    "dt.datetime(2024, 1, 1)",
    "scipy.sparse.csr_matrix(np.eye(2))",
    "scipy.sparse.csc_matrix(np.eye(2))",
    "(pd.DataFrame({'a': [1, 2]}), {'k': 3, 's': 'x'})",
    "(np.eye(2), {'k': [1.5]})",
    "(['x'], {'k': 1})",
]

_PEER = """
import datetime as dt, json, logging, sys, tempfile, warnings
import numpy as np, pandas as pd, scipy.sparse
from pathlib import Path
from types import SimpleNamespace
from mlflow.models.signature import ModelSignature
from mlflow.models.utils import _Example, _read_example, _read_example_params
warnings.simplefilter("ignore"); logging.disable(logging.CRITICAL)
def written(expression):
    example, folder = _Example(eval(expression)), Path(tempfile.mkdtemp())
    example.save(folder)
    files = [(folder / n).read_text() for n in ("input_example.json", "serving_input_example.json")]
    return [example.info, *files]
def read(folder, info, signature):
    model = SimpleNamespace(saved_input_example_info=info,
                            signature=ModelSignature.from_dict(signature))
    data = _read_example(model, folder)
    data = data.toarray() if hasattr(data, "toarray") else data
    return [type(data).__name__, repr(data), repr(_read_example_params(model, folder))]
to_write, to_read = json.load(sys.stdin)
print(json.dumps([[written(x) for x in to_write], [read(*x) for x in to_read]]))
"""


def _evaluate(expression: str) -> Any:
    return eval(expression, {"np": np, "pd": pd, "dt": dt, "scipy": scipy})


def _normal(info: dict[str, Any], stored: str, request: str) -> Any:
    # the peer writes some missing values as NaN, which is not JSON
    parse = json.JSONDecoder(parse_constant=lambda _: None).decode
    return info, parse(stored), parse(request)


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore:The model's")
def test_the_peer_writes_and_reads_the_same(tmp_path: Path, peer_python: str) -> None:
    ours, folders = [], []
    for i, expression in enumerate(EXAMPLES):
        folder = tmp_path / str(i)
        folder.mkdir()
        example = _evaluate(expression)
        info = save_example(example, None, folder)
        stored = (folder / "input_example.json").read_text()
        request = (folder / "serving_input_example.json").read_text()
        ours.append(_normal(info, stored, request))
        data, params = split_example(example)
        signature = infer_signature(data, None, params)
        folders.append((str(folder), info, signature.to_dict()))
    done = subprocess.run(
        [peer_python, "-c", _PEER],
        input=json.dumps([EXAMPLES, folders]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    written, read = json.loads(done.stdout.splitlines()[-1])
    for expression, our, their in zip(EXAMPLES, ours, written, strict=True):
        assert our == _normal(*their), expression
    for expression, (kind, text, params) in zip(EXAMPLES, read, strict=True):
        data, given = split_example(_evaluate(expression))
        data = data.toarray() if hasattr(data, "toarray") else data
        if isinstance(data, pd.DataFrame):
            data = data.reset_index(drop=True)
        if not isinstance(data, dt.datetime):  # a lone time is text for the peer, too
            assert (kind, text) == (type(data).__name__, repr(data))
        assert params == repr(given)


ROUND_TRIPS = [
    pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [1.5, 2.5]}),
    pd.DataFrame({"a": np.array([1, 2], "int32"), "b": np.array([1.5, 2], "float32")}),
    pd.DataFrame({"a": [1.5, None], "b": ["x", None]}),
    pd.DataFrame({"a": [b"\x00\xff", b"x"]}),
    pd.DataFrame({"a": pd.to_datetime(["2024-01-01T00:00:00.123456789", None]).as_unit("ns")}),
    pd.DataFrame({"a": [[1, 2], [3]], "b": [{"k": 1}, {"k": 2}]}),
    pd.DataFrame(np.eye(2)),
]


@pytest.mark.parametrize("frame", ROUND_TRIPS)
def test_frames_come_back_with_their_types(frame: pd.DataFrame, tmp_path: Path) -> None:
    signature = infer_signature(frame)
    info = save_example(frame, {"k": 1}, tmp_path)
    loaded = load_example(tmp_path, info, signature)
    pd.testing.assert_frame_equal(loaded, frame)
    assert load_example_params(tmp_path, info) == {"k": 1}


@pytest.mark.parametrize(
    "array",
    [
        np.eye(2, dtype="float32"),
        np.array([[1, np.nan]]),
        np.array([b"x", b"\xff"]),
        np.array(["2024-01-01", "NaT"], "datetime64[ns]"),
        np.zeros((2, 0)),
    ],
)
def test_arrays_come_back_with_their_types(array: np.ndarray, tmp_path: Path) -> None:
    info = save_example(array, None, tmp_path)
    loaded = load_example(tmp_path, info, infer_signature(array))
    assert loaded.dtype == array.dtype
    np.testing.assert_array_equal(loaded, array)


@pytest.mark.parametrize("expression", EXAMPLES)
@pytest.mark.filterwarnings("ignore:The model's")
def test_the_request_fits_the_signature(expression: str, tmp_path: Path) -> None:
    data, params = split_example(_evaluate(expression))
    signature = infer_signature(data, None, params)
    save_example(data, params, tmp_path)
    request = json.loads((tmp_path / "serving_input_example.json").read_text())
    if "dataframe_split" in request:
        split = request["dataframe_split"]
        enforce(signature, Table.from_split(split.get("columns"), split["data"]))
    else:
        enforce(signature, request["inputs"])


def test_a_table_is_saved_like_a_frame(tmp_path: Path) -> None:
    info = save_example(Table.from_dict({"a": [1]}), None, tmp_path)
    assert info["type"] == "dataframe"
    assert load_example(tmp_path, info).to_dict("records") == [{"a": 1}]


@pytest.mark.parametrize("example", [object(), [1 + 2j], {("a",): 1}, {"a": np.eye(2), "b": 1}])
def test_what_json_cannot_say_is_refused(example: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        save_example(example, None, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content", ["", "{", "[1]", '{"data": 5}', '{"columns": "a", "data": [[1]]}', "5", "null"]
)
def test_a_damaged_example(content: str, tmp_path: Path) -> None:
    (tmp_path / "input_example.json").write_text(content)
    info = {"artifact_path": "input_example.json", "type": "dataframe", "pandas_orient": "split"}
    with pytest.raises(BadModel):
        load_example(tmp_path, info)


def test_no_example_and_a_missing_one(tmp_path: Path) -> None:
    assert load_example(tmp_path, None) is None
    assert load_example_params(tmp_path, None) is None
    with pytest.raises(BadModel, match="cannot be read"):
        load_example(tmp_path, {"artifact_path": "input_example.json", "type": "ndarray"})


def test_an_example_outside_the_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="must stay below"):
        load_example(tmp_path, {"artifact_path": "../secret.json", "type": "json_object"})
