"""How runs are sorted: in phases, each of which an index can serve.

When runs are sorted by a metric, a param, a tag or their end, an index holds its values in order.
The first phase walks along it; the next ones find the runs with NaN, and those without the value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..filters import Clause, Order
from .conditions import compare_row
from .paging import SortKey, missing_last
from .run_filters import TABLES
from .tables import runs

_START = SortKey(runs.c.start_time, False, int)
_ID = SortKey(runs.c.id, False, int)


@dataclass(frozen=True, slots=True)
class Phase:
    """One query.

    Attributes:
        source: tables to select from; `runs` is among them.
        experiment: the column that says where to look, of the table whose index is to serve.
        keys: the order, whole.
        conditions: what makes the phase, and the clauses of the filter.
    """

    source: Any
    experiment: Any
    keys: list[SortKey]
    conditions: list[Any]


def phases(
    clauses: Sequence[Clause],
    orders: Sequence[Order],
    condition: Callable[[Clause], Any],
    dialect: str,
) -> list[Phase]:
    """The queries that find runs in an order, one after the other.

    Args:
        clauses: of the filter.
        orders: of the search; then the newest come first.
        condition: makes a condition on a row of `runs` from a clause.
        dialect: of the database.
    """
    if not orders or orders[0].field.kind == "attribute":
        fit = [condition(clause) for clause in clauses]
        if not orders or orders[0].field.key != "end_time":
            return [_phase(runs, runs, orders, [], fit)]
        end, goes_on = runs.c.end_time, runs.c.end_time.is_(None)
        keys = [SortKey(end, orders[0].ascending, int)]
        return [
            _phase(runs, runs, orders[1:], keys, [~goes_on, *fit]),
            _phase(runs, runs, orders[1:], [], [goes_on, *fit]),
        ]
    first, rest = orders[0], orders[1:]
    table = TABLES[first.field.kind].alias()
    joined = table.join(runs, runs.c.id == table.c.run)
    # clauses on the very value that sorts bound the walk
    own = [c for c in clauses if c.field == first.field and c.operator != "IS NULL"]
    others = [condition(clause) for clause in clauses if clause not in own]
    there = [table.c.key == first.field.key, *(compare_row(table, c, dialect) for c in own)]
    is_nan = table.c.value.is_(None)
    found = [_phase(joined, table, rest, _value_keys(table, first), [*there, ~is_nan, *others])]
    if first.field.kind == "metric":
        found.append(_phase(joined, table, rest, [], [*there, is_nan, *others]))
    if not own:  # these hold for no run without the value
        same = sa.and_(table.c.run == runs.c.id, table.c.key == first.field.key)
        found.append(_phase(runs, runs, rest, [], [~sa.exists().where(same), *others]))
    return found


def _phase(
    source: Any, place: Any, orders: Sequence[Order], keys: list[SortKey], conditions: list[Any]
) -> Phase:
    for order in orders:
        if order.field.kind == "attribute":
            keys = [*keys, *_attribute_keys(order)]
            continue
        table = TABLES[order.field.kind].alias()
        same = (table.c.run == runs.c.id) & (table.c.key == order.field.key)
        source = source.outerjoin(table, same)
        rank = sa.case((table.c.run.is_(None), 2), (table.c.value.is_(None), 1), else_=0)
        kind = float if order.field.kind == "metric" else str
        keys = [*keys, *missing_last(table.c.value, order.ascending, kind, rank)]
    by_start = any(key.column is _START.column for key in keys)
    return Phase(
        source,
        place.c.experiment,
        [*keys, _ID] if by_start else [*keys, _START, _ID],
        conditions,
    )


def _value_keys(table: Any, order: Order) -> list[SortKey]:
    """The keys of a value that is there, as the index has them."""
    if order.field.kind == "metric":
        return [SortKey(table.c.value, order.ascending, float)]
    return [
        SortKey(table.c.start, order.ascending, str),
        SortKey(table.c.value, order.ascending, str),
    ]


def _attribute_keys(order: Order) -> list[SortKey]:
    name, ascending = order.field.key, order.ascending
    if name == "end_time":
        return missing_last(runs.c.end_time, ascending, int)
    column = runs.c.run_id if name == "artifact_uri" else runs.c[name]
    return [SortKey(column, ascending, int if name == "start_time" else str)]
