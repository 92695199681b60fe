"""Runs as a file, all that a table's filter finds: CSV for spreadsheets, JSON for programs."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import orjson
from flask import Blueprint, Response, request

from ...errors import InvalidInput
from ...tracking.entities import PagedList, Run, ViewType
from ...tracking.filters import parse_order
from ...tracking.views import Keys
from ..dispositions import disposition
from ..service import Service
from .part import asked, data_answer, listed
from .runs_columns import column, keys_of
from .runs_view import View, from_address
from .spreadsheets import Lines, harmless

_PAGE = 1000  # runs that are in memory, of few columns
_CELLS = 100_000  # as many cells of a wide table
_MOST_KEYS = 2000  # of each kind, where all are asked for
_MOST_RUNS = 1000  # of a selection
_MOST_BODY = 1024 * 1024
_INFO = ("run_id", "run_name", "experiment_id", "status", "stage", "user_id")
_TIMES = ("start_time", "end_time")
_KINDS = (("metrics", "metric"), ("params", "param"), ("tags", "tag"))


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``/ui/export.csv`` and ``/ui/export.json``

    They take what a table of runs takes (``filter``, ``order_by``, ``stage``, ``column``), and
    ``experiments``; without a column all keys are exported. A selection is posted as a form's
    ``runs``, with commas between. ``check=1`` answers how many runs there are, or what is wrong.

    In CSV a text that a spreadsheet would take for a formula gets a ``'`` before it, unless it is
    a number. NaN and infinities are ``nan``, ``inf``, ``-inf`` there, and null in JSON. Times are
    ISO 8601 in UTC, durations seconds.
    """

    @data.route("/export.csv", methods=["GET", "POST"])
    def export_csv() -> Response:
        view = _asked_view()
        keys = _chosen_keys(view) or _all_keys(service, view)
        if asked("check"):
            return _checked(service, view)
        return _answer(service, view, keys, lambda runs: _csv(keys, runs), "csv")

    @data.route("/export.json", methods=["GET", "POST"])
    def export_json() -> Response:
        view = _asked_view()
        keys = _chosen_keys(view)
        if asked("check"):
            return _checked(service, view)
        return _answer(service, view, keys, _json, "json")


def _asked_view() -> View:
    """What is exported; a selection is the table's with its runs' ids as the filter."""
    if (request.content_length or 0) > _MOST_BODY:
        raise InvalidInput(f"At most {_MOST_RUNS} runs can be selected for an export.")
    view = from_address(asked("experiments")).but(group="")
    chosen = listed(request.values.get("runs", ""))
    if not chosen:
        return view
    if len(chosen) > _MOST_RUNS or not all(each.isalnum() for each in chosen):
        raise InvalidInput(f"runs must be ids of at most {_MOST_RUNS} runs, with commas between.")
    ids = ", ".join(f"'{each}'" for each in chosen)
    return view.but(filter=f"attributes.run_id IN ({ids})", stage="all")


def _chosen_keys(view: View) -> Keys | None:
    return keys_of(column(name) for name in view.columns) if view.columns else None


def _all_keys(service: Service, view: View) -> Keys:
    """The header comes first, so all keys have to be known before the first run is read."""
    found = []
    for plural, kind in _KINDS:
        keys = service.store.key_names(view.experiments, kind, "", _MOST_KEYS + 1)
        if len(keys) > _MOST_KEYS:
            raise InvalidInput(
                f"These runs have over {_MOST_KEYS:,} different {plural}, more columns than a "
                "spreadsheet is made for. Choose the columns, or export JSON."
            )
        found.append(tuple(keys))
    return Keys(*found)


def _checked(service: Service, view: View) -> Response:
    parse_order(view.orders)
    most = 100_000
    count = service.store.count_runs(view.experiments, view.filter, view.view_type, most)
    return data_answer({"runs": count, "or_more": count >= most})


