"""A model's input example on disk: as data to load again, and as a request to send.

``input_example.json`` holds the data (with parameters: ``{"inputs": …, "params": …}``),
``serving_input_example.json`` the body of a request to ``/invocations``. What JSON cannot
say is written as the scoring server reads it: bytes as base64, times as ISO 8601, NaN and
infinities as null.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..errors import BadModel, InvalidInput, SchemaMismatch
from ..uris import safe_join
from .enforce import enforce
from .signature import ModelSignature
from .table import Table
from .tabulate import is_pandas

EXAMPLE_FILE = "input_example.json"
SERVING_FILE = "serving_input_example.json"


def split_example(example: Any) -> tuple[Any, dict[str, Any] | None]:
    """Data and parameters of an example; a pair ``(data, {…})`` carries both."""
    if isinstance(example, tuple) and len(example) == 2 and isinstance(example[1], dict):
        return example
    return example, None


def save_example(example: Any, params: Mapping[str, Any] | None, folder: Path) -> dict[str, Any]:
    """Write both files.

    Args:
        example: DataFrame, Series, array, dict of arrays, sparse matrix, list, dict or scalar;
            or a pair of one of those and a dict of parameters.
        params: inference parameters; they win over those of a pair.
        folder: the model's folder; it exists.

    Returns:
        The descriptor's ``saved_input_example_info``.

    Raises:
        InvalidInput: the example holds a value that JSON has no form for.
    """
    data, paired = split_example(example)
    params = params if params is not None else paired
    kind, stored, request = _serialise(data)
    info: dict[str, Any] = {"artifact_path": EXAMPLE_FILE, **kind}
    if params is not None:
        stored = {"inputs": stored, "params": jsonable(params)}
        request["params"] = stored["params"]
        if params:
            info["params"] = "true"
    info["serving_input_path"] = SERVING_FILE
    _write(folder / EXAMPLE_FILE, stored, indent=None)
    _write(folder / SERVING_FILE, request, indent=2)
    return info


def as_request(data: Any) -> dict[str, Any]:
    """The body of a request to ``/invocations`` that asks for predictions of this data.

    Args:
        data: as an example may be; see `save_example`.

    Raises:
        InvalidInput: it holds a value that JSON has no form for.
    """
    return _serialise(data)[2]


def _write(path: Path, content: Any, indent: int | None) -> None:
    path.write_text(json.dumps(content, indent=indent, allow_nan=False), encoding="utf-8")


def _serialise(data: Any) -> tuple[dict[str, str], Any, dict[str, Any]]:
    """What the descriptor says of the example, its JSON value, the request's JSON value."""
    if isinstance(data, Table):
        data = data.to_pandas()
    if is_pandas(data):
        return _serialise_frame(Table.from_pandas(data))
    if hasattr(data, "tocsr"):
        return _serialise_sparse(data)
    if _is_array(data) or _is_dict_of_arrays(data):
        values = jsonable(data)
        return {"type": "ndarray"}, values, {"inputs": values}
    if hasattr(data, "model_dump"):
        data = data.model_dump()
    values = jsonable(data)
    return {"type": "json_object"}, values, {"inputs": values}


def _serialise_frame(table: Table) -> tuple[dict[str, str], Any, dict[str, Any]]:
    columns = [jsonable(c) for c in table.columns]
    rows = list(map(list, zip(*columns, strict=True)))
    numbered = table.names == tuple(range(len(table.names)))
    split: dict[str, Any] = {} if numbered else {"columns": list(table.names)}
    split["data"] = rows
    orient = "values" if numbered else "split"
    return {"type": "dataframe", "pandas_orient": orient}, split, {"dataframe_split": split}


def _serialise_sparse(matrix: Any) -> tuple[dict[str, str], Any, dict[str, Any]]:
    form = "csc" if getattr(matrix, "format", "") == "csc" else "csr"
    matrix = matrix.asformat(form)
    parts = {name: jsonable(getattr(matrix, name)) for name in ("data", "indices", "indptr")}
    stored = {**parts, "shape": list(map(int, matrix.shape))}
    return {"type": f"sparse_matrix_{form}"}, stored, {"inputs": jsonable(matrix.toarray())}


def _is_array(data: Any) -> bool:
    return hasattr(data, "ndim") and hasattr(data, "dtype") and bool(data.ndim)


def _is_dict_of_arrays(data: Any) -> bool:
    if not isinstance(data, Mapping) or not any(map(_is_array, data.values())):
        return False
    if all(map(_is_array, data.values())):
        return True
    raise InvalidInput("An input example mixes arrays with other values in one dict.")


