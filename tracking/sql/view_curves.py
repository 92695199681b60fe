"""Metrics thinned out for drawing, so that no peak is lost.

Few points are handed out as they are. Many are put into buckets of equal width, of which the
database makes the smallest, the greatest and the mean value: one grouping for each curve, which
all databases can do. For SQLite, `curve_scan` has a faster way for what most loops log.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import InvalidInput
from ..views import Axis, Curve
from .curve_rows import Bucket, curve_of_buckets, curve_of_points
from .curve_scan import scan
from .engine_sqlite import SqliteDatabase
from .search_runs import RunSearch
from .tables import latest_metrics, metrics, runs

_THREADS = min(4, os.cpu_count() or 1)  # the database reads several curves at once
_INT64 = 2**63 - 1
_SUMMED = 1e290  # a sum of values beyond it could be too great for a double
_T = TypeVar("_T")


@dataclass(frozen=True)
class _Wanted:
    """One metric of one run within a range of its axis: steps, or times."""

    run: int
    run_id: str
    key: str
    axis: Any
    start: int
    end: int

    @property
    def inside(self) -> list[Any]:
        same = [metrics.c.run == self.run, metrics.c.key == self.key]
        if self.start > -_INT64:
            same.append(self.axis >= self.start)
        if self.end < _INT64:
            same.append(self.axis <= self.end)
        return same


class Curves(RunSearch):
    """Metrics thinned out for drawing, so that no peak is lost."""

    def curves(
        self,
        run_ids: Sequence[str],
        keys: Sequence[str],
        points: int = 1000,
        axis: Axis = "step",
        start: int | None = None,
        end: int | None = None,
    ) -> list[Curve]:
        if points < 2:
            raise InvalidInput(f"points must be at least 2; got {points}.")
        found: dict[tuple[int, str], Curve] = {}
        many = []
        with self.database.read() as connection:
            wanted = _wanted(connection, run_ids, keys, axis, start, end)
            for each in wanted:
                rows = _points(connection, each, points + 1)
                if len(rows) > points:
                    many.append(each)
                elif rows:
                    found[each.run, each.key] = curve_of_points(
                        each.run_id, each.key, rows, by_time=axis != "step"
                    )
        joined = _together(lambda each: self._joined(each, points), many)
        found.update(
            {(each.run, each.key): curve for each, curve in zip(many, joined, strict=True)}
        )
        return [found[each.run, each.key] for each in wanted if (each.run, each.key) in found]

    def _joined(self, wanted: _Wanted, points: int) -> Curve:
        with self.database.read() as connection:
            axis = wanted.axis
            first, last = _ends(connection, wanted, axis)
            if axis is metrics.c.step and first == last:  # no steps were logged
                axis = metrics.c.timestamp
                first, last = _ends(connection, wanted, axis)
            width = min((last - first) // (points - 1) + 1, _INT64)
            found = None
            if axis is metrics.c.step and isinstance(self.database, SqliteDatabase):
                cursor: Any = connection.connection.dbapi_connection
                found = scan(cursor, wanted.run, wanted.key, first, last, width)
            if found is None:
                found = _grouped(connection, wanted, axis, width)
        return curve_of_buckets(wanted.run_id, wanted.key, found)


def _wanted(
    connection: Connection,
    run_ids: Sequence[str],
    keys: Sequence[str],
    axis: Axis,
    start: int | None,
    end: int | None,
) -> list[_Wanted]:
    """The metrics that there are, in the order in which they were asked for."""
    known = connection.execute(
        sa.select(runs.c.run_id, runs.c.id, runs.c.start_time).where(runs.c.run_id.in_(run_ids))
    )
    inner = {row.run_id: (row.id, row.start_time) for row in known}
    mine = latest_metrics.c
    logged = sa.select(mine.run, mine.key).where(
        mine.run.in_([run for run, _ in inner.values()]), mine.key.in_(keys)
    )
    there = {tuple(row) for row in connection.execute(logged)}
    column = metrics.c.step if axis == "step" else metrics.c.timestamp
    found = []
    for run_id in dict.fromkeys(run_ids):
        run, began = inner.get(run_id, (0, 0))
        shift = began if axis == "elapsed" else 0
        low = -_INT64 if start is None else _bounded(start + shift)
        high = _INT64 if end is None else _bounded(end + shift)
        found += [
            _Wanted(run, run_id, key, column, low, high)
            for key in dict.fromkeys(keys)
            if (run, key) in there
        ]
    return found


def _bounded(number: int) -> int:
    return max(-_INT64, min(_INT64, number))


def _points(connection: Connection, wanted: _Wanted, most: int) -> list[Any]:
    """Points as they were logged; not more than ``most``."""
    mine = metrics.c
    query = sa.select(mine.step, mine.timestamp, mine.id, mine.value, mine.special)
    return list(connection.execute(query.where(*wanted.inside).limit(most)))


def _ends(connection: Connection, wanted: _Wanted, axis: Any) -> tuple[int, int]:
    first, last = (
        connection.execute(sa.select(axis).where(*wanted.inside).order_by(order).limit(1))
        for order in (axis, axis.desc())
    )
    return first.scalar_one(), last.scalar_one()


def _grouped(connection: Connection, wanted: _Wanted, axis: Any, width: int) -> list[Bucket]:
    # whole multiples of the width: no difference of two steps, which may be too great for 64 bits
    bucket = axis // sa.literal_column(str(width), sa.BigInteger)
    mine, count = metrics.c, sa.func.count
    value = sa.case((mine.special == 0, mine.value))
    summed = sa.case(
        (mine.special != 0, 0.0),
        (mine.value > _SUMMED, _SUMMED),
        (mine.value < -_SUMMED, -_SUMMED),
        else_=mine.value,
    )
    query = (
        sa.select(
            *(sa.func.min(mine.step), sa.func.min(mine.timestamp), count(), count(value)),
            *(sa.func.min(value), sa.func.max(value), sa.func.sum(summed)),
        )
        .where(*wanted.inside)
        .group_by(bucket)
        .order_by(sa.func.min(axis))
    )
    return [Bucket(*row) for row in connection.execute(query)]


def _together(call: Callable[[_Wanted], _T], many: Sequence[_Wanted]) -> list[_T]:
    """Each by a thread of its own, with a connection of its own."""
    if len(many) < 2 or _THREADS < 2:
        return [call(each) for each in many]
    with ThreadPoolExecutor(min(_THREADS, len(many)), "curves") as threads:
        return list(threads.map(call, many))
