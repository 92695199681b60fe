"""Searching runs: filters and orders become SQL that indexes serve.

Along the index of its order (see `run_phases`) a search reads no more runs than it takes to fill
the page. That is slow where few runs fit the filter, so before that the indexes of its clauses are
asked whether one of them names only a few runs; if so, these are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..entities import LifecycleStage, PagedList, ViewType
from ..filters import Clause, Order, parse_filter, parse_order
from ..views import Keys
from .narrow import FEW, among, few_left, plain_rows
from .paging import Place, after, check_max_results, check_place, read_token, write_token
from .run_filters import condition, matches
from .run_phases import Phase, phases
from .runs import RUN_COLUMNS
from .search_models import ModelSearch
from .tables import experiments, runs

_MANY = 20  # more parts than that are not searched each by its own stretch of an index

_STAGES = {
    ViewType.ACTIVE_ONLY: (LifecycleStage.ACTIVE,),
    ViewType.DELETED_ONLY: (LifecycleStage.DELETED,),
    ViewType.ALL: (LifecycleStage.ACTIVE, LifecycleStage.DELETED),
}


class RunSearch(ModelSearch):
    """The part of the store that finds runs."""

    def search_runs(
        self,
        experiment_ids: Sequence[str],
        filter_string: str = "",
        view: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> PagedList:
        return self._search(
            self._load_in_order,
            (experiment_ids, filter_string, view, max_results, order_by, page_token),
        )

    def search_run_ids(
        self,
        experiment_ids: Sequence[str],
        filter_string: str = "",
        view: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = 50_000,
        page_token: str | None = None,
    ) -> PagedList:
        return self._search(
            _ids_in_order, (experiment_ids, filter_string, view, max_results, (), page_token)
        )

    def _search(self, load: Callable[[Connection, list[int]], list[Any]], given: Any) -> PagedList:
        """One page of runs, by what is read of those that were found."""
        experiment_ids, filter_string, view, max_results, order_by, page_token = given
        check_max_results(max_results)
        clauses, orders = parse_filter(filter_string), parse_order(order_by)
        asked = ["runs", sorted(experiment_ids), filter_string, int(view), list(order_by)]
        start = read_token(page_token, asked)
        with self.database.read() as connection:
            search = _Search(connection, clauses, orders, self.own_root)
            rows = search.rows(_parts(experiment_ids, view), start, max_results + 1)
            found = load(connection, [row.id for _, row in rows[:max_results]])
        if len(rows) <= max_results:
            return PagedList(found, None)
        phase, last = rows[max_results - 1]
        return PagedList(found, write_token(Place(phase, list(last[1:])), asked))

    def _load_in_order(
        self, connection: Connection, keys: list[int], columns: Keys | None = None
    ) -> list[Any]:
        rows: dict[int, Any] = {}
        for some in (keys[i : i + FEW] for i in range(0, len(keys), FEW)):
            query = sa.select(*RUN_COLUMNS).join(experiments).where(runs.c.id.in_(some))
            rows |= {row.id: row for row in connection.execute(query)}
        return self.load_runs(connection, [rows[key] for key in keys], columns)

    def _count(
        self, experiment_ids: Sequence[str], filter_string: str, view: ViewType, most: int
    ) -> int:
        clauses = parse_filter(filter_string)
        with self.database.read() as connection:
            search = _Search(connection, clauses, [], self.own_root)
            return search.count(_parts(experiment_ids, view), most)


def _ids_in_order(connection: Connection, keys: list[int]) -> list[str]:
    ids: dict[int, str] = {}
    for some in (keys[i : i + FEW] for i in range(0, len(keys), FEW)):
        query = sa.select(runs.c.id, runs.c.run_id).where(runs.c.id.in_(some))
        ids |= dict(plain_rows(connection, query))
    return [ids[key] for key in keys]


@dataclass(frozen=True, slots=True)
class _Part:
    """Where to look: in experiments as a whole, or at a few runs of them."""

    experiments: tuple[int, ...]
    stages: tuple[str, ...]
    few: tuple[int, ...] | None = None

    def inside(self, experiment: Any) -> Any:
        """The condition that a column names one of the experiments."""
        return _is_one_of(experiment, self.experiments)

    def conditions(self, experiment: Any) -> list[Any]:
        """On a row of `runs`, or of what it is joined with."""
        at_stage = _is_one_of(runs.c.lifecycle_stage, self.stages)
        if self.few is None:
            return [at_stage, self.inside(experiment)]
        return [at_stage, among(runs.c.id, self.few)]


def _parts(experiment_ids: Sequence[str], view: ViewType) -> list[_Part]:
    keys = sorted({int(i) for i in experiment_ids if i.isdecimal() and len(i) < 19})
    stages = _STAGES[ViewType(view)]
    parts = [_Part((key,), (stage,)) for key in keys for stage in stages]
    return parts if len(parts) <= _MANY else [_Part(tuple(keys), stages)]


class _Search:
    """One search: what is asked, and how it is put to the database."""

    def __init__(
        self, connection: Connection, clauses: list[Clause], orders: list[Order], root: str
    ) -> None:
        self.connection = connection
        self.dialect = connection.dialect.name
        self.clauses = clauses
        self.root = root
        self.phases = phases(clauses, orders, self.condition, self.dialect)

    def condition(self, clause: Clause) -> Any:
        """On a row of `runs`."""
        return condition(clause, self.dialect, self.root)

    def rows(
        self, parts: list[_Part], start: Place | None, limit: int
    ) -> list[tuple[int, sa.Row[Any]]]:
        """So many rows of (id, sort keys …), each with the number of its phase."""
        parts = self._narrowed(parts)
        found: list[tuple[int, sa.Row[Any]]] = []
        for number, phase in enumerate(self.phases):
            if not parts or len(found) >= limit:
                break
            if start is not None and number < start.phase:
                continue
            conditions = []
            if start is not None and number == start.phase:
                check_place(start, phase.keys)
                conditions.append(after(phase.keys, start.values))
            queries = [_query(phase, part, conditions, limit - len(found)) for part in parts]
            query = queries[0] if len(queries) == 1 else _together(queries, phase, limit)
            # a statement with the keys of runs in it will not come again
            options = {"compiled_cache": None} if any(part.few for part in parts) else {}
            rows = self.connection.execute(query, execution_options=options)
            found += [(number, row) for row in rows]
        return found

    def count(self, parts: list[_Part], most: int) -> int:
        """How many runs there are, counted up to so many."""
        found = 0
        fit = [self.condition(clause) for clause in self.clauses]
        for part in self._narrowed(parts):
            some = sa.select(runs.c.id).where(*part.conditions(runs.c.experiment), *fit)
            some = some.limit(most - found)
            query = sa.select(sa.func.count()).select_from(some.subquery())
            options = {"compiled_cache": None} if part.few else {}
            found += self.connection.scalar(query, execution_options=options) or 0
        return found

    def _narrowed(self, parts: list[_Part]) -> list[_Part]:
        """Where runs may be found, as few of them as clauses leave."""
        if self.clauses:
            parts = [self._narrow(part) for part in parts]
        return [part for part in parts if part.few != ()]

    def _narrow(self, part: _Part) -> _Part:
        """The same part, or the few runs of it that clauses leave."""
        everything = sa.select(runs.c.id).where(*part.conditions(runs.c.experiment))
        queries = [everything]
        for clause in self.clauses:
            named = matches(clause, part.inside, self.dialect)
            if named is None and clause.field.kind == "attribute":
                named = everything.where(self.condition(clause))
            if named is not None:
                queries.append(named)
        # one clause may leave few; or several together, each of which leaves more
        few = few_left(self.connection, queries, together=len(queries) > 2)
        return part if few is None else replace(part, few=few)


def _is_one_of(column: Any, values: tuple[Any, ...]) -> Any:
    return column == values[0] if len(values) == 1 else column.in_(values)


def _query(phase: Phase, part: _Part, conditions: list[Any], limit: int) -> Any:
    labelled = [key.column.label(f"s{i}") for i, key in enumerate(phase.keys)]
    return (
        sa.select(runs.c.id, *labelled)
        .select_from(phase.source)
        .where(*part.conditions(phase.experiment), *phase.conditions, *conditions)
        .order_by(*(key.order for key in phase.keys))
        .limit(limit)
    )


def _together(queries: list[Any], phase: Phase, limit: int) -> Any:
    """The first of all that these queries find."""
    united = sa.union_all(*(sa.select(query.subquery()) for query in queries)).subquery()
    columns = [(united.c[f"s{i}"], key.ascending) for i, key in enumerate(phase.keys)]
    orders = [column.asc() if ascending else column.desc() for column, ascending in columns]
    return sa.select(united).order_by(*orders).limit(limit)
