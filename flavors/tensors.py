"""Tensors against a signature: shape exactly (-1 is any length), dtype by safe widening.

Nested lists (JSON) are judged value by value like columns; arrays by dtype.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from ..errors import InvalidInput, SchemaMismatch
from .cast import Misfit, check_values, describe
from .column_types import DataType
from .schema import Schema, TensorSpec
from .table import Table
from .tabulate import is_pandas
from .timestamps import to_nanoseconds

if TYPE_CHECKING:
    import numpy as np


def enforce_tensors(schema: Schema, data: Any) -> Any:
    """Check arrays, or nested lists, against a schema of tensors.

    Args:
        schema: one unnamed tensor or several named ones.
        data: an array, a sparse matrix, nested lists, a dict of those, a list of dicts (one a
            row), a `Table` or a DataFrame (a column a feature, or a named tensor).

    Returns:
        One array (or the sparse matrix), or for named tensors a dict of arrays.

    Raises:
        SchemaMismatch: a tensor is missing, or its shape, dtype or a value does not fit.
    """
    if is_pandas(data):
        data = Table.from_pandas(data)
    if not schema.has_names:
        return _unnamed(schema.tensors[0], data)
    if isinstance(data, list | tuple) and data and all(isinstance(r, Mapping) for r in data):
        data = Table.from_records(data)
    if isinstance(data, Table):
        given: Mapping[Any, Any] = dict(zip(data.names, data.columns, strict=True))
    elif isinstance(data, Mapping):
        given = data
    elif len(schema) == 1:
        given = {schema.names[0]: data}
    else:
        raise SchemaMismatch(
            f"Expected an object with the tensors {_names(schema)}, got {_kind(data)}."
        )
    if missing := [name for name in schema.names if name not in given]:
        raise SchemaMismatch(f"missing tensor {missing[0]!r}; the model takes {_names(schema)}.")
    return {t.name: _tensor(f"tensor {t.name!r}", t, given[t.name]) for t in schema.tensors}


def _unnamed(spec: TensorSpec, data: Any) -> Any:
    if isinstance(data, Table):
        data = _matrix(spec, data)
    if isinstance(data, Mapping):
        if len(data) != 1:
            raise SchemaMismatch("Expected one tensor without a name, got an object.")
        data = next(iter(data.values()))
    return _tensor("input", spec, data)


def _matrix(spec: TensorSpec, table: Table) -> Any:
    """A table for an unnamed tensor: its columns side by side, or one column of rows."""
    if not table.names or not table.n_rows:
        raise SchemaMismatch("The input has no rows.")
    if len(table.names) == 1:
        column = table.columns[0]
        values = column.tolist() if hasattr(column, "tolist") else column
        nested = isinstance(values[0], list | tuple) or hasattr(values[0], "ndim")
        if nested or len(spec.shape) == 1:
            return values if nested else column
    if len(spec.shape) != 2:
        raise SchemaMismatch(
            f"input: expected shape {_shape(spec.shape)}, got a table of "
            f"{len(table.names)} columns."
        )
    if table.blocks or all(hasattr(c, "dtype") for c in table.columns):
        return table.to_matrix()
    lists = [c.tolist() if hasattr(c, "tolist") else c for c in table.columns]
    return list(map(list, zip(*lists, strict=True)))


def _tensor(label: str, spec: TensorSpec, data: Any) -> Any:
    if hasattr(data, "tocsr"):
        _check_shape(label, spec, data.shape)
        return (
            data if data.dtype.name == spec.dtype else data.astype(_safe(label, spec, data.dtype))
        )
    if hasattr(data, "__array__") and not isinstance(data, list | tuple):
        import numpy as np

        return _from_array(label, spec, np.asarray(data))
    if isinstance(data, list | tuple):
        return _from_lists(label, spec, data)
    if not spec.shape and not isinstance(data, Mapping):
        return _from_values(label, spec, [data]).reshape(())
    raise SchemaMismatch(f"{label}: expected {_spec(spec)}, got {_kind(data)}.")


def _from_array(label: str, spec: TensorSpec, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind == "O" and spec.dtype != "object":
        if array.ndim == 1 and -1 in spec.shape[1:]:
            return array  # ragged: rows of different lengths
        return _from_lists(label, spec, array.tolist())
    _check_shape(label, spec, array.shape)
    wanted = _safe(label, spec, array.dtype)
    return array.astype(wanted, copy=False)


def _safe(label: str, spec: TensorSpec, have: np.dtype[Any]) -> Any:
    """The dtype to convert to, if that loses nothing."""
    import numpy as np

    if spec.dtype in ("str", "bytes"):
        if have.kind == ("U" if spec.dtype == "str" else "S"):
            return have
    elif np.can_cast(have, wanted := np.dtype(spec.dtype), "safe") and (
        have.kind != "b" or wanted.kind in "bO"
    ):
        return wanted
    raise SchemaMismatch(
        f"{label}: expected dtype {spec.dtype}, got {have}, which does not convert without "
        f"loss. If the loss is meant, use .astype('{spec.dtype}')."
    )


def _from_lists(label: str, spec: TensorSpec, data: Sequence[Any]) -> np.ndarray:
    """Nested lists: measure the shape, check every value, build the array."""
    if spec.dtype == "object" and len(spec.shape) == 1:
        shape: tuple[int, ...] = (len(data),)
        values: Sequence[Any] = data
    else:
        shape, values = _flatten(label, spec, data)
    _check_shape(label, spec, shape)
    return _from_values(label, spec, values, shape).reshape(shape)


def _flatten(
    label: str, spec: TensorSpec, data: Sequence[Any]
) -> tuple[tuple[int, ...], Sequence[Any]]:
    """The shape of nested lists and their leaves in order, as deep as the signature goes."""
    shape = [len(data)]
    level: Sequence[Any] = data
    for depth in range(1, len(spec.shape)):
        if all(hasattr(row, "tolist") for row in level):
            level = [row.tolist() for row in level]
        if not level:
            break
        kinds = set(map(type, level))
        if not kinds <= {list, tuple}:
            odd = next(i for i, v in enumerate(level) if not isinstance(v, list | tuple))
            raise SchemaMismatch(
                f"{label}: expected {_spec(spec)}, got {describe(level[odd])} where a list "
                f"belongs, at {_place(odd, shape)}."
            )
        lengths = list(map(len, level))
        if lengths.count(lengths[0]) != len(lengths):
            odd = next(i for i, n in enumerate(lengths) if n != lengths[0])
            raise SchemaMismatch(
                f"{label}: the lists at depth {depth} differ in length: {lengths[0]} and, at "
                f"{_place(odd, shape)}, {lengths[odd]}."
            )
        shape.append(lengths[0])
        level = list(chain.from_iterable(level))
    return tuple(shape), level


def _place(position: int, shape: Sequence[int]) -> str:
    """Where the n-th leaf of nested lists of this shape is: ``[2][0]``."""
    indices: list[int] = []
    for size in reversed(shape):
        position, index = divmod(position, max(size, 1))
        indices.append(index)
    return "".join(f"[{i}]" for i in reversed(indices))


# what a tensor's values are checked as; dtypes are narrowed afterwards
_CHECKED_AS = {
    "b": DataType.boolean,
    "i": DataType.long,
    "u": DataType.long,
    "f": DataType.double,
    "U": DataType.string,
    "S": DataType.binary,
    "M": DataType.datetime,
}


def _from_values(
    label: str, spec: TensorSpec, values: Sequence[Any], shape: Sequence[int] = ()
) -> np.ndarray:
    import numpy as np

    dtype = np.dtype(spec.dtype)
    if dtype.kind == "O":
        objects = np.empty(len(values), dtype=object)
        for i, value in enumerate(values):
            objects[i] = value
        return objects
    if dtype.kind not in _CHECKED_AS:
        raise SchemaMismatch(f"{label}: values of dtype {spec.dtype} cannot be sent as lists.")
    try:
        return _convert(values, dtype)
    except Misfit as misfit:
        place = "" if not shape or misfit.row is None else f" at {_place(misfit.row, shape)}"
        hint = f" ({misfit.hint})" if misfit.hint else ""
        raise SchemaMismatch(
            f"{label}: expected {spec.dtype}, got {misfit.got}{place}{hint}."
        ) from None


def _convert(values: Sequence[Any], dtype: np.dtype[Any]) -> np.ndarray:
    import numpy as np

    if dtype.kind == "f" and set(map(type, values)) <= {float, int}:
        try:
            wide = np.array(values, dtype=np.float64)
        except OverflowError:
            wide = None
    else:
        wide = None
    if wide is None:
        # a null in a float tensor is NaN; no other dtype can hold one
        nullable = dtype.kind in "fM"
        checked = check_values(values, _CHECKED_AS[dtype.kind], nullable)
        if dtype.kind == "M":
            return to_nanoseconds(checked).astype(dtype)
        if dtype.kind in "US":
            return (
                np.array(checked, dtype=dtype) if checked else np.empty(0, dtype=f"{dtype.kind}1")
            )
        wide = np.array(checked, dtype={"b": np.bool_, "f": np.float64}.get(dtype.kind, np.int64))
    return _narrow(wide, dtype)


def _narrow(wide: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """To the declared width; a number that it cannot hold is a misfit."""
    import numpy as np

    if dtype == wide.dtype:
        return wide
    with np.errstate(over="ignore", invalid="ignore"):
        narrow: np.ndarray = wide.astype(dtype)
    if dtype.kind == "f":
        wrong = np.isinf(narrow) & ~np.isinf(wide)
    else:
        wrong = (narrow.astype(wide.dtype) != wide) | ((wide < 0) & (dtype.kind == "u"))
    if wrong.any():
        row = int(wrong.argmax())
        raise Misfit(row, describe(wide[row].item()), "out of range")
    return narrow


def _check_shape(label: str, spec: TensorSpec, shape: Sequence[int]) -> None:
    fits = len(shape) == len(spec.shape) and all(
        want in (-1, have) for want, have in zip(spec.shape, shape, strict=True)
    )
    if not fits:
        raise SchemaMismatch(
            f"{label}: expected shape {_shape(spec.shape)}, got {_shape(tuple(shape))}."
        )


def _shape(shape: tuple[int, ...]) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def _spec(spec: TensorSpec) -> str:
    return f"a {spec.dtype} tensor of shape {_shape(spec.shape)}"


def _names(schema: Schema) -> str:
    return ", ".join(map(repr, schema.names))


def _kind(data: Any) -> str:
    if data is None:
        raise InvalidInput("The input is null; send at least one row.")
    return describe(data)
