"""Rows of points and of buckets as curves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..views import Curve


@dataclass(frozen=True, slots=True)
class Buckets:
    """Points that were joined, as columns: an entry of each is of one bucket.

    Attributes:
        steps: the smallest.
        times: the earliest, in milliseconds since 1970.
        counts: of all points.
        finite: how many of them are neither NaN nor infinite; what follows is of these alone.
        low: the smallest value; None where all are NaN or infinite.
        high: the greatest.
        total: of the values; None as above.
    """

    steps: list[int]
    times: list[int]
    counts: list[int]
    finite: list[int]
    low: list[float | None]
    high: list[float | None]
    total: list[float | None]

    @classmethod
    def of_rows(cls, rows: Iterable[Sequence[Any]]) -> Buckets:
        """From rows that have the attributes in their order."""
        columns = list(map(list, zip(*rows, strict=True)))
        return cls(*(columns or ([] for _ in cls.__slots__)))


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


def curve_of_buckets(run_id: str, key: str, found: Buckets) -> Curve:
    """What is left of many points."""
    count = sum(found.counts)
    values = zip(found.low, found.high, found.total, found.finite, strict=True)
    return Curve(
        run_id=run_id,
        key=key,
        steps=found.steps,
        times=found.times,
        low=found.low,
        high=found.high,
        mean=[_mean(*each) for each in values],
        counts=found.counts,
        count=count,
        exact=False,
        gaps=count - sum(found.finite),
    )


def _mean(low: float | None, high: float | None, total: float | None, of: int) -> float | None:
    """Sums are rounded, so that a mean may come to lie outside of its own values."""
    if low is None or high is None or total is None:
        return None
    mean = total / of
    return low if mean < low else high if mean > high else mean
