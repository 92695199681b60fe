"""Values with structure inside one cell: arrays, objects, maps.

Elements of an array may be None (the format cannot say otherwise); a field of an object may
be None or absent if it is optional; a field that the object type does not name is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .cast import Misfit, check_values, describe
from .column_types import AnyType, Array, DataType, Map, Object, Type
from .timestamps import to_datetime


def cast_nested(value: Any, dtype: Type, nullable: bool = False) -> Any:
    """One cell as plain Python values of ``dtype``.

    Args:
        value: dicts, lists, tuples or arrays, scalars.
        dtype: the declared type.
        nullable: whether the whole value may be None.

    Raises:
        Misfit: with the path to the first part that does not fit; its row is None.
    """
    if isinstance(dtype, AnyType) or (value is None and nullable):
        return value
    if isinstance(dtype, DataType):
        return _cast_scalars([value], dtype, nullable)[0]
    if isinstance(dtype, Array):
        return _cast_array(value, dtype)
    if isinstance(dtype, Object):
        return _cast_object(value, dtype)
    return _cast_map(value, dtype)


def _cast_scalars(values: Sequence[Any], dtype: DataType, nullable: bool) -> list[Any]:
    checked = check_values(values, dtype, nullable)
    if dtype is DataType.datetime:
        return [None if v is None else to_datetime(v) for v in checked]
    return checked


def _cast_array(value: Any, dtype: Array) -> list[Any]:
    if hasattr(value, "tolist") and hasattr(value, "ndim") and value.ndim:
        value = value.tolist()
    if not isinstance(value, list | tuple):
        raise Misfit(None, describe(value))
    if isinstance(dtype.dtype, DataType):
        try:
            return _cast_scalars(value, dtype.dtype, nullable=True)
        except Misfit as misfit:
            raise Misfit(None, misfit.got, misfit.hint, f"[{misfit.row}]") from None
    return [_at(f"[{i}]", item, dtype.dtype, True) for i, item in enumerate(value)]


def _cast_object(value: Any, dtype: Object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise Misfit(None, describe(value))
    known = {p.name for p in dtype.properties}
    if unknown := [name for name in value if name not in known]:
        raise Misfit(None, f"an unknown property {_name(unknown[0])}", f"known: {sorted(known)}")
    result = {}
    for field in dtype.properties:
        if field.name in value:
            place = f".{field.name}"
            result[field.name] = _at(place, value[field.name], field.dtype, not field.required)
        elif field.required:
            raise Misfit(None, f"an object without {field.name!r}")
    return result


def _cast_map(value: Any, dtype: Map) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise Misfit(None, describe(value))
    if odd := [name for name in value if not isinstance(name, str)]:
        raise Misfit(None, f"a key {odd[0]!r} that is no string")
    return {k: _at(f"[{_name(k)}]", v, dtype.value_type, True) for k, v in value.items()}


def _at(place: str, value: Any, dtype: Type, nullable: bool) -> Any:
    try:
        return cast_nested(value, dtype, nullable)
    except Misfit as misfit:
        raise Misfit(None, misfit.got, misfit.hint, place + misfit.path) from None


def _name(name: Any) -> str:
    return repr(name[:40] if isinstance(name, str) else name)
