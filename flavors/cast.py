"""One column against one scalar type: what is accepted, what it becomes.

Two sources, two rules. *Values* (lists: JSON, records, CSV cells) are judged one by one: an
integer is a good double, 5.0 is a good long, a string is never a number. *Arrays* are judged
by dtype, as the ecosystem does: only widening that loses nothing (int32 -> int64 -> float64).

Missing values: None is refused in a required column of values. NaN is a value like any other
among floats, and a missing one elsewhere, as pandas and its JSON have it. Missing integers, where
allowed, make a float64 column with NaN, for a numpy integer column cannot say "missing".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from .column_types import DataType
from .timestamps import is_timestamp, to_nanoseconds

_INT_RANGE = {DataType.integer: 2**31, DataType.long: 2**63}
_FLOATS = frozenset({DataType.float, DataType.double})
# a column whose Python types are all in the set needs no look at single values
_PLAIN: dict[DataType, frozenset[type]] = {
    DataType.boolean: frozenset({bool}),
    DataType.integer: frozenset({int}),
    DataType.long: frozenset({int}),
    DataType.float: frozenset({float, int}),
    DataType.double: frozenset({float, int}),
    DataType.string: frozenset({str}),
    DataType.binary: frozenset({bytes}),
    DataType.datetime: frozenset(),
}


class Misfit(Exception):
    """A value that does not fit; the caller knows the column's name and makes the message.

    Attributes:
        row: position of the value, counting from 0; None if the whole column is wrong.
        got: what was found there, in words.
        hint: what to do, or ''.
        path: where inside a nested value, such as ``.ids[2]``.
    """

    def __init__(self, row: int | None, got: str, hint: str = "", path: str = "") -> None:
        super().__init__(got)
        self.row, self.got, self.hint, self.path = row, got, hint, path


def cast_values(values: Sequence[Any], dtype: DataType, nullable: bool) -> Any:
    """A list of Python values as a column of ``dtype``.

    Args:
        values: what JSON or the user gave.
        dtype: the declared type.
        nullable: whether None may occur.

    Returns:
        A numpy array, or a list for strings and bytes (and booleans with gaps).

    Raises:
        Misfit: the first value that does not fit.
    """
    if set(map(type, values)) <= _PLAIN[dtype]:
        column = _plain_column(values, dtype)
        if column is not None:
            return column
    checked = check_values(values, dtype, nullable)
    if dtype in (DataType.string, DataType.binary):
        return checked
    import numpy as np

    if dtype is DataType.datetime:
        return to_nanoseconds(checked)
    gaps = None in checked
    if dtype is DataType.boolean and gaps:
        return checked
    return np.array(checked, dtype=np.float64 if gaps and dtype in _INT_RANGE else dtype.numpy)


def _plain_column(values: Sequence[Any], dtype: DataType) -> Any:
    """The quick way for values that are all of the type itself; None if one may be too large."""
    if dtype in (DataType.string, DataType.binary):
        return values
    import numpy as np

    wide = {DataType.integer: np.int64, DataType.float: np.float64}.get(dtype, dtype.numpy)
    try:
        column = np.array(values, dtype=wide)
    except OverflowError:
        return None
    if dtype is DataType.integer and len(column):
        limit = _INT_RANGE[dtype]
        fits = -limit <= column.min() and column.max() < limit
        return column.astype(np.int32) if fits else None
    if dtype is DataType.float:
        with np.errstate(over="ignore", invalid="ignore"):
            narrow = column.astype(np.float32)
        return narrow if np.array_equal(np.isinf(narrow), np.isinf(column)) else None
    return column


# types of which every Python value is good; the others have a range or a form
_AS_IS = frozenset({DataType.boolean, DataType.string, DataType.binary})


def check_values(values: Sequence[Any], dtype: DataType, nullable: bool) -> list[Any]:
    """The same values as plain Python ones of ``dtype``: whole floats made int, base64 decoded.

    Raises:
        Misfit: the first value that does not fit.
    """
    if dtype in _AS_IS and set(map(type, values)) <= _PLAIN[dtype]:
        return values if isinstance(values, list) else list(values)
    convert = _CONVERT[dtype]
    result: list[Any] = []
    for row, value in enumerate(values):
        value = _unwrap(value)
        if value is None or (type(value) is float and value != value and dtype not in _FLOATS):
            if not nullable:
                raise Misfit(row, "null" if value is None else "NaN", _REQUIRED)
            result.append(None)
            continue
        try:
            result.append(convert(value))
        except _NoFit as error:
            raise Misfit(row, describe(value), str(error)) from None
    if dtype in _INT_RANGE and None in result:
        _check_exact_in_double(result)
    return result


_REQUIRED = (
    "the signature requires a value here; a column is optional if it had missing values"
    " when the signature was inferred"
)


class _NoFit(ValueError):
    """A single value does not convert; the text is a hint, often empty."""


def _unwrap(value: Any) -> Any:
    """numpy scalars as Python values; pandas' NA and NaT as None."""
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        if value.dtype.kind in "mM":
            return None if str(value) == "NaT" else value
        return value.item() if value.ndim == 0 else value
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    return value


