"""What a model returned, as JSON that is always valid.

NaN and the infinities become null; bytes become base64; dates ISO 8601; a DataFrame becomes
records, as the ecosystem does it (a Series too, under its name or "0"). Whatever cannot be
expressed is the model's failure, said in words.
"""

from __future__ import annotations

import base64
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import asdict, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import PurePath
from typing import Any
from uuid import UUID

from ..errors import ModelFailed
from ..flavors.table import Table
from . import fast_json

_FAST = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


def encode_predictions(predictions: Any) -> bytes:
    """``{"predictions": …}`` as JSON.

    Args:
        predictions: what the model returned: arrays, tables, containers, scalars.

    Raises:
        ModelFailed: it holds something that has no JSON form.
    """
    encoded = fast_json.dumps(predictions)
    if encoded is None:
        encoded = encode_json(predictions)
    return b'{"predictions":' + encoded + b"}"


def encode_json(value: Any) -> bytes:
    """Any value that a model may return, as JSON.

    Raises:
        ModelFailed: it holds something that has no JSON form.
    """
    try:
        plain = to_plain(value)
        return _FAST.encode(plain).encode("ascii")
    except (RecursionError, ValueError) as error:
        # ValueError: an integer of thousands of digits
        what = "nested too deep or contains itself" if isinstance(error, RecursionError) else error
        raise ModelFailed(f"The model's answer cannot be sent as JSON: {what}.") from error


def to_plain(value: Any) -> Any:
    """The same value made of dict, list, str, int, finite float, bool and None only.

    Raises:
        ModelFailed: it holds something that has no JSON form.
        RecursionError: it contains itself.
    """
    kind = type(value)
    if kind in (str, int, bool) or value is None:
        return value
    if kind is float:
        return value if math.isfinite(value) else None
    if kind is list or kind is tuple:
        return [to_plain(item) for item in value]
    if kind is dict:
        return {key_text(key): to_plain(item) for key, item in value.items()}
    if kind is Table:
        return _records(value.names, [_column(c) for c in value.columns])
    for module, convert in _BY_MODULE.items():
        if module in sys.modules:  # its objects cannot exist otherwise
            found, plain = convert(value)
            if found:
                return plain
    for types, change in _BY_TYPE:
        if isinstance(value, types):
            return change(value)
    return _foreign(value)


def _array(array: Any) -> Any:
    """A numpy array as nested lists; whole-array checks, no Python call per number."""
    import numpy as np

    kind = array.dtype.kind
    if kind in "biuU":
        return array.tolist()
    if kind == "f":
        if np.isfinite(array).all():
            return array.astype(np.float64, copy=False).tolist()
        return _with_gaps(array.astype(np.float64).astype(object), ~np.isfinite(array))
    if kind in "OV":
        if array.dtype.names:
            return to_plain([dict(zip(array.dtype.names, row, strict=True)) for row in array])
        return to_plain(array.tolist())
    if kind == "M":
        return _timestamps(array)
    if kind == "m":
        if np.datetime_data(array.dtype)[0] in "YM":  # of no fixed length; numpy takes means
            array = array.astype("timedelta64[s]")
        seconds = array / np.timedelta64(1, "s")
        return _array(np.asarray(seconds))
    if kind == "S":
        return to_plain(array.tolist())
    raise ModelFailed(f"The model returned an array of {array.dtype}, which JSON cannot express.")


def _timestamps(array: Any) -> Any:
    """ISO 8601 in the coarsest unit that loses nothing; NaT becomes null."""
    import numpy as np

    missing = np.isnat(array)
    for unit in ("s", "ms", "us"):
        coarse = array.astype(f"datetime64[{unit}]")
        if array.dtype != np.dtype("datetime64[D]") and ((coarse == array) | missing).all():
            array = coarse
            break
    return _with_gaps(np.asarray(np.datetime_as_string(array)).astype(object), missing)


def _with_gaps(objects: Any, missing: Any) -> Any:
    objects[missing] = None
    return objects.tolist()


def _from_numpy(value: Any) -> tuple[bool, Any]:
    import numpy as np

    if isinstance(value, np.ndarray):
        if isinstance(value, np.ma.MaskedArray):
            return True, to_plain(value.tolist())  # None where masked
        return True, _array(np.asarray(value))
    if isinstance(value, np.generic):
        if value.dtype.names:
            return True, to_plain(dict(zip(value.dtype.names, value.item(), strict=True)))
        return True, _array(np.asarray(value))
    return False, None


