"""Rows of points and of buckets as curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..views import Curve


@dataclass(frozen=True, slots=True)
class Bucket:
    """Points that were joined.

    Attributes:
        step: the smallest.
        time: the earliest.
        count: of all points.
        finite: how many of them are neither NaN nor infinite; what follows is of these alone.
        low: the smallest value; None where all are NaN or infinite.
        high: the greatest.
        total: of the values.
    """

    step: int
    time: int
    count: int
    finite: int
    low: float | None
    high: float | None
    total: float | None


def curve_of_points(run_id: str, key: str, rows: Sequence[Any], by_time: bool) -> Curve:
    """All points.

    Args:
        run_id: of the run.
        key: of the metric.
        rows: step, time, inner id, value, special.
        by_time: they are drawn over time rather than over steps.
    """
    rows = sorted(rows, key=lambda row: (row[1], row[0], row[2]) if by_time else tuple(row[:3]))
    values = [None if special else value for _, _, _, value, special in rows]
    return Curve(
        run_id=run_id,
        key=key,
        steps=[row[0] for row in rows],
        times=[row[1] for row in rows],
        low=values,
        high=values,
        mean=values,
        counts=[1] * len(rows),
        count=len(rows),
        exact=True,
        gaps=values.count(None),
    )


def curve_of_buckets(run_id: str, key: str, buckets: Sequence[Bucket]) -> Curve:
    """What is left of many points."""
    count = sum(bucket.count for bucket in buckets)
    return Curve(
        run_id=run_id,
        key=key,
        steps=[bucket.step for bucket in buckets],
        times=[bucket.time for bucket in buckets],
        low=[bucket.low for bucket in buckets],
        high=[bucket.high for bucket in buckets],
        mean=[_mean(bucket) for bucket in buckets],
        counts=[bucket.count for bucket in buckets],
        count=count,
        exact=False,
        gaps=count - sum(bucket.finite for bucket in buckets),
    )


def _mean(bucket: Bucket) -> float | None:
    """Sums are rounded, so that a mean may come to lie outside of its own values."""
    if bucket.low is None or bucket.high is None or bucket.total is None:
        return None
    return min(max(bucket.total / bucket.finite, bucket.low), bucket.high)
