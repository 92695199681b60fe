"""One setting of a target: from a text or from YAML to the type that is declared."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from ..errors import InvalidInput

_YES_OR_NO = {"true": True, "yes": True, "on": True, "1": True}
_YES_OR_NO |= {"false": False, "no": False, "off": False, "0": False}
_WORDS = {int: "integer", float: "number", bool: "true or false", str: "text", Path: "path"}

ReadPart = Callable[[str, type, Mapping[str, Any]], Any]


@dataclass(frozen=True)
class Rules:
    """What a setting must be beside its type; see `options.option`."""

    choices: tuple[str, ...] = ()
    secret: bool = False
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    pattern: str | None = None
    like: str = ""
    split: str | None = None


def hints_of(schema: Any) -> dict[str, Any]:
    """The types of a dataclass' fields."""
    return get_type_hints(schema)


def choices_of(hint: Any, rules: Rules) -> tuple[str, ...]:
    """What it may be, if that can be listed."""
    kind, _ = _unwrap(hint)
    return get_args(kind) if get_origin(kind) is Literal else rules.choices


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for a name that is not known."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean {near[0]!r}?" if near else f"It has: {', '.join(known)}."


def read_value(path: str, hint: Any, value: Any, rules: Rules, part: ReadPart) -> Any:
    """A value as its type says.

    Args:
        path: what the setting is called, for messages.
        hint: its type.
        value: a text from a command line, or anything that YAML has.
        rules: what it must be beside.
        part: reads a dataclass within.

    Raises:
        InvalidInput: it is not that.
    """
    hint, optional = _unwrap(hint)
    if value is None and optional:
        return None
    if hint is Any:
        return _structure(path, value)
    if get_origin(hint) is tuple:
        kind = get_args(hint)[0]
        items = _items(path, kind, value, rules)
        return tuple(
            read_value(f"{path}[{at}]" if len(items) > 1 else path, kind, item, rules, part)
            for at, item in enumerate(items)
        )
    if get_origin(hint) in (dict, Mapping):
        kind = get_args(hint)[1]
        entries = _entries(path, value).items()
        return {str(k): read_value(f"{path}.{k}", kind, v, rules, part) for k, v in entries}
    if isinstance(hint, type) and is_dataclass(hint):
        found = _structure(path, value)
        if not isinstance(found, Mapping):
            raise InvalidInput(f"The option {path!r} must be a mapping.")
        return part(path, hint, found)
    if isinstance(value, list | tuple):
        raise InvalidInput(f"The option {path!r} is given more than once.")
    if get_origin(hint) is Literal:
        return _check(path, _scalar(path, str, value, rules), rules, get_args(hint))
    return _check(path, _scalar(path, hint, value, rules), rules, rules.choices)


def word(hint: Any) -> tuple[str, type | None, str]:
    """``(type in words, the dataclass within, what its fields are prefixed with)``."""
    hint, _ = _unwrap(hint)
    origin = get_origin(hint)
    if hint is Any:
        return "YAML", None, ""
    if origin is Literal:
        return "text", None, ""
    if origin is tuple:
        text, inner, _ = word(get_args(hint)[0])
        return (f"list of {text}s" if inner else f"{text}, may be repeated"), inner, "[]"
    if origin in (dict, Mapping):
        text, inner, _ = word(get_args(hint)[1])
        return (f"name={text}, may be repeated" if not inner else "mapping"), inner, ".<name>"
    if isinstance(hint, type) and is_dataclass(hint):
        return "mapping", hint, ""
    return _WORDS.get(hint, hint.__name__), None, ""


def _unwrap(hint: Any) -> tuple[Any, bool]:
    """``(X, whether it may be absent)`` of ``X | None``."""
    if get_origin(hint) in (Union, UnionType):
        (kind,) = [each for each in get_args(hint) if each is not NoneType]
        return kind, True
    return hint, False


def _structure(path: str, value: Any) -> Any:
    """What a text says as YAML; YAML itself as it is."""
    if not isinstance(value, str):
        return value
    import yaml

    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        raise InvalidInput(f"The option {path!r} is not YAML, nor JSON.") from None


def _items(path: str, kind: Any, value: Any, rules: Rules) -> list[Any]:
    """The members of a list that came as one, as a text, or as a mapping (``env: {A: 1}``)."""
    inner, _ = _unwrap(kind)
    nested = inner is Any or is_dataclass(inner) or get_origin(inner) is not None
    if isinstance(value, str) and (nested or value.startswith("[")):
        value = _structure(path, value)
    if isinstance(value, Mapping) and not nested:
        return [f"{key}={_text(each)}" for key, each in value.items()]
    if not isinstance(value, list | tuple):
        value = [value]
    if rules.split:
        texts = [v.split(rules.split) if isinstance(v, str) else [v] for v in value]
        value = [v.strip() if isinstance(v, str) else v for each in texts for v in each]
    return list(value)


def _entries(path: str, value: Any) -> dict[str, Any]:
    """The entries of a mapping that came as one, as ``name=value``, or as several of those."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, list | tuple):
        return {key: each for one in value for key, each in _entries(path, one).items()}
    if isinstance(value, str) and value.lstrip().startswith("{"):
        found = _structure(path, value)
        if isinstance(found, Mapping):
            return dict(found)
    name, equals, text = _text(value).partition("=")
    if not equals or not name.strip():
        raise InvalidInput(f"The option {path!r} is written {path}=NAME=VALUE.")
    return {name.strip(): text}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _scalar(path: str, kind: Any, value: Any, rules: Rules) -> Any:
    text = _text(value).strip()
    try:
        if isinstance(value, Mapping) or value is None:
            raise ValueError
        if kind is bool:
            return _YES_OR_NO[text.lower()]
        if isinstance(value, bool) and kind in (int, float):
            raise ValueError
        if (kind is int and isinstance(value, float)) or (kind is not str and text == ""):
            raise ValueError
        return kind(text)
    except (ValueError, KeyError):
        raise InvalidInput(
            f"The option {path!r} {_is(value, rules)}; expected {_WORDS.get(kind, kind.__name__)}."
        ) from None


def _check(path: str, value: Any, rules: Rules, choices: tuple[Any, ...]) -> Any:
    says = f"The option {path!r} {_is(value, rules)}"
    if choices and value not in choices:
        raise InvalidInput(f"{says}; it is one of {', '.join(map(str, choices))}.")
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high, above = rules.minimum, rules.maximum, rules.above
        # written so that NaN is refused
        if low is not None and high is not None and not low <= value <= high:
            raise InvalidInput(f"{says}; it goes from {low:g} to {high:g}.")
        if low is not None and not value >= low:
            raise InvalidInput(f"{says}; it must be {low:g} or more.")
        if above is not None and not value > above:
            raise InvalidInput(f"{says}; it must be above {above:g}.")
        if high is not None and not value <= high:
            raise InvalidInput(f"{says}; it must be {high:g} or less.")
    if rules.pattern and not re.fullmatch(rules.pattern, str(value)):
        raise InvalidInput(f"{says}; write it like {rules.like or rules.pattern}.")
    return value


def _is(value: Any, rules: Rules) -> str:
    if rules.secret:
        return "is not usable"
    if isinstance(value, Mapping):
        return "is a mapping"
    return f"is {value:g}" if isinstance(value, float) else f"is {value!r}"
