"""Metrics of the user's own: `make_metric`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Number
from typing import Any

from ..errors import InvalidInput


@dataclass(frozen=True)
class MetricValue:
    """What a metric may return instead of a number.

    Attributes:
        scores: of each row; they become a column of the table.
        justifications: of each row.
        aggregate_results: name -> number; these are logged.
    """

    scores: Any = None
    justifications: Any = None
    aggregate_results: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ExtraMetric:
    """A metric made by `make_metric`."""

    eval_fn: Callable[..., Any]
    name: str
    greater_is_better: bool
    long_name: str | None = None
    version: str | None = None


def make_metric(
    *,
    eval_fn: Callable[..., Any],
    greater_is_better: bool,
    name: str | None = None,
    long_name: str | None = None,
    version: str | None = None,
) -> ExtraMetric:
    """A metric for ``evaluate(extra_metrics=[…])``.

    Args:
        eval_fn: called with the arguments that it names: ``predictions``, ``targets``, ``metrics``
            (those computed before), columns of the data, or keys of ``evaluator_config``. A
            function of two other arguments gets a DataFrame with the columns "prediction" and
            "target", and the metrics. Returns a number or a `MetricValue`.
        greater_is_better: whether more is better.
        name: default: the function's.
        long_name: spelled out.
        version: of the metric.

    Raises:
        InvalidInput: a function without a name, and no name given.
    """
    chosen = str(name or getattr(eval_fn, "__name__", "<lambda>"))
    if chosen == "<lambda>":
        raise InvalidInput("make_metric needs name= for a function that has none.")
    return ExtraMetric(eval_fn, chosen, greater_is_better, long_name, version)


def compute(metric: ExtraMetric, frame: Any, inputs: Any, context: Mapping[str, Any]) -> Any:
    """Call a metric.

    Args:
        metric: from `make_metric`.
        frame: with the columns "prediction" and, when there are labels, "target".
        inputs: the data, for metrics that name its columns.
        context: ``metrics`` (name -> number) and ``config``.

    Returns:
        A `MetricValue`.

    Raises:
        InvalidInput: it names something that is not there, or returns no number.
    """
    numbers: Mapping[str, float] = context["metrics"]
    names = list(inspect.signature(metric.eval_fn).parameters.values())
    if len(names) == 2 and not {"predictions", "targets"} & {one.name for one in names}:
        value = metric.eval_fn(frame.copy(), dict(numbers))
    else:
        value = metric.eval_fn(
            **{
                one.name: found
                for one in names
                if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)
                and (found := _argument(metric, one, frame, inputs, context)) is not one.empty
            }
        )
    if isinstance(value, Number) or hasattr(value, "item"):
        return MetricValue(aggregate_results={metric.name: float(value)})
    if isinstance(value, MetricValue):
        return value
    raise InvalidInput(
        f"The metric {metric.name!r} must return a number or a MetricValue; got "
        f"{type(value).__name__}."
    )


def _argument(
    metric: ExtraMetric, wanted: inspect.Parameter, frame: Any, inputs: Any, context: Any
) -> Any:
    """The value of an argument; ``Parameter.empty`` leaves it to its default."""
    name = wanted.name
    if name == "predictions":
        return frame["prediction"].copy()
    if name == "targets" and "target" in frame:
        return frame["target"].copy()
    if name == "metrics":
        return {
            key: MetricValue(aggregate_results={key: value})
            for key, value in context["metrics"].items()
        }
    if name in getattr(inputs, "columns", ()):
        return inputs[name].copy()
    if name in context["config"]:
        return context["config"][name]
    if wanted.default is wanted.empty:
        raise InvalidInput(
            f"The metric {metric.name!r} needs {name!r}, which is neither a column of the data nor "
            "in evaluator_config."
        )
    return wanted.empty
