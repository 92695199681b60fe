"""What tracking records, as the JSON of MLflow's REST API 2.0, and back.

``X_to_json`` leaves out what is None or empty, as the servers of the ecosystem do; ``X_from_json``
fills in what is left out. Whole numbers are numbers (strings are read, too); values of metrics
that JSON has no number for are "NaN", "Infinity" and "-Infinity".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..entities import (
    Dataset,
    DatasetInput,
    Experiment,
    FileInfo,
    LoggedModel,
    Metric,
    ModelInput,
    ModelOutput,
    ModelStatus,
    Param,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    RunTag,
)

Json = dict[str, Any]

# servers of others know no digest of a model: it travels, and is kept there, as a tag
DIGEST_TAG = "mlpack.digest"

MODEL_STATUS = {
    ModelStatus.PENDING: "LOGGED_MODEL_PENDING",
    ModelStatus.READY: "LOGGED_MODEL_READY",
    ModelStatus.FAILED: "LOGGED_MODEL_UPLOAD_FAILED",
}
_MODEL_STATUS_OF = {word: status for status, word in MODEL_STATUS.items()}
_NOT_FINITE = {float("inf"): "Infinity", float("-inf"): "-Infinity"}


# --- pairs ---


def pairs_to_json(values: Mapping[str, str]) -> list[Json]:
    """Params or tags."""
    return [{"key": key, "value": value} for key, value in values.items()]


def pairs_from_json(pairs: Iterable[Json] | None) -> dict[str, str]:
    """Params or tags; a value that is left out is ''."""
    return {pair["key"]: pair.get("value", "") for pair in pairs or ()}


def param_to_json(param: Param) -> Json:
    """One param."""
    return {"key": param.key, "value": param.value}


def param_from_json(data: Json) -> Param:
    """One param."""
    return Param(data["key"], data.get("value", ""))


def tag_to_json(tag: RunTag) -> Json:
    """One tag of a run, experiment or model."""
    return {"key": tag.key, "value": tag.value}


def tag_from_json(data: Json) -> RunTag:
    """One tag."""
    return RunTag(data["key"], data.get("value", ""))


# --- metrics ---


def value_to_json(value: float) -> float | str:
    """A metric's value."""
    if value - value == 0:  # finite
        return value
    return _NOT_FINITE.get(value, "NaN")


def metric_to_json(metric: Metric) -> Json:
    """One value of a metric."""
    data: Json = {
        "key": metric.key,
        "value": value_to_json(metric.value),
        "timestamp": metric.timestamp,
        "step": metric.step,
    }
    if metric.model_id:
        data["model_id"] = metric.model_id
    if metric.dataset_name:
        data["dataset_name"] = metric.dataset_name
    if metric.dataset_digest:
        data["dataset_digest"] = metric.dataset_digest
    if metric.run_id:
        data["run_id"] = metric.run_id
    return data


def metric_from_json(data: Json) -> Metric:
    """One value of a metric."""
    return Metric(
        data["key"],
        float(data.get("value", 0.0)),
        int(data.get("timestamp", 0)),
        int(data.get("step", 0)),
        data.get("model_id") or None,
        data.get("dataset_name") or None,
        data.get("dataset_digest") or None,
        data.get("run_id") or None,
    )


# --- experiments ---


def experiment_to_json(experiment: Experiment) -> Json:
    """An experiment."""
    return _present(
        {
            "experiment_id": experiment.experiment_id,
            "name": experiment.name,
            "artifact_location": experiment.artifact_location,
            "lifecycle_stage": experiment.lifecycle_stage,
            "last_update_time": experiment.last_update_time,
            "creation_time": experiment.creation_time,
            "tags": pairs_to_json(experiment.tags) or None,
        }
    )


def experiment_from_json(data: Json) -> Experiment:
    """An experiment."""
    return Experiment(
        experiment_id=data["experiment_id"],
        name=data["name"],
        artifact_location=data.get("artifact_location", ""),
        lifecycle_stage=data.get("lifecycle_stage", "active"),
        creation_time=int(data.get("creation_time", 0)),
        last_update_time=int(data.get("last_update_time", 0)),
        tags=pairs_from_json(data.get("tags")),
    )


# --- runs ---


def run_info_to_json(info: RunInfo) -> Json:
    """A run's info; older clients call the id ``run_uuid``."""
    return _present(
        {
            "run_uuid": info.run_id,
            "experiment_id": info.experiment_id,
            "run_name": info.run_name,
            "user_id": info.user_id,
            "status": str(info.status),
            "start_time": info.start_time,
            "end_time": info.end_time,
            "artifact_uri": info.artifact_uri,
            "lifecycle_stage": info.lifecycle_stage,
            "run_id": info.run_id,
        }
    )


def run_info_from_json(data: Json) -> RunInfo:
    """A run's info."""
    end = data.get("end_time")
    return RunInfo(
        run_id=data.get("run_id") or data["run_uuid"],
        experiment_id=data["experiment_id"],
        run_name=data.get("run_name", ""),
        user_id=data.get("user_id", ""),
        status=data.get("status", "RUNNING"),
        start_time=int(data.get("start_time", 0)),
        end_time=None if end is None else int(end),
        lifecycle_stage=data.get("lifecycle_stage", "active"),
        artifact_uri=data.get("artifact_uri", ""),
    )


