"""Long curves of runs that have ended, thinned out once and kept, so that charts need not read
every point again.

The rule that makes them true: there is a summary only while its run is over and as long as no point
has come after it. `forget` is called wherever a run goes on, or gets points after its end.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import chain, compress, repeat
from math import inf
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..entities import FINAL_STATUSES
from .curve_buckets import INT64, bucket_of, ends, joined, width_of
from .curve_rows import Buckets
from .engine import Database
from .tables import latest_metrics, metric_summaries, metrics, runs

LONG = 10_000  # points; fewer are read as quickly as they are
_ENTRIES = 2000  # buckets of a summary; charts show at most half as many
_EMPTY = (INT64, INT64, 0, 0, inf, -inf, 0.0)  # a bucket without a point
_KINDS = "qqqqddd"  # of its columns, as in the module array
_JOIN: tuple[Callable[[Iterable[Any]], Any], ...] = (min, min, sum, sum, min, max, sum)


@dataclass(frozen=True, slots=True)
class Summary:
    """A curve in buckets of equal width, all that there can be from its first to its last.

    Attributes:
        axis: the column along which it is drawn.
        first: the smallest place on the axis that was logged.
        last: the greatest.
        width: of a bucket on the axis.
        columns: as those of `Buckets`; buckets without points have those of `_EMPTY`.
    """

    axis: Any
    first: int
    last: int
    width: int
    columns: list[array[Any]]

    def covers(self, axis: Any, start: int, end: int) -> bool:
        """Whether a range is all of it."""
        everything = start <= -INT64 and end >= INT64
        if axis is not self.axis:  # no steps were logged
            return everything and axis is metrics.c.step
        return everything or (start <= self.first and end >= self.last)

    def buckets(self, most: int) -> Buckets | None:
        """As many as ``most`` at most; None where it has not so many itself."""
        wanted = width_of(self.first, self.last, most)
        if wanted < self.width:
            return None
        each = -(-wanted // self.width)  # so many make one
        before = bucket_of(self.first, self.width) % each
        columns = [
            _in_groups(column, each, before, empty, join)
            for column, empty, join in zip(self.columns, _EMPTY, _JOIN, strict=True)
        ]
        if 0 in columns[2]:
            columns = [list(compress(column, columns[2])) for column in columns]
        if 0 in columns[3]:
            for i in (4, 5, 6):
                pairs = zip(columns[i], columns[3], strict=True)
                columns[i] = [value if finite else None for value, finite in pairs]
        return Buckets(*columns)


def summarise(database: Database, run_id: str) -> None:
    """Keep summaries of the long curves of a run that is over; those that it has are left alone.

    Raises:
        StorageFailed, StorageUnavailable: as the database.
    """
    with database.read() as connection:
        run = connection.execute(sa.select(runs.c.id).where(runs.c.run_id == run_id)).scalar_one()
        rows = [_summary(connection, run, key) for key in _long(connection, run)]
    for row in rows:
        with database.write() as connection:
            if _is_true(connection, row):
                connection.execute(metric_summaries.insert(), row)


def forget(connection: Connection, run: int, keys: Collection[str] | None = None) -> None:
    """A run goes on, or points came after its end: of these metrics, or of any."""
    gone = metric_summaries.delete().where(metric_summaries.c.run == run)
    if keys is not None:
        gone = gone.where(metric_summaries.c.key.in_(keys))
    connection.execute(gone)


def summarised(
    connection: Connection, run_keys: Collection[int], keys: Collection[str]
) -> set[tuple[int, str]]:
    """Which metrics of some runs have a summary, by the inner keys of runs."""
    mine = metric_summaries.c
    query = sa.select(mine.run, mine.key).where(mine.run.in_(run_keys), mine.key.in_(keys))
    return {tuple(row) for row in connection.execute(query)}


def find(connection: Connection, run: int, key: str) -> Summary | None:
    """The summary of a metric, if there is one now."""
    mine = metric_summaries.c
    row = connection.execute(
        sa.select(metric_summaries).where(mine.run == run, mine.key == key)
    ).first()
    if row is None:
        return None
    axis = metrics.c[row.axis]
    return Summary(axis, row.first, row.last, row.width, _unpacked(row.buckets))


def _long(connection: Connection, run: int) -> list[str]:
    """The metrics of which a summary is worth while and not there."""
    mine, kept = metrics.c, metric_summaries.c
    key = latest_metrics.c.key
    beyond = sa.select(mine.id).where(mine.run == run, mine.key == key).limit(1).offset(LONG)
    there = sa.select(kept.key).where(kept.run == run, kept.key == key)
    query = sa.select(key).where(
        latest_metrics.c.run == run, beyond.scalar_subquery().is_not(None), ~there.exists()
    )
    return list(connection.execute(query).scalars())


def _summary(connection: Connection, run: int, key: str) -> dict[str, Any]:
    """A row of the table."""
    inside = [metrics.c.run == run, metrics.c.key == key]
    axis, first, last = ends(connection, inside, metrics.c.step)
    width = width_of(first, last, _ENTRIES)
    found = joined(connection, run, key, axis, first, last, width)
    places = found.steps if axis is metrics.c.step else found.times
    begun = bucket_of(first, width)
    return {
        "run": run,
        "key": key,
        "axis": axis.name,
        "first": first,
        "last": last,
        "width": width,
        "points": sum(found.counts),
        "buckets": _packed(found, [bucket_of(place, width) - begun for place in places]),
    }


def _is_true(connection: Connection, row: dict[str, Any]) -> bool:
    """Whether the run is still over, without a point more; nobody changes that meanwhile."""
    run = connection.execute(
        sa.select(runs.c.status).where(runs.c.id == row["run"]).with_for_update(key_share=True)
    ).scalar()
    if run not in FINAL_STATUSES or summarised(connection, [row["run"]], [row["key"]]):
        return False
    mine = metrics.c
    count = sa.select(sa.func.count()).where(mine.run == row["run"], mine.key == row["key"])
    return bool(connection.execute(count).scalar() == row["points"])


def _in_groups(
    column: array[Any],
    size: int,
    before: int,
    empty: Any,
    join: Callable[[Iterable[Any]], Any],
) -> list[Any]:
    """Neighbours joined, so many at a time; of the first group so many are missing."""
    if size == 1:
        return column.tolist()
    padded = chain(repeat(empty, before), column, repeat(empty, -(before + len(column)) % size))
    return list(map(join, zip(*[padded] * size, strict=True)))


def _packed(found: Buckets, numbers: list[int]) -> bytes:
    """Columns one after the other, 8 bytes an entry, little-endian."""
    packed = bytearray()
    for column, kind, empty in zip(_columns(found), _KINDS, _EMPTY, strict=True):
        values = array(kind, [empty]) * (numbers[-1] + 1)
        for number, value in zip(numbers, column, strict=True):
            if value is not None:
                values[number] = value
        packed += _little_endian(values).tobytes()
    return bytes(packed)


def _columns(found: Buckets) -> tuple[list[Any], ...]:
    return tuple(getattr(found, name) for name in Buckets.__slots__)


def _unpacked(packed: bytes) -> list[array[Any]]:
    length = len(packed) // len(_KINDS)
    columns = []
    for number, kind in enumerate(_KINDS):
        column = array(kind)
        column.frombytes(packed[number * length : (number + 1) * length])
        columns.append(_little_endian(column))
    return columns


def _little_endian(values: array[Any]) -> array[Any]:
    if sys.byteorder == "big":
        values.byteswap()
    return values
