"""Request bodies against botocore's own service model.

boto3 checks that what is required is there and of the right type; patterns, lengths and lists of
values it leaves to the service. Here they are checked before anything is sent, so that the
fifth of five requests is not the first to be refused.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from ...errors import InvalidInput


def check(model: Any, operation: str, body: Mapping[str, Any]) -> None:
    """Raises `InvalidInput` for the first value that the service would refuse.

    Args:
        model: botocore's, ``client.meta.service_model``.
        operation: such as ``CreateModel``.
        body: of the request.
    """
    for problem in problems(model, operation, body):
        raise InvalidInput(f"{operation}: {problem}")


def problems(model: Any, operation: str, body: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a body, each in one line."""
    yield from _problems(model.operation_model(operation).input_shape, body, "")


def _problems(shape: Any, value: Any, path: str) -> Iterator[str]:
    kind = shape.type_name
    if kind == "structure":
        yield from _structure(shape, value, path)
    elif kind == "list":
        if not isinstance(value, list | tuple):
            yield f"{path} must be a list."
            return
        yield from _length(shape, len(value), path, "items")
        for index, each in enumerate(value):
            yield from _problems(shape.member, each, f"{path}[{index}]")
    elif kind == "map":
        yield from _length(shape, len(value), path, "items")
        for key, each in value.items():
            yield from _problems(shape.key, key, f"{path}: the name {key!r}")
            # what it is stays out of messages: environments hold secrets
            yield from (f"{path}.{key} is too long or holds what it must not."
                        for _ in _problems(shape.value, each, path))  # fmt: skip
    elif kind in ("integer", "long", "float", "double"):
        if isinstance(value, bool) or not isinstance(value, int | float):
            yield f"{path} must be a number, not {value!r}."
        else:
            yield from _length(shape, value, path, "")
    elif kind == "boolean":
        if not isinstance(value, bool):
            yield f"{path} must be true or false."
    elif kind == "string":
        yield from _string(shape, value, path)


def _structure(shape: Any, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{path or shape.name} must be an object."
        return
    for name in shape.required_members:
        if value.get(name) is None:
            yield f"{_join(path, name)} is missing."
    for name, each in value.items():
        if name not in shape.members:
            yield f"{_join(path, name)} is unknown."
        else:
            yield from _problems(shape.members[name], each, _join(path, name))


def _string(shape: Any, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{path} must be text."
        return
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        near = difflib.get_close_matches(value, allowed, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        if len(allowed) <= 8:
            hint = f" It is one of {', '.join(allowed)}."
        yield f"{path} is {value[:100]!r}, which AWS does not know.{hint}"
    yield from _length(shape, len(value), path, "characters")
    pattern = shape.metadata.get("pattern")
    if pattern and not _compiled(pattern).fullmatch(value):
        yield f"{path} is {value[:100]!r}, which does not have the form that AWS takes ({pattern})."


def _length(shape: Any, size: float, path: str, unit: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    told = f"has {size:g} {unit}" if unit else f"is {size:g}"
    if low is not None and size < low:
        yield f"{path} {told}; AWS takes {low} or more."
    if high is not None and size > high:
        yield f"{path} {told}; AWS takes at most {high}."


@lru_cache
def _compiled(pattern: str) -> re.Pattern[str]:
    r"""With Java's ``\p{L}``, ``\p{N}`` and ``\p{Z}``: letters, digits, spaces."""
    for theirs, ours in (("\\p{L}", r"\w"), ("\\p{N}", r"\d"), ("\\p{Z}", r"\s")):
        pattern = pattern.replace(theirs, ours)
    return re.compile(pattern)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