def run_to_json(run: Run) -> Json:
    """A run with everything it logged, read and made."""
    logged, read = run.data, run.inputs
    metrics: list[Json] = []
    for key, value in logged.metrics.items():
        timestamp, step = logged.moments.get(key, (0, 0))
        metrics.append(
            {"key": key, "value": value_to_json(value), "timestamp": timestamp, "step": step}
        )
    data = {
        "metrics": metrics,
        "params": pairs_to_json(logged.params),
        "tags": pairs_to_json(logged.tags),
    }
    inputs = {
        "dataset_inputs": [dataset_input_to_json(item) for item in read.dataset_inputs],
        "model_inputs": [model_input_to_json(item) for item in read.model_inputs],
    }
    outputs = {
        "model_outputs": [model_output_to_json(item) for item in run.outputs.model_outputs],
    }
    return {
        "info": run_info_to_json(run.info),
        "data": _filled(data),
        "inputs": _filled(inputs),
        "outputs": _filled(outputs),
    }


def run_from_json(data: Json) -> Run:
    """A run with everything it logged, read and made."""
    logged, inputs = data.get("data") or {}, data.get("inputs") or {}
    latest = [metric_from_json(item) for item in logged.get("metrics") or ()]
    return Run(
        run_info_from_json(data["info"]),
        RunData(
            {metric.key: metric.value for metric in latest},
            pairs_from_json(logged.get("params")),
            pairs_from_json(logged.get("tags")),
            {metric.key: (metric.timestamp, metric.step) for metric in latest},
        ),
        RunInputs(
            [dataset_input_from_json(item) for item in inputs.get("dataset_inputs") or ()],
            [model_input_from_json(item) for item in inputs.get("model_inputs") or ()],
        ),
        RunOutputs(
            [
                model_output_from_json(item)
                for item in (data.get("outputs") or {}).get("model_outputs") or ()
            ]
        ),
    )


# --- what runs read and made ---


def dataset_input_to_json(used: DatasetInput) -> Json:
    """A dataset that a run read."""
    dataset = used.dataset
    data: Json = {"tags": pairs_to_json(used.tags)} if used.tags else {}
    data["dataset"] = _present(
        {
            "name": dataset.name,
            "digest": dataset.digest,
            "source_type": dataset.source_type,
            "source": dataset.source,
            "schema": dataset.schema or None,
            "profile": dataset.profile or None,
        }
    )
    return data


def dataset_input_from_json(data: Json) -> DatasetInput:
    """A dataset that a run read."""
    dataset = data["dataset"]
    return DatasetInput(
        Dataset(
            dataset["name"],
            dataset["digest"],
            dataset.get("source_type", ""),
            dataset.get("source", ""),
            dataset.get("schema"),
            dataset.get("profile"),
        ),
        pairs_from_json(data.get("tags")),
    )


def model_input_to_json(used: ModelInput) -> Json:
    """A logged model that a run read."""
    return {"model_id": used.model_id}


def model_input_from_json(data: Json) -> ModelInput:
    """A logged model that a run read."""
    return ModelInput(data["model_id"])


def model_output_to_json(made: ModelOutput) -> Json:
    """A logged model that a run made."""
    return {"model_id": made.model_id, "step": made.step}


def model_output_from_json(data: Json) -> ModelOutput:
    """A logged model that a run made."""
    return ModelOutput(data["model_id"], int(data.get("step", 0)))


# --- logged models ---


def logged_model_to_json(model: LoggedModel) -> Json:
    """A logged model; its digest as a tag."""
    tags = model.tags | {DIGEST_TAG: model.digest} if model.digest else model.tags
    info = {
        "model_id": model.model_id,
        "experiment_id": model.experiment_id,
        "name": model.name,
        "creation_timestamp_ms": model.creation_timestamp,
        "last_updated_timestamp_ms": model.last_updated_timestamp,
        "artifact_uri": model.artifact_location,
        "status": model_status_to_json(model.status),
        "model_type": model.model_type,
        "source_run_id": model.source_run_id,
        "tags": pairs_to_json(tags) or None,
    }
    data = {
        "params": pairs_to_json(model.params),
        "metrics": [metric_to_json(metric) for metric in model.metrics],
    }
    return {"info": _present(info), "data": _filled(data)}


def logged_model_from_json(data: Json) -> LoggedModel:
    """A logged model."""
    info, logged = data["info"], data.get("data") or {}
    tags = pairs_from_json(info.get("tags"))
    return LoggedModel(
        model_id=info["model_id"],
        experiment_id=info["experiment_id"],
        name=info["name"],
        artifact_location=info.get("artifact_uri", ""),
        creation_timestamp=int(info.get("creation_timestamp_ms", 0)),
        last_updated_timestamp=int(info.get("last_updated_timestamp_ms", 0)),
        source_run_id=info.get("source_run_id") or None,
        status=model_status_from_json(info.get("status")),
        model_type=info.get("model_type") or None,
        digest=tags.pop(DIGEST_TAG, None),
        params=pairs_from_json(logged.get("params")),
        tags=tags,
        metrics=[metric_from_json(item) for item in logged.get("metrics") or ()],
    )


def model_status_to_json(status: str) -> str:
    """A `ModelStatus` by its word on the wire."""
    return MODEL_STATUS[ModelStatus(status)]


def model_status_from_json(word: object) -> ModelStatus:
    """A status by its word on the wire; what is neither ready nor failed is pending."""
    return _MODEL_STATUS_OF.get(str(word), ModelStatus.PENDING)


# --- files ---


def file_info_to_json(file: FileInfo) -> Json:
    """A file or folder among artifacts."""
    return _present({"path": file.path, "is_dir": file.is_dir, "file_size": file.file_size})


def file_info_from_json(data: Json) -> FileInfo:
    """A file or folder among artifacts; a server that leaves out a file's size means 0."""
    is_dir = bool(data.get("is_dir", False))
    return FileInfo(data["path"], is_dir, None if is_dir else int(data.get("file_size", 0)))


def _present(data: Json) -> Json:
    return {key: value for key, value in data.items() if value is not None}


def _filled(data: Json) -> Json:
    return {key: value for key, value in data.items() if value}
