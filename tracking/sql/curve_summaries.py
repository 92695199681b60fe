"""Summaries of long curves, kept so that charts need not read every point again.

A summary is of a metric's points up to a time, made now and then while they come and when the run
ends. As points are never changed, it is true as long as there are so many points up to that time as
it has; what came later is read and added.

Of a run that is over, it is said to be of all points, and not even that is looked at: `reopen` is
called wherever a run goes on, or gets points after its end.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..entities import FINAL_STATUSES
from .curve_buckets import ends, ends_on, grouped, joined, width_of
from .curve_summary import ENTRIES, Summary, unpacked
from .engine import Database
from .tables import latest_metrics, metric_summaries, metrics, runs
from .upsert import upsert

LONG = 10_000  # points; fewer are read as quickly as they are
_EVERY = 8192  # steps between two summaries of a run that goes on
_PATIENCE = 2.0  # seconds that somebody waits who ends a run
_LATE = 1000  # milliseconds in which points may still come out of their order


def summarise(database: Database, run_id: str) -> None:
    """Keep summaries of the long curves of a run that is over, as many as a short time allows.

    Those that it has are left alone.

    Raises:
        StorageFailed, StorageUnavailable: as the database.
    """
    with database.read() as connection:
        run = connection.execute(sa.select(runs.c.id).where(runs.c.run_id == run_id)).scalar_one()
        keys = _long(connection, run)
    end = time.monotonic() + _PATIENCE
    for key in keys:
        with database.read() as connection:
            found = _whole(connection, run, key)
        with database.write() as connection:
            if _is_over(connection, run) and _has_all(connection, run, key, found):
                _keep(connection, run, key, found)
        if time.monotonic() > end:
            break


def is_due(step: int) -> bool:
    """Whether it is time for `keep_up`, when a point of this step has come."""
    return step != 0 and step % _EVERY == 0


def keep_up(database: Database, run_id: str, keys: Collection[str]) -> None:
    """Keep summaries of what a run that goes on has logged of some metrics by now.

    Raises:
        StorageFailed, StorageUnavailable: as the database.
    """
    query = sa.select(runs.c.id, runs.c.status).where(runs.c.run_id == run_id)
    for key in keys:
        with database.read() as connection:
            row = connection.execute(query).first()
            if row is None or row.status in FINAL_STATUSES:
                return
            run = row.id
            found = _beginning(connection, run, key, find(connection, run, key))
        if found:
            with database.write() as connection:
                if not _is_over(connection, run):
                    _keep(connection, run, key, found)


def reopen(connection: Connection, run: int, keys: Collection[str] | None = None) -> None:
    """A run goes on, or points come after its end: of these metrics, or of any."""
    mine = metric_summaries.c
    change = metric_summaries.update().where(mine.run == run, mine.is_all)
    if keys is not None:
        change = change.where(mine.key.in_(keys))
    connection.execute(change.values(is_all=False))


def summarised(
    connection: Connection, run_keys: Collection[int], keys: Collection[str]
) -> set[tuple[int, str]]:
    """Which metrics of some runs have a summary, by the inner keys of runs."""
    mine = metric_summaries.c
    query = sa.select(mine.run, mine.key).where(mine.run.in_(run_keys), mine.key.in_(keys))
    return {tuple(row) for row in connection.execute(query)}


def find(connection: Connection, run: int, key: str) -> Summary | None:
    """The summary of a metric, if there is one; of a run that goes on it may be out of date."""
    mine = metric_summaries.c
    row = connection.execute(
        sa.select(metric_summaries).where(mine.run == run, mine.key == key)
    ).first()
    if row is None:
        return None
    axis = metrics.c[row.axis]
    return Summary(
        axis, row.first, row.last, row.width, row.until, row.is_all, unpacked(row.buckets)
    )


def up_to_date(connection: Connection, run: int, key: str, known: Summary) -> Summary | None:
    """A summary with what came later; None where it is not true any more."""
    if known.is_all:
        return known
    is_true = _has_all(connection, run, key, known, metrics.c.timestamp <= known.until)
    return _with_later(connection, run, key, known) if is_true else None


def _with_later(
    connection: Connection, run: int, key: str, known: Summary, until: int | None = None
) -> Summary | None:
    """With what came later, up to a time if one is given; None where it is of another kind."""
    mine, axis = metrics.c, known.axis
    later = [*_of(run, key), mine.timestamp > known.until]
    if until is not None:
        later.append(mine.timestamp <= until)
    query = sa.select(
        *(sa.func.min(mine.step), sa.func.max(mine.step)),
        *(sa.func.min(mine.timestamp), sa.func.max(mine.timestamp)),
    ).where(*later)
    low, high, earliest, latest = connection.execute(query).one()
    if low is None:
        return known
    if axis is mine.timestamp:
        if {low, high} - {min(known.columns[0])}:  # there are steps now
            return None
        low, high = earliest, latest
    first, last = min(known.first, low), max(known.last, high)
    if first < 0:
        return None
    later += [axis >= low, axis <= high]  # others may log meanwhile
    found = grouped(connection, later, axis, known.width_with(first, last))
    return known.extended(found, first, last, latest if until is None else until)


def _of(run: int, key: Any) -> list[Any]:
    """The conditions of a metric's points."""
    return [metrics.c.run == run, metrics.c.key == key]


