"""Pictures of how a model does. Figures are made apart from pyplot, whose state stays the user's.

Each function takes what it shows and returns a matplotlib figure.
"""

from __future__ import annotations

import importlib.util
from typing import Any

from .numbers import Scored

_INK, _LINE = "#333333", "#1f77b4"
_MOST_POINTS = 5_000  # a scatter of more is a blot and a large file
_MOST_CLASSES = 10  # more curves in one picture cannot be told apart
_MOST_NUMBERS = 20  # rows of a matrix with a number in each cell, and labels along its sides


def available() -> bool:
    """matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def confusion_matrix(true: Any, predicted: Any, labels: Any, weights: Any = None) -> Any:
    """Of each label's rows, how many were given which label."""
    import numpy as np
    from sklearn.metrics import confusion_matrix as count

    shares = count(true, predicted, labels=labels, normalize="true", sample_weight=weights)
    many = len(labels)
    side = min(max(3.6, 1.6 + 0.55 * many), 12)
    figure, axes = _new(side + 1, side)
    picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    size = max(6.0, min(9.0, 90 / many))
    if many <= _MOST_NUMBERS:
        for (row, column), share in np.ndenumerate(shares):
            color = "white" if share > 0.55 else _INK
            text = f"{share:.2f}"
            axes.text(column, row, text, ha="center", va="center", color=color, fontsize=size)
    named = range(0, many, -(-many // _MOST_NUMBERS))
    names = [_short(labels[at]) for at in named]
    turned = 45 if max(map(len, names)) > 4 and many > 2 else 0
    axes.set_xticks(
        named, names, fontsize=size, rotation=turned, ha="right" if turned else "center"
    )
    axes.set_yticks(named, names, fontsize=size)
    axes.set(xlabel="Predicted", ylabel="True", title="Confusion matrix, as shares of each row")
    figure.colorbar(picture, ax=axes, fraction=0.046)
    return figure


def roc_curve(scored: Scored) -> Any:
    """True against false positives, over all thresholds; a curve a label for more than two."""
    from sklearn.metrics import auc
    from sklearn.metrics import roc_curve as curve

    figure, axes = _new(5.2, 4.4)
    for name, true, scores in _one_against_rest(scored):
        false, hit, _ = curve(true, scores, sample_weight=scored.weights)
        axes.plot(false, hit, label=f"{name}AUC {auc(false, hit):.3f}", linewidth=1.5)
    axes.plot([0, 1], [0, 1], linestyle="--", color="gray", linewidth=0.8)
    return _curve(figure, axes, scored, "False positive rate", "True positive rate", "ROC curve")


def precision_recall_curve(scored: Scored) -> Any:
    """Precision against recall, over all thresholds; a curve a label for more than two."""
    from sklearn.metrics import average_precision_score as area
    from sklearn.metrics import precision_recall_curve as curve

    figure, axes = _new(5.2, 4.4)
    for name, true, scores in _one_against_rest(scored):
        precision, recall, _ = curve(true, scores, sample_weight=scored.weights)
        mean = area(true, scores, sample_weight=scored.weights)
        label = f"{name}AP {mean:.3f}"
        axes.plot(recall, precision, label=label, linewidth=1.5, drawstyle="steps-post")
    return _curve(figure, axes, scored, "Recall", "Precision", "Precision-recall curve")


def lift_curve(scored: Scored) -> Any:
    """How many times more positives the best-scored share of the rows holds than any share."""
    import numpy as np

    true = (scored.true == scored.positive)[np.argsort(-scored.positive_scores, kind="stable")]
    share = np.arange(1, len(true) + 1) / len(true)
    lift = np.cumsum(true) / true.sum() / share
    figure, axes = _new(5.2, 4.4)
    axes.plot(share, lift, color=_LINE, linewidth=1.5)
    axes.axhline(1, linestyle="--", color="gray", linewidth=0.8)
    axes.set(xlabel="Share of rows, best scored first", ylabel="Lift", title="Lift curve")
    axes.set(xlim=(0, 1), ylim=(0, None))
    return figure


def calibration_curve(scored: Scored) -> Any:
    """How often what the model calls likely comes true."""
    from sklearn.calibration import calibration_curve as curve

    figure, axes = _new(5.2, 4.4)
    for name, true, scores in _one_against_rest(scored):
        came_true, said = curve(true, scores, n_bins=10)
        axes.plot(said, came_true, marker="o", markersize=3.5, label=name.rstrip(": ") or "model")
    axes.plot([0, 1], [0, 1], linestyle="--", color="gray", linewidth=0.8)
    return _curve(
        figure, axes, scored, "Predicted probability", "Share of positives", "Calibration curve"
    )


def residuals(true: Any, predicted: Any) -> Any:
    """What the predictions miss, against the predictions, and how that is distributed."""
    true, predicted = _thinned(true, predicted)
    missed = true - predicted
    figure, axes = _new(6.4, 4.0, columns=2, width_ratios=(3, 1), sharey=True)
    axes[0].scatter(predicted, missed, s=9, alpha=0.5, color=_LINE, linewidths=0)
    axes[0].axhline(0, linestyle="--", color="gray", linewidth=0.8)
    axes[0].set(xlabel="Predicted", ylabel="True - predicted", title="Residuals")
    axes[1].hist(missed, bins=30, orientation="horizontal", color=_LINE, alpha=0.7)
    axes[1].set(xlabel="Rows")
    return figure


def predicted_vs_true(true: Any, predicted: Any) -> Any:
    """Predictions against the truth; a perfect model is the diagonal."""
    true, predicted = _thinned(true, predicted)
    figure, axes = _new(4.8, 4.4)
    axes.scatter(true, predicted, s=9, alpha=0.5, color=_LINE, linewidths=0)
    low, high = min(true.min(), predicted.min()), max(true.max(), predicted.max())
    axes.plot([low, high], [low, high], linestyle="--", color="gray", linewidth=0.8)
    axes.set(xlabel="True", ylabel="Predicted", title="Predicted and true values")
    return figure


def _new(width: float, height: float, columns: int = 1, **more: Any) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=140, layout="constrained")
    FigureCanvasAgg(figure)
    if columns > 1:
        ratios = {"width_ratios": more.pop("width_ratios")}
        axes = figure.subplots(1, columns, gridspec_kw=ratios, **more)
        all_axes = list(axes)
    else:
        axes = figure.subplots()
        all_axes = [axes]
    for one in all_axes:
        one.tick_params(labelsize=8)
        one.title.set_fontsize(10)
        one.xaxis.label.set_fontsize(9)
        one.yaxis.label.set_fontsize(9)
    return figure, axes


def _one_against_rest(scored: Scored) -> list[tuple[str, Any, Any]]:
    """(prefix of the legend, rows that are the label, scores) of each curve to draw."""
    if scored.is_binary:
        return [("", scored.true == scored.positive, scored.positive_scores)]
    curves = [
        (f"{_short(label)}: ", scored.true == label, scored.probabilities[:, at])
        for at, label in enumerate(scored.labels)
    ]
    return [(name, true, scores) for name, true, scores in curves if 0 < true.sum() < len(true)]


def curves_fit(scored: Scored) -> bool:
    """There are scores, and few enough labels to tell their curves apart."""
    return scored.probabilities is not None and len(scored.labels) <= _MOST_CLASSES


def _curve(figure: Any, axes: Any, scored: Scored, x: str, y: str, title: str) -> Any:
    if scored.is_binary:
        title += f" (positive: {_short(scored.positive)})"
    axes.set(xlabel=x, ylabel=y, title=title, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.legend(fontsize=8, frameon=False)
    return figure


def _thinned(true: Any, predicted: Any) -> tuple[Any, Any]:
    import numpy as np

    true, predicted = np.asarray(true).ravel(), np.asarray(predicted).ravel()
    if len(true) > _MOST_POINTS:
        chosen = np.linspace(0, len(true) - 1, _MOST_POINTS).astype(int)
        true, predicted = true[chosen], predicted[chosen]
    return true, predicted


def _short(label: Any) -> str:
    text = str(label)
    return text if len(text) <= 16 else f"{text[:8]}…{text[-7:]}"  # names often differ at the end