def _answer(
    service: Service,
    view: View,
    keys: Keys | None,
    write: Callable[[Iterator[Run]], Iterator[bytes]],
    kind: str,
) -> Response:
    pages = _pages(service, view, keys)
    first = next(pages)  # what is wrong is an answer, while there is none yet
    name = service.store.get_experiment(view.experiments[0]).name

    def runs() -> Iterator[Run]:
        yield from first
        for page in pages:
            yield from page

    types = {"csv": "text/csv; charset=utf-8; header=present", "json": "application/json"}
    response = Response(_joined(write(runs())), content_type=types[kind])
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Disposition"] = disposition("attachment", file_name(name, kind))
    return response


def file_name(experiment: str, kind: str) -> str:
    """A name that every system takes for a file."""
    plain = re.sub(r"[^\w.-]+", "-", experiment).strip("-.")[:80]
    return f"{plain}-runs.{kind}" if plain else f"runs.{kind}"


def _pages(service: Service, view: View, keys: Keys | None) -> Iterator[PagedList]:
    """All runs; each page is a question of its own, so that no transaction waits for a client."""
    store, token = service.store, None
    view_type = ViewType(view.view_type)
    if keys is None:
        size = _PAGE // 5
    else:
        width = sum(map(len, (keys.metrics, keys.params, keys.tags)))
        size = max(20, min(_PAGE, _CELLS // (width + 1)))
    while True:
        given = (view.filter, view_type, size, view.orders, token)
        if keys is None:
            page = store.search_runs(view.experiments, *given)
        else:
            page = store.run_table(view.experiments, keys, *given)
        yield page
        token = page.token
        if token is None:
            return


def _joined(parts: Iterable[bytes], size: int = 64 * 1024) -> Iterator[bytes]:
    """Small parts as fewer larger ones."""
    held: list[bytes] = []
    length = 0
    for part in parts:
        held.append(part)
        length += len(part)
        if length >= size:
            yield b"".join(held)
            held, length = [], 0
    yield b"".join(held)


def _csv(keys: Keys, runs: Iterator[Run]) -> Iterator[bytes]:
    lines = Lines()
    named = [f"{plural}.{key}" for plural, _ in _KINDS for key in getattr(keys, plural)]
    lines.write([*_INFO, *_TIMES, "duration", *map(harmless, named)])
    yield lines.take()
    for run in runs:
        facts = _facts(run)
        cells: list[Any] = [harmless(facts[name] or "") for name in (*_INFO, *_TIMES)]
        cells.append(facts["duration"])
        cells += [_figure(run.data.metrics.get(key)) for key in keys.metrics]
        cells += _texts(run.data.params, keys.params)
        cells += _texts(run.data.tags, keys.tags)
        lines.write(cells)
        yield lines.take()


def _texts(values: dict[str, str], keys: Sequence[str]) -> Iterator[str]:
    return (harmless(values.get(key, "")) for key in keys)


def _figure(value: float | None) -> str:
    return "" if value is None else repr(value)


def _json(runs: Iterator[Run]) -> Iterator[bytes]:
    between = b"[\n"
    for run in runs:
        whole = _facts(run)
        whole |= {plural: getattr(run.data, plural) for plural, _ in _KINDS}
        yield between + orjson.dumps(whole)  # NaN and infinities become null
        between = b",\n"
    yield b"\n]\n" if between != b"[\n" else b"[]\n"


def _facts(run: Run) -> dict[str, Any]:
    info = run.info
    return {
        "run_id": info.run_id,
        "run_name": info.run_name,
        "experiment_id": info.experiment_id,
        "status": info.status,
        "stage": info.lifecycle_stage,
        "user_id": info.user_id,
        "start_time": _iso(info.start_time),
        "end_time": _iso(info.end_time),
        "duration": None if info.end_time is None else (info.end_time - info.start_time) / 1000,
    }


def _iso(milliseconds: int | None) -> str | None:
    if milliseconds is None:
        return None
    try:
        found = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)
    except (OverflowError, ValueError, OSError):  # a client may log any number
        return str(milliseconds)
    return found.isoformat(timespec="milliseconds").replace("+00:00", "Z")
