"""The type of a value, of the items of a list, of a pandas column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from ..errors import InvalidInput
from .column_types import AnyType, Array, DataType, Map, Object, Property, SparkMLVector, Type

_SCALARS: dict[type, DataType] = {
    bool: DataType.boolean,
    int: DataType.long,
    float: DataType.double,
    str: DataType.string,
    bytes: DataType.binary,
    bytearray: DataType.binary,
}
_NUMPY_SCALARS = {
    "bool": DataType.boolean,
    "int64": DataType.long,
    "int32": DataType.integer,
    "float64": DataType.double,
    "float32": DataType.float,
}


def is_missing(value: Any) -> bool:
    """None, NaN, pandas' NA and NaT."""
    if isinstance(value, float):
        return value != value
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def type_of_value(value: Any) -> Type | None:
    """The type of one value, nested or scalar.

    Returns:
        `AnyType` for a missing value or an empty list or dict; None for an empty array.

    Raises:
        InvalidInput: a value of no known type, or a list of several types.
    """
    if is_missing(value) or (isinstance(value, list | dict) and not value):
        return AnyType()
    if isinstance(value, Mapping):
        return Object([_property(name, field) for name, field in value.items()])
    if isinstance(value, list) or getattr(value, "ndim", False):
        item = type_of_items(value)
        return None if item is None else Array(item)
    return _scalar(value)


def _property(name: Any, value: Any) -> Property:
    dtype = type_of_value(value)
    if dtype is None:
        raise InvalidInput(f"property {name!r} is an empty array, so its type is unknown")
    return Property(name, dtype, not isinstance(dtype, AnyType))


def _scalar(value: Any) -> DataType:
    if known := _SCALARS.get(type(value)):
        return known
    dtype = getattr(value, "dtype", None)
    if dtype is not None and getattr(value, "ndim", None) == 0:
        known = {"U": DataType.string, "S": DataType.binary, "M": DataType.datetime}.get(
            dtype.kind
        ) or _NUMPY_SCALARS.get(dtype.name)
        if known:
            return known
    if isinstance(value, date):
        return DataType.datetime
    raise InvalidInput(f"a value of type {type(value).__name__} is of no type that is known here")


def type_of_items(items: Sequence[Any]) -> Type | None:
    """The one type of all items; None if there is none to tell it from.

    Raises:
        InvalidInput: items of different types.
    """
    result: Type | None = None
    for item in items:
        dtype = type_of_value(item)
        if dtype is None:
            continue
        result = dtype if result is None else merge(result, dtype)
    return result


def merge(one: Type, other: Type) -> Type:
    """The type of values of both: equal scalars, or objects with the union of their fields.

    A field that only one of them has, or that was missing in one, becomes optional.

    Raises:
        InvalidInput: the types do not go together.
    """
    if one == other or isinstance(other, AnyType):
        return _optional_fields(one) if isinstance(other, AnyType) else one
    if isinstance(one, AnyType):
        return _optional_fields(other)
    if isinstance(one, Object) and isinstance(other, Object):
        return _merge_objects(one, other)
    vectors = isinstance(one, SparkMLVector) or isinstance(other, SparkMLVector)
    if isinstance(one, Array) and isinstance(other, Array) and not vectors:
        return Array(merge(one.dtype, other.dtype))
    if isinstance(one, Map) and isinstance(other, Map):
        return Map(merge(one.value_type, other.value_type))
    raise InvalidInput(f"values of different types in one place: {one!r} and {other!r}")


def _optional_fields(dtype: Type) -> Type:
    if not isinstance(dtype, Object):
        return dtype
    return Object([Property(p.name, p.dtype, False) for p in dtype.properties])


def _merge_objects(one: Object, other: Object) -> Object:
    mine = {p.name: p for p in one.properties}
    theirs = {p.name: p for p in other.properties}
    fields = []
    for name in mine | theirs:
        if name in mine and name in theirs:
            a, b = mine[name], theirs[name]
            fields.append(Property(name, merge(a.dtype, b.dtype), a.required and b.required))
        else:
            fields.append(Property(name, (mine.get(name) or theirs[name]).dtype, False))
    return Object(fields)


def type_of_dtype(dtype: Any) -> DataType | None:
    """The type of a numpy or pandas dtype; None for one that has none, such as ``object``."""
    kind, size = dtype.kind, getattr(dtype, "itemsize", 8)
    if kind == "f":
        return DataType.float if size <= 4 else DataType.double if size <= 8 else None
    if kind in "iu":
        signed = kind == "i"
        if size < 4 or (signed and size == 4):
            return DataType.integer
        return DataType.long if size < 8 or (signed and size == 8) else None
    simple = {"b": DataType.boolean, "U": DataType.string, "S": DataType.binary}
    return DataType.datetime if kind == "M" else simple.get(kind)


def type_of_column(column: Any) -> Type:
    """The type of a pandas Series.

    Raises:
        InvalidInput: an object column of several types, or a dtype that no signature knows.
    """
    if column.dtype.kind == "O":
        column = column.infer_objects()
    if column.dtype.kind == "O":
        try:
            dtype = type_of_items(column.to_list())
        except InvalidInput as error:
            raise InvalidInput(f"column {column.name!r}: {error}") from None
    else:
        dtype = type_of_dtype(column.dtype)
    if dtype is None:
        raise InvalidInput(f"column {column.name!r} of dtype {column.dtype} has no known type")
    return dtype
