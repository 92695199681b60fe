"""The columns of a table of runs: their names, which ones suit, and what stands in their cells.

A column's name is ``status``, ``start_time``, … or a kind and a key: ``metrics.auc``. The key is
all that comes after the first dot, so it may be any text.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ...errors import InvalidInput
from ...tracking.entities import Run, RunStatus, Tags
from ...tracking.filters import Field, Order, parse_filter
from ...tracking.views import Keys
from .runs_view import View, order_text
from .secrets_in_addresses import redacted
from .words import SYSTEM, ago, duration, figure, natural

# name: heading, what sorts by it, what its cells are called in styles, width
_FIXED: dict[str, tuple[str, Field | None, str, int]] = {
    "name": ("Run", Field("attribute", "run_name"), "", 230),
    "experiment": ("Experiment", None, "", 170),
    "status": ("Status", Field("attribute", "status"), "", 124),
    "start_time": ("Started", Field("attribute", "start_time", True), "q", 110),
    "duration": ("Duration", None, "q n", 116),
    "user": ("User", Field("attribute", "user_id"), "q", 110),
    "source": ("Source", Field("tag", Tags.SOURCE_NAME), "q", 130),
    "run_id": ("Run id", Field("attribute", "run_id"), "q", 130),
}
_NEWEST_FIRST = Order(Field("attribute", "start_time"), ascending=False)
_KINDS = {"metrics": "metric", "params": "param", "tags": "tag"}
_USUAL = ("status", "start_time", "duration", "source")
_MOST_USUAL = 8  # metrics, and params, that are shown where nobody chose
LOOKED_AT = 60  # keys of each kind among which these are chosen
_CUT = 120  # characters of a cell
_CUT_TITLE = 1500
FLAT = (Tags.PARENT, Tags.SOURCE_NAME)  # tags that every table reads


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: in addresses.
        heading: for people.
        kind: "metric", "param", "tag", or "" for what every run has.
        key: of the metric, param or tag.
        looks: classes of its cells.
        width: in pixels, where nobody chose.
        field: what sorts by it; None where nothing does.
    """

    name: str
    heading: str
    kind: str
    key: str
    looks: str
    width: int
    field: Field | None


@dataclass(frozen=True)
class Heading:
    """A column's head.

    Attributes:
        column: below it.
        sorted: how the runs are sorted by it now: "ascending", "descending" or "".
        address: what sorts them otherwise; None where nothing does.
        order: what an order names it by.
    """

    column: Column
    sorted: str
    address: str | None
    order: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """What a cell shows: cut if it is long, with more of it to point at."""

    text: Any
    looks: str = ""
    title: str = ""


def column(name: str) -> Column:
    """The column of a name.

    Raises:
        InvalidInput: there is none.
    """
    if name in _FIXED:
        heading, field, looks, width = _FIXED[name]
        return Column(name, heading, "", name, looks, width, field)
    plural, _, key = name.partition(".")
    kind = _KINDS.get(plural)
    if kind is None or not key:
        raise InvalidInput(
            f"There is no column {name[:80]!r}: columns are {', '.join(_FIXED)}, and "
            "metrics.<key>, params.<key>, tags.<key>."
        )
    width = min(max(len(key) * 8 + 36, 112 if kind == "metric" else 84), 180)
    return Column(name, key, kind, key, "n" if kind == "metric" else "", width, Field(kind, key))


def keys_of(columns: Iterable[Column], *, more: Iterable[str] = ()) -> Keys:
    """What is to be read for columns, and more tags."""
    of_kind: dict[str, list[str]] = {"metric": [], "param": [], "tag": [*more]}
    for each in columns:
        if each.kind:
            of_kind[each.kind].append(each.key)
    return Keys(*(tuple(dict.fromkeys(of_kind[kind])) for kind in ("metric", "param", "tag")))


def usual(view: View, newest: Sequence[Run]) -> list[str]:
    """The columns of a table that nobody chose columns for.

    Args:
        view: several experiments are told apart; what is filtered or sorted by is shown.
        newest: runs with values of the keys to choose from.
    """
    names = [*(["experiment"] if len(view.experiments) > 1 else []), *_USUAL]
    names += [f"metrics.{key}" for key in _metrics(newest)]
    names += [f"params.{key}" for key in _params(newest)]
    return list(dict.fromkeys([*names, *_asked_for(view)]))


