"""What runs log, over HTTP: metrics, params, tags, inputs, outputs."""

from __future__ import annotations

import json
from typing import Any

from ..errors import InvalidInput
from ..tracking import validate
from ..tracking.entities import (
    Dataset,
    DatasetInput,
    Metric,
    ModelInput,
    ModelOutput,
    Param,
    RunTag,
)
from .experiments import TAG
from .fields import Schema, integer, many, number, record, text
from .routes import Message, Route
from .runs import RUN_ID
from .service import Service

_METRIC = {
    "key": text(required=True),
    "value": number(required=True),
    "timestamp": integer(required=True),
    "step": integer(default=0),
    "model_id": text(default=None),
    "dataset_name": text(default=None),
    "dataset_digest": text(default=None),
}
_PARAM = Schema(key=text(required=True), value=text())
_DATASET = Schema(
    name=text(required=True),
    digest=text(required=True),
    source_type=text(),
    source=text(),
    schema=text(default=None),
    profile=text(default=None),
)
_HISTORY_OF_MODELS = "mlflow.log-model.history"


def metric_of(message: Message) -> Metric:
    """A checked metric from its fields."""
    return Metric(
        validate.key("metric", message["key"]),
        message["value"],
        message["timestamp"],
        message["step"],
        message["model_id"] or None,
        message["dataset_name"] or None,
        message["dataset_digest"] or None,
    )


def param_of(message: Message) -> Param:
    """A checked param from its fields."""
    return validate.param(message["key"], message["value"])


def tag_of(message: Message) -> RunTag:
    """A checked tag from its fields."""
    return validate.tag(message["key"], message["value"])


def _input_tag(message: Message) -> tuple[str, str]:
    tag = validate.input_tag(message["key"], message["value"])
    return tag.key, tag.value


def log_metric(service: Service, message: Message) -> dict[str, Any]:
    service.store.log_metric(message["run_id"], metric_of(message))
    return {}


def log_param(service: Service, message: Message) -> dict[str, Any]:
    service.store.log_batch(message["run_id"], params=[param_of(message)])
    return {}


def set_tag(service: Service, message: Message) -> dict[str, Any]:
    service.store.log_batch(message["run_id"], tags=[tag_of(message)])
    return {}


def delete_tag(service: Service, message: Message) -> dict[str, Any]:
    service.store.delete_tag(message["run_id"], message["key"])
    return {}


def log_batch(service: Service, message: Message) -> dict[str, Any]:
    metrics, params, tags = message["metrics"], message["params"], message["tags"]
    total = len(metrics) + len(params) + len(tags)
    if total > validate.MAX_BATCH:
        raise InvalidInput(
            f"A batch may contain at most {validate.MAX_BATCH} metrics, params and tags together; "
            f"got {total}. Send it in several requests."
        )
    service.store.log_batch(
        message["run_id"],
        [metric_of(one) for one in metrics],
        [param_of(one) for one in params],
        [tag_of(one) for one in tags],
    )
    return {}


def log_inputs(service: Service, message: Message) -> dict[str, Any]:
    datasets = [
        DatasetInput(Dataset(**one["dataset"]), dict(_input_tag(tag) for tag in one["tags"]))
        for one in message["datasets"]
    ]
    models = [ModelInput(one["model_id"]) for one in message["models"]]
    service.store.log_inputs(message["run_id"], datasets, models)
    return {}


def log_outputs(service: Service, message: Message) -> dict[str, Any]:
    models = [ModelOutput(one["model_id"], one["step"]) for one in message["models"]]
    service.store.log_outputs(message["run_id"], models)
    return {}


def log_model(service: Service, message: Message) -> dict[str, Any]:
    """What clients before 3.0 call after they logged a model's files below a run.

    The models of a run are a list in one of its tags, which those clients read again.
    """
    model = _json(message["model_json"], "model_json")
    if not isinstance(model, dict):
        raise InvalidInput("The parameter 'model_json' must hold a JSON object.")
    missing = {"artifact_path", "flavors", "utc_time_created", "run_id"} - model.keys()
    if missing:
        raise InvalidInput(f"The model in 'model_json' has no {', '.join(sorted(missing))}.")
    run = service.store.get_run(message["run_id"])
    history = _json(run.data.tags.get(_HISTORY_OF_MODELS, "[]"), _HISTORY_OF_MODELS)
    models = [*history, model] if isinstance(history, list) else [model]
    while models and len(json.dumps(models)) > validate.MAX_TAG_VALUE:
        models.pop(0)  # the oldest: the newest is what they look for
    tag = validate.tag(_HISTORY_OF_MODELS, json.dumps(models))
    service.store.log_batch(message["run_id"], tags=[tag])
    return {}


def _json(text_: str, what: str) -> Any:
    try:
        return json.loads(text_)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"The value of '{what}' is not JSON: {error}.") from None


ROUTES = (
    Route("POST", "/runs/log-metric", Schema(run_id=RUN_ID, **_METRIC), log_metric),
    Route(
        "POST",
        "/runs/log-parameter",
        Schema(run_id=RUN_ID, key=text(required=True), value=text()),
        log_param,
    ),
    Route(
        "POST",
        "/runs/set-tag",
        Schema(run_id=RUN_ID, key=text(required=True), value=text()),
        set_tag,
    ),
    Route("POST", "/runs/delete-tag", Schema(run_id=RUN_ID, key=text(required=True)), delete_tag),
    Route(
        "POST",
        "/runs/log-batch",
        Schema(
            run_id=RUN_ID,
            metrics=many(Schema(**_METRIC), limit=validate.MAX_BATCH),
            params=many(_PARAM, limit=validate.MAX_BATCH_PAIRS),
            tags=many(TAG, limit=validate.MAX_BATCH_PAIRS),
        ),
        log_batch,
    ),
    Route(
        "POST",
        "/runs/log-inputs",
        Schema(
            run_id=RUN_ID,
            datasets=many(Schema(tags=many(TAG), dataset=record(_DATASET, required=True))),
            models=many(Schema(model_id=text(required=True))),
        ),
        log_inputs,
    ),
    Route(
        "POST",
        "/runs/outputs",
        Schema(
            run_id=RUN_ID,
            models=many(Schema(model_id=text(required=True), step=integer(default=0))),
        ),
        log_outputs,
    ),
    Route(
        "POST",
        "/runs/log-model",
        Schema(run_id=RUN_ID, model_json=text(required=True)),
        log_model,
    ),
)
