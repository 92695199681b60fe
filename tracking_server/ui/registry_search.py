"""What the box above the list of models takes, filters or words, and what completes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from flask import Blueprint, Response

from ...errors import InvalidInput
from ...registry.filters import REGISTERED_MODELS, excludes_prompts, parse_clauses
from ...tracking.filters import Clause, quoted
from ..service import Service
from .names import NEAR, asked_filter, asked_words, where, with_nearest
from .part import asked, asked_number, data_answer

_GRAMMAR = re.compile(r"[=<>]|\bI?LIKE\b|\bIN\s*\(", re.IGNORECASE)
_MOST_WORDS = 10


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``/ui/registry/names``, ``values`` and ``filter``, which answer as those of runs do."""

    @data.get("/registry/names")
    def model_names() -> Response:
        """Names of models, keys of their tags: ``{"names": {"name": […], "tag": […]}}``."""
        find = {"name": service.registry.model_names, "tag": service.registry.model_tag_keys}
        words, limit, kind = asked_words(), asked_number("limit", 20, 1, 200), asked("kind")
        kinds = [_known(kind)] if kind else list(find)
        return data_answer({"names": {each: find[each](words, limit) for each in kinds}})

    @data.get("/registry/values")
    def model_values() -> Response:
        """Values of a tag, or names: ``{"values": […]}``."""
        words, limit = asked_words(), asked_number("limit", 20, 1, 200)
        if _known(asked("kind")) == "name":
            found = service.registry.model_names(words, limit)
        else:
            found = service.registry.model_tag_values(asked("key"), words, limit)
        return data_answer({"values": found})

    @data.get("/registry/filter")
    def check_search() -> Response:
        text = asked_filter()
        try:
            clauses = parse_clauses(filter_of(text), REGISTERED_MODELS)
        except InvalidInput as error:
            return data_answer(where(error, text))
        hints = _hints(service, clauses) if asked("hints") else []
        return data_answer({"ok": True, "hints": hints})


def filter_of(text: str) -> str:
    """A filter of the registry from what was typed: a filter, or words of a name.

    Raises:
        InvalidInput: it is meant as a filter and does not parse, or has too many words.
    """
    try:
        parse_clauses(text, REGISTERED_MODELS)
    except InvalidInput:
        if _GRAMMAR.search(text):
            raise
    else:
        return text
    words = text.split()
    if len(words) > _MOST_WORDS:
        raise InvalidInput(f"A search has at most {_MOST_WORDS} words.")
    return " AND ".join(f"name ILIKE {quoted(f'%{word}%')}" for word in words)


def _known(kind: str) -> str:
    if kind not in ("name", "tag"):
        raise InvalidInput(f"The kind must be one of name, tag, not {kind[:40]!r}.")
    return kind


def _hints(service: Service, clauses: Sequence[Clause]) -> list[str]:
    """What parses and still finds nothing."""
    found = []
    for clause in clauses:
        kind, key = clause.field.kind, clause.field.key
        if kind == "attribute" and key == "name" and clause.operator == "=":
            names = service.registry.model_names
            found.append(_missing("No model is called", str(clause.value), names))
        elif kind == "tag" and clause.operator != "IS NULL" and not excludes_prompts(clause):
            found.append(_missing("No model has the tag", key, service.registry.model_tag_keys))
    return list(dict.fromkeys(filter(None, found)))


def _missing(said: str, wanted: str, find: Callable[[str, int], list[str]]) -> str:
    """What to say of a name that there is not; nothing of one that there is."""
    if find(wanted, 1) == [wanted]:
        return ""
    return with_nearest(f"{said} {wanted[:200]!r}", wanted, find("", NEAR))