def jsonable(value: Any) -> Any:
    """A value in JSON's own types.

    Raises:
        InvalidInput: there is no form for it; the message names its type.
    """
    if value is None or type(value) in _PLAIN:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float):
        return float(value) if abs(value) < float("inf") else None
    if isinstance(value, Mapping):
        return {_key(k): jsonable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(v) for v in value]
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode("ascii")
    if type(value).__name__ in ("NaTType", "NAType"):
        return None
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return jsonable(float(value))
    if hasattr(value, "tolist"):
        return _jsonable_array(value)
    raise InvalidInput(
        f"An input example holds a {type(value).__name__}, which has no form in JSON. Use "
        "numbers, strings, bytes, dates, lists and dicts of those, arrays or DataFrames."
    )


_PLAIN = (bool, str, int)


def _key(name: Any) -> str:
    if isinstance(name, str):
        return name
    if isinstance(name, int) or hasattr(name, "__index__"):
        return str(name)
    raise InvalidInput(f"An input example has the key {name!r}; JSON keys are strings.")


def _jsonable_array(array: Any) -> Any:
    """Arrays, pandas columns and numpy scalars."""
    if getattr(array.dtype, "kind", "") == "M" and type(array.dtype).__module__ == "numpy.dtypes":
        import numpy as np

        moments: Any = np.datetime_as_string(array)
        return _moment_texts(moments.tolist())
    return jsonable(array.tolist())


def _moment_texts(moments: Any) -> Any:
    """numpy's spelling without empty fractions of a second; NaT as None."""
    if isinstance(moments, list):
        return list(map(_moment_texts, moments))
    seconds, _, fraction = moments.partition(".")
    if moments == "NaT":
        return None
    return moments if fraction.strip("0") else seconds


def load_example(
    folder: Path, info: Mapping[str, Any] | None, signature: ModelSignature | None = None
) -> Any:
    """The example's data again; parameters are read by `load_example_params`.

    Args:
        folder: the model's folder.
        info: the descriptor's ``saved_input_example_info``.
        signature: gives columns and arrays back the types that JSON lost.

    Returns:
        A DataFrame, an array or dict of arrays, a sparse matrix, or the JSON value; None when
        the model has no example.

    Raises:
        BadModel: the file is missing or damaged, or of a kind that is not known here.
    """
    if not info:
        return None
    data = _read(folder, info)
    kind = info.get("type")
    try:
        if info.get("params"):
            data = data["inputs"]
        if kind == "dataframe":
            return _load_frame(data, signature)
        if kind == "ndarray":
            return _load_arrays(data, signature)
        if kind in ("sparse_matrix_csr", "sparse_matrix_csc"):
            return _load_sparse(data, kind)
    except (KeyError, TypeError, ValueError, InvalidInput) as error:
        raise BadModel(
            f"The model's input example is not what a {kind} looks like: {error}"
        ) from None
    if kind != "json_object":
        raise BadModel(f"The model's input example is of the unknown type {kind!r}.")
    return data


def load_example_params(folder: Path, info: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The parameters saved with the example, None if there are none.

    Raises:
        BadModel: as `load_example`.
    """
    if not info or not info.get("params"):
        return None
    data = _read(folder, info)
    params = data.get("params") if isinstance(data, dict) else None
    if not isinstance(params, dict):
        raise BadModel("The model's input example lacks the params that its descriptor promises.")
    return params


def _read(folder: Path, info: Mapping[str, Any]) -> Any:
    name = str(info.get("artifact_path") or EXAMPLE_FILE)
    try:
        return json.loads(safe_join(folder, name).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadModel(f"The model's input example {name} cannot be read: {error}.") from None


def _load_frame(data: Any, signature: ModelSignature | None) -> Any:
    if isinstance(data, list):
        data = {"data": data}
    if not isinstance(data, dict):
        raise InvalidInput("it is not an object with columns and data")
    table = Table.from_split(data.get("columns"), data["data"], data.get("index"))
    try:
        typed = enforce(signature, table)
    except SchemaMismatch:
        typed = table  # an example that was never checked is still worth seeing
    return (typed if isinstance(typed, Table) else table).to_pandas()


def _load_arrays(data: Any, signature: ModelSignature | None) -> Any:
    import numpy as np

    if signature is not None and signature.inputs is not None and signature.inputs.is_tensor:
        with suppress(SchemaMismatch):  # as for frames
            return enforce(signature, data)
    if isinstance(data, dict):
        return {name: np.array(values) for name, values in data.items()}
    return np.array(data)


def _load_sparse(data: Any, kind: str) -> Any:
    from scipy import sparse

    make = sparse.csr_matrix if kind.endswith("csr") else sparse.csc_matrix
    parts = (data["data"], data["indices"], data["indptr"])
    return make(parts, shape=tuple(data["shape"]))
