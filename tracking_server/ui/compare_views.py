"""The charts of a comparison: what each was asked for, and what its script draws.

Each has two functions of the same query: ``<view>_asked`` says what the controls show (and chooses
where nothing is said), ``<view>_drawn`` answers the script. An answer with ``empty`` says in words
why there is nothing to draw.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from flask import request

from ...errors import InvalidInput
from ..service import Service
from .compare_fields import DURATION, Choices, Column, Value, choices, columns
from .compare_groups import FEWEST_POINTS, boxes, surface
from .compare_importance import importances
from .compare_runs import Chosen
from .part import asked

MOST_AXES = 24
_FIRST_AXES = 6
_JUDGED = 200  # params whose importance is told
_NONE = "none"
_MANY_SIZES = 100  # the greatest by the least


def parallel_asked(service: Service, chosen: Chosen, given: Choices) -> dict[str, Any]:
    """``axis=…&axis=…&log=…&colour=…``"""
    axes = list(dict.fromkeys(request.args.getlist("axis")))
    if len(axes) > MOST_AXES:
        raise InvalidInput(f"{len(axes)} axes are too many: {MOST_AXES} at most.")
    metric = given.metric
    if not axes:
        axes = given.params[:_FIRST_AXES] + ([metric] if metric else [])
    return {
        "axes": axes,
        "colour": _optional("colour", metric),
        "log": _logs(columns(service, chosen, axes)),
    }


def parallel_drawn(service: Service, chosen: Chosen, given: dict[str, Any]) -> dict[str, Any]:
    """All axes as columns, and the colour's last."""
    if len(given["axes"]) < 2:
        return {
            "empty": "Two axes at least: these runs differ in no param, or have no metric. "
            "Add an axis, or add runs that differ."
        }
    names = given["axes"] + ([given["colour"]] if given["colour"] else [])
    found = columns(service, chosen, names)
    axes = found[: len(given["axes"])]
    coloured = found[-1] if given["colour"] else None
    return {
        "axes": [_axis(each, each.name in given["log"]) for each in axes],
        "colour": coloured.told() if coloured else None,
        "notes": _lacking(chosen, axes) + _log_notes(axes, given["log"]),
    }


def scatter_asked(service: Service, chosen: Chosen, given: Choices) -> dict[str, Any]:
    """``x=…&y=…&colour=…&size=…&log=…&contour=1``"""
    metric = given.metric
    numeric = [each.name for each in columns(service, chosen, given.params[:20]) if each.numeric]
    x = asked("x") or next(iter(numeric or given.params), DURATION)
    contour = asked("contour") == "1"
    if contour:
        spare = next((name for name in numeric if name != x), DURATION)
        y, colour = asked("y") or spare, asked("colour") or metric
    else:
        y, colour = asked("y") or metric or DURATION, asked("colour")
    axes = columns(service, chosen, [x, y])
    return {
        "x": x,
        "y": y,
        "colour": "" if colour == _NONE else colour,
        "size": _optional("size", ""),
        "log": _logs(axes),
        "contour": contour,
    }


def scatter_drawn(service: Service, chosen: Chosen, given: dict[str, Any]) -> dict[str, Any]:
    """The columns by their role; for a contour the surface, too."""
    roles = [role for role in ("x", "y", "colour", "size") if given[role]]
    found = columns(service, chosen, [given[role] for role in roles])
    by_role = dict(zip(roles, found, strict=True))
    x, y = by_role["x"], by_role["y"]
    logs = {role: by_role[role].name in given["log"] for role in ("x", "y")}
    axes = {role: _axis(by_role[role], logs[role]) for role in ("x", "y")}
    both = [
        a is not None and b is not None
        for a, b in zip(axes["x"]["values"], axes["y"]["values"], strict=True)
    ]
    if not any(both):
        return {
            "empty": f"None of these runs has both {x.label} and {y.label}. Choose other fields."
        }
    notes = _log_notes([x, y], given["log"])
    if not all(both):
        notes.insert(0, f"{both.count(False)} of {len(both)} runs lack {x.label} or {y.label}.")
    answer: dict[str, Any] = {
        **axes,
        "colour": by_role["colour"].told() if given["colour"] else None,
        "size": by_role["size"].told() if given["size"] else None,
        "notes": notes,
    }
    if given["contour"]:
        answer |= _contour(axes["x"], axes["y"], by_role.get("colour"))
    return answer


def _contour(x: dict[str, Any], y: dict[str, Any], z: Column | None) -> dict[str, Any]:
    if z is None or not all(each["numeric"] for each in (x, y, z.told())):
        return {"empty": "A contour needs numbers: x, y, and the metric that it shows (colour)."}
    points = [
        (a, b, c)
        for a, b, c in zip(x["values"], y["values"], z.values, strict=True)
        if not (a is None or b is None or c is None)
    ]
    if len(points) < FEWEST_POINTS:
        return {
            "empty": f"{len(points)} runs have all three values. A contour needs "
            f"{FEWEST_POINTS} at least: add runs, or show the points alone."
        }
    across, up, high = zip(*points, strict=True)
    edges = [(min(values), max(values)) for values in (across, up)]
    found = surface(_unit(across, x["log"]), _unit(up, y["log"]), high)
    if found is None or any(low == top for low, top in edges):
        return {
            "empty": f"The runs lie on a line or in fewer than {FEWEST_POINTS} places: there "
            "is no surface between them. Choose params that both vary."
        }
    return {"surface": {"rows": found, "x": edges[0], "y": edges[1]}}


