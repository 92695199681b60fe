"""What a model takes and returns: columns or tensors, and inference parameters.

Pure data, no numpy: the same JSON strings as MLflow's (its `mlflow.types.schema`), read and
written in both directions, key order included.

    Schema       a list of ColSpec (a table) or of TensorSpec (one unnamed or several named)
    ColSpec      {"type": "long", "name": "age", "required": true}
    TensorSpec   {"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 3]}}
    ParamSpec    {"name": "k", "default": 3, "shape": null, "type": "long"}

A column's type is a `DataType` or nested: `Array`, `Object` of `Property`, `Map`, `AnyType`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import InvalidInput
from .column_types import (
    AnyType,
    Array,
    DataType,
    Map,
    Object,
    Property,
    SparkMLVector,
    Type,
    as_type,
    duplicates,
    required_key,
    type_from_dict,
    type_to_dict,
)

__all__ = [
    "AnyType",
    "Array",
    "ColSpec",
    "DataType",
    "Map",
    "Object",
    "ParamSchema",
    "ParamSpec",
    "Property",
    "Schema",
    "SparkMLVector",
    "TensorSpec",
    "Type",
    "tensor_dtype",
    "type_from_dict",
    "type_to_dict",
]


@dataclass(frozen=True)
class ColSpec:
    """One column: its type, its name (None: known by position), whether it must be there."""

    type: Type
    name: str | int | None = None
    required: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "type", as_type(self.type))
        object.__setattr__(self, "name", _input_name(self.name))
        object.__setattr__(self, "required", bool(self.required))

    def to_dict(self) -> dict[str, Any]:
        named = {} if self.name is None else {"name": self.name}
        return {**type_to_dict(self.type), **named, "required": self.required}


def _input_name(name: Any) -> Any:
    """Names are strings, or integers as pandas gives them to unnamed columns."""
    if name is None or isinstance(name, str):
        return name
    try:
        return name.__index__()
    except (AttributeError, TypeError):
        raise InvalidInput(
            f"A column's name must be a string or an integer, got {name!r}."
        ) from None


_TENSOR_DTYPE = re.compile(
    r"bool|u?int(8|16|32|64)|float(16|32|64|96|128)|complex(64|128|192|256)|str|bytes|object"
    r"|(datetime64|timedelta64)(\[\d*(Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?"
)


@dataclass(frozen=True)
class TensorSpec:
    """One n-dimensional array: numpy dtype name, shape (-1: any length), name."""

    dtype: str
    shape: tuple[int, ...]
    name: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", tensor_dtype(self.dtype))
        sizes = tuple(self.shape) if isinstance(self.shape, Sequence) else None
        if sizes is None or not all(type(n) is int and n >= -1 for n in sizes):
            raise InvalidInput(
                f"A tensor's shape must be a list of sizes (-1: any), got {self.shape!r}."
            )
        object.__setattr__(self, "shape", sizes)
        object.__setattr__(self, "name", _input_name(self.name))

    @property
    def required(self) -> bool:
        """Always true: the format knows no optional tensors."""
        return True

    def to_dict(self) -> dict[str, Any]:
        named = {} if self.name is None else {"name": self.name}
        spec = {"dtype": self.dtype, "shape": list(self.shape)}
        return {**named, "type": "tensor", "tensor-spec": spec}


def tensor_dtype(dtype: Any) -> str:
    """A numpy dtype's name without the size of strings: ``<U5`` is ``str``.

    Raises:
        InvalidInput: no dtype that a tensor in a signature can have.
    """
    kind = getattr(dtype, "kind", None)
    name = {"U": "str", "S": "bytes"}.get(kind or "") or getattr(dtype, "name", dtype)
    if not isinstance(name, str) or not _TENSOR_DTYPE.fullmatch(name):
        raise InvalidInput(f"Unknown tensor dtype {dtype!r}; use a numpy name such as 'float64'.")
    return name


class Schema:
    """The columns or tensors of a model's input or output.

    Args:
        inputs: all `ColSpec` or all `TensorSpec`; all named or all unnamed.

    Raises:
        InvalidInput: the list is empty, mixed, names something twice, or holds something
            that the format does not know (several unnamed tensors, unnamed optional columns).
    """

    def __init__(self, inputs: Sequence[ColSpec] | Sequence[TensorSpec]) -> None:
        self.inputs: tuple[ColSpec | TensorSpec, ...] = tuple(inputs)
        self._check()
        tensors = tuple(x for x in self.inputs if isinstance(x, TensorSpec))
        self.is_tensor: bool = bool(tensors)
        self.columns: tuple[ColSpec, ...] = tuple(x for x in self.inputs if isinstance(x, ColSpec))
        self.tensors: tuple[TensorSpec, ...] = tensors
        self.has_names: bool = self.inputs[0].name is not None
        # positions stand in for the names of unnamed columns
        self.names: tuple[str | int, ...] = tuple(
            i if x.name is None else x.name for i, x in enumerate(self.inputs)
        )
        # the compiled checks of `enforce`, made on first use
        self.plan: Any = None

    def _check(self) -> None:
        kinds = {type(x) for x in self.inputs}
        if not self.inputs:
            raise InvalidInput("A schema needs at least one column or tensor.")
        if kinds not in ({ColSpec}, {TensorSpec}):
            raise InvalidInput("A schema holds either columns (ColSpec) or tensors (TensorSpec).")
        named = [x.name for x in self.inputs if x.name is not None]
        if named and len(named) < len(self.inputs):
            raise InvalidInput("Either all inputs of a schema have names or none has.")
        if twice := duplicates(named):
            raise InvalidInput(f"A schema names these inputs twice: {twice}.")
        if not named and kinds == {TensorSpec} and len(self.inputs) > 1:
            raise InvalidInput("Several tensors need names.")
        if not named and not all(x.required for x in self.inputs):
            raise InvalidInput("Optional columns need names.")

    def to_dict(self) -> list[dict[str, Any]]:
        """The JSON-like list behind `to_json`."""
        return [x.to_dict() for x in self.inputs]

    def to_json(self) -> str:
        """The string that goes into ``MLmodel``."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Schema:
        """Read a schema's string.

        Raises:
            InvalidInput: it is not JSON or not a schema; the message says where.
        """
        return cls([_input_from_dict(x, i) for i, x in enumerate(_load_list(text, "schema"))])  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.inputs)

    def __iter__(self) -> Iterator[ColSpec | TensorSpec]:
        return iter(self.inputs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schema) and self.inputs == other.inputs

    def __hash__(self) -> int:
        return hash(self.inputs)

    def __repr__(self) -> str:
        return f"Schema({list(self.inputs)!r})"