def _check_exact_in_double(values: list[int | None]) -> None:
    for row, value in enumerate(values):
        if value is not None and float(value) != value:
            hint = "a column with missing integers is one of doubles, which cannot hold it exactly"
            raise Misfit(row, describe(value), hint)


def _boolean(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise _NoFit


def _integer(value: Any, limit: int) -> int:
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int:
        raise _NoFit
    if not -limit <= value < limit:
        raise _NoFit("out of range")
    return value


def _double(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is int or isinstance(value, Decimal):
        try:
            return float(value)
        except (OverflowError, ValueError):
            raise _NoFit("out of range") from None
    raise _NoFit


def _float(value: Any) -> float:
    number = _double(value)
    if abs(number) > _MAX_FLOAT32 and number not in (float("inf"), float("-inf")):
        raise _NoFit("out of range")
    return number


def _string(value: Any) -> str:
    if isinstance(value, str):
        return str(value)
    raise _NoFit


def _binary(value: Any) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if not isinstance(value, str):
        raise _NoFit("send bytes as a base64 string")
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        raise _NoFit("not valid base64") from None


def _datetime(value: Any) -> Any:
    """Kept as it came (a string, a date); whoever needs another form converts it."""
    if is_timestamp(value):
        return value
    raise _NoFit("send an ISO 8601 time between 1678 and 2261, such as '2024-05-31T12:00:00'")


_MAX_FLOAT32 = 3.4028235677973366e38  # the largest double that rounds to a finite float32

_CONVERT: dict[DataType, Callable[[Any], Any]] = {
    DataType.boolean: _boolean,
    DataType.integer: lambda value: _integer(value, _INT_RANGE[DataType.integer]),
    DataType.long: lambda value: _integer(value, _INT_RANGE[DataType.long]),
    DataType.float: _float,
    DataType.double: _double,
    DataType.string: _string,
    DataType.binary: _binary,
    DataType.datetime: _datetime,
}


def describe(value: Any) -> str:
    """A value's type in the signature's words, and the value, shortened."""
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list | tuple):
        return "an array"
    if isinstance(value, bytes | bytearray):
        return f"binary of {len(value)} bytes"
    names = {bool: "boolean", int: "long", float: "double", str: "string"}
    kind = names.get(type(value))
    if kind is None:
        kind = "datetime" if isinstance(value, date | datetime) else type(value).__name__
    return f"{kind} {_short(value)}"


def _short(value: Any) -> str:
    if isinstance(value, int) and abs(value) >= 10**30:
        return "of more than 30 digits"
    text = " ".join(repr(value[:60] if isinstance(value, str) else value).split())
    return text if len(text) <= 70 else text[:60] + "…"