def headings(view: View, columns: Iterable[Column]) -> list[Heading]:
    """Heads of columns. Metrics begin with the greatest, texts with the first."""
    order = view.order() or _NEWEST_FIRST
    found = []
    for each in columns:
        field, is_sorted, address = each.field, "", None
        if field is not None:
            numbers = each.kind == "metric" or field.is_numeric
            steps = [order_text(field, not numbers), order_text(field, numbers), ""]
            if order.field == field:
                is_sorted = "ascending" if order.ascending else "descending"
                following = steps[2 if order.ascending == numbers else 1]
            else:
                following = steps[0]
            if following is not None:
                address = view.but(order_by=following).address
        order_by = order_text(field, True) if field else None
        found.append(Heading(each, is_sorted, address, (order_by or "").removesuffix(" ASC")))
    return found


def cells(run: Run, columns: Iterable[Column], experiments: dict[str, str]) -> list[Cell]:
    """The cells of a run."""
    return [_cell(run, column, experiments) for column in columns]


def _cell(run: Run, column: Column, experiments: dict[str, str]) -> Cell:
    if column.kind == "metric":
        value = run.data.metrics.get(column.key)
        if value is None:
            return Cell("", "n")
        text, exact = figure(value), repr(value)
        return Cell(text, "n", "" if exact in (text, f"{text}.0") else exact)
    if column.kind:
        values = run.data.params if column.kind == "param" else run.data.tags
        return _text(values.get(column.key, ""), column.looks)
    info = run.info
    if column.name == "status":
        state = info.status.lower()
        if info.lifecycle_stage == "deleted":
            state = "deleted"
        return Cell(Markup('<span class="status {0}">{0}</span>').format(state))
    if column.name == "start_time":
        return Cell(ago(info.start_time), "q")
    if column.name == "duration":
        return Cell(_lasted(run), "q n")
    if column.name == "experiment":
        return _text(experiments.get(info.experiment_id, info.experiment_id))
    if column.name == "source":
        source = redacted(run.data.tags.get(Tags.SOURCE_NAME))
        name = source.rstrip("/").rpartition("/")[2]
        return Cell(name[:_CUT], "q", source[:_CUT_TITLE] if source != name[:_CUT] else "")
    return _text({"user": info.user_id, "run_id": info.run_id}[column.name], column.looks)


def _text(text: str, looks: str = "") -> Cell:
    is_cut = len(text) > 14  # narrower ones fit into any column that can be read
    return Cell(text[:_CUT], looks, text[:_CUT_TITLE] if is_cut else "")


def _lasted(run: Run) -> str:
    end = run.info.end_time
    if end is None and run.info.status == RunStatus.RUNNING:
        end = int(time.time() * 1000)
    return "–" if end is None else duration(end - run.info.start_time)


def _metrics(runs: Sequence[Run]) -> list[str]:
    """Those that most runs have; the machine's own come last."""
    counts: dict[str, int] = {}
    for run in runs:
        for key in run.data.metrics:
            counts[key] = counts.get(key, 0) + 1
    order = sorted(counts, key=lambda key: (key.startswith(SYSTEM), -counts[key], natural(key)))
    return sorted((key for key in order[:_MOST_USUAL] if not key.startswith(SYSTEM)), key=natural)


def _params(runs: Sequence[Run]) -> list[str]:
    """Those that differ between runs first; what is the same everywhere tells little."""
    values: dict[str, set[str]] = {}
    counts: dict[str, int] = {}
    for run in runs:
        for key, value in run.data.params.items():
            values.setdefault(key, set()).add(value)
            counts[key] = counts.get(key, 0) + 1
    order = sorted(values, key=lambda key: (len(values[key]) == 1, -counts[key], natural(key)))
    return order[:_MOST_USUAL]


def _asked_for(view: View) -> list[str]:
    """Columns of what is filtered and sorted by."""
    order = view.order()
    fields = [order.field] if order else []
    with suppress(InvalidInput):  # it is told where the filter is used
        fields += [clause.field for clause in parse_filter(view.filter)]
    kinds = {"metric": "metrics", "param": "params", "tag": "tags"}
    hidden = {Tags.SOURCE_NAME, Tags.PARENT, Tags.RUN_NAME}
    return [
        f"{kinds[field.kind]}.{field.key}"
        for field in fields
        if field.kind in kinds and field.key and field.key not in hidden
    ]