def box_asked(service: Service, chosen: Chosen, given: Choices) -> dict[str, Any]:
    """``metric=…&by=…``"""
    return {
        "metric": asked("metric") or given.metric,
        "by": asked("by") or next(iter(given.params), ""),
        "log": request.args.getlist("log"),
    }


def box_drawn(service: Service, chosen: Chosen, given: dict[str, Any]) -> dict[str, Any]:
    """The metric in groups of runs."""
    if not given["metric"]:
        return {"empty": "These runs have no metric."}
    if not given["by"]:
        return {"empty": "These runs do not differ in any param to group them by."}
    metric, by = columns(service, chosen, [given["metric"], given["by"]])
    if not metric.numeric:
        return {"empty": f"{metric.label} is no number in all runs; box plots need numbers."}
    found = boxes(metric, by)
    if not found["groups"]:
        return {"empty": f"None of these runs has both {metric.label} and {by.label}."}
    notes = []
    if found["left_out"]:
        notes.append(
            f"{found['left_out']} of {len(chosen.runs)} runs lack {metric.label} or "
            f"{by.label}, or have a value that is no finite number."
        )
    if found["binned"]:
        notes.append(f"{by.label} has many values: the groups are its quantiles.")
    if found["more"]:
        notes.append(f"{found['more']} more values of {by.label} are not shown.")
    log = "metric" in given["log"]
    if log and any(value <= 0 for group in found["groups"] for value in group["values"]):
        log = False
        notes.append(f"{metric.label} is not always above 0, so its axis is not logarithmic.")
    return {**found, "metric": metric.label, "by": by.label, "log": log, "notes": notes}


def importance_asked(service: Service, chosen: Chosen, given: Choices) -> dict[str, Any]:
    """``metric=…``"""
    return {"metric": asked("metric") or given.metric}


def importance_drawn(service: Service, chosen: Chosen, given: dict[str, Any]) -> dict[str, Any]:
    """Of the params in which the runs differ."""
    if not given["metric"]:
        return {"empty": "These runs have no metric."}
    (metric,) = columns(service, chosen, [given["metric"]])
    if not metric.numeric:
        return {"empty": f"{metric.label} is no number in all runs."}
    names = choices(service, chosen).params
    judged = columns(service, chosen, [n for n in names if n != given["metric"]][:_JUDGED])
    answer = importances(metric, [each for each in judged if each.varies() or None in each.values])
    if len(names) > _JUDGED and "notes" in answer:
        answer["notes"].append(
            f"The {_JUDGED} params that most runs have are judged, of {len(names)} or more."
        )
    return {**answer, "metric": metric.label}


VIEWS = {
    "parallel": (parallel_asked, parallel_drawn),
    "scatter": (scatter_asked, scatter_drawn),
    "box": (box_asked, box_drawn),
    "importance": (importance_asked, importance_drawn),
}


def _optional(name: str, default: str) -> str:
    """A field that may be none, which is said by that word."""
    given = asked(name) or default
    return "" if given == _NONE else given


def _logs(axes: Sequence[Column]) -> list[str]:
    """Which axes are logarithmic (``log=…``, "none" for none); by default params of many sizes."""
    given = request.args.getlist("log")
    if given:
        return given
    found = []
    for axis in axes:
        values = [value for value in axis.values if isinstance(value, float)]
        if not axis.numeric or not axis.name.startswith("params.") or not values:
            continue
        if 0 < min(values) <= max(values) / _MANY_SIZES:
            found.append(axis.name)
    return found


def _axis(of: Column, log: bool) -> dict[str, Any]:
    """A column as an axis; on a logarithmic one, values without a logarithm are missing."""
    log = log and of.numeric
    values = [None if log and isinstance(v, float) and v <= 0 else v for v in of.values]
    return {**Column(of.name, of.numeric, values).told(), "log": log}


def _unit(values: Sequence[float], log: bool) -> list[float]:
    """Brought to 0 … 1."""
    scaled = [math.log(value) if log else value / 2 for value in values]
    low, span = min(scaled), max(scaled) - min(scaled)
    return [(value - low) / span if span else 0.0 for value in scaled]


def _lacking(chosen: Chosen, axes: Sequence[Column]) -> list[str]:
    lacking: dict[tuple[str, ...], list[str]] = {}
    for axis in axes:
        pairs = zip(chosen.runs, axis.values, strict=True)
        missing = tuple(run.info.run_name[:60] for run, value in pairs if value is None)
        if missing:
            lacking.setdefault(missing, []).append(axis.label[:60])
    notes = []
    for names, labels in lacking.items():
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        notes.append(
            f"Missing in {', '.join(names[:3])}{more}: {', '.join(labels)}. Dashed lines skip it."
        )
    return notes


def _log_notes(axes: Sequence[Column], log: Sequence[str]) -> list[str]:
    notes = []
    for axis in axes:
        if axis.name in log:
            if not axis.numeric:
                notes.append(f"{axis.label} is no number in all runs, so it has no logarithm.")
            elif any(_unfit(value) for value in axis.values):
                notes.append(f"Values of {axis.label} that are not above 0 have no logarithm.")
    return notes


def _unfit(value: Value) -> bool:
    return isinstance(value, float) and value <= 0
