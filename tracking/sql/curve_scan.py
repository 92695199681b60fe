"""The fast way to bucket a curve in SQLite: no sorting, and Python is asked nothing in between.

Most loops log with steps that go up as time does. Then a bucket of steps is one stretch of the
index over (run, key, timestamp, step, value), which is found by two seeks and read once. Whether
that is so is not believed but counted: only plain values with the bucket's own steps are taken
from a stretch, and where all stretches together have fewer points than the range has, some lie
elsewhere; the whole is given up then, and the caller groups instead. It is given up before anything
is read where two stretches begin at the same time or not in their order: points that all have one
time would be read again for each of them.
"""

from __future__ import annotations

import json
import math
import sqlite3

from .curve_rows import Buckets

# `grid` has the first step of each bucket and one beyond the last; `starts` the first point at or
# after each, of which several may be the same. All comes as one row, because threads that fetch
# row by row spend their time on waiting for each other.
_SCAN = """
WITH RECURSIVE
grid(step) AS (
  VALUES (:first)
  UNION ALL
  SELECT (step / :width + 1) * :width FROM grid WHERE step / :width < :last / :width
),
starts AS MATERIALIZED (
  SELECT DISTINCT metrics.step, metrics.timestamp
  FROM (SELECT step FROM grid UNION ALL SELECT :last + 1) AS begun
  CROSS JOIN metrics ON metrics.id = (
    SELECT id FROM metrics WHERE run = :run AND key = :key AND step >= begun.step
    ORDER BY step, timestamp LIMIT 1
  )
),
spans AS MATERIALIZED (
  SELECT step, timestamp,
    lead(timestamp, 1, 9223372036854775807) OVER (ORDER BY step) AS next_time,
    lead(step, 1, 9223372036854775807) OVER (ORDER BY step) AS next_step
  FROM starts
)
SELECT json_group_array((
  SELECT json_array(
    spans.step, spans.timestamp, count(*),
    printf('%!.17g', min(value)), printf('%!.17g', max(value)), printf('%!.17g', sum(value))
  )
  FROM metrics
  WHERE run = :run AND key = :key AND timestamp BETWEEN spans.timestamp AND spans.next_time
    AND step >= spans.step AND step < spans.next_step AND special = 0
)) FROM spans WHERE spans.step <= :last
  AND NOT EXISTS (SELECT 1 FROM spans AS any WHERE any.next_time <= any.timestamp)
"""
_COUNT = """
SELECT count(*) FROM metrics WHERE run = ? AND key = ? AND step >= ? AND step <= ?
"""
_EXACT = 1e100  # SQLite's text of a number is the number up to here, and from its inverse on


def scan(
    connection: sqlite3.Connection, run: int, key: str, first: int, last: int, width: int
) -> Buckets | None:
    """The buckets of a curve, as long as it is a plain one.

    Args:
        connection: of this thread.
        run: its inner key.
        key: of the metric.
        first: the smallest step that is wanted and was logged.
        last: the greatest.
        width: of a bucket in steps.

    Returns:
        None where steps do not go up with time, are negative, or values are not all ordinary.
    """
    if first < 0 or last >= 2**62:
        return None
    asked = {"run": run, "key": key, "first": first, "last": last, "width": width}
    (text,) = connection.execute(_SCAN, asked).fetchone()
    found = []
    for step, time, count, *values in sorted(json.loads(text)):
        if not count:
            return None
        low, high, total = map(float, values)
        if not (_is_ordinary(low) and _is_ordinary(high) and math.isfinite(total)):
            return None
        found.append((step, time, count, count, low, high, total))
    (count,) = connection.execute(_COUNT, (run, key, first, last)).fetchone()
    return Buckets.of_rows(found) if found and sum(row[2] for row in found) == count else None


def _is_ordinary(value: float) -> bool:
    return value == 0 or 1 / _EXACT < abs(value) < _EXACT
