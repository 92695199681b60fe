"""Reading a page of a table of runs, ready to be drawn."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...tracking.entities import Experiment, Run, Tags, ViewType
from ...tracking.filters import quoted
from ...tracking.views import Keys
from ..service import Service
from .run_frame import is_live
from .runs_columns import FLAT, LOOKED_AT, Cell, Column, cells, column, keys_of, usual
from .runs_view import View
from .words import SYSTEM, natural

if TYPE_CHECKING:
    from ...tracking.entities import PagedList

PAGE = 50  # runs: twice what a screen holds; more would only be drawn later
_LOOKED_AT = 30  # runs whose keys columns are chosen from
_ID = re.compile(r"[\w.-]{1,64}")  # a parent is named by a tag, which may say anything
_DAY = 86_400_000


@dataclass(frozen=True, slots=True)
class Row:
    """One run.

    Attributes:
        run: it.
        cells: in the order of the columns.
        is_live: it may change by itself.
        parent: name or id of the run that it belongs to, where that is not shown above it.
        children: how many runs belong to it, where they are shown below it.
    """

    run: Run
    cells: list[Cell]
    is_live: bool
    parent: str = ""
    children: int = 0

    @property
    def name(self) -> str:
        return self.run.info.run_name or self.run.info.run_id


@dataclass(frozen=True)
class Table:
    """What a page of a table shows.

    Attributes:
        rows: of this page.
        next: the token of the page after it; "" at the end.
    """

    rows: list[Row] = field(default_factory=list)
    next: str = ""


def page(
    service: Service,
    view: View,
    columns: Sequence[Column],
    experiments: Sequence[Experiment],
    parent: str = "",
) -> Table:
    """One page of the runs of a view.

    Args:
        service: with the store.
        view: which runs, and in which order.
        columns: to read.
        experiments: of the view.
        parent: the runs that belong to this one instead.

    Raises:
        InvalidInput: the filter, the order, the token or the parent is wrong.
    """
    wanted = keys_of(columns, more=FLAT)
    found = service.store.run_table(
        view.experiments,
        wanted,
        f"tags.`{Tags.PARENT}` = {quoted(parent)}" if parent else view.whole_filter,
        view.view_type,
        PAGE,
        view.orders,
        view.page_token or None,
    )
    return _table(service, view, found, columns, experiments)


def by_id(
    service: Service,
    view: View,
    run_ids: Sequence[str],
    columns: Sequence[Column],
    experiments: Sequence[Experiment],
) -> Table:
    """Some runs as they are now, deleted or not."""
    ids = [run_id for run_id in run_ids if _ID.fullmatch(run_id)]
    if not ids:
        return Table()
    found = service.store.run_table(
        view.experiments,
        keys_of(columns, more=FLAT),
        f"run_id IN ({', '.join(map(quoted, ids))})",
        ViewType.ALL,
        len(ids),
    )
    return _table(service, view, found, columns, experiments)


def columns_of(service: Service, view: View) -> tuple[list[Column], int]:
    """The columns of a view, and when the newest run among all of its experiments began.

    Raises:
        InvalidInput: a column's name is wrong.
    """
    store, places = service.store, view.experiments
    newest = store.run_table(places, Keys(), view=view.view_type, max_results=_LOOKED_AT)
    now = int(time.time() * 1000)
    # clients may log any number; what is not today's or before is nothing to go by
    since = max((t for run in newest if (t := run.info.start_time) <= now + _DAY), default=0)
    if view.columns:
        return [column(name) for name in view.columns], since
    ids = [run.info.run_id for run in newest]
    keys = store.keys_of_runs(ids) if ids else Keys()
    shown = Keys(_first(keys.metrics), _first(keys.params))
    newest = store.run_table(places, shown, view=view.view_type, max_results=_LOOKED_AT)
    return [column(name) for name in usual(view, newest)], since


def _first(keys: Sequence[str]) -> tuple[str, ...]:
    """Keys to choose columns from; the machine's own are none."""
    own = (key for key in keys if not key.startswith(SYSTEM))
    return tuple(sorted(own, key=natural)[:LOOKED_AT])


def count_new(service: Service, view: View, since: int, most: int = 100) -> int:
    """How many runs of a view began after a moment; ``most`` stands for that many or more."""
    until = int(time.time() * 1000) + _DAY
    began = view.and_also(f"start_time > {since} AND start_time <= {until}")
    return service.store.count_runs(view.experiments, began, view.view_type, most)


def _table(
    service: Service,
    view: View,
    found: PagedList,
    columns: Sequence[Column],
    experiments: Sequence[Experiment],
) -> Table:
    names = {each.experiment_id: each.name for each in experiments}
    if view.is_tree:
        parents: dict[str, str] = {}
        below = service.store.count_children([run.info.run_id for run in found])
    else:
        parents, below = _parents(service, view, found), {}
    rows = []
    for run in found:
        parent, run_id = run.data.tags.get(Tags.PARENT, ""), run.info.run_id
        rows.append(
            Row(
                run,
                cells(run, columns, names),
                is_live(run),
                parents.get(parent, ""),
                below.get(run_id, 0),
            )
        )
    return Table(rows, found.token or "")


def _parents(service: Service, view: View, runs: Sequence[Run]) -> dict[str, str]:
    """Names of the runs that some belong to, by id."""
    ids = {run.data.tags[Tags.PARENT] for run in runs if Tags.PARENT in run.data.tags}
    wanted = sorted(run_id for run_id in ids if _ID.fullmatch(run_id))
    if not wanted:
        return {}
    listed = ", ".join(map(quoted, wanted))
    found = service.store.run_table(
        view.experiments, Keys(), f"run_id IN ({listed})", ViewType.ALL, len(wanted)
    )
    return {run.info.run_id: run.info.run_name or run.info.run_id for run in found}
