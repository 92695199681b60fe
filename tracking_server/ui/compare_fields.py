"""What charts of a comparison are made of: params and metrics as columns of values.

Fields are called as filters call them: ``params.C``, ``metrics.loss``; and ``facts.duration``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import InvalidInput
from ...tracking.entities import Run
from ...tracking.views import ComparedKey
from ..service import Service
from .compare_keys import keys
from .compare_runs import Chosen
from .words import SYSTEM, cut

MOST = 300  # fields of a kind to choose from
_LONG = 120  # characters of a value in a chart
DURATION = "facts.duration"
_KINDS = {"params": "param", "metrics": "metric"}
Value = float | str | None


@dataclass(frozen=True)
class Column:
    """A field of all runs.

    Attributes:
        name: such as ``params.C``.
        numeric: all values are finite numbers.
        values: one a run: floats where numeric, else texts; None where a run has none.
    """

    name: str
    numeric: bool
    values: list[Value]

    @property
    def label(self) -> str:
        return "duration in s" if self.name == DURATION else self.name.partition(".")[2]

    def varies(self) -> bool:
        """Whether two runs have different values."""
        return len({value for value in self.values if value is not None}) > 1

    def told(self) -> dict[str, Any]:
        """As a script reads it."""
        values = [cut(each, _LONG) if isinstance(each, str) else each for each in self.values]
        return {"name": self.name, "label": self.label, "numeric": self.numeric, "values": values}


@dataclass(frozen=True)
class Choices:
    """The fields to choose from.

    Attributes:
        params: in which the runs differ, those of most runs first.
        metrics: those of most runs first.
        more: there are more than these.
        metric: the one to begin with; empty where there is none.
    """

    params: list[str]
    metrics: list[str]
    more: bool
    metric: str


def choices(service: Service, chosen: Chosen, words: str = "") -> Choices:
    """What a comparison of these runs can be drawn from, of names that hold words."""
    params = keys(service, chosen, "param", words, differing=True)
    metrics = keys(service, chosen, "metric", words)
    for found in (params, metrics):
        found.sort(key=lambda each: -each.count)
    preferred = preferred_metric(metrics, len(chosen.ids))
    return Choices(
        [f"params.{each.key}" for each in params[:MOST]],
        [f"metrics.{each.key}" for each in metrics[:MOST]],
        max(len(params), len(metrics)) > MOST,
        f"metrics.{preferred}" if preferred else "",
    )


def preferred_metric(metrics: Sequence[ComparedKey], runs: int) -> str:
    """The metric to begin with: one that tells the runs apart, and no measure of the machine."""

    def last(metric: ComparedKey) -> tuple[bool, bool, bool]:
        is_alike = not metric.differs or metric.count == 1
        return metric.key.startswith(SYSTEM), is_alike, metric.count < runs

    return min(metrics, key=last).key if metrics else ""


def columns(service: Service, chosen: Chosen, names: Sequence[str]) -> list[Column]:
    """These fields of the runs.

    Raises:
        InvalidInput: a name is not one of a field.
    """
    wanted: dict[str, list[str]] = {group: [] for group in _KINDS}
    for name in names:
        group, _, key = name.partition(".")
        if name != DURATION:
            if group not in wanted or not key:
                raise InvalidInput(
                    f"{name[:80]!r} is no field of runs: params.NAME and metrics.NAME are, "
                    f"and {DURATION}."
                )
            wanted[group].append(key)
    known = {
        group: service.store.compared_values(chosen.ids, _KINDS[group], some) if some else {}
        for group, some in wanted.items()
    }
    found = []
    for name in names:
        group, _, key = name.partition(".")
        if name == DURATION:
            values: list[Any] = [_duration(run) for run in chosen.runs]
        else:
            values = [known[group][key].get(run_id) for run_id in chosen.ids]
        found.append(column(name, values))
    return found


def column(name: str, values: Sequence[Any]) -> Column:
    """A column with the type that its values have: numbers if all of them are.

    Metrics are always numbers; a NaN or an infinity of one counts as no value.
    """
    numbers = [_number(value) for value in values]
    given = [
        (value, number) for value, number in zip(values, numbers, strict=True) if value is not None
    ]
    if not name.startswith("params.") or (given and all(n is not None for _, n in given)):
        return Column(name, True, list(numbers))
    return Column(name, False, [None if value is None else str(value) for value in values])


def _number(value: Any) -> float | None:
    if value is None or (isinstance(value, str) and (len(value) > 40 or "_" in value)):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _duration(run: Run) -> float | None:
    if run.info.end_time is None or run.info.end_time < run.info.start_time:
        return None
    return (run.info.end_time - run.info.start_time) / 1000
