"""`mlpack.evaluate`: predict, compute, draw, and record all of it in a run."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..data.inputs import CONTEXT
from ..errors import InvalidInput, MissingDependency, NotFound
from ..tracking import validate
from ..tracking.active import active_run, start_run
from ..tracking.client import TrackingClient
from ..tracking.entities import DatasetInput, ModelInput
from . import numbers, pictures
from .extra import ExtraMetric, compute
from .files import log_object
from .result import EvaluationArtifact, EvaluationResult
from .subject import EvaluationData, Subject, data_of, subject_of

_log = logging.getLogger("mlpack.evaluation")
_MOST_ROWS = 10_000  # of the table of results


def evaluate(
    model: Any = None,
    data: Any = None,
    *,
    model_type: str | None = None,
    targets: Any = None,
    predictions: str | None = None,
    feature_names: list[str] | None = None,
    evaluators: str | Sequence[str] | None = None,
    evaluator_config: Mapping[str, Any] | None = None,
    extra_metrics: Sequence[ExtraMetric] | None = None,
    custom_artifacts: Sequence[Callable[..., Mapping[str, Any]]] | None = None,
    model_id: str | None = None,
) -> EvaluationResult:
    """Measure a model on data, and record it in the active run (or one of its own).

    Args:
        model: its address, a loaded model, an estimator, a function of the data, or None when the
            data has a column of predictions.
        data: a DataFrame, an array, or a dataset of `mlpack.data`.
        model_type: "classifier" or "regressor"; None: the extra metrics only.
        targets: the column of the labels, or the labels.
        predictions: the column of predictions that were made before.
        feature_names: the columns that the model gets; default: all others.
        evaluators: "default"; there is no other.
        evaluator_config: ``pos_label``, ``label_list``, ``average``, ``sample_weights``,
            ``metric_prefix``, and arguments of extra metrics.
        extra_metrics: from `make_metric`.
        custom_artifacts: functions of (DataFrame with "prediction" and "target", metrics, a
            folder) that return a dict of figures, tables, arrays, plain values or paths of files.
        model_id: the logged model that the metrics are about; default: the one of ``model``.

    Returns:
        Metrics, artifacts and tables, as they were logged.

    Raises:
        InvalidInput: arguments that do not go together, or data that does not fit.
        NotFound: no such model.
        MissingDependency: pandas or scikit-learn is not installed.
    """
    for package in ("pandas", "sklearn"):
        if importlib.util.find_spec(package) is None:
            raise MissingDependency("evaluate needs more: pip install 'mlpack-toolkit[evaluation]'")
    _check(model_type, evaluators, extra_metrics)
    config = dict(evaluator_config or {})
    if isinstance(config.get("default"), Mapping):  # by the name of the evaluator
        config = dict(config["default"])
    subject = subject_of(model)
    rows = data_of(data, targets, predictions, feature_names)
    if rows.targets is None and model_type is not None:
        raise InvalidInput(f"Evaluating a {model_type} needs targets= (a column, or the labels).")
    predicted = _predict(subject, rows)
    subject = replace(subject, model_id=model_id or subject.model_id)
    found = _Findings(config.get("metric_prefix") or "")
    if model_type == "classifier":
        _classifier(subject, rows, predicted, config, found)
    elif model_type == "regressor":
        _regressor(subject, rows, predicted, config, found)
    frame = _frame(rows, predicted)
    _extra(extra_metrics or (), frame, rows, config, found)
    found.tables["eval_results_table"] = _table(rows, predicted, found.columns)
    return _record(subject, rows, found, frame, custom_artifacts or (), model_id is not None)


@dataclass
class _Findings:
    """What comes together before anything is recorded."""

    prefix: str
    metrics: dict[str, float] = field(default_factory=dict)
    drawings: dict[str, Callable[[], Any]] = field(default_factory=dict)
    tables: dict[str, Any] = field(default_factory=dict)
    columns: dict[str, Any] = field(default_factory=dict)

    def add(self, values: Mapping[str, float]) -> None:
        self.metrics |= {self.prefix + key: value for key, value in values.items()}

    def plain(self) -> dict[str, float]:
        return {key.removeprefix(self.prefix): value for key, value in self.metrics.items()}


def _check(
    model_type: str | None,
    evaluators: str | Sequence[str] | None,
    extra_metrics: Sequence[ExtraMetric] | None,
) -> None:
    if model_type not in (None, "classifier", "regressor"):
        raise InvalidInput(
            f"model_type must be 'classifier', 'regressor' or None; got {model_type!r}."
        )
    if model_type is None and not extra_metrics:
        raise InvalidInput("evaluate needs model_type='classifier' or 'regressor', or a metric.")
    named = [evaluators] if isinstance(evaluators, str) else list(evaluators or ())
    if unknown := [name for name in named if name not in ("default", "classifier", "regressor")]:
        raise InvalidInput(f"There is no evaluator {unknown[0]!r}; leave evaluators out.")
    for metric in extra_metrics or ():
        if not isinstance(metric, ExtraMetric):
            raise InvalidInput(
                f"extra_metrics takes metrics of mlpack.make_metric; got {type(metric).__name__}."
            )


def _predict(subject: Subject, rows: EvaluationData) -> Any:
    import numpy as np

    if subject.predict is not None:
        predicted = subject.predict(rows.inputs)
    elif rows.predictions is not None:
        predicted = rows.predictions
    else:
        raise InvalidInput("evaluate needs a model, or predictions= (a column of the data).")
    if hasattr(predicted, "columns") and predicted.shape[1] == 1:
        predicted = predicted.iloc[:, 0]
    predicted = np.asarray(predicted)
    if predicted.ndim == 2 and predicted.shape[1] == 1:
        predicted = predicted[:, 0]
    if len(predicted) != rows.count:
        raise InvalidInput(f"The model made {len(predicted)} predictions for {rows.count} rows.")
    return predicted


def _classifier(
    subject: Subject, rows: EvaluationData, predicted: Any, config: dict[str, Any], found: _Findings
) -> None:
    weights = config.get("sample_weights")
    labels = config.get("label_list", subject.classes)
    probabilities = subject.predict_proba(rows.inputs) if subject.predict_proba else None
    scored = numbers.scored_classes(
        rows.targets,
        predicted,
        probabilities,
        label_list=labels,
        pos_label=config.get("pos_label"),
        weights=weights,
    )
    _score(subject, rows, weights, found)
    found.add(numbers.classifier_metrics(scored, config.get("average", "weighted")))
    draw = found.drawings
    draw["confusion_matrix"] = lambda: pictures.confusion_matrix(
        scored.true, predicted, scored.labels, weights
    )
    if pictures.curves_fit(scored):
        draw["roc_curve_plot"] = lambda: pictures.roc_curve(scored)
        draw["precision_recall_curve_plot"] = lambda: pictures.precision_recall_curve(scored)
        draw["calibration_curve_plot"] = lambda: pictures.calibration_curve(scored)
        if scored.is_binary:
            draw["lift_curve_plot"] = lambda: pictures.lift_curve(scored)
    if not scored.is_binary:
        found.tables["per_class_metrics"] = numbers.per_class(scored)


def _regressor(
    subject: Subject, rows: EvaluationData, predicted: Any, config: dict[str, Any], found: _Findings
) -> None:
    weights = config.get("sample_weights")
    _score(subject, rows, weights, found)
    found.add(numbers.regressor_metrics(rows.targets, predicted, weights))
    found.drawings["residuals_plot"] = lambda: pictures.residuals(rows.targets, predicted)
    found.drawings["predicted_vs_true_plot"] = lambda: pictures.predicted_vs_true(
        rows.targets, predicted
    )


def _score(subject: Subject, rows: EvaluationData, weights: Any, found: _Findings) -> None:
    if subject.score is None:
        return
    weighted = {"sample_weight": weights} if weights is not None else {}
    try:
        found.add({"score": float(subject.score(rows.inputs, rows.targets, **weighted))})
    except Exception as error:  # the user's own score function is not what is asked for
        _log.warning("The model's own score could not be computed: %s", error)


def _frame(rows: EvaluationData, predicted: Any) -> Any:
    import numpy as np
    import pandas as pd

    columns = {"prediction": list(predicted) if np.ndim(predicted) > 1 else predicted}
    if rows.targets is not None:
        labels = np.asarray(rows.targets)
        columns["target"] = list(labels) if labels.ndim > 1 else labels
    return pd.DataFrame(columns)


def _extra(
    metrics: Sequence[ExtraMetric],
    frame: Any,
    rows: EvaluationData,
    config: dict[str, Any],
    found: _Findings,
) -> None:
    for metric in metrics:
        context = {"metrics": found.plain(), "config": config}
        value = compute(metric, frame, rows.inputs, context)
        found.add(
            {
                metric.name if key == metric.name else f"{metric.name}/{key}": float(number)
                for key, number in value.aggregate_results.items()
            }
        )
        for what, each in (("score", value.scores), ("justification", value.justifications)):
            if each is not None:
                found.columns[f"{metric.name}/{what}"] = each


def _table(rows: EvaluationData, predicted: Any, columns: Mapping[str, Any]) -> Any:
    import numpy as np
    import pandas as pd

    some = slice(0, _MOST_ROWS)
    inputs = rows.inputs
    if hasattr(inputs, "columns"):
        table = inputs.iloc[some].reset_index(drop=True)
    elif getattr(inputs, "ndim", 0) == 2 and not hasattr(inputs, "toarray"):
        names = [f"feature_{at}" for at in range(1, inputs.shape[1] + 1)]
        table = pd.DataFrame(inputs[some], columns=names)
    else:  # more dimensions than a table has
        table = pd.DataFrame(index=range(min(rows.count, _MOST_ROWS)))
    if rows.targets is not None:
        table["target"] = list(np.asarray(rows.targets)[some])
    table["prediction"] = list(predicted[some])
    for name, each in columns.items():
        table[name] = list(each)[some]
    return table


def _record(
    subject: Subject,
    rows: EvaluationData,
    found: _Findings,
    frame: Any,
    custom: Sequence[Callable[..., Mapping[str, Any]]],
    asked: bool,
) -> EvaluationResult:
    current = active_run()
    with nullcontext(current) if current else start_run() as run:
        run_id, client = run.info.run_id, run.client
        recorded = rows.dataset.to_entity()
        subject = replace(subject, model_id=_known(client, subject.model_id, asked))
        read = [ModelInput(subject.model_id)] if subject.model_id else []
        client.store.log_inputs(run_id, [DatasetInput(recorded, {CONTEXT: "eval"})], read)
        measured = (subject.model_id, recorded.name, recorded.digest)
        metrics = validate.metrics(found.metrics.items(), None, 0, *measured)
        client.store.log_batch(run_id, metrics=metrics)
        artifacts: dict[str, EvaluationArtifact] = {}

        def keep(name: str, content: Any) -> None:
            file = log_object(client, run_id, f"{found.prefix}{name}", content)
            artifacts[name] = EvaluationArtifact(f"{run.info.artifact_uri}/{file}", content)

        for name, figure in _drawn(found.drawings):
            keep(name, figure)
        for name, table in found.tables.items():
            if name != "eval_results_table":
                keep(name, table)
        _log_rows(run_id, f"{found.prefix}eval_results_table.json", found.tables)
        for function in custom:
            for name, content in _made_by(function, frame, found.plain()):
                keep(name, content)
    return EvaluationResult(found.metrics, artifacts, found.tables, run_id)


def _known(client: TrackingClient, model_id: str | None, asked: bool) -> str | None:
    """The id of a model, None for a model whose files came from another store."""
    if model_id is None or asked:
        return model_id
    try:
        return client.get_logged_model(model_id).model_id
    except NotFound:
        return None


def _drawn(drawings: Mapping[str, Callable[[], Any]]) -> list[tuple[str, Any]]:
    """The pictures that come out; one that fails takes nothing else with it."""
    if drawings and not pictures.available():
        _log.warning("No pictures were made: pip install matplotlib")
        return []
    drawn = []
    for name, draw in drawings.items():
        try:
            drawn.append((name, draw()))
        except Exception as error:
            _log.warning("The picture %s could not be drawn: %s", name, error)
    return drawn


def _log_rows(run_id: str, path: str, tables: Mapping[str, Any]) -> None:
    from ..data.tables import log_table

    try:
        log_table(tables["eval_results_table"], path, run_id)
    except InvalidInput as error:  # columns that JSON has no words for
        _log.warning("The table of results was not logged: %s", error.message)


def _made_by(
    function: Callable[..., Mapping[str, Any]], frame: Any, metrics: dict[str, float]
) -> list[tuple[str, Any]]:
    import tempfile

    name = getattr(function, "__name__", repr(function))
    with tempfile.TemporaryDirectory(prefix="mlpack-") as folder:
        made = function(frame.copy(), metrics, folder)
        if not isinstance(made, Mapping):
            raise InvalidInput(
                f"The function {name!r} of custom_artifacts must return a dict of names and "
                f"objects; got {type(made).__name__}."
            )
        # a path lives only as long as the folder
        return [
            (str(key), (Path(value).name, Path(value).read_bytes()) if _is_file(value) else value)
            for key, value in made.items()
        ]


def _is_file(value: Any) -> bool:
    return isinstance(value, (str, Path)) and len(str(value)) < 4096 and Path(value).is_file()
