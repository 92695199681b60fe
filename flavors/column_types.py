"""The types that a column, a property or a parameter can have: scalars and nested ones.

Pure data. `schema` re-exports all of it; this file only keeps that one readable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ..errors import InvalidInput


class DataType(Enum):
    """The scalar types of a column or a parameter."""

    boolean = "boolean"
    integer = "integer"  # 32 bits
    long = "long"  # 64 bits
    float = "float"  # 32 bits
    double = "double"  # 64 bits
    string = "string"
    binary = "binary"
    datetime = "datetime"  # nanoseconds, without a time zone

    def __repr__(self) -> str:
        return self.name

    @property
    def numpy(self) -> str:
        """Name of the numpy dtype that holds a column of this type."""
        return _NUMPY[self]


_NUMPY = {
    DataType.boolean: "bool",
    DataType.integer: "int32",
    DataType.long: "int64",
    DataType.float: "float32",
    DataType.double: "float64",
    DataType.string: "object",
    DataType.binary: "object",
    DataType.datetime: "datetime64[ns]",
}


@dataclass(frozen=True)
class AnyType:
    """Any JSON-like value; nothing is checked."""

    def to_dict(self) -> dict[str, Any]:
        return {"type": "any"}

    def __repr__(self) -> str:
        return "any"


@dataclass(frozen=True)
class Array:
    """A list of values of one type."""

    dtype: Type

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", as_type(self.dtype))

    def to_dict(self) -> dict[str, Any]:
        return {"type": "array", "items": type_to_dict(self.dtype)}

    def __repr__(self) -> str:
        return f"array of {self.dtype!r}"


@dataclass(frozen=True)
class SparkMLVector(Array):
    """A vector of doubles as Spark ML keeps it."""

    dtype: Type = DataType.double

    def to_dict(self) -> dict[str, Any]:
        return {"type": "sparkml_vector"}

    def __repr__(self) -> str:
        return "sparkml_vector"


@dataclass(frozen=True)
class Map:
    """String keys that the signature does not name, values of one type."""

    value_type: Type

    def __post_init__(self) -> None:
        object.__setattr__(self, "value_type", as_type(self.value_type))

    def to_dict(self) -> dict[str, Any]:
        return {"type": "map", "values": type_to_dict(self.value_type)}

    def __repr__(self) -> str:
        return f"map of {self.value_type!r}"


@dataclass(frozen=True)
class Property:
    """One named field of an `Object`."""

    name: str
    dtype: Type
    required: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise InvalidInput(f"A property's name must be a string, got {self.name!r}.")
        object.__setattr__(self, "dtype", as_type(self.dtype))


@dataclass(frozen=True)
class Object:
    """Named fields, kept sorted by name so that equal objects compare equal."""

    properties: tuple[Property, ...]

    def __init__(self, properties: Sequence[Property]) -> None:
        names = [p.name for p in properties]
        if not names:
            raise InvalidInput("An object type needs at least one property.")
        if twice := duplicates(names):
            raise InvalidInput(f"An object type names these properties twice: {twice}.")
        object.__setattr__(self, "properties", tuple(sorted(properties, key=lambda p: p.name)))

    def to_dict(self) -> dict[str, Any]:
        fields = {
            p.name: {**type_to_dict(p.dtype), "required": p.required} for p in self.properties
        }
        return {"type": "object", "properties": fields}

    def __repr__(self) -> str:
        inner = ", ".join(
            f"{p.name}: {p.dtype!r}{'' if p.required else ' (optional)'}" for p in self.properties
        )
        return "{" + inner + "}"


Type = DataType | Array | Object | Map | AnyType


def as_type(value: Type | str) -> Type:
    """A type from itself or from a scalar type's name.

    Raises:
        InvalidInput: it is neither.
    """
    if isinstance(value, Type):
        return value
    if isinstance(value, str) and value in DataType.__members__:
        return DataType[value]
    known = ", ".join(DataType.__members__)
    raise InvalidInput(
        f"Unknown column type {value!r}. Use one of {known}, array, object, map or any."
    )


def type_to_dict(dtype: Type) -> dict[str, Any]:
    """The JSON object of a type."""
    return {"type": dtype.name} if isinstance(dtype, DataType) else dtype.to_dict()


def type_from_dict(data: Any, where: str) -> Type:
    """Read back what `type_to_dict` wrote; ``where`` names the place in error messages."""
    kind = required_key(data, "type", where)
    if kind == "array":
        return Array(type_from_dict(required_key(data, "items", where), f"{where}.items"))
    if kind == "map":
        return Map(type_from_dict(required_key(data, "values", where), f"{where}.values"))
    if kind == "object":
        fields = required_key(data, "properties", where)
        if not isinstance(fields, Mapping):
            raise InvalidInput(f"{where}: 'properties' must be an object.")
        return Object(
            [
                Property(
                    name,
                    type_from_dict(field, f"{where}.{name}"),
                    bool(field.get("required", True)),
                )
                for name, field in fields.items()
            ]
        )
    if kind == "any":
        return AnyType()
    if kind == "sparkml_vector":
        return SparkMLVector()
    return as_type(kind)


def required_key(data: Any, key: str, where: str) -> Any:
    """``data[key]``, or an `InvalidInput` that says what lacks it."""
    if not isinstance(data, Mapping) or key not in data:
        raise InvalidInput(f"{where} of the signature lacks {key!r}.")
    return data[key]


def duplicates(names: Sequence[Any]) -> list[Any]:
    """The names that occur more than once."""
    seen: set[Any] = set()
    twice: set[Any] = set()
    for name in names:
        (twice if name in seen else seen).add(name)
    return sorted(twice, key=str)
