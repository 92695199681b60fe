"""Bodies against botocore's service models, as strictly as the services do it.

Written apart from the product's own check, which it is to find fault with.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import botocore.session


class Refused(Exception):
    """What a service answers in place of a result."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def invalid(message: str) -> Refused:
    return Refused("ValidationException", message)


@cache
def model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def validate(service: str, operation: str, body: Any) -> None:
    """Raises `Refused` with everything that is wrong."""
    if operation not in model(service).operation_names:
        raise Refused("UnknownOperationException", f"{operation} is unknown", 404)
    shape = model(service).operation_model(operation).input_shape
    found = list(_wrong(shape, body, ""))
    if found:
        count = len(found)
        raise invalid(f"{count} validation error detected: " + "; ".join(found))


def validate_member(service: str, operation: str, name: str, value: Any) -> None:
    """One member, for services of which bodies are not JSON."""
    shape = model(service).operation_model(operation).input_shape.members[name]
    if found := list(_wrong(shape, value, name)):
        raise invalid("; ".join(found))


def _wrong(shape: Any, value: Any, at: str) -> Any:
    rules = shape.metadata
    match shape.type_name:
        case "structure":
            if not isinstance(value, dict):
                yield f"{at} must be a structure"
                return
            yield from (f"{at}.{n} must not be null" for n in shape.required_members
                        if value.get(n) is None)  # fmt: skip
            yield from (f"{at}.{n} is not a member" for n in value if n not in shape.members)
            for name, each in value.items():
                if name in shape.members:
                    yield from _wrong(shape.members[name], each, f"{at}.{name}")
        case "list":
            if not isinstance(value, list):
                yield f"{at} must be a list"
                return
            yield from _size(rules, len(value), at)
            for each in value:
                yield from _wrong(shape.member, each, f"{at}.member")
        case "map":
            yield from _size(rules, len(value), at)
            for key, each in value.items():
                yield from _wrong(shape.key, key, f"{at}.key")
                yield from _wrong(shape.value, each, f"{at}.value")
        case "integer" | "long":
            if not isinstance(value, int) or isinstance(value, bool):
                yield f"{at} must be a whole number"
            else:
                yield from _size(rules, value, at)
        case "float" | "double":
            if not isinstance(value, int | float) or isinstance(value, bool):
                yield f"{at} must be a number"
            else:
                yield from _size(rules, value, at)
        case "boolean":
            if not isinstance(value, bool):
                yield f"{at} must be true or false"
        case "string":
            if not isinstance(value, str):
                yield f"{at} must be a string"
                return
            if "enum" in rules and value not in rules["enum"]:
                yield f"{at} must satisfy enum value set"
            yield from _size(rules, len(value), at)
            pattern = rules.get("pattern", ".*")
            pattern = pattern.replace(r"\p{L}", r"\w").replace(r"\p{Z}", r"\s")
            if not re.fullmatch(pattern.replace(r"\p{N}", r"\d"), value, re.DOTALL):
                yield f"Value '{value}' at '{at}' must satisfy regular expression pattern"


def _size(rules: Any, size: float, at: str) -> Any:
    if "min" in rules and size < rules["min"]:
        yield f"{at} must be greater than or equal to {rules['min']}"
    if "max" in rules and size > rules["max"]:
        yield f"{at} must be less than or equal to {rules['max']}"
