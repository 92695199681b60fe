"""Is a model good enough: `MetricThreshold` and `validate_evaluation_results`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import InvalidInput, InvalidState
from .result import EvaluationResult


@dataclass(frozen=True)
class MetricThreshold:
    """What a metric must reach.

    Attributes:
        threshold: the value itself.
        min_absolute_change: how much better than the baseline's value.
        min_relative_change: how much better, as a share of the baseline's value (0 to 1).
        greater_is_better: whether more is better.

    Raises:
        InvalidInput: nothing is demanded, or a value is out of range.
    """

    threshold: float | None = None
    min_absolute_change: float | None = None
    min_relative_change: float | None = None
    greater_is_better: bool | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.greater_is_better, bool):
            raise InvalidInput("A MetricThreshold needs greater_is_better=True or False.")
        if self.threshold is self.min_absolute_change is self.min_relative_change is None:
            raise InvalidInput(
                "A MetricThreshold needs threshold, min_absolute_change or min_relative_change."
            )
        if self.min_absolute_change is not None and not self.min_absolute_change > 0:
            raise InvalidInput("min_absolute_change must be above 0.")
        if self.min_relative_change is not None and not 0 <= self.min_relative_change <= 1:
            raise InvalidInput("min_relative_change must be from 0 to 1.")

    @property
    def needs_baseline(self) -> bool:
        """It compares with another model."""
        return self.min_absolute_change is not None or self.min_relative_change is not None


def validate_evaluation_results(
    validation_thresholds: Mapping[str, MetricThreshold],
    candidate_result: EvaluationResult,
    baseline_result: EvaluationResult | None = None,
) -> None:
    """Return when a model is good enough.

    Args:
        validation_thresholds: metric -> what it must reach.
        candidate_result: of `evaluate`, for the model in question.
        baseline_result: of `evaluate`, for the model to compare with.

    Raises:
        InvalidState: it is not good enough; the message lists every metric that fails.
        InvalidInput: a threshold compares with a baseline, and none is given.
    """
    if baseline_result is None and any(t.needs_baseline for t in validation_thresholds.values()):
        raise InvalidInput("A threshold compares with a baseline; give baseline_result.")
    before = baseline_result.metrics if baseline_result else {}
    failures = [
        failure
        for name, wanted in validation_thresholds.items()
        for failure in _failures(name, wanted, candidate_result.metrics.get(name), before.get(name))
    ]
    if failures:
        raise InvalidState(f"The model is not good enough: {'; '.join(failures)}.")


def _failures(
    name: str, wanted: MetricThreshold, value: float | None, base: float | None
) -> list[str]:
    if value is None:
        return [f"{name} was not computed"]
    sign = 1 if wanted.greater_is_better else -1
    at_least = "at least" if wanted.greater_is_better else "at most"
    demands = []
    if wanted.threshold is not None:
        demands.append((wanted.threshold, ""))
    if wanted.needs_baseline and base is None:
        return [f"{name} was not computed for the baseline"]
    if base is not None and wanted.min_absolute_change is not None:
        demands.append((base + sign * wanted.min_absolute_change, f" (baseline {base:g})"))
    if base is not None and wanted.min_relative_change is not None:
        step = wanted.min_relative_change * abs(base) or 1e-10
        demands.append((base + sign * step, f" (baseline {base:g})"))
    return [
        f"{name} is {value:g}, and must be {at_least} {limit:g}{note}"
        for limit, note in demands
        if not sign * value >= sign * limit
    ]