def _long(connection: Connection, run: int) -> list[str]:
    """The metrics of which a summary is worth while and not there."""
    kept, key = metric_summaries.c, latest_metrics.c.key
    there = sa.select(kept.key).where(kept.run == run, kept.key == key, kept.is_all)
    query = sa.select(key).where(latest_metrics.c.run == run, _is_long(run, key), ~there.exists())
    return list(connection.execute(query).scalars())


def _is_long(run: int, key: Any, *where: Any) -> Any:
    beyond = sa.select(metrics.c.id).where(*_of(run, key), *where)
    return beyond.limit(1).offset(LONG).scalar_subquery().is_not(None)


def _whole(connection: Connection, run: int, key: str) -> Summary:
    known = find(connection, run, key)
    more = _with_later(connection, run, key, known) if known else None
    if more and _has_all(connection, run, key, more):
        return replace(more, is_all=True)
    inside = _of(run, key)
    axis, first, last = ends(connection, inside, metrics.c.step)
    _, latest = ends_on(connection, inside, metrics.c.timestamp)
    width = width_of(first, last, ENTRIES)
    found = joined(connection, run, key, axis, first, last, width)
    return Summary.of(found, axis, first, last, width, latest, is_all=True)


def _beginning(connection: Connection, run: int, key: str, known: Summary | None) -> Summary | None:
    """Of the points but the latest; None where they are few, or of a kind that is not kept."""
    mine = metrics.c
    earliest, latest = ends_on(connection, _of(run, key), mine.timestamp)
    until = latest - min(_LATE, (latest - earliest) // 16 + 1)
    if known:
        more = _with_later(connection, run, key, known, max(until, known.until))
        # whether it is true is looked at whenever it has doubled: that costs little for each point
        has_doubled = more and more.points.bit_length() > known.points.bit_length()
        if more and (
            not has_doubled or _has_all(connection, run, key, known, mine.timestamp <= known.until)
        ):
            return more
    return _begun(connection, run, key, until)


def _begun(connection: Connection, run: int, key: str, until: int) -> Summary | None:
    """Made from all points up to a time."""
    mine = metrics.c
    if not connection.execute(sa.select(_is_long(run, key, mine.timestamp <= until))).scalar():
        return None
    inside = [*_of(run, key), mine.timestamp <= until]
    axis, first, last = ends(connection, inside, mine.step)
    if first < 0:
        return None
    width = width_of(first, last, ENTRIES)
    found = grouped(connection, [*inside, axis >= first, axis <= last], axis, width)
    return Summary.of(found, axis, first, last, width, until, is_all=False)


def _has_all(connection: Connection, run: int, key: str, summary: Summary, *where: Any) -> bool:
    """Whether there are so many points."""
    count = sa.select(sa.func.count()).select_from(metrics).where(*_of(run, key), *where)
    return bool(connection.execute(count).scalar() == summary.points)


def _is_over(connection: Connection, run: int) -> bool:
    """Whether a run is; that does not change before this transaction ends."""
    status = sa.select(runs.c.status).where(runs.c.id == run).with_for_update(key_share=True)
    return connection.execute(status).scalar() in FINAL_STATUSES


def _keep(connection: Connection, run: int, key: str, summary: Summary) -> None:
    row = {
        "run": run,
        "key": key,
        "axis": summary.axis.name,
        "first": summary.first,
        "last": summary.last,
        "width": summary.width,
        "until": summary.until,
        "is_all": summary.is_all,
        "buckets": summary.packed(),
    }
    connection.execute(upsert(metric_summaries, connection.dialect.name), row)