def _from_pandas(value: Any) -> tuple[bool, Any]:
    pd = sys.modules["pandas"]
    if not hasattr(pd, "DataFrame"):  # being imported by another thread
        return False, None
    if value is pd.NA or value is pd.NaT:
        return True, None
    if isinstance(value, pd.Series):
        value = value.to_frame("0" if value.name is None else value.name)
    if isinstance(value, pd.DataFrame):
        columns = [_column(value.iloc[:, i].array) for i in range(value.shape[1])]
        return True, _records(value.columns.tolist(), columns, len(value))
    if isinstance(value, pd.Index | pd.api.extensions.ExtensionArray):
        return True, _column(value.array if isinstance(value, pd.Index) else value)
    if isinstance(value, pd.Timedelta):
        return True, value.total_seconds()
    if isinstance(value, pd.Period | pd.Interval):
        return True, str(value)
    return False, None


def _from_scipy(value: Any) -> tuple[bool, Any]:
    sparse = sys.modules["scipy.sparse"]
    if hasattr(sparse, "issparse") and sparse.issparse(value):
        return True, _array(value.toarray())
    return False, None


_BY_MODULE: dict[str, Callable[[Any], tuple[bool, Any]]] = {
    "numpy": _from_numpy,
    "pandas": _from_pandas,
    "scipy.sparse": _from_scipy,
}


def _column(column: Any) -> list[Any]:
    """A table's column (list, numpy array, pandas array) as a list of plain values."""
    if type(column) is list:
        return [to_plain(item) for item in column]
    plain: list[Any] = _array(column.to_numpy() if hasattr(column, "to_numpy") else column)
    return plain


def _records(
    names: Sequence[Any], columns: list[list[Any]], n_rows: int | None = None
) -> list[dict[str, Any]]:
    keys = [key_text(name) for name in names]
    if len(set(keys)) != len(keys):
        raise ModelFailed(f"The model returned a table whose columns repeat: {keys}.")
    if not columns:
        return [{} for _ in range(n_rows or 0)]
    return [dict(zip(keys, row, strict=True)) for row in zip(*columns, strict=True)]


def key_text(key: Any) -> str:
    """Object keys are strings in JSON; those of a DataFrame with two header rows are tuples."""
    if type(key) is str:
        return key
    if isinstance(key, bytes):
        return _base64(key)
    plain = to_plain(key)
    if isinstance(plain, list | dict):
        return _FAST.encode(plain)
    return plain if isinstance(plain, str) else _FAST.encode(plain)


def _base64(value: bytes | bytearray | memoryview) -> str:
    return base64.b64encode(value).decode("ascii")


# in this order: a datetime is a date, an Enum may be an int, a str may be a subclass
_BY_TYPE: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (Enum, lambda v: to_plain(v.value)),
    (str, str.__str__),
    (bool, bool),
    (int, int.__index__),
    (float, lambda v: to_plain(float.__float__(v))),
    ((bytes, bytearray, memoryview), _base64),
    ((datetime, date, time), lambda v: v.isoformat()),
    (timedelta, timedelta.total_seconds),
    ((Decimal, Fraction), lambda v: to_plain(_number(v))),
    ((UUID, PurePath), str),
    (Mapping, lambda v: {key_text(k): to_plain(item) for k, item in v.items()}),
    ((Sequence, Set, Iterator), lambda v: [to_plain(item) for item in v]),
)


def _number(value: Decimal | Fraction) -> float:
    try:
        return float(value)
    except (OverflowError, ValueError):  # beyond doubles; a signalling NaN
        return math.nan


def _foreign(value: Any) -> Any:
    """Objects of libraries that we do not know, by the conversions such objects offer."""
    if is_dataclass(value) and not isinstance(value, type):
        return to_plain(asdict(value))
    if isinstance(value, type) or callable(value):
        raise _no_form(value)
    if hasattr(value, "detach"):  # a torch tensor that may need a gradient or sit on a GPU
        return to_plain(value.detach().cpu().numpy())
    for method in ("model_dump", "to_pylist", "to_dicts", "to_list"):
        if hasattr(value, method):
            return to_plain(getattr(value, method)())
    if hasattr(value, "__array__"):
        import numpy as np

        array = np.asarray(value)
        if array.dtype.kind != "O":
            return _array(array)
    if hasattr(value, "__iter__"):
        return [to_plain(item) for item in value]
    raise _no_form(value)


def _no_form(value: Any) -> ModelFailed:
    kind = type(value)
    return ModelFailed(
        f"The model returned a {kind.__module__}.{kind.__qualname__}, which has no JSON form. "
        "Return arrays, DataFrames, dicts, lists, strings or numbers."
    )
