"""What the type hint of ``predict`` says: a signature, and the form in which data is handed over.

Only lists say something (``list[str]``, ``list[dict[str, float]]``, lists of pydantic models), as
with MLflow; any other hint leaves the signature to the input example.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ..errors import InvalidInput
from .column_types import AnyType, Array, DataType, Map, Object, Property, Type
from .columns import to_list
from .python_model import FunctionModel, takes_context
from .schema import ColSpec, Schema
from .signature import ModelSignature
from .table import Table

_SCALARS: dict[Any, DataType] = {
    bool: DataType.boolean,
    bytes: DataType.binary,
    datetime: DataType.datetime,
    float: DataType.double,
    int: DataType.long,
    str: DataType.string,
}
# the attribute in which MLflow keeps them
REMEMBERED = "_predict_type_hints"
_UNIONS = (typing.Union, types.UnionType)


def hints(python_model: Any) -> tuple[Any, Any]:
    """The hints of a model's input and output; None where there is none or it cannot be read."""
    if REMEMBERED in getattr(python_model, "__dict__", {}):
        known = vars(python_model)[REMEMBERED]
        return known.input, known.output
    is_function = isinstance(python_model, FunctionModel)
    function = python_model.func if is_function else python_model.predict
    function = getattr(function, "__wrapped__", function)
    try:
        names = [n for n in _parameters(function) if n != "self"]
        found = typing.get_type_hints(function)
    except Exception:  # a name that only the script knew, an object without a signature
        return None, None
    position = 1 if takes_context(function) and not is_function else 0
    name = names[position] if position < len(names) else ""
    return found.get(name), found.get("return")


def signature_from_hints(python_model: Any) -> ModelSignature | None:
    """The signature that type hints give; None if the input has no list hint.

    Raises:
        InvalidInput: the hint is a list of something that a signature cannot say.
    """
    given, returned = hints(python_model)
    if typing.get_origin(given) is not list:
        return None
    inputs = Schema([_column(_element(given))])
    try:
        plain = typing.get_origin(returned) is list
        output = _column(_element(returned)) if plain else _column(returned)
    except InvalidInput:
        output = ColSpec(AnyType())
    return ModelSignature(inputs, Schema([output]))


def converter(python_model: Any) -> Callable[[Any], Any]:
    """A function that gives data the form that the hint asks for.

    A `Table` becomes a list for a list hint, else a DataFrame; anything else stays as it is.
    """
    hint, _ = hints(python_model)
    if typing.get_origin(hint) is not list:
        return _to_frame
    element = _element(hint)
    build = getattr(element, "model_validate", None)

    def to_list(data: Any) -> Any:
        if type(data) is Table:
            data = _values(data, element)
        if build is not None and isinstance(data, list):
            return [build(value) if isinstance(value, dict) else value for value in data]
        return data

    return to_list


def _to_frame(data: Any) -> Any:
    return data.to_pandas() if type(data) is Table else data


def _values(table: Table, element: Any) -> list[Any]:
    """One column of plain values, or an unnamed one, holds the values themselves; else records."""
    plain = element in _SCALARS or typing.get_origin(element) is list
    if len(table.names) == 1 and (plain or not isinstance(table.names[0], str)):
        return to_list(table.columns[0])
    return table.to_records()


def _parameters(function: Any) -> list[str]:
    import inspect

    return list(inspect.signature(function).parameters)


def _element(hint: Any) -> Any:
    arguments = typing.get_args(hint)
    return arguments[0] if arguments else Any


def _column(hint: Any) -> ColSpec:
    dtype, required = _type(hint)
    return ColSpec(dtype, None, required)


def _type(hint: Any) -> tuple[Type, bool]:
    """The column type of a hint, and whether a value must be there."""
    if hint is Any or hint is None:
        return AnyType(), True
    if hint in _SCALARS:
        return _SCALARS[hint], True
    if hasattr(hint, "model_fields"):
        return Object([_property(name, f) for name, f in hint.model_fields.items()]), True
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is list:
        return Array(_type(arguments[0])[0]), True
    if origin is dict and len(arguments) == 2 and arguments[0] is str:
        return Map(_type(arguments[1])[0]), True
    if origin in _UNIONS:
        some = [a for a in arguments if a is not type(None)]
        dtype: Type = _type(some[0])[0] if len(some) == 1 else AnyType()
        return dtype, len(some) == len(arguments)
    name = getattr(hint, "__name__", hint)
    raise InvalidInput(
        f"The type hint {name} of predict's input is not supported: use a list of int, float, "
        "str, bool, bytes, datetime, lists or dict[str, …] of those, or pydantic models; or "
        "leave the hint out and give an input_example."
    )


def _property(name: str, field: Any) -> Property:
    dtype, required = _type(field.annotation)
    return Property(name, dtype, required)
