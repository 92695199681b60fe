"""Training metrics and pictures of an estimator, under the names that people know from MLflow."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..evaluation import pictures
from ..evaluation.numbers import Scored

_MOST_CLASSES = 20  # for metrics that compare every pair of them: 500 would take minutes


@dataclass
class Trained:
    """A trained estimator and what it was trained on; it is asked for predictions once.

    Attributes:
        model: the estimator.
        features: what it was trained on.
        labels: None where there are none.
        weights: of the rows.
        pos_label: of two labels the one that precision, recall and F1 are about.
    """

    model: Any
    features: Any
    labels: Any = None
    weights: Any = None
    pos_label: Any = None

    @cached_property
    def predicted(self) -> Any:
        """Predictions of the training data."""
        return self.model.predict(self.features)

    @cached_property
    def probabilities(self) -> Any:
        """A column a label; None where the estimator has none, or several labels a row."""
        if not hasattr(self.model, "predict_proba"):
            return None
        found = self.model.predict_proba(self.features)
        return None if isinstance(found, list) or found.ndim != 2 else found

    def is_judged_by(self, told_by: Callable[[Any], bool]) -> bool:
        """It is a classifier, or a regressor, and there are labels."""
        return self.labels is not None and told_by(self.model)


def training_metrics(trained: Trained) -> tuple[dict[str, float], list[str]]:
    """Metrics of a trained estimator on the data that it was trained on.

    Returns:
        name -> value, and one sentence for each metric that could not be computed.
    """
    from sklearn.base import ClassifierMixin, RegressorMixin, is_classifier, is_regressor

    found: dict[str, float] = {}
    problems: list[str] = []

    def add(name: str, compute: Callable[[], Any]) -> None:
        try:
            found[name] = float(compute())
        except Exception as error:
            first = str(error).strip().partition("\n")[0]
            problems.append(f"the metric training_{name} could not be computed: {first}")

    if trained.is_judged_by(is_classifier):
        _classifier(trained, add)
    elif trained.is_judged_by(is_regressor):
        _regressor(trained, add)
    model, labels = trained.model, trained.labels
    # what most inherit is known by now, and would only predict once more
    known = {ClassifierMixin.score: "accuracy_score", RegressorMixin.score: "r2_score"}
    same = known.get(getattr(type(model), "score", None))
    if same in found:
        found["score"] = found[same]
    elif hasattr(model, "score") and (labels is not None or not _needs_labels(model.score)):
        weighs = trained.weights is not None and _weighs(model.score)
        given = {"sample_weight": trained.weights} if weighs else {}
        both = (trained.features,) if labels is None else (trained.features, labels)
        add("score", lambda: model.score(*both, **given))
    return found, problems


def _classifier(trained: Trained, add: Callable[[str, Callable[[], Any]], None]) -> None:
    from sklearn import metrics as sk

    labels, predicted, weights = trained.labels, trained.predicted, trained.weights
    over = {
        "average": "weighted" if trained.pos_label is None else "binary",
        "pos_label": trained.pos_label,
        "sample_weight": weights,
    }
    add("precision_score", lambda: sk.precision_score(labels, predicted, **over))
    add("recall_score", lambda: sk.recall_score(labels, predicted, **over))
    add("f1_score", lambda: sk.f1_score(labels, predicted, **over))
    add("accuracy_score", lambda: sk.accuracy_score(labels, predicted, sample_weight=weights))
    chances = trained.probabilities
    if chances is not None:
        add("log_loss", lambda: sk.log_loss(labels, chances, sample_weight=weights))
        scores = chances[:, 1] if len(chances[0]) == 2 else chances
        if len(chances[0]) <= _MOST_CLASSES:
            add(
                "roc_auc",
                lambda: sk.roc_auc_score(
                    labels, scores, average="weighted", multi_class="ovo", sample_weight=weights
                ),
            )


def _regressor(trained: Trained, add: Callable[[str, Callable[[], Any]], None]) -> None:
    from sklearn import metrics as sk

    labels, predicted, weights = trained.labels, trained.predicted, trained.weights

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


def pictures_of(trained: Trained) -> list[tuple[str, Any]]:
    """(name, figure) of a classifier: confusion matrix; of two labels also ROC and PR curve."""
    import numpy as np

    true, predicted = np.asarray(trained.labels), np.asarray(trained.predicted)
    if true.ndim == 2 and true.shape[1] == 1:
        true = true[:, 0]
    if true.ndim != 1:  # several labels a row
        return []
    classes = getattr(trained.model, "classes_", None)
    classes = np.unique(np.concatenate([true, predicted])) if classes is None else classes
    weights = trained.weights
    drawn = [("confusion_matrix", pictures.confusion_matrix(true, predicted, classes, weights))]
    if len(classes) == 2 and (scores := _scores(trained)) is not None:
        positive = classes[1] if trained.pos_label is None else trained.pos_label
        scored = Scored(true, predicted, scores, classes, positive, weights)
        drawn.append(("roc_curve", pictures.roc_curve(scored)))
        drawn.append(("precision_recall_curve", pictures.precision_recall_curve(scored)))
    return drawn


def _scores(trained: Trained) -> Any:
    """A column of scores for each of two labels; None for a model that only decides."""
    import numpy as np

    if trained.probabilities is not None:
        return np.asarray(trained.probabilities)
    if hasattr(trained.model, "decision_function"):
        distance = np.asarray(trained.model.decision_function(trained.features))
        return np.column_stack([-distance, distance])
    return None
