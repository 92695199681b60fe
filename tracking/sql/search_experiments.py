"""Searching experiments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ..entities import PagedList, ViewType
from ..filters import EXPERIMENTS, Clause, Field, parse_filter, parse_order
from .conditions import compare, with_key
from .experiments import Experiments, in_view
from .paging import (
    SortKey,
    check_max_results,
    missing_last,
    read_token,
    sorted_page,
    write_token,
)
from .tables import experiment_tags, experiments


class ExperimentSearch(Experiments):
    """The part of the store that finds experiments."""

    def search_experiments(
        self,
        view: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        filter_string: str = "",
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> PagedList:
        check_max_results(max_results)
        clauses = parse_filter(filter_string, EXPERIMENTS)
        orders = parse_order(order_by, EXPERIMENTS)
        asked = ["experiments", int(view), filter_string, list(order_by)]
        start = read_token(page_token, asked)

        query = in_view(sa.select(experiments), experiments.c.lifecycle_stage, ViewType(view))
        keys: list[SortKey] = []
        for order in orders:
            more, query = _sort_keys(query, order.field, order.ascending)
            keys += more
        if not orders:
            keys.append(SortKey(experiments.c.creation_time, False, int))
        keys.append(SortKey(experiments.c.id, False, int))
        with self.database.read() as connection:
            dialect = connection.dialect.name
            query = query.where(*(_condition(clause, dialect) for clause in clauses))
            rows, place = sorted_page(connection, query, keys, start, max_results)
            found = self._experiments(connection, rows)
        return PagedList(found, write_token(place, asked) if place else None)


def _condition(clause: Clause, dialect: str) -> Any:
    if clause.field.kind == "tag":
        return with_key(experiment_tags, experiments.c.id, clause, dialect)
    if clause.field.key == "experiment_id":  # a number inside, a text outside
        return compare(sa.cast(experiments.c.id, sa.String(20)), clause, dialect)
    return compare(experiments.c[clause.field.key], clause, dialect)


def _sort_keys(query: Any, field: Field, ascending: bool) -> tuple[list[SortKey], Any]:
    if field.kind == "tag":
        table = experiment_tags.alias()
        same = (table.c.experiment == experiments.c.id) & (table.c.key == field.key)
        return missing_last(table.c.value, ascending, str), query.outerjoin(table, same)
    if field.key == "experiment_id":
        return [SortKey(experiments.c.id, ascending, int)], query
    kind = int if field.is_numeric else str
    return [SortKey(experiments.c[field.key], ascending, kind)], query
