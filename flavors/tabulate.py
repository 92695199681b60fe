"""Whatever a caller sends for a schema of columns, as a `Table`.

A list of objects is rows, an object of lists is columns, a lone value is one row; the schema
decides where a list could be either one row's array or a column of scalars.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import InvalidInput, SchemaMismatch
from .cast import describe
from .column_types import AnyType, Array, DataType, Map, Object, Type
from .schema import Schema
from .table import Table


def is_pandas(data: Any) -> bool:
    """Whether this is a DataFrame or a Series, without importing pandas."""
    root = type(data).__module__.partition(".")[0]
    return (root == "pandas" and hasattr(data, "to_frame")) or hasattr(data, "iloc")


def tabulate(schema: Schema, data: Any) -> Table:
    """Read a batch of rows.

    Args:
        schema: columns, not tensors; guides the reading, checks no types.
        data: DataFrame, Series, anything with ``to_pandas``, array, dict, list or scalar.

    Raises:
        SchemaMismatch: the form does not go with the schema.
        InvalidInput: rows or columns of unequal length, names twice.
    """
    if isinstance(data, Table):
        return data
    if is_pandas(data):
        return Table.from_pandas(data)
    if hasattr(data, "to_pandas"):
        return Table.from_pandas(data.to_pandas())
    if isinstance(data, Mapping):
        return _from_object(schema, data)
    if isinstance(data, list | tuple):
        return _from_list(schema, list(data))
    if hasattr(data, "ndim") and hasattr(data, "shape") and data.ndim:
        return _from_array(schema, data)
    if data is None:
        raise InvalidInput("The input is null; send at least one row.")
    return _single_column(schema, [data])


def _from_list(schema: Schema, rows: list[Any]) -> Table:
    if not rows:
        raise SchemaMismatch("The input has no rows.")
    only = schema.columns[0].type if len(schema) == 1 else None
    if all(isinstance(row, Mapping) for row in rows):
        holds_objects = isinstance(only, Object | Map | AnyType)
        named = schema.has_names and any(schema.names[0] in row for row in rows)
        if not (holds_objects and not named):
            _need_names(schema)
            return Table.from_records(rows)
        return _single_column(schema, rows)
    lists = [isinstance(row, list | tuple) for row in rows]
    if only is not None and not (isinstance(only, DataType) and all(lists)):
        return _single_column(schema, rows)
    if not all(lists):
        odd = rows[lists.index(False)]
        raise SchemaMismatch(
            f"Expected rows for {len(schema)} columns, got {describe(odd)} in row "
            f"{lists.index(False)}. {_form(schema)}"
        )
    if schema.has_names and only is None:
        raise SchemaMismatch(
            f"The signature names its columns, the input does not. {_form(schema)}"
        )
    table = Table.from_split(None, rows)
    return Table(schema.names, table.columns) if only and len(table.names) == 1 else table


def _from_array(schema: Schema, array: Any) -> Table:
    if array.ndim == 1 and len(schema) == 1:
        return _single_column(schema, array)
    if array.ndim != 2 or not hasattr(array, "T") or not hasattr(array, "tolist"):
        kind = type(array).__name__
        raise SchemaMismatch(
            f"The signature declares {len(schema)} columns, got a {kind} of shape {array.shape}."
        )
    if not schema.has_names:
        return Table.from_split(None, array)
    if len(schema) == 1 and array.shape[1] == 1:
        return _single_column(schema, array[:, 0])
    raise SchemaMismatch(
        f"The signature names its columns, an array does not; pass a DataFrame. {_form(schema)}"
    )


def _from_object(schema: Schema, data: Mapping[Any, Any]) -> Table:
    """An object: of columns, or one row."""
    if not schema.has_names:
        only = schema.columns[0].type if len(schema) == 1 else None
        if isinstance(only, Object | Map | AnyType):
            return _single_column(schema, [data])
        _need_names(schema)
    types: dict[Any, Type] = {c.name: c.type for c in schema.columns}
    known = {name: value for name, value in data.items() if name in types}
    is_row = _is_one_row(known, types)
    columns = {name: [value] if is_row else value for name, value in known.items()}
    n_rows = 1 if is_row else len(next(iter(columns.values())))
    # columns that the model does not take need not be well formed, only known by name
    columns.update({name: [None] * n_rows for name in data if name not in types})
    return Table.from_dict(columns)


def _is_one_row(data: Mapping[Any, Any], types: Mapping[Any, Type]) -> bool:
    """Whether the values are the cells of one row rather than whole columns."""
    cells = {name: _is_cell(value, types[name]) for name, value in data.items()}
    cell = next((name for name, is_cell in cells.items() if is_cell is True), None)
    column = next((name for name, is_cell in cells.items() if is_cell is False), None)
    if cell is not None and column is not None:
        raise SchemaMismatch(
            f"Either every column is a list of values or none is: {column!r} is a list, "
            f"{cell!r} is not."
        )
    return column is None


def _is_cell(value: Any, dtype: Type) -> bool | None:
    """Whether a value is one cell of its column; None if it could be the column as well."""
    if hasattr(value, "ndim"):
        depth = value.ndim
        return bool(depth <= _depth(dtype) if isinstance(dtype, Array) else depth == 0)
    if not isinstance(value, list | tuple):
        return True
    if isinstance(dtype, AnyType):
        return None
    if not isinstance(dtype, Array):
        return False
    inner = next((v for v in value if v is not None), None)
    return None if inner is None else _is_cell(inner, dtype.dtype)


def _depth(dtype: Type) -> int:
    return 1 + _depth(dtype.dtype) if isinstance(dtype, Array) else 0


def _single_column(schema: Schema, values: Any) -> Table:
    if len(schema) != 1:
        got = describe(values[0]) if len(values) else "nothing"
        raise SchemaMismatch(f"Expected {len(schema)} columns, got {got}. {_form(schema)}")
    return Table(schema.names, [values])


def _need_names(schema: Schema) -> None:
    if not schema.has_names:
        raise SchemaMismatch(
            f"The signature's {len(schema)} columns have no names, the input's have. "
            f"{_form(schema)}"
        )


def _form(schema: Schema) -> str:
    """How the input should look."""
    if not schema.has_names:
        return "Send a list of rows, each a list of values."
    names = ", ".join(repr(n) for n in schema.names[:3]) + (", …" if len(schema) > 3 else "")
    return f"Send rows as objects, or a table with the columns {names}."
