"""Groups of runs for box plots, and surfaces between runs for contours."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from .compare_fields import Column, Value

MOST_GROUPS = 8  # more values of a number than that are put into quantiles
MOST_CATEGORIES = 40
FEWEST_POINTS = 4
_GRID = 48  # cells of a surface, each way


def boxes(metric: Column, by: Column) -> dict[str, Any]:
    """The metric's quartiles in groups of runs by a field's values.

    Returns:
        ``groups``: each a ``label``, ``runs`` (their places), ``values``, and ``box`` (lower
        whisker, quartiles, upper whisker; whiskers end at the last value within 1.5 times the
        range between the quartiles). ``binned`` says whether they are quantiles; ``left_out`` how
        many runs lack the metric or the field, ``more`` how many groups there are beyond the shown.
    """
    members, binned = groups(by)
    found, shown = [], 0
    for label, places in members:
        kept = [i for i in places if metric.values[i] is not None]
        if kept:
            values = [float(metric.values[i] or 0.0) for i in kept]
            shown += len(kept)
            found.append({"label": label, "runs": kept, "values": values, "box": box(values)})
    rest = found[MOST_CATEGORIES:]
    return {
        "groups": found[:MOST_CATEGORIES],
        "binned": binned,
        "left_out": len(metric.values) - shown,
        "more": len(rest),
    }


def groups(by: Column) -> tuple[list[tuple[str, list[int]]], bool]:
    """Places of runs by value; by quantiles where a number has many values."""
    given = [(value, i) for i, value in enumerate(by.values) if value is not None]
    values = sorted({value for value, _ in given}, key=lambda v: (isinstance(v, str), v))
    if by.numeric and len(values) > MOST_GROUPS:
        numbers = [(float(value), i) for value, i in given]
        return quantile_groups(numbers), True
    members: dict[Value, list[int]] = {value: [] for value in values}
    for value, i in given:
        members[value].append(i)
    return [(_label(value), places) for value, places in members.items()], False


def quantile_groups(numbers: Sequence[tuple[float, int]]) -> list[tuple[str, list[int]]]:
    """Groups of about the same size, four or fewer; equal values are never parted."""
    ordered = sorted(value for value, _ in numbers)
    cuts = sorted({quantile(ordered, part / 4) for part in (1, 2, 3)} - {ordered[-1]})
    members: list[list[tuple[float, int]]] = [[] for _ in range(len(cuts) + 1)]
    for value, i in numbers:
        # a value at a cut belongs below it
        members[bisect_right(cuts, math.nextafter(value, -math.inf))].append((value, i))
    return [
        (f"{_label(min(some)[0])} … {_label(max(some)[0])}", [i for _, i in some])
        for some in members
        if some
    ]


def quantile(ordered: Sequence[float], part: float) -> float:
    """By linear interpolation between the two values next to it (R's type 7)."""
    place = part * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    weight = place - below
    # not a + (b - a) * weight: the difference of large numbers may be infinite
    return ordered[below] * (1 - weight) + ordered[above] * weight


def box(values: Sequence[float]) -> list[float]:
    """Lower whisker, first quartile, median, third quartile, upper whisker."""
    ordered = sorted(values)
    first, middle, third = (quantile(ordered, part) for part in (0.25, 0.5, 0.75))
    reach = 1.5 * (third - first)
    inside = [v for v in ordered if first - reach <= v <= third + reach] or ordered
    return [min(inside[0], first), first, middle, third, max(inside[-1], third)]


def surface(x: Sequence[float], y: Sequence[float], z: Sequence[float]) -> list[list[float]] | None:
    """What a metric may be between runs: weighted by inverse squared distance (D. Shepard, 1968).

    Args:
        x, y: places of runs, each brought to 0 … 1.
        z: their metric.

    Returns:
        Rows from y = 0 to 1 of cells from x = 0 to 1; None with fewer than 4 different places.
    """
    places: dict[tuple[float, float], list[float]] = {}
    for a, b, value in zip(x, y, z, strict=True):
        places.setdefault((a, b), []).append(value)
    if len(places) < FEWEST_POINTS:
        return None
    points = [(a, b, sum(some) / len(some)) for (a, b), some in places.items()]
    steps = [i / (_GRID - 1) for i in range(_GRID)]
    return [[_between(points, a, b) for a in steps] for b in steps]


def _between(points: Sequence[tuple[float, float, float]], x: float, y: float) -> float:
    weights = total = 0.0
    for a, b, value in points:
        distance = (a - x) ** 2 + (b - y) ** 2
        if distance < 1e-12:
            return value
        weight = 1 / distance
        weights += weight
        total += weight * value
    return total / weights


def _label(value: Value) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    text = str(value)
    return text[:40] + "…" if len(text) > 40 else text or "(empty)"
