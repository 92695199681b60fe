"""What a model returned, as named columns: for the formats that are tables.

A DataFrame or a table keeps its names; an array's columns are ``prediction``, or
``prediction_0``, ``prediction_1``, …; arrays stay arrays.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from ..errors import ModelFailed, NotAcceptable
from ..flavors.columns import from_series
from ..flavors.table import Table
from .encode import key_text, to_plain

PREDICTION = "prediction"


def named_columns(predictions: Any) -> tuple[list[str], list[Any]]:
    """Predictions as names and columns of equal length (lists, numpy or pandas arrays).

    Raises:
        ModelFailed: a value has no plain form, or contains itself.
        NotAcceptable: they are no table, as their columns differ in length.
    """
    names, columns = _columns_of(predictions)
    if len(set(names)) != len(names):
        raise ModelFailed(f"The model returned a table whose columns repeat: {names[:20]}.")
    if len(set(map(len, columns))) > 1:
        raise NotAcceptable(
            "The model returned columns of different lengths, which are no table; ask for JSON."
        )
    return names, columns


def _columns_of(value: Any) -> tuple[list[str], list[Any]]:
    if isinstance(value, Table):
        return [key_text(name) for name in value.names], value.columns
    if isinstance(value, list | tuple):
        return _from_rows(list(value))
    if isinstance(value, Mapping) and value:
        return _from_mapping(value)
    if (np := sys.modules.get("numpy")) is not None and isinstance(value, np.ndarray):
        return _from_array(value) if value.dtype.names is None else _from_rows(to_plain(value))
    if (pd := sys.modules.get("pandas")) is not None and hasattr(pd, "DataFrame"):
        if isinstance(value, pd.Series):
            value = value.to_frame("0" if value.name is None else value.name)
        if isinstance(value, pd.DataFrame):
            columns = [from_series(value.iloc[:, i]) for i in range(value.shape[1])]
            return [key_text(name) for name in value.columns], columns
        if isinstance(value, pd.Index):
            return [PREDICTION], [from_series(value)]
        if isinstance(value, pd.api.extensions.ExtensionArray):
            return [PREDICTION], [value]
    plain = to_plain(value)  # scalars, sparse matrices, objects of libraries that we do not know
    if isinstance(plain, list):
        return _from_rows(plain)
    if isinstance(plain, dict) and plain:
        return _from_mapping(plain)
    return [PREDICTION], [[plain]]


def _from_array(array: Any) -> tuple[list[str], list[Any]]:
    if type(array).__name__ == "MaskedArray":
        return _from_rows(array.tolist())  # None where masked
    if array.ndim == 2 and array.shape[1]:
        return _numbered(array.shape[1]), list(array.T)
    if array.ndim == 1:
        return [PREDICTION], [array]
    return [PREDICTION], [[array.item()] if array.ndim == 0 else array.tolist()]


def _from_mapping(value: Mapping[Any, Any]) -> tuple[list[str], list[Any]]:
    names = [key_text(name) for name in value]
    columns = list(value.values())
    if all(_is_column(column) for column in columns):
        return names, columns
    return names, [[cell] for cell in columns]


def _is_column(value: Any) -> bool:
    return isinstance(value, list | tuple) or getattr(value, "ndim", 0) == 1


def _from_rows(rows: list[Any]) -> tuple[list[str], list[Any]]:
    kinds = set(map(type, rows))
    if kinds == {dict}:
        names = list(dict.fromkeys(name for row in rows for name in row))
        columns = [[row.get(name) for row in rows] for name in names]
        return [key_text(name) for name in names], columns
    if kinds and kinds <= {list, tuple}:
        widths = set(map(len, rows))
        if len(widths) == 1 and (width := widths.pop()):
            return _numbered(width), [list(column) for column in zip(*rows, strict=True)]
    return [PREDICTION], [rows]


def _numbered(width: int) -> list[str]:
    return [f"{PREDICTION}_{i}" for i in range(width)]


def to_csv(names: Sequence[str], columns: Sequence[Any]) -> bytes:
    """Columns as CSV: a header, RFC 4180's quoting, an empty cell for what is missing.

    Raises:
        ModelFailed: a value has no plain form.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    if len(columns) == 1:  # a lone empty cell would be an empty line, which readers skip
        cells = _cells(columns[0])
        writer.writerows([cell] if cell is not None else [_EMPTY] for cell in cells)
    else:
        writer.writerows(zip(*map(_cells, columns), strict=True))
    return text.getvalue().encode("utf-8", "replace")


_EMPTY = ""  # the writer quotes it where it stands alone


def _cells(column: Any) -> list[Any]:
    """A column as what the csv module writes: numbers, texts, None."""
    plain: list[Any] = to_plain(column)
    kinds = set(map(type, plain))
    if not kinds & {bool, list, dict}:
        return plain
    texts = {True: "true", False: "false"}
    return [
        texts[cell]
        if isinstance(cell, bool)
        else json.dumps(cell)
        if isinstance(cell, list | dict)
        else cell
        for cell in plain
    ]


def to_pyarrow(names: Sequence[str], columns: Sequence[Any]) -> Any:
    """Columns as a ``pyarrow.Table``; arrays of numbers are not copied, NaN stays NaN.

    Raises:
        NotAcceptable: a column has no Arrow type, as its values are of several.
    """
    import pyarrow as pa

    return pa.table([_arrow_array(n, c) for n, c in zip(names, columns, strict=True)], list(names))


_DEEPEST = 30  # pyarrow dies of values that are nested too deep, with the whole process
_SCALARS = (str, int, float, bool, bytes, type(None), datetime, date, time, timedelta, Decimal)


def _arrow_array(name: str, column: Any) -> Any:
    import pyarrow as pa

    kind = getattr(getattr(column, "dtype", None), "kind", "O")
    failed = (pa.ArrowException, TypeError, ValueError, OverflowError)
    try:
        if kind in "US":
            return pa.array(column.tolist())
        if kind != "O":
            return pa.array(column, from_pandas=False)
        if hasattr(column, "__arrow_array__"):  # pandas' own, of a dtype that says "object"
            return pa.array(column)
        values = list(column)
        if set(map(type, values)) <= set(_SCALARS):
            return pa.array(values, from_pandas=False)
    except failed:
        pass  # half floats of old versions, texts beside numbers: as JSON would have them
    plain = to_plain(column)
    try:
        if not _is_flat_enough(plain):
            raise ValueError("it is nested too deep")
        return pa.array(plain)
    except failed as error:
        reason = (str(error).splitlines() or [""])[0][:150]
        raise NotAcceptable(
            f"The answer's column {name[:80]!r} has no Arrow type ({reason}); ask for JSON."
        ) from None


def _is_flat_enough(values: list[Any]) -> bool:
    """Whether lists and dicts end after a bounded number of levels."""
    level: list[Any] = values
    for _ in range(_DEEPEST):
        nested = [v for v in level if isinstance(v, list | dict)]
        if not nested:
            return True
        level = [item for v in nested for item in (v.values() if isinstance(v, dict) else v)]
    return False
