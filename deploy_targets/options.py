"""Settings of a target: declared once as a dataclass, read from ``-C`` and YAML, and listed.

@dataclass(frozen=True)
class LocalOptions:
    port: int | None = option(None, "port on this machine; a free one by default")
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from ..errors import InvalidInput

T = TypeVar("T")
_YES_OR_NO = {"true": True, "yes": True, "on": True, "1": True}
_YES_OR_NO |= {"false": False, "no": False, "off": False, "0": False}
_WORDS = {int: "integer", float: "number", bool: "true or false", str: "text", Path: "path"}


@dataclass(frozen=True)
class OptionHelp:
    """One line of ``--help-options``."""

    name: str
    type: str
    default: str
    help: str


def option(default: Any, help: str, choices: Sequence[str] = ()) -> Any:
    """A setting with its default and one line of help."""
    return field(default=default, metadata={"help": help, "choices": tuple(choices)})


def parse_pairs(pairs: Iterable[str]) -> dict[str, Any]:
    """``["port=8080", "env=A=1", "env=B=2"]`` as a mapping; what is repeated becomes a list.

    Raises:
        InvalidInput: an item is not of the form key=value.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise InvalidInput(f"{pair!r} is not of the form key=value.")
        key = key.strip().replace("-", "_")
        if key in found:
            before = found[key] if isinstance(found[key], list) else [found[key]]
            found[key] = [*before, value]
        else:
            found[key] = value
    return found


def read_options(schema: type[T], given: Mapping[str, Any], target: str) -> T:
    """Check settings against a target's schema.

    Args:
        schema: a dataclass whose fields are made with `option`.
        given: strings, or values as YAML reads them.
        target: for messages.

    Raises:
        InvalidInput: a key is unknown (the nearest is named) or a value of the wrong type.
    """
    hints = get_type_hints(schema)
    known = {each.name: each for each in fields(schema)}  # type: ignore[arg-type]
    values = {}
    for key, value in given.items():
        name = str(key).replace("-", "_")
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"It has: {', '.join(known)}."
            raise InvalidInput(f"The target {target!r} has no option {key!r}. {hint}")
        values[name] = _read(name, hints[name], value, known[name].metadata["choices"])
    missing = [n for n, each in known.items() if each.default is MISSING and n not in values]
    if missing:
        raise InvalidInput(f"The target {target!r} needs -C {missing[0]}=…")
    return schema(**values)


def describe_options(schema: type) -> list[OptionHelp]:
    """What ``--help-options`` lists."""
    hints = get_type_hints(schema)
    return [
        OptionHelp(each.name, _word(hints[each.name]), _default(each), each.metadata["help"])
        for each in fields(schema)
    ]


def _read(name: str, hint: Any, value: Any, choices: Sequence[str]) -> Any:
    kind, many, optional = _shape(hint)
    if value is None and optional:
        return None
    if many:
        items = value if isinstance(value, list | tuple) else [value]
        if isinstance(value, Mapping):  # env: {A: 1} in YAML
            items = [f"{key}={each}" for key, each in value.items()]
        return tuple(_read_one(name, kind, item) for item in items)
    if isinstance(value, list | tuple | Mapping):
        raise InvalidInput(f"The option {name!r} is given more than once.")
    read = _read_one(name, kind, value)
    if choices and read not in choices:
        raise InvalidInput(f"The option {name!r} is {read!r}; it is one of {', '.join(choices)}.")
    return read


def _read_one(name: str, kind: type, value: Any) -> Any:
    text = str(value).strip()
    try:
        if kind is bool:
            return _YES_OR_NO[text.lower()]
        if (kind is int and isinstance(value, float)) or (kind is not str and text == ""):
            raise ValueError
        return kind(text)
    except (ValueError, KeyError):
        raise InvalidInput(
            f"The option {name!r} is {text!r}; expected {_WORDS.get(kind, kind.__name__)}."
        ) from None


def _shape(hint: Any) -> tuple[type, bool, bool]:
    """``(type, many, may be absent)`` of ``int``, ``int | None`` or ``tuple[str, ...]``."""
    if get_origin(hint) in (Union, UnionType):
        (kind,) = [each for each in get_args(hint) if each is not NoneType]
        return kind, False, True
    if get_origin(hint) is tuple:
        return get_args(hint)[0], True, False
    return hint, False, False


def _word(hint: Any) -> str:
    kind, many, _ = _shape(hint)
    return _WORDS.get(kind, kind.__name__) + (", may be repeated" if many else "")


def _default(each: Field[Any]) -> str:
    if each.default is MISSING:
        return "required"
    if each.default is None or each.default == ():
        return ""
    return str(each.default).lower() if isinstance(each.default, bool) else str(each.default)
