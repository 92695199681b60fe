"""What the filter's box and the columns' dialog ask while somebody types."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, request

from ...errors import InvalidInput, InvalidQuery
from ...tracking.entities import RunStatus
from ...tracking.filters import Clause, parse_filter, parse_order
from ..service import Service
from .part import asked, asked_number, data_answer, listed

KINDS = ("metric", "param", "tag")
_MOST_EXPERIMENTS = 200
_MOST_WORDS = 250  # no key is longer
_MOST_TEXT = 20_000  # of a filter
_MOST_HINTS = 5
NEAR = 5000  # so many names are compared with one that is not there


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``/ui/names``, ``/ui/values``, ``/ui/filter``"""

    @data.get("/names")
    def key_names() -> Response:
        """Keys that runs have: ``{"names": {"metric": […], …}}``, of one kind or of each."""
        experiments, words = asked_experiments(), asked_words()
        limit = asked_number("limit", 20, 1, 200)
        kind = asked("kind")
        found = {
            each: service.store.key_names(experiments, each, words, limit)
            for each in ([kind] if kind else KINDS)
        }
        return data_answer({"names": found})

    @data.get("/values")
    def key_values() -> Response:
        """Values of a param or tag, to complete: ``{"values": […]}``."""
        limit = asked_number("limit", 20, 1, 200)
        kind, key = asked("kind"), asked("key")
        found = service.store.key_values(asked_experiments(), kind, key, asked_words(), limit)
        return data_answer({"values": found})

    @data.get("/filter")
    def check_filter() -> Response:
        """Whether a filter and an order parse.

        ``{"ok": true, "hints": […]}``; or ``message``, the reason alone (``short``), and where the
        wrong word starts and stops, in characters as scripts count them.
        """
        text = asked_filter()
        try:
            clauses = parse_filter(text)
        except InvalidInput as error:
            return data_answer(where(error, text))
        try:
            parse_order(request.args.getlist("order_by"))
        except InvalidInput as error:
            return data_answer({**where(error, ""), "in": "order_by"})
        experiments = asked_experiments() if asked("hints") else []
        return data_answer({"ok": True, "hints": _hints(service, experiments, clauses)})


def asked_experiments() -> list[str]:
    """The experiments in the query: ``experiments=1&experiments=2``, or ``experiments=1,2``.

    Raises:
        InvalidInput: there are too many.
    """
    found = listed(",".join(request.args.getlist("experiments")))
    if len(found) > _MOST_EXPERIMENTS:
        raise InvalidInput(f"At most {_MOST_EXPERIMENTS} experiments at once, not {len(found)}.")
    return found


def asked_words() -> str:
    """What names or values are to hold."""
    return asked("words").replace("\0", "")[:_MOST_WORDS]


def asked_filter() -> str:
    """The filter that is to be checked.

    Raises:
        InvalidInput: it is too long.
    """
    text = asked("text")
    if len(text) > _MOST_TEXT:
        raise InvalidInput(f"A filter of over {_MOST_TEXT} characters is not completed.")
    return text


def where(error: InvalidInput, text: str) -> dict[str, Any]:
    """An error's place in UTF-16 units, which is how scripts count characters."""
    reason, start, stop = error.message, 0, len(text)
    if isinstance(error, InvalidQuery):
        reason, start, stop = error.reason, error.start, error.stop
    short = reason[:1].upper() + reason[1:]
    units = [len(text[:at].encode("utf-16-le", "surrogatepass")) // 2 for at in (start, stop)]
    return {
        "message": error.message,
        "short": short if short.endswith((".", "?")) else f"{short}.",
        "start": units[0],
        "stop": units[1],
    }


def _hints(service: Service, experiments: Sequence[str], clauses: Sequence[Clause]) -> list[str]:
    """What parses and still finds nothing."""
    found = []
    for clause in clauses if experiments else ():
        kind, key = clause.field.kind, clause.field.key
        if kind == "attribute" and key == "status" and clause.operator in ("=", "IN"):
            values = clause.value if isinstance(clause.value, tuple) else (str(clause.value),)
            wrong = [value for value in values if value not in set(RunStatus)]
            if wrong:
                found.append(f"No run has the status {wrong[0]!r}; it is one of {_STATUSES}.")
        elif (
            kind in KINDS
            and clause.operator != "IS NULL"
            and not _has(service, experiments, kind, key)
        ):
            found.append(_missing(service, experiments, kind, key))
    return list(dict.fromkeys(found))[:_MOST_HINTS]


_STATUSES = ", ".join(RunStatus)


def _has(service: Service, experiments: Sequence[str], kind: str, key: str) -> bool:
    return service.store.key_names(experiments, kind, key, 1) == [key]


def _missing(service: Service, experiments: Sequence[str], kind: str, key: str) -> str:
    said = f"No run here has the {kind} {key!r}"
    for other in KINDS:
        if other != kind and _has(service, experiments, other, key):
            return f"{said}; there is a {other} of that name: {other}s.{key}."
    return with_nearest(said, key, service.store.key_names(experiments, kind, "", NEAR))


def with_nearest(said: str, key: str, names: Sequence[str]) -> str:
    """What was said of a key that is not there, as a sentence, with what may have been meant."""
    near = _nearest(key, names)
    return f"{said}; did you mean {near!r}?" if near else f"{said}."


def _nearest(key: str, names: Sequence[str]) -> str | None:
    """The one that a slip of the finger would make of it."""
    plain = {name.casefold(): name for name in names if abs(len(name) - len(key)) <= 3}
    near = difflib.get_close_matches(key.casefold(), plain, n=1, cutoff=0.7)
    return plain[near[0]] if near else None
