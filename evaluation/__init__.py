"""`mlpack.evaluate`: metrics and pictures of a classifier or a regressor."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .evaluator import evaluate
    from .extra import MetricValue, make_metric
    from .result import EvaluationArtifact, EvaluationResult
    from .thresholds import MetricThreshold, validate_evaluation_results

_HOME = {
    "EvaluationArtifact": "result",
    "EvaluationResult": "result",
    "MetricThreshold": "thresholds",
    "MetricValue": "extra",
    "evaluate": "evaluator",
    "make_metric": "extra",
    "validate_evaluation_results": "thresholds",
}

__all__ = [
    "EvaluationArtifact",
    "EvaluationResult",
    "MetricThreshold",
    "MetricValue",
    "evaluate",
    "make_metric",
    "validate_evaluation_results",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
