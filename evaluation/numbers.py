"""The metrics of classifiers and regressors, under the names that people know from MLflow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import InvalidInput


@dataclass(frozen=True)
class Scored:
    """Labels beside what a model made of them.

    Attributes:
        true: the labels.
        predicted: the model's predictions.
        probabilities: a column a label, in the order of ``labels``; None when there are none.
        labels: sorted.
        positive: of two labels the one that metrics are about.
        weights: of the rows, or None.
    """

    true: Any
    predicted: Any
    probabilities: Any = None
    labels: Any = ()
    positive: Any = None
    weights: Any = None

    @property
    def is_binary(self) -> bool:
        """Two labels."""
        return len(self.labels) == 2

    @property
    def positive_scores(self) -> Any:
        """The probability of the positive label."""
        return self.probabilities[:, list(self.labels).index(self.positive)]


def scored_classes(
    true: Any,
    predicted: Any,
    probabilities: Any = None,
    *,
    label_list: Any = None,
    pos_label: Any = None,
    weights: Any = None,
) -> Scored:
    """Labels and predictions of a classifier, checked.

    Raises:
        InvalidInput: fewer than two labels, or a positive label that is none of them; several
            labels a row; predictions of another kind than the labels.
    """
    import numpy as np

    true, predicted = np.asarray(true), np.asarray(predicted)
    if true.ndim == 2 and true.shape[1] == 1:
        true = true[:, 0]
    if true.ndim != 1 or predicted.ndim != 1:
        raise InvalidInput(
            "A classifier is evaluated on one label and one prediction a row; evaluate each "
            "column of several by itself."
        )
    kinds = [isinstance(array.tolist()[0], str) for array in (true, predicted)]
    if kinds[0] != kinds[1]:
        raise InvalidInput(
            f"The targets (such as {true.tolist()[0]!r}) and the predictions (such as "
            f"{predicted.tolist()[0]!r}) are of different kinds; give the targets as the model "
            "predicts them."
        )
    labels = np.unique(np.concatenate([true, predicted]) if label_list is None else label_list)
    if len(labels) < 2:
        raise InvalidInput(
            f"A classifier's data needs at least two labels; it has only {labels.tolist()}. Give "
            "all of them with evaluator_config={'label_list': […]}."
        )
    if pos_label is not None and pos_label not in labels:
        raise InvalidInput(f"The positive label {pos_label!r} is none of {labels.tolist()}.")
    if probabilities is not None and probabilities.shape[1] != len(labels):
        # rows of a label that the data does not have, or the other way round
        raise InvalidInput(
            f"The model gives probabilities of {probabilities.shape[1]} labels, and the data has "
            f"{len(labels)}. Give all of them with evaluator_config={{'label_list': […]}}."
        )
    positive = (labels[-1] if pos_label is None else pos_label) if len(labels) == 2 else None
    return Scored(true, predicted, probabilities, labels, positive, weights)


def classifier_metrics(scored: Scored, average: str = "weighted") -> dict[str, float]:
    """Metrics of a classifier.

    Args:
        scored: from `scored_classes`.
        average: over more than two labels: "weighted", "macro" or "micro".
    """
    from sklearn import metrics as sk

    true, predicted, weights = scored.true, scored.predicted, scored.weights
    over: dict[str, Any] = {"average": average, "sample_weight": weights, "zero_division": 0}
    if scored.is_binary:
        over |= {"average": "binary", "pos_label": scored.positive}
    found: dict[str, float] = {
        "example_count": len(true),
        "accuracy_score": sk.accuracy_score(true, predicted, sample_weight=weights),
        "recall_score": sk.recall_score(true, predicted, **over),
        "precision_score": sk.precision_score(true, predicted, **over),
        "f1_score": sk.f1_score(true, predicted, **over),
    }
    if scored.is_binary:
        found |= confusion_counts(true == scored.positive, predicted == scored.positive)
    if scored.probabilities is None:
        return _floats(found)
    found["log_loss"] = sk.log_loss(
        true, scored.probabilities, labels=scored.labels, sample_weight=weights
    )
    if scored.is_binary:
        found["roc_auc"] = roc_auc(true == scored.positive, scored.positive_scores, weights)
        found["precision_recall_auc"] = sk.average_precision_score(
            true == scored.positive, scored.positive_scores, sample_weight=weights
        )
    elif len(set(true.tolist())) < len(scored.labels):
        found["roc_auc"] = float("nan")  # there is no curve for a label that does not occur
    elif average in ("macro", "weighted"):
        found["roc_auc"] = sk.roc_auc_score(
            true,
            scored.probabilities,
            labels=scored.labels,
            average=average,
            multi_class="ovr",
            sample_weight=weights,
        )
    return _floats(found)


def confusion_counts(true: Any, predicted: Any) -> dict[str, float]:
    """True and false positives and negatives of two boolean arrays."""
    return {
        "true_negatives": int((~true & ~predicted).sum()),
        "false_positives": int((~true & predicted).sum()),
        "false_negatives": int((true & ~predicted).sum()),
        "true_positives": int((true & predicted).sum()),
    }


def roc_auc(true: Any, scores: Any, weights: Any = None) -> float:
    """The area under the curve; NaN when only one label occurs."""
    from sklearn import metrics as sk

    if true.all() or not true.any():
        return float("nan")
    return float(sk.roc_auc_score(true, scores, sample_weight=weights))


def per_class(scored: Scored) -> Any:
    """A DataFrame with a row of metrics for each label, against all the others."""
    import pandas as pd
    from sklearn import metrics as sk

    rows = []
    for at, label in enumerate(scored.labels):
        true, predicted = scored.true == label, scored.predicted == label
        over: dict[str, Any] = {"sample_weight": scored.weights, "zero_division": 0}
        row = {"positive_class": label} | confusion_counts(true, predicted)
        row |= {
            "example_count": len(true),
            "accuracy_score": sk.accuracy_score(true, predicted, sample_weight=scored.weights),
            "recall_score": sk.recall_score(true, predicted, **over),
            "precision_score": sk.precision_score(true, predicted, **over),
            "f1_score": sk.f1_score(true, predicted, **over),
        }
        if scored.probabilities is not None:
            scores = scored.probabilities[:, at]
            row["roc_auc"] = roc_auc(true, scores, scored.weights)
            row["precision_recall_auc"] = (
                sk.average_precision_score(true, scores, sample_weight=scored.weights)
                if true.any()
                else float("nan")
            )
        rows.append(row)
    return pd.DataFrame(rows)


def regressor_metrics(true: Any, predicted: Any, weights: Any = None) -> dict[str, float]:
    """Metrics of a regressor."""
    import numpy as np
    from sklearn import metrics as sk

    true, predicted = np.asarray(true), np.asarray(predicted)
    squared = sk.mean_squared_error(true, predicted, sample_weight=weights)
    total = (true if weights is None else true * np.asarray(weights)).sum()
    found = {
        "example_count": len(true),
        "mean_absolute_error": sk.mean_absolute_error(true, predicted, sample_weight=weights),
        "mean_squared_error": squared,
        "root_mean_squared_error": np.sqrt(squared),
        "sum_on_target": total,
        "mean_on_target": total / len(true),
        "r2_score": sk.r2_score(true, predicted, sample_weight=weights),
        "max_error": sk.max_error(true, predicted) if true.ndim == 1 else None,
        "mean_absolute_percentage_error": sk.mean_absolute_percentage_error(
            true, predicted, sample_weight=weights
        ),
    }
    return _floats({key: value for key, value in found.items() if value is not None})


def _floats(values: dict[str, Any]) -> dict[str, float]:
    return {key: float(value) for key, value in values.items()}
