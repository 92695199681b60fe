"""Which params matter for a metric, as far as the compared runs can tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from .compare_fields import Column, Value
from .compare_forest import Feature, forest

FEWEST = 5  # runs
_CARE = 30  # fewer runs than that are few


@dataclass(frozen=True)
class Importance:
    """Of one param.

    Attributes:
        name: of the field.
        importance: see `compare_forest`; 0 where the runs do not differ.
        relation: for numbers the rank correlation with the metric (Spearman's), from -1 to 1;
            for categories the share of the metric's variance between them (the correlation ratio
            eta²), from 0 to 1; None where it is not defined.
        numeric: which of them.
        count: runs that have the param and the metric.
    """

    name: str
    importance: float
    relation: float | None
    numeric: bool
    count: int


def importances(metric: Column, params: Sequence[Column]) -> dict[str, Any]:
    """For a script: params from the most important on, and how to read it.

    Returns:
        ``params`` (as `Importance`), ``explained`` (see `compare_forest.Importances`), ``count`` of
        runs that have the metric, ``notes``; without params where ``empty`` says what is missing.
    """
    kept = [i for i, value in enumerate(metric.values) if value is not None]
    target = [float(metric.values[i] or 0.0) for i in kept]
    if len(target) < FEWEST:
        return {
            "empty": f"{len(target)} of these runs have {metric.label}. {FEWEST} or more that "
            "have it can tell which params matter."
        }
    if min(target) == max(target):
        return {"empty": f"All runs have the same {metric.label}, so no param matters for it."}
    if not params:
        return {"empty": "These runs do not differ in any param."}
    own = [[param.values[i] for i in kept] for param in params]
    # numbers of any size, brought to 0 … 1: their squares stay numbers
    low, high = min(target), max(target)
    scaled = [(value / 2 - low / 2) / (high / 2 - low / 2) for value in target]
    features = [feature(param.numeric, v) for param, v in zip(params, own, strict=True)]
    grown = forest(features, scaled)
    found = [
        Importance(
            param.name,
            round(grown.importances[i], 4),
            relation(param.numeric, own[i], scaled),
            param.numeric,
            sum(value is not None for value in own[i]),
        )
        for i, param in enumerate(params)
    ]
    found.sort(key=lambda each: (-each.importance, -abs(each.relation or 0.0), each.name))
    return {
        "params": found,
        "explained": round(grown.explained, 3),
        "count": len(target),
        "notes": _notes(len(target), len(metric.values), metric.label, grown.explained),
    }


def feature(numeric: bool, values: Sequence[Value]) -> Feature:
    """Values as the forest takes them."""
    if numeric:
        given = sorted({value for value in values if value is not None})
    else:
        given = list(dict.fromkeys(value for value in values if value is not None))
    places: dict[Value, float] = {value: float(i) for i, value in enumerate(given)}
    return Feature([places.get(value, -1.0) for value in values], numeric)


def relation(numeric: bool, values: Sequence[Value], target: Sequence[float]) -> float | None:
    """Spearman's rank correlation, or the correlation ratio; see `Importance`."""
    pairs = [(value, goal) for value, goal in zip(values, target, strict=True) if value is not None]
    if numeric:
        found = spearman([float(value) for value, _ in pairs], [goal for _, goal in pairs])
    else:
        found = correlation_ratio([value for value, _ in pairs], [goal for _, goal in pairs])
    return None if found is None else round(found, 3)


def spearman(some: Sequence[float], others: Sequence[float]) -> float | None:
    """The correlation of ranks; equal values share the mean of their ranks."""
    if len(some) < 3:
        return None
    x, y = _ranks(some), _ranks(others)
    mean = (len(x) - 1) / 2
    xx = sum((a - mean) ** 2 for a in x)
    yy = sum((b - mean) ** 2 for b in y)
    if not xx or not yy:
        return None
    return float(sum((a - mean) * (b - mean) for a, b in zip(x, y, strict=True)) / (xx * yy) ** 0.5)


def correlation_ratio(groups: Sequence[Value], target: Sequence[float]) -> float | None:
    """The variance between groups as a share of all variance (eta²)."""
    if len(target) < 3:
        return None
    mean = fmean(target)
    total = sum((value - mean) ** 2 for value in target)
    members: dict[Value, list[float]] = {}
    for group, value in zip(groups, target, strict=True):
        members.setdefault(group, []).append(value)
    if not total or len(members) < 2:
        return None
    between = sum(len(some) * (fmean(some) - mean) ** 2 for some in members.values())
    return min(between / total, 1.0)


def _ranks(values: Sequence[float]) -> list[float]:
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        stop = start
        while stop < len(order) and values[order[stop]] == values[order[start]]:
            stop += 1
        for place in order[start:stop]:
            ranks[place] = (start + stop - 1) / 2
        start = stop
    return ranks


def _notes(count: int, everyone: int, label: str, explained: float) -> list[str]:
    notes = []
    if count < everyone:
        notes.append(f"{everyone - count} of {everyone} runs have no {label} and are left out.")
    if count < _CARE:
        notes.append(f"{count} runs are few: read this with care.")
    if explained < 0.1:
        notes.append(
            f"These params predict {label} hardly better than its mean does: what matters may be "
            "chance, or something that was not logged."
        )
    return notes
