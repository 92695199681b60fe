"""The history of metrics in SQL: page by page, and sampled for charts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import InvalidInput
from ..entities import Metric, PagedList
from .inputs import Inputs
from .paging import (
    SortKey,
    check_max_results,
    read_token,
    sorted_page,
    write_token,
)
from .runs import run_row
from .tables import decode_value, metrics

_COLUMNS = (metrics.c.step, metrics.c.timestamp, metrics.c.value, metrics.c.special)
_ALL = 2**31 - 2  # points on a page; more than one run ever has
_SEEKS = 200  # in one statement
_BY_TIME = (
    SortKey(metrics.c.timestamp, True, int),
    SortKey(metrics.c.step, True, int),  # calls of one millisecond may arrive in any order
    SortKey(metrics.c.id, True, int),
)


class History(Inputs):
    """The part of the store that reads every value that a metric ever had."""

    def get_metric_history(
        self,
        run_id: str,
        key: str,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> PagedList:
        asked = ["history", run_id, key]
        start = read_token(page_token, asked)
        with self.database.read() as connection:
            run = run_row(connection, run_id, self.place).id
            query = sa.select(*_COLUMNS).where(metrics.c.run == run, metrics.c.key == key)
            if max_results is None and start is None:
                query = query.order_by(*(by.order for by in _BY_TIME))
                return PagedList(_points(key, connection.execute(query)), None)
            size = max_results if max_results is not None else _ALL
            check_max_results(size, _ALL)
            rows, place = sorted_page(connection, query, _BY_TIME, start, size)
        points = _points(key, (row[: len(_COLUMNS)] for row in rows))
        return PagedList(points, write_token(place, asked) if place else None)

    def sample_metric_history(
        self,
        run_ids: Sequence[str],
        key: str,
        max_points: int,
        start_step: int | None = None,
        end_step: int | None = None,
    ) -> dict[str, list[Metric]]:
        if max_points < 2:
            raise InvalidInput(f"max_points must be at least 2; got {max_points}.")
        found = {}
        with self.database.read() as connection:
            for run_id in run_ids:
                run = run_row(connection, run_id, self.place).id
                rows = _sample(connection, _range(run, key, start_step, end_step), max_points)
                if rows:
                    found[run_id] = _points(key, rows)
        return found


def _points(key: str, rows: Any) -> list[Metric]:
    return [
        Metric(key, decode_value(value, special), timestamp, step)
        for step, timestamp, value, special in rows
    ]


def _range(run: int, key: str, start_step: int | None, end_step: int | None) -> list[Any]:
    conditions = [metrics.c.run == run, metrics.c.key == key]
    if start_step is not None:
        conditions.append(metrics.c.step >= start_step)
    if end_step is not None:
        conditions.append(metrics.c.step <= end_step)
    return conditions


def _sample(connection: Connection, inside: list[Any], size: int) -> list[Any]:
    """Rows of points, in the order of steps: all, or those nearest to evenly spaced steps.

    Each is found by one seek in an index, however many points there are. Points that were logged
    without a step are spread over time instead.
    """
    everything = sa.select(*_COLUMNS).where(*inside)
    by_step = (metrics.c.step, metrics.c.timestamp, metrics.c.id)
    rows = list(connection.execute(everything.limit(size + 1)))
    if len(rows) <= size:
        return list(connection.execute(everything.order_by(*by_step)))
    for axis in (metrics.c.step, metrics.c.timestamp):
        ends = [
            sa.select(axis).where(*inside).order_by(end).limit(1) for end in (axis, axis.desc())
        ]
        first, last = (connection.execute(end).scalar_one() for end in ends)
        if first < last:
            keys = _nearest(
                connection,
                axis,
                inside,
                [first + (last - first) * i // (size - 1) for i in range(size)],
            )
            query = sa.select(*_COLUMNS).where(metrics.c.id.in_(keys)).order_by(*by_step)
            return list(connection.execute(query))
    return rows[:size]


def _nearest(connection: Connection, axis: Any, inside: list[Any], targets: list[int]) -> set[int]:
    """The inner keys of the first points at or after each target, and of the last of all."""
    last = sa.select(metrics.c.id).where(*inside).order_by(axis.desc(), metrics.c.id.desc())
    found: set[int] = {connection.execute(last.limit(1)).scalar_one()}
    for some in (targets[i : i + _SEEKS] for i in range(0, len(targets), _SEEKS)):
        numbers = " UNION ALL ".join(f"SELECT {int(target)} AS target" for target in some)
        wanted = sa.text(numbers).columns(sa.column("target", sa.BigInteger)).subquery()
        next_one = sa.select(metrics.c.id).where(*inside, axis >= wanted.c.target)
        next_one = next_one.order_by(axis, metrics.c.id).limit(1).correlate(wanted)
        query = sa.select(next_one.scalar_subquery()).select_from(wanted)
        found.update(connection.execute(query).scalars())
    return found
