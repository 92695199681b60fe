"""Bodies held against the typed models that azure-ai-ml itself has of Azure's REST API.

The models check nothing by themselves. Here unknown keys, missing ones, keys that only the service
may set, wrong types and unknown words of an enumeration are refused, as the service does.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import cache
from types import NoneType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

_DURATION = re.compile(r"P(?=.)(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?")


class Refused(ValueError):
    """A body that the service would not take."""


def check(model_name: str, body: Any) -> None:
    """Raises `Refused` unless ``body`` is what the model of that name says."""
    from azure.ai.ml._restclient.arm_ml_service import models

    _check(getattr(models, model_name), body, model_name)


@cache
def _shape(model: Any) -> dict[str, tuple[Any, bool, Any]]:
    """``{name on the wire: (type, whether only the service sets it, the field)}``."""
    from azure.ai.ml._restclient.arm_ml_service import models

    model.__new__(model)  # which is when its fields get their names
    hints = get_type_hints(model, localns={"_models": models})
    fields = model._attr_to_rest_field
    return {
        field._rest_name: (hints[name], field._visibility == ["read"], field)
        for name, field in fields.items()
    }


def _check(model: Any, body: Any, where: str) -> None:
    if not isinstance(body, dict):
        raise Refused(f"{where} must be an object, not {body!r}")
    model = _variant(model, body, where)
    shape = _shape(model)
    for key, value in body.items():
        if key not in shape:
            raise Refused(f"{where} has no member {key!r}; it has {', '.join(sorted(shape))}")
        hint, read_only, field = shape[key]
        if read_only:
            raise Refused(f"{where}.{key} is set by the service alone")
        _check_value(hint, value, f"{where}.{key}", field)
    for key, (hint, read_only, _) in shape.items():
        if key not in body and not read_only and NoneType not in get_args(hint):
            raise Refused(f"{where} lacks {key!r}")


def _variant(model: Any, body: dict[str, Any], where: str) -> Any:
    """The class that the discriminator in the body names."""
    known = {k: v for k, v in vars(model).get("__mapping__", {}).items() if k != model.__name__}
    if not known:
        return model
    own = [f for f in vars(model).values() if getattr(f, "_is_discriminator", False)]
    if not own:
        return model
    model.__new__(model)
    key = own[0]._rest_name
    if body.get(key) not in known:
        raise Refused(f"{where}.{key} is {body.get(key)!r}; it is one of {sorted(known)}")
    return known[body[key]]


def _check_value(hint: Any, value: Any, where: str, field: Any) -> None:
    origin, inside = get_origin(hint), get_args(hint)
    if origin is Union:
        if value is None and NoneType in inside:
            return
        kinds = [each for each in inside if each is not NoneType]
        words = [each for each in kinds if isinstance(each, type) and issubclass(each, Enum)]
        if words:
            known = [word.value for word in words[0]]
            if str(value).lower() not in map(str.lower, known):  # as lenient as the service is
                raise Refused(f"{where} is {value!r}; it is one of {known}")
            return
        _check_value(kinds[0], value, where, field)
    elif origin is Literal:
        known = [getattr(each, "value", each) for each in inside]
        if value not in known:
            raise Refused(f"{where} is {value!r}; it is {known}")
    elif origin is dict:
        if not isinstance(value, dict):
            raise Refused(f"{where} must be an object, not {value!r}")
        for key, each in value.items():
            _check_value(inside[1], each, f"{where}.{key}", field)
    elif origin is list:
        if not isinstance(value, list):
            raise Refused(f"{where} must be a list, not {value!r}")
        for at, each in enumerate(value):
            _check_value(inside[0], each, f"{where}[{at}]", field)
    elif hasattr(hint, "_attr_to_rest_field") or hasattr(hint, "_calculated"):
        _check(hint, value, where)
    else:
        _check_plain(hint, value, where)


def _check_plain(hint: Any, value: Any, where: str) -> None:
    if hint is Any:
        return
    if getattr(hint, "__name__", "") == "timedelta":
        if not isinstance(value, str) or not _DURATION.fullmatch(value):
            raise Refused(f"{where} is {value!r}; durations look like PT30S")
        return
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return
    if getattr(hint, "__name__", "") == "datetime":
        hint = str
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise Refused(f"{where} is {value!r}; it must be of type {hint.__name__}")
