"""Training metrics and pictures of an estimator, under the names that people know from MLflow."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ..evaluation import pictures
from ..evaluation.numbers import Scored


def training_metrics(
    model: Any, features: Any, labels: Any, weights: Any = None, pos_label: Any = None
) -> tuple[dict[str, float], list[str]]:
    """Metrics of a trained estimator on the data that it was trained on.

    Args:
        model: the estimator.
        features: what it was trained on.
        labels: None where there are none.
        weights: of the rows.
        pos_label: of two labels the one that precision, recall and F1 are about.

    Returns:
        name -> value, and one sentence for each metric that could not be computed.
    """
    from sklearn.base import is_classifier, is_regressor

    found: dict[str, float] = {}
    problems: list[str] = []

    def add(name: str, compute: Callable[[], Any]) -> None:
        try:
            found[name] = float(compute())
        except Exception as error:
            first = str(error).strip().partition("\n")[0]
            problems.append(f"the metric training_{name} could not be computed: {first}")

    if labels is not None and is_classifier(model):
        _classifier(model, features, labels, weights, pos_label, add)
    elif labels is not None and is_regressor(model):
        _regressor(model, features, labels, weights, add)
    if hasattr(model, "score") and (labels is not None or not _needs_labels(model.score)):
        given = {"sample_weight": weights} if weights is not None and _weighs(model.score) else {}
        both = (features,) if labels is None else (features, labels)
        add("score", lambda: model.score(*both, **given))
    return found, problems


def _classifier(
    model: Any,
    features: Any,
    labels: Any,
    weights: Any,
    pos_label: Any,
    add: Callable[[str, Callable[[], Any]], None],
) -> None:
    from sklearn import metrics as sk

    predicted = model.predict(features)
    over = {
        "average": "weighted" if pos_label is None else "binary",
        "pos_label": pos_label,
        "sample_weight": weights,
    }
    add("precision_score", lambda: sk.precision_score(labels, predicted, **over))
    add("recall_score", lambda: sk.recall_score(labels, predicted, **over))
    add("f1_score", lambda: sk.f1_score(labels, predicted, **over))
    add("accuracy_score", lambda: sk.accuracy_score(labels, predicted, sample_weight=weights))
    if hasattr(model, "predict_proba"):
        chances = model.predict_proba(features)
        add("log_loss", lambda: sk.log_loss(labels, chances, sample_weight=weights))
        scores = chances[:, 1] if len(chances[0]) == 2 else chances
        add(
            "roc_auc",
            lambda: sk.roc_auc_score(
                labels, scores, average="weighted", multi_class="ovo", sample_weight=weights
            ),
        )


def _regressor(
    model: Any,
    features: Any,
    labels: Any,
    weights: Any,
    add: Callable[[str, Callable[[], Any]], None],
) -> None:
    from sklearn import metrics as sk

    predicted = model.predict(features)

    def squared() -> Any:
        return sk.mean_squared_error(labels, predicted, sample_weight=weights)

    add("mean_squared_error", squared)
    add("root_mean_squared_error", lambda: squared() ** 0.5)
    add(
        "mean_absolute_error",
        lambda: sk.mean_absolute_error(labels, predicted, sample_weight=weights),
    )
    add("r2_score", lambda: sk.r2_score(labels, predicted, sample_weight=weights))


def _needs_labels(score: Callable[..., Any]) -> bool:
    wanted = inspect.signature(score).parameters.get("y")
    return wanted is not None and wanted.default is wanted.empty


def _weighs(score: Callable[..., Any]) -> bool:
    return "sample_weight" in inspect.signature(score).parameters


def pictures_of(
    model: Any, features: Any, labels: Any, weights: Any = None, pos_label: Any = None
) -> list[tuple[str, Any]]:
    """(name, figure) of a classifier: confusion matrix; of two labels also ROC and PR curve."""
    import numpy as np

    true, predicted = np.asarray(labels), np.asarray(model.predict(features))
    if true.ndim != 1:  # several labels a row
        return []
    classes = getattr(model, "classes_", None)
    classes = np.unique(np.concatenate([true, predicted])) if classes is None else classes
    drawn = [("confusion_matrix", pictures.confusion_matrix(true, predicted, classes, weights))]
    if len(classes) == 2 and (scores := _scores(model, features)) is not None:
        positive = classes[1] if pos_label is None else pos_label
        scored = Scored(true, predicted, scores, classes, positive, weights)
        drawn.append(("roc_curve", pictures.roc_curve(scored)))
        drawn.append(("precision_recall_curve", pictures.precision_recall_curve(scored)))
    return drawn


def _scores(model: Any, features: Any) -> Any:
    """A column of scores for each of two labels; None for a model that only decides."""
    import numpy as np

    if hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(features))
    if hasattr(model, "decision_function"):
        distance = np.asarray(model.decision_function(features))
        return np.column_stack([-distance, distance])
    return None
