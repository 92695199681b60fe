"""What a request may say: named fields, each with a reader that checks its type.

The rules are those of protobuf's JSON form, which the ecosystem's clients send: unknown fields are
ignored, null means "not given", integers may come as strings (64 bits do not fit every language's
numbers), names may be written in camelCase.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..errors import InvalidInput

Reader = Callable[[Any, str], Any]
_INT64 = range(-(2**63), 2**63)
_INTEGER = re.compile(r"[+-]?\d{1,19}")
_KINDS: dict[type, str] = {
    str: "text",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
}


@dataclass(frozen=True)
class Field:
    """One field of a message.

    Attributes:
        read: turns the JSON value into ours, or raises `InvalidInput` that names the path.
        required: absent, null and '' are refused.
        default: what an absent field counts as.
        aliases: further names that older clients use.
        repeated: in a query string it may come several times.
    """

    read: Reader
    required: bool = False
    default: Any = None
    aliases: tuple[str, ...] = ()
    repeated: bool = False
    kind: str = field(default="", repr=False)


class Schema:
    """The fields of a message.

    Args:
        **fields: by name.
    """

    def __init__(self, **fields: Field) -> None:
        self.fields = fields
        self._plan = [
            (name, (_camel_case(name), *f.aliases) if "_" in name else f.aliases, f)
            for name, f in fields.items()
        ]
        self._required = {name for name, f in fields.items() if f.required}
        self._defaults = {name: f.default for name, f in fields.items()}

    def read(self, body: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
        """Every field of the schema: as given, or its default.

        Raises:
            InvalidInput: a required one is missing, or one has the wrong type.
        """
        keys = body.keys()
        if not keys <= self._defaults.keys():
            body = self._named(body)
            keys = body.keys()
        message = self._defaults.copy()
        for name, value in body.items():
            wanted = self.fields[name]
            if value is None or (wanted.required and value == ""):
                if wanted.required:
                    raise _missing(prefix + name)
            else:
                message[name] = wanted.read(value, prefix + name)
        if not self._required <= keys:
            raise _missing(prefix + next(n for n in self.fields if n in self._required - keys))
        return message

    def _named(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """What of a body the schema knows, by the names that it has here."""
        known = {}
        for name, others, _ in self._plan:
            values = (body.get(each) for each in (name, *others))
            value = next((value for value in values if value is not None), None)
            if value is not None:
                known[name] = value
        return known

    def read_query(self, arguments: Any, path: Mapping[str, Any]) -> dict[str, Any]:
        """The same from a query string; ``path`` holds what the address itself says."""
        body: dict[str, Any] = {}
        for name, _, wanted in self._plan:
            for key in (name, *wanted.aliases):
                found = arguments.getlist(key)
                if found and name not in body:
                    body[name] = _from_query(wanted, found)
        return self.read({**body, **path})


def text(*, required: bool = False, default: str | None = "", **more: Any) -> Field:
    """A string that can be stored anywhere: no NUL, nothing that is not Unicode."""
    return Field(_text, required, default, **more)


def integer(*, required: bool = False, default: int | None = None, **more: Any) -> Field:
    """A whole number of 64 bits, also as a string or as a float without a fraction."""
    return Field(_integer, required, default, **more)


def number(*, required: bool = False) -> Field:
    """A float; "NaN", "Infinity" and "-Infinity" are written as strings."""
    return Field(_number, required)


def flag(*, default: bool) -> Field:
    """true or false."""
    return Field(_flag, default=default, kind="flag")


def choice(names: Mapping[str, Any], numbers: Mapping[int, Any], default: Any = None) -> Field:
    """One of several words, or its number.

    Args:
        names: word -> our value.
        numbers: number -> our value.
        default: for none given.
    """

    def read(value: Any, path: str) -> Any:
        if isinstance(value, str) and value in names:
            return names[value]
        if isinstance(value, str) and value.isdecimal() and len(value) < 4:
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and value in numbers:
            return numbers[value]
        raise InvalidInput(
            f"Invalid value {_short(value)} for parameter '{path}': use one of {', '.join(names)}."
        )

    return Field(read, default=default)


def many(item: Field | Schema, *, required: bool = False, limit: int | None = None) -> Field:
    """A list of one kind of thing."""

    read_one: Reader = item.read if isinstance(item, Field) else partial(_record, item)

    def read(value: Any, path: str) -> list[Any]:
        if not isinstance(value, list):
            raise _wrong(value, path, "a list")
        if limit is not None and len(value) > limit:
            raise InvalidInput(
                f"The parameter '{path}' has {len(value)} items; at most {limit} are allowed."
            )
        if required and not value:
            raise _missing(path)
        try:
            return [read_one(one, path) for one in value]
        except InvalidInput:  # again, to say in which
            return [read_one(one, f"{path}[{i}]") for i, one in enumerate(value)]

    return Field(read, required, (), repeated=True)


def record(schema: Schema, *, required: bool = False) -> Field:
    """An object with fields of its own."""
    return Field(lambda value, path: _record(schema, value, path), required)


def _record(schema: Schema, value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(value, path, "an object")
    return schema.read(value, f"{path}.")


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise _wrong(value, path, "text")
    try:
        valid = value.isascii() or bool(value.encode())
    except UnicodeEncodeError:
        valid = False
    if not valid or "\0" in value:
        raise InvalidInput(
            f"Invalid value {_short(value)} for parameter '{path}': it contains a NUL character "
            "or is no valid Unicode."
        )
    return value


def _integer(value: Any, path: str) -> int:
    as_text = isinstance(value, str) and _INTEGER.fullmatch(value)
    if as_text or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(value, path, "an integer")
    if value not in _INT64:
        raise InvalidInput(
            f"Invalid value {_short(value)} for parameter '{path}': it does not fit 64 bits."
        )
    return value


def _number(value: Any, path: str) -> float:
    if isinstance(value, str) and len(value) < 400:
        with suppress(ValueError):
            return float(value)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise _wrong(value, path, "a number")
    try:
        return float(value)
    except OverflowError:
        raise InvalidInput(
            f"Invalid value {_short(value)} for parameter '{path}': it is too large for a double."
        ) from None


def _flag(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(value, path, "true or false")
    return value


def _from_query(wanted: Field, found: list[str]) -> Any:
    if wanted.repeated:
        return found
    if wanted.kind == "flag" and found[0].lower() in ("true", "false"):
        return found[0].lower() == "true"
    return found[0]


def _missing(path: str) -> InvalidInput:
    return InvalidInput(f"Missing value for required parameter '{path}'.")


def _wrong(value: Any, path: str, expected: str) -> InvalidInput:
    kind = _KINDS.get(type(value), type(value).__name__)
    return InvalidInput(
        f"Invalid value {_short(value)} for parameter '{path}' supplied: it must be {expected}, "
        f"not {kind}."
    )


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}…"


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
