"""Metrics thinned out for drawing, so that no peak is lost.

Few points are handed out as they are. Many are put into buckets of equal width: by the database
(`curve_buckets`), unless that was done before (`curve_summaries`).
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
from . import curve_summaries
from .curve_buckets import INT64, ends, joined, width_of
from .curve_rows import Buckets, curve_of_buckets, curve_of_points
from .search_runs import RunSearch
from .tables import latest_metrics, metrics, runs

_THREADS = min(4, os.cpu_count() or 1)  # the database reads several curves at once
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
    def is_whole(self) -> bool:
        return self.start <= -INT64 and self.end >= INT64

    @property
    def inside(self) -> list[Any]:
        same = [metrics.c.run == self.run, metrics.c.key == self.key]
        if self.start > -INT64:
            same.append(self.axis >= self.start)
        if self.end < INT64:
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
            kept = curve_summaries.summarised(connection, {each.run for each in wanted}, keys)
            for each in wanted:
                place = each.run, each.key
                if place in kept and each.is_whole and points < curve_summaries.LONG:
                    many.append(each)
                    continue
                rows = _points(connection, each, points + 1)
                if len(rows) > points:
                    many.append(each)
                elif rows:
                    by_time = axis != "step"
                    found[place] = curve_of_points(each.run_id, each.key, rows, by_time)
        curves = _together(lambda each: self._joined(each, points), many)
        found.update(
            {(each.run, each.key): curve for each, curve in zip(many, curves, strict=True)}
        )
        return [found[each.run, each.key] for each in wanted if (each.run, each.key) in found]

    def _joined(self, wanted: _Wanted, points: int) -> Curve:
        with self.database.read() as connection:
            kept = _kept(connection, wanted, points) if wanted.is_whole else None
            if kept:
                return curve_of_buckets(wanted.run_id, wanted.key, kept)
            axis, first, last = ends(connection, wanted.inside, wanted.axis)
            width = width_of(first, last, points)
            found = joined(connection, wanted.run, wanted.key, axis, first, last, width)
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
        low = -INT64 if start is None else _bounded(start + shift)
        high = INT64 if end is None else _bounded(end + shift)
        found += [
            _Wanted(run, run_id, key, column, low, high)
            for key in dict.fromkeys(keys)
            if (run, key) in there
        ]
    return found


def _bounded(number: int) -> int:
    return max(-INT64, min(INT64, number))


def _kept(connection: Connection, wanted: _Wanted, points: int) -> Buckets | None:
    """What a summary says, if it can: not along another axis, nor of more points."""
    summary = curve_summaries.find(connection, wanted.run, wanted.key)
    if summary is None or not summary.is_along(wanted.axis):
        return None
    summary = curve_summaries.up_to_date(connection, wanted.run, wanted.key, summary)
    return summary.buckets(points) if summary else None


def _points(connection: Connection, wanted: _Wanted, most: int) -> list[Any]:
    """Points as they were logged; not more than ``most``."""
    mine = metrics.c
    query = sa.select(mine.step, mine.timestamp, mine.id, mine.value, mine.special)
    return list(connection.execute(query.where(*wanted.inside).limit(most)))


def _together(call: Callable[[_Wanted], _T], many: Sequence[_Wanted]) -> list[_T]:
    """Each by a thread of its own, with a connection of its own."""
    if len(many) < 2 or _THREADS < 2:
        return [call(each) for each in many]
    with ThreadPoolExecutor(min(_THREADS, len(many)), "curves") as threads:
        return list(threads.map(call, many))
