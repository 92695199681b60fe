"""Texts in Markdown that are edited where they stand; ``templates/editing.html`` shows them, and
``js/editing.js`` sends what was typed.

A text that somebody else changed meanwhile is not overwritten: the answer holds it, and whoever
typed chooses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response

from ...errors import InvalidInput
from ..service import Service
from .markdown import render
from .part import data_answer, sent, sent_text

_LONGEST = 100_000


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """The preview of any text."""

    @data.post("/markdown")
    def preview() -> Response:
        return data_answer({"html": render(_bounded(sent_text(sent(), "text")))})


def edited(
    now: str, write: Callable[[str], None], message: dict[str, Any] | None = None
) -> Response:
    """The answer to a script that sent a text and what it was before.

    Args:
        now: what the text is at present.
        write: records a new one.
        message: what was sent, where it was read already.

    Returns:
        ``{conflict, text, html}``: what was recorded; or, with ``conflict``, what somebody else
        wrote since.

    Raises:
        InvalidInput: what was sent is no text.
    """
    message = sent() if message is None else message
    text, before = _bounded(sent_text(message, "text")), sent_text(message, "before")
    conflict = now not in (before, text)
    if not conflict and text != now:
        write(text)
    shown = now if conflict else text
    return data_answer({"conflict": conflict, "text": shown, "html": render(shown)})


def _bounded(text: str) -> str:
    if len(text) > _LONGEST:
        raise InvalidInput(f"The text has {len(text)} characters; {_LONGEST} are allowed at most.")
    return text
