"""What the registry takes: names, aliases, stages, numbers, texts. Pure; every write is checked.

Names compare by code points, as other texts of a store do: ``é`` in one piece and ``é`` of two
are two names, and so are ``Name`` and ``name``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..errors import InvalidInput
from ..tracking import validate
from .entities import Stage

MAX_NAME = 256
MAX_ALIAS = 255
MAX_TAG_VALUE = 100_000
MAX_TAGS = 10_000  # at once: others wait meanwhile
MAX_DESCRIPTION = 100_000
MAX_NOTE = 10_000
MAX_ADDRESS = 4096
_ID = re.compile(r"m-[0-9a-f]{32}")
_ALIAS = re.compile(r"[\w\-]+")
_LIKE_A_VERSION = re.compile(r"[vV]\d+")
_STAGES = {stage.lower(): stage for stage in Stage}
_LAST_VERSION = 2**31 - 1  # that the databases hold
_DIGITS = 20


def registered_model_name(name: object) -> str:
    """A checked name of a registered model.

    Raises:
        InvalidInput: it is blank, too long, has a slash, a colon or a character that cannot be
            shown, or would be read as something else in an address.
    """
    if not isinstance(name, str) or not name.strip():
        raise InvalidInput(
            f"The name of a registered model must be a string that is not blank; got {name!r}."
        )
    if len(name) > MAX_NAME:
        raise InvalidInput(
            f"The name of a registered model is {len(name)} characters long; at most {MAX_NAME} "
            "are allowed."
        )
    if "/" in name or ":" in name or not name.isprintable():
        raise InvalidInput(
            f"The name {_short(name)} of a registered model is not allowed: it has a slash, a "
            "colon or a character that cannot be shown. Try another, such as 'churn-model'."
        )
    if name in (".", "..") or _ID.fullmatch(name):
        raise InvalidInput(
            f"A registered model cannot be called {name!r}: in models:/{name} that means "
            "something else. Choose another name."
        )
    return name


def alias(name: object) -> str:
    """A checked alias; capitals make a difference, as in MLflow.

    Raises:
        InvalidInput: it has other characters than letters, digits, ``_`` and ``-``, is too long,
            or means something else: ``latest``, ``v3``.
    """
    if not isinstance(name, str) or not _ALIAS.fullmatch(name) or not name.isprintable():
        raise InvalidInput(
            f"The alias {_short(name)} is not allowed. Use letters, digits, '_' and '-', such as "
            "'champion'."
        )
    if len(name) > MAX_ALIAS:
        raise InvalidInput(
            f"An alias is {len(name)} characters long; at most {MAX_ALIAS} are allowed."
        )
    if name.lower() == "latest" or _LIKE_A_VERSION.fullmatch(name):
        raise InvalidInput(
            f"{name!r} cannot be an alias: 'latest' and version numbers mean something already. "
            "Choose another, such as 'champion'."
        )
    return name


def stage(name: object) -> Stage:
    """A stage, whichever way its name is capitalised.

    Raises:
        InvalidInput: there is no such stage.
    """
    found = _STAGES.get(name.lower()) if isinstance(name, str) else None
    if found is None:
        raise InvalidInput(f"{_short(name)} is no stage; use one of {', '.join(Stage)}.")
    return found


def version(number: object) -> int:
    """The number of a version, also from a text of digits.

    Raises:
        InvalidInput: it is none.
    """
    value = number
    if isinstance(number, str) and number.isascii() and number.isdecimal():
        value = int(number) if len(number) <= _DIGITS else None  # nobody's million digits
    if type(value) is int and 1 <= value <= _LAST_VERSION:
        return value
    raise InvalidInput(f"{_short(number)} is no version; versions are numbers from 1 up.")


def expected(number: object) -> int | None:
    """A version that somebody expects somewhere: 0 for none, None for whatever is there.

    Raises:
        InvalidInput: it is none of these.
    """
    if number is None:
        return None
    return 0 if str(number) == "0" else version(number)


def description(text: object) -> str:
    """A checked description; None is an empty one.

    Raises:
        InvalidInput: it is no string, too long, or no Unicode.
    """
    return "" if text is None else _text("description", text, MAX_DESCRIPTION)


def note(text: object) -> str:
    """A checked note on why something was changed; None is an empty one.

    Raises:
        InvalidInput: as `description`.
    """
    return "" if text is None else _text("note", text, MAX_NOTE)


def address(what: str, text: object) -> str:
    """A checked address of files, or of a run's page.

    Args:
        what: it is called in messages: "source".
        text: the address.

    Raises:
        InvalidInput: it is no string, blank, too long, or has control characters.
    """
    checked = _text(what, text, MAX_ADDRESS)
    if not checked.strip() or not checked.isprintable():
        raise InvalidInput(f"The {what} {_short(text)} is blank or has control characters.")
    return checked


def tags(given: Mapping[str, Any]) -> dict[str, str]:
    """Checked tags of a registered model or a version, their values as strings.

    Raises:
        InvalidInput: a bad key, or a value that is too long or no Unicode; too many.
    """
    if len(given) > MAX_TAGS:
        raise InvalidInput(f"There are {len(given)} tags; at most {MAX_TAGS} are allowed at once.")
    return {
        validate.key("tag", key): _text(f"value of tag {key!r}", str(value), MAX_TAG_VALUE)
        for key, value in given.items()
    }


def _text(what: str, text: object, limit: int) -> str:
    if not isinstance(text, str):
        raise InvalidInput(f"The {what} must be a string; got {type(text).__name__}.")
    if len(text) > limit:
        raise InvalidInput(
            f"The {what} is {len(text)} characters long; at most {limit} are allowed."
        )
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise InvalidInput(f"The {what} has a NUL character or cannot be written as UTF-8.")
    return text


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
