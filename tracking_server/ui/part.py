"""What a part of the UI is, and what the parts share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from flask import Blueprint, Response, request

from ...errors import InvalidInput
from ..requests import read_json_object
from ..service import Service

Register = Callable[[Blueprint, Blueprint, Service], None]
"""``register(pages, data, service)`` adds the routes of one part.

Routes of ``pages`` answer with HTML, errors too; those of ``data`` are below ``/ui`` and answer
errors with JSON, which ``js/server.js`` shows in place.
"""


def data_answer(content: Any) -> Response:
    """An object as JSON; NaN and infinities become null."""
    return Response(orjson.dumps(content), mimetype="application/json")


def asked(name: str, default: str = "") -> str:
    """A field of the query."""
    return request.args.get(name, default)


def listed(text: str) -> list[str]:
    """The parts of a list with commas, none twice."""
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def asked_number(name: str, default: int, low: int, high: int) -> int:
    """A whole number of the query.

    Raises:
        InvalidInput: it is none, or out of its range.
    """
    text = request.args.get(name)
    if text is None or text == "":
        return default
    if not text.lstrip("-").isdecimal() or len(text) > 20 or not low <= int(text) <= high:
        raise InvalidInput(
            f"{name} must be a whole number from {low} to {high}, not {text[:40]!r}."
        )
    return int(text)


def sent() -> dict[str, Any]:
    """The JSON object that a script sent.

    Raises:
        InvalidInput: it is none.
    """
    return read_json_object(request)


def sent_texts(message: dict[str, Any], name: str, most: int) -> list[str]:
    """A field that is a list of texts, none twice.

    Raises:
        InvalidInput: it is none, is empty, or has more than ``most``.
    """
    given = message.get(name)
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise InvalidInput(f"{name} must be a list of texts.")
    if not 0 < len(given) <= most:
        raise InvalidInput(f"{name} must name 1 to {most}, not {len(given)}.")
    return list(dict.fromkeys(given))


def sent_text(message: dict[str, Any], name: str, default: str | None = None) -> str:
    """A field that is a text.

    Raises:
        InvalidInput: it is none, or missing without a default.
    """
    given = message.get(name, default)
    if not isinstance(given, str):
        raise InvalidInput(f"{name} must be a text.")
    return given
