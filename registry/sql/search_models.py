"""Searching registered models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ...tracking.entities import PagedList
from ...tracking.filters import Clause
from ...tracking.sql.conditions import compare, start_fits, with_key
from ...tracking.sql.paging import SortKey, check_max_results, read_token, write_token
from ...tracking.sql.registry_tables import registered_model_tags, registered_models
from ...tracking.sql.tables import START
from ..filters import (
    MODEL_ORDERS,
    REGISTERED_MODELS,
    excludes_prompts,
    parse_clauses,
    parse_orders,
)
from .aliases import Aliases
from .rows import read_models
from .walk import Course, Walk

_MOST = 1000  # of a page
_COLUMNS: dict[str, Any] = {
    "name": registered_models.c.name,
    "creation_timestamp": registered_models.c.creation_time,
    "last_updated_timestamp": registered_models.c.last_update_time,
}
_NAME = SortKey(registered_models.c.name, True, str)


class ModelSearch(Aliases):
    """The part of the registry that finds registered models."""

    def search_registered_models(
        self,
        filter_string: str = "",
        max_results: int = 100,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> PagedList:
        check_max_results(max_results, _MOST)
        clauses = parse_clauses(filter_string, REGISTERED_MODELS)
        orders = parse_orders(order_by, REGISTERED_MODELS, MODEL_ORDERS)
        asked = ["registered models", filter_string or "", list(order_by)]
        start = read_token(page_token, asked)

        table = registered_models
        keys = [
            SortKey(
                _COLUMNS[order.field.key], order.ascending, int if order.field.is_numeric else str
            )
            for order in orders
        ]
        if all(key.column is not _NAME.column for key in keys):
            keys.append(_NAME)
        course = Course(table, table.c.id, keys, [], is_unique=keys[0].column is _NAME.column)
        with self.database.read() as connection:
            dialect = connection.dialect.name
            conditions = [_condition(clause, dialect) for clause in clauses]
            probes = [(clause, _probe(clause, dialect)) for clause in clauses]
            walk = Walk(connection, course, conditions, *sorted_probes(probes))
            found, place = walk.page(start, max_results)
            rows = {
                row.id: row
                for row in connection.execute(sa.select(table).where(table.c.id.in_(found)))
            }
            models = read_models(connection, [rows[key] for key in found])
        return PagedList(models, write_token(place, asked) if place else None)


def _condition(clause: Clause, dialect: str) -> Any:
    if clause.field.kind == "attribute":
        return compare(_COLUMNS[clause.field.key], clause, dialect)
    return tag_condition(registered_model_tags, registered_models.c.id, clause, dialect)


def _probe(clause: Clause, dialect: str) -> Any | None:
    """The inner keys of all models that fit a clause; None where no index has them."""
    if clause.field.kind == "attribute":
        if clause.operator in ("!=", "NOT IN"):
            return None
        return sa.select(registered_models.c.id).where(_condition(clause, dialect))
    return tag_probe(registered_model_tags, clause, dialect)


def sorted_probes(probes: Sequence[tuple[Clause, Any | None]]) -> tuple[list[Any], list[Any]]:
    """Those that find together what fits a clause, and those that read an index through."""
    there = [(clause, probe) for clause, probe in probes if probe is not None]
    through = ("LIKE", "ILIKE", "!=")
    return (
        [probe for clause, probe in there if clause.operator not in through],
        [probe for clause, probe in there if clause.operator in through],
    )


def tag_condition(table: sa.Table, owner: Any, clause: Clause, dialect: str) -> Any:
    """The condition that the owner's tag fits a clause."""
    if excludes_prompts(clause):
        same = sa.and_(table.columns[0] == owner, table.c.key == clause.field.key)
        return ~sa.exists().where(same, table.c.value == "true")
    return with_key(table, owner, clause, dialect)


def tag_probe(table: sa.Table, clause: Clause, dialect: str) -> Any | None:
    """The owners of all tags that fit a clause, and perhaps of others; None without an index."""
    if excludes_prompts(clause) or clause.operator in ("IS NULL", "NOT IN"):
        return None
    query = sa.select(table.columns[0]).where(table.c.key == clause.field.key)
    if clause.operator == "IS NOT NULL":
        return query
    if clause.operator == "!=":  # what lies before and behind it in the index
        start = str(clause.value)[:START]
        sides = [query.where(table.c.start < start), query.where(table.c.start > start)]
        if len(start) == START:
            sides.append(query.where(table.c.start == start))
        return sa.union_all(*sides)
    return query.where(start_fits(table, clause, dialect))