def _input_from_dict(data: Any, position: int) -> ColSpec | TensorSpec:
    where = f"input {position}"
    name = data.get("name") if isinstance(data, Mapping) else None
    if required_key(data, "type", where) != "tensor":
        required = data.get("required", True)
        return ColSpec(type_from_dict(data, where), name, True if required is None else required)
    spec = required_key(data, "tensor-spec", where)
    return TensorSpec(required_key(spec, "dtype", where), required_key(spec, "shape", where), name)


@dataclass(frozen=True)
class ParamSpec:
    """One inference parameter: a scalar, an object, or (``shape=(-1,)``) a list of scalars."""

    name: str
    dtype: DataType | Object
    default: Any
    shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        dtype = as_type(self.dtype)
        if not isinstance(dtype, DataType | Object) or dtype is DataType.binary:
            raise InvalidInput(f"param {self.name!r}: a parameter cannot be of type {dtype!r}.")
        shape = None if self.shape is None else tuple(self.shape)
        if shape not in (None, (-1,)) or (shape and isinstance(dtype, Object)):
            raise InvalidInput(
                f"param {self.name!r}: shape must be null (a scalar or object) or [-1] (a list)."
            )
        object.__setattr__(self, "name", str(self.name))
        object.__setattr__(self, "dtype", dtype)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "default", _read_default(self.default, dtype))

    def to_dict(self) -> dict[str, Any]:
        shape = None if self.shape is None else list(self.shape)
        default = _write_default(self.default)
        return {"name": self.name, "default": default, "shape": shape, **type_to_dict(self.dtype)}


def _read_default(value: Any, dtype: Type) -> Any:
    """Dates are ISO strings in JSON, objects in memory."""
    if dtype is not DataType.datetime:
        return value
    if isinstance(value, list):
        return [_read_default(v, dtype) for v in value]
    if not isinstance(value, str):
        return value
    from .timestamps import is_timestamp, to_moment

    if not is_timestamp(value):
        raise InvalidInput(f"A parameter's default {value!r} is no ISO 8601 date.")
    return to_moment(value)


def _write_default(value: Any) -> Any:
    if isinstance(value, list):
        return [_write_default(v) for v in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


class ParamSchema:
    """The inference parameters that a model declares.

    Raises:
        InvalidInput: a name is declared twice.
    """

    def __init__(self, params: Sequence[ParamSpec]) -> None:
        self.params: tuple[ParamSpec, ...] = tuple(params)
        if twice := duplicates([p.name for p in self.params]):
            raise InvalidInput(f"These parameters are declared twice: {twice}.")
        self.by_name: dict[str, ParamSpec] = {p.name: p for p in self.params}

    def to_json(self) -> str:
        """The string that goes into ``MLmodel``."""
        return json.dumps([p.to_dict() for p in self.params])

    @classmethod
    def from_json(cls, text: str) -> ParamSchema:
        """Read the string; files from before 2.6 say ``dtype`` for ``type``.

        Raises:
            InvalidInput: it is not JSON or not a list of parameters.
        """
        return cls([_param_from_dict(x, i) for i, x in enumerate(_load_list(text, "params"))])

    def __len__(self) -> int:
        return len(self.params)

    def __iter__(self) -> Iterator[ParamSpec]:
        return iter(self.params)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ParamSchema) and self.params == other.params

    def __hash__(self) -> int:
        return hash(self.to_json())

    def __repr__(self) -> str:
        return f"ParamSchema({list(self.params)!r})"


def _param_from_dict(data: Any, position: int) -> ParamSpec:
    where = f"param {position}"
    name = str(required_key(data, "name", where))
    kind = data.get("type") or required_key(data, "dtype", where)
    dtype = type_from_dict({**data, "type": kind}, where)
    return ParamSpec(name, dtype, required_key(data, "default", where), data.get("shape"))  # type: ignore[arg-type]


def _load_list(text: str, what: str) -> list[Any]:
    try:
        data = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"The {what} in the signature is not valid JSON: {error}.") from None
    if not isinstance(data, list):
        raise InvalidInput(f"The {what} in the signature must be a JSON list.")
    return data
