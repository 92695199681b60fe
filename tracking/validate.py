"""What may be logged: names, lengths, values. Pure; every write goes through here first."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from functools import lru_cache
from posixpath import normpath
from typing import Any

from ..errors import InvalidInput
from .entities import Metric, Param, RunStatus, RunTag

MAX_KEY = 250
MAX_PARAM_VALUE = 6000
MAX_TAG_VALUE = 8000
MAX_EXPERIMENT_TAG_VALUE = 20_000
MAX_INPUT_TAG_KEY = 255
MAX_EXPERIMENT_NAME = 500
MAX_MODEL_NAME = 256
# of one request to a server
MAX_BATCH = 1000  # metrics, params and tags together
MAX_BATCH_PAIRS = 100  # params, and tags, each
_INT64 = range(-(2**63), 2**63)

_KEY = re.compile(r"[/\w.\- :]+")
_MODEL_NAME_FORBIDDEN = "/:.%\"'"


def key(kind: str, name: object) -> str:
    """A metric's, param's or tag's key, checked.

    Args:
        kind: what it names, for the message.
        name: 1 to 250 letters, digits, ``_ - . : /`` and spaces; shaped like a relative path
            in its shortest form, because tools of the ecosystem use keys as file names.

    Raises:
        InvalidInput: it is anything else.
    """
    if not isinstance(name, str):
        raise InvalidInput(
            f"The key of a {kind} must be a string; got {type(name).__name__} {_short(name)}."
        )
    return _key(kind, name)


@lru_cache(maxsize=4096)  # a training loop repeats its keys
def _key(kind: str, name: str) -> str:
    if not name.strip():
        raise InvalidInput(f"The key of a {kind} is empty. Give it a name.")
    if len(name) > MAX_KEY:
        raise InvalidInput(
            f"The key of a {kind} is {len(name)} characters long ({_short(name)}); "
            f"at most {MAX_KEY} are allowed."
        )
    if not _KEY.fullmatch(name):
        raise InvalidInput(
            f"The key {_short(name)} of a {kind} has characters that are not allowed. Use letters, "
            "digits, underscores, dashes, periods, colons, slashes and spaces."
        )
    if normpath(name) != name or name.startswith(("/", "..")) or name == ".":
        raise InvalidInput(
            f"The key {_short(name)} of a {kind} is not allowed: keys are read as relative paths, "
            f"so no '..', no leading, trailing or doubled slash (try {_suggest(name)!r})."
        )
    return name


def metric(name: str, value: Any, timestamp: int | None = None, step: int | None = None) -> Metric:
    """A checked metric; numpy, torch and similar scalars count as numbers.

    Raises:
        InvalidInput: a bad key, a value that is no number, a step or time that is no integer.
    """
    return Metric(
        key("metric", name),
        value if type(value) is float else _number(name, value),
        _integer("timestamp", name, timestamp) if timestamp is not None else now(),
        _integer("step", name, step) if step is not None else 0,
    )


def metrics(
    values: Iterable[tuple[str, Any]],
    timestamp: int | None,
    step: int | None,
    model_id: str | None = None,
    dataset_name: str | None = None,
    dataset_digest: str | None = None,
) -> list[Metric]:
    """Checked metrics of one moment and step, each as by `metric`; they come by the thousand.

    Raises:
        InvalidInput: as `metric`.
    """
    made: list[Metric] = []
    moment, at = now() if timestamp is None else timestamp, 0 if step is None else step
    for name, value in values:
        if not made:
            moment, at = _integer("timestamp", name, moment), _integer("step", name, at)
        number = value if type(value) is float else _number(name, value)
        checked = key("metric", name)
        made.append(Metric(checked, number, moment, at, model_id, dataset_name, dataset_digest))
    return made


def as_logged(given: Metric) -> Metric:
    """A metric as a run may log it, checked like `metric`; whose it was before is left out."""
    value, timestamp, step = given.value, given.timestamp, given.step
    plain = type(value) is float and type(timestamp) is int and type(step) is int
    if plain and timestamp in _INT64 and step in _INT64 and given.run_id is None:
        key("metric", given.key)
        return given  # most are right already, and come by the thousand
    checked = metric(given.key, value, timestamp, step)
    return checked._replace(
        model_id=given.model_id,
        dataset_name=given.dataset_name,
        dataset_digest=given.dataset_digest,
    )


def param(name: str, value: Any) -> Param:
    """A checked param, its value as a string.

    Raises:
        InvalidInput: a bad key, or a value over 6,000 characters.
    """
    return Param(key("param", name), _text("param", name, value, MAX_PARAM_VALUE))


def tag(name: str, value: Any) -> RunTag:
    """A checked tag, its value as a string.

    Raises:
        InvalidInput: a bad key, or a value over 8,000 characters.
    """
    return RunTag(key("tag", name), _text("tag", name, value, MAX_TAG_VALUE))


def experiment_tag(name: str, value: Any) -> RunTag:
    """A checked tag of an experiment, its value as a string.

    Raises:
        InvalidInput: a bad key, or a value over 20,000 characters.
    """
    return RunTag(key("tag", name), _text("tag", name, value, MAX_EXPERIMENT_TAG_VALUE))


def input_tag(name: object, value: Any) -> RunTag:
    """A checked tag of a dataset's use, its value as a string; any character may be in its key.

    Raises:
        InvalidInput: a key that is empty or over 255 characters, a value over 8,000.
    """
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_INPUT_TAG_KEY:
        raise InvalidInput(
            f"The key of an input's tag must be a string of 1 to {MAX_INPUT_TAG_KEY} characters; "
            f"got {_short(name)}."
        )
    return RunTag(
        _text("key", name, name, MAX_INPUT_TAG_KEY), _text("tag", name, value, MAX_TAG_VALUE)
    )


def experiment_name(name: object) -> str:
    """A checked name of an experiment.

    Raises:
        InvalidInput: not a string, blank, too long, or with control characters.
    """
    if not isinstance(name, str) or not name.strip():
        raise InvalidInput(f"The name of an experiment must be a non-empty string; got {name!r}.")
    if len(name) > MAX_EXPERIMENT_NAME:
        raise InvalidInput(
            f"The name of an experiment is {len(name)} characters long; "
            f"at most {MAX_EXPERIMENT_NAME} are allowed."
        )
    if not name.isprintable():
        raise InvalidInput(f"The name of an experiment has control characters: {_short(name)}.")
    return name


def run_status(status: object) -> str:
    """A status of a run, in capitals.

    Raises:
        InvalidInput: there is no such status.
    """
    try:
        return RunStatus(str(status).upper()).value
    except ValueError:
        names = ", ".join(RunStatus)
        raise InvalidInput(f"{status!r} is not the status of a run; use one of {names}.") from None


def run_name(name: object) -> str:
    """A checked name of a run.

    Raises:
        InvalidInput: not a string, blank, too long, or with control characters.
    """
    if not isinstance(name, str) or not name.strip():
        raise InvalidInput(f"The name of a run must be a non-empty string; got {name!r}.")
    if len(name) > MAX_KEY or not name.isprintable():
        raise InvalidInput(
            f"The name of a run is over {MAX_KEY} characters long or has characters that cannot "
            f"be shown: {_short(name)}."
        )
    return name


def model_name(name: object) -> str:
    """A checked name of a logged model (one segment of ``runs:/<run_id>/<name>``).

    Raises:
        InvalidInput: not a string, blank, too long, or with one of ``/ : . % " '``.
    """
    if not isinstance(name, str) or not name.strip():
        raise InvalidInput(f"The name of a model must be a non-empty string; got {name!r}.")
    if len(name) > MAX_MODEL_NAME:
        raise InvalidInput(f"The name of a model is over {MAX_MODEL_NAME} characters long.")
    bad = [char for char in name if char in _MODEL_NAME_FORBIDDEN or not char.isprintable()]
    if bad or "\\" in name or "#" in name or "?" in name:
        raise InvalidInput(
            f"The name {_short(name)} of a model is not allowed: it becomes one part of an "
            "address, so none of / \\ : . % # ? \" ' (try 'model')."
        )
    return name


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def _number(name: str, value: Any) -> float:
    try:
        # one-element arrays and tensors of every library answer to item()
        return float(value.item() if hasattr(value, "item") else value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise InvalidInput(
            f"Metric {name!r} must be a number; got {type(value).__name__} {_short(value)}."
        ) from None


def _integer(what: str, name: str, value: Any) -> int:
    if type(value) is int and value in _INT64:
        return value
    try:
        number = int(value)
        exact = bool(number == value)
    except (TypeError, ValueError, OverflowError):
        exact = False
    if not exact or number not in _INT64:
        raise InvalidInput(
            f"The {what} of metric {name!r} must be an integer; got {_short(value)}."
        )
    return number


def _text(kind: str, name: str, value: Any, limit: int) -> str:
    text = value if type(value) is str else str(value)
    if len(text) > limit:
        raise InvalidInput(
            f"The value of {kind} {name!r} is {len(text)} characters long; at most {limit} are "
            "allowed. Use log_text or log_dict for long values."
        )
    if "\x00" in text or not _is_unicode(text):
        raise InvalidInput(
            f"The value of {kind} {name!r} contains a NUL character or cannot be written as UTF-8."
        )
    return text


def _is_unicode(text: str) -> bool:
    """False for lone surrogates, which come from file names in other encodings."""
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _suggest(name: str) -> str:
    parts = [part for part in name.split("/") if part not in ("", ".", "..")]
    return "/".join(parts) or "name"
