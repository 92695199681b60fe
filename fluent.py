"""What people type: ``mlpack.start_run()``, ``mlpack.log_metric(…)``, ``mlpack.log_model(…)``.

Each function works on this thread's active run (one is started when there is none) in the store
in use, unless a ``run_id`` is given. When a ``log_*`` call returns, what it logged survives even
``kill -9``.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from .errors import InvalidInput
from .tracking import validate
from .tracking.active import (
    ActiveRun,
    active_run,
    end_run,
    last_active_run,
    require_run,
    set_experiment,
    start_run,
)
from .tracking.async_logging import RunOperations, asynchronous, submit, write
from .tracking.client import TrackingClient
from .tracking.entities import ModelOutput
from .tracking.uri import get_tracking_uri, set_tracking_uri
from .uris import safe_relative

if TYPE_CHECKING:
    from .flavors import LoadedModel, Trust
    from .registry.log import ModelInfo

__all__ = [
    "ActiveRun",
    "active_run",
    "delete_tag",
    "end_run",
    "get_artifact_uri",
    "get_tracking_uri",
    "last_active_run",
    "load_model",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_figure",
    "log_image",
    "log_metric",
    "log_metrics",
    "log_model",
    "log_outputs",
    "log_param",
    "log_params",
    "log_stream",
    "log_text",
    "set_experiment",
    "set_tag",
    "set_tags",
    "set_tracking_uri",
    "start_run",
]


# --- params, metrics, tags ---


def log_metric(
    key: str,
    value: Any,
    step: int | None = None,
    synchronous: bool | None = None,
    timestamp: int | None = None,
    run_id: str | None = None,
    model_id: str | None = None,
    dataset: Any = None,
) -> RunOperations | None:
    """Log one value of a metric.

    Args:
        key: its name.
        value: a number, or a numpy or torch scalar; NaN and infinities are kept.
        step: default: 0.
        synchronous: False to return before the store has it; default: True, unless
            `enable_async_logging` says otherwise.
        timestamp: milliseconds since 1970; default: now.
        run_id: default: the active run.
        model_id: the logged model that it says something about.
        dataset: made by `mlpack.data`, on which it was measured.

    Returns:
        Something to ``wait()`` for if this was asynchronous, else None.

    Raises:
        InvalidInput: a key, value, step or time that is not allowed; a deleted run.
        StorageFailed: the store cannot be written.
    """
    metric = validate.metric(key, value, timestamp, step)
    if model_id is not None or dataset is not None:
        name, digest = _name_and_digest(dataset)
        metric = metric._replace(model_id=model_id, dataset_name=name, dataset_digest=digest)
    client, run = _target(run_id)
    if asynchronous(synchronous):
        return submit(client.store, run, metrics=[metric])
    client.store.log_metric(run, metric)
    return None


def log_metrics(
    metrics: Mapping[str, Any],
    step: int | None = None,
    synchronous: bool | None = None,
    run_id: str | None = None,
    timestamp: int | None = None,
    model_id: str | None = None,
    dataset: Any = None,
) -> RunOperations | None:
    """Log several metrics at one step: all of them or, on any error, none; see `log_metric`."""
    measured = (model_id, *_name_and_digest(dataset))
    checked = validate.metrics(_items(metrics), timestamp, step, *measured)
    client, run = _target(run_id)
    return write(client.store, run, synchronous, metrics=checked)


def log_param(
    key: str, value: Any, synchronous: bool | None = None, run_id: str | None = None
) -> Any:
    """Log a param and return its value, or if asynchronous, something to ``wait()`` for.

    Raises:
        InvalidInput: it was logged before with another value; a key that is not allowed; a
            value over 6,000 characters.
    """
    checked = validate.param(key, value)
    client, run = _target(run_id)
    return write(client.store, run, synchronous, params=[checked]) or value


def log_params(
    params: Mapping[str, Any], synchronous: bool | None = None, run_id: str | None = None
) -> RunOperations | None:
    """Log several params: all of them or, on any error, none."""
    checked = [validate.param(key, value) for key, value in _items(params)]
    client, run = _target(run_id)
    return write(client.store, run, synchronous, params=checked)


def set_tag(
    key: str, value: Any, synchronous: bool | None = None, run_id: str | None = None
) -> RunOperations | None:
    """Set or overwrite a tag."""
    checked = validate.tag(key, value)
    client, run = _target(run_id)
    return write(client.store, run, synchronous, tags=[checked])


def set_tags(
    tags: Mapping[str, Any], synchronous: bool | None = None, run_id: str | None = None
) -> RunOperations | None:
    """Set or overwrite several tags: all of them or, on any error, none."""
    checked = [validate.tag(key, value) for key, value in _items(tags)]
    client, run = _target(run_id)
    return write(client.store, run, synchronous, tags=checked)


def delete_tag(key: str, run_id: str | None = None) -> None:
    """Remove a tag; `NotFound` when the run has none of that key."""
    client, run = _target(run_id)
    client.delete_tag(run, key)


def log_outputs(models: Sequence[ModelOutput], run_id: str | None = None) -> None:
    """Record logged models that a run made: all of them or, on any error, none."""
    client, run = _target(run_id)
    client.store.log_outputs(run, models)


# --- files ---


def log_artifact(
    local_path: str | Path, artifact_path: str | None = None, run_id: str | None = None
) -> None:
    """Copy a file among the run's artifacts.

    Args:
        local_path: the file (or a folder, copied as a whole).
        artifact_path: the folder to put it in.
        run_id: default: the active run.

    Raises:
        InvalidInput: no such file, or a path that leaves the artifacts.
        StorageFailed: the disk is full, a folder is not writable; nothing is left behind.
    """
    client, run = _target(run_id)
    client.log_artifact(run, local_path, artifact_path)


def log_artifacts(
    local_dir: str | Path, artifact_path: str | None = None, run_id: str | None = None
) -> None:
    """Copy what is in a folder among the run's artifacts; see `log_artifact`."""
    client, run = _target(run_id)
    client.log_artifacts(run, local_dir, artifact_path)


def log_text(text: str, artifact_file: str, run_id: str | None = None) -> None:
    """Write a text as an artifact, such as ``"notes/today.md"``."""
    client, run = _target(run_id)
    client.log_text(run, text, artifact_file)


def log_dict(dictionary: Any, artifact_file: str, run_id: str | None = None) -> None:
    """Write a dict or list as JSON, or as YAML by the suffix ``.yaml`` or ``.yml``."""
    client, run = _target(run_id)
    client.log_dict(run, dictionary, artifact_file)


def log_figure(
    figure: Any,
    artifact_file: str,
    *,
    save_kwargs: Mapping[str, Any] | None = None,
    run_id: str | None = None,
) -> None:
    """Write a matplotlib or plotly figure; the suffix chooses the format."""
    client, run = _target(run_id)
    client.log_figure(run, figure, artifact_file, save_kwargs=save_kwargs)


def log_image(
    image: Any,
    artifact_file: str | None = None,
    key: str | None = None,
    step: int | None = None,
    timestamp: int | None = None,
    synchronous: bool | None = None,
    run_id: str | None = None,
) -> None:
    """Write a PIL image, or an array of pixels, as a picture.

    Args:
        image: the picture.
        artifact_file: such as "plots/roc.png"; the suffix chooses the format.
        key: instead of ``artifact_file``: the name of a series of pictures over the steps.
        step: of the picture in its series; default: 0.
        timestamp: of the picture in its series; default: now.
        synchronous: accepted; the picture is always there when this returns.
        run_id: default: the active run.

    Raises:
        InvalidInput: neither or both of ``artifact_file`` and ``key``; no picture.
    """
    client, run = _target(run_id)
    if artifact_file is not None and (key, step, timestamp) == (None, None, None):
        client.log_image(run, image, artifact_file)
    elif key is not None and artifact_file is None:
        from .tracking.images import log_image_step

        log_image_step(client, run, image, key, step, timestamp)
    else:
        raise InvalidInput("Give log_image either artifact_file, or key with step and timestamp.")


def log_stream(stream: BinaryIO, artifact_file: str, run_id: str | None = None) -> None:
    """Write what a binary file-like object holds from here on as an artifact."""
    client, run = _target(run_id)
    with client.artifacts(run).new_file(artifact_file) as path, path.open("wb") as file:
        shutil.copyfileobj(stream, file, 1 << 20)


def get_artifact_uri(artifact_path: str | None = None) -> str:
    """Where the active run's artifacts are, or one of them."""
    root = require_run().info.artifact_uri
    return f"{root}/{safe_relative(artifact_path)}" if artifact_path else root


# --- models ---


def log_model(
    model: Any,
    name: str | None = None,
    *,
    artifact_path: str | None = None,
    run_id: str | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    registered_model_name: str | None = None,
    await_registration_for: int | None = None,
    **save_options: Any,
) -> ModelInfo:
    """Save a model with everything it needs and record it in the run.

    Args:
        model: any object that a flavor knows (an estimator, a `PythonModel`, a function).
        name: within the run; default "model".
        artifact_path: MLflow's older word for ``name``.
        run_id: default: the active run.
        params: of the model.
        tags: of the model.
        model_type: a word of your own.
        registered_model_name: register it under this name, too, as `register_model` does.
        await_registration_for: accepted; the version is ready when this returns.
        **save_options: ``signature``, ``input_example``, ``pip_requirements``,
            ``extra_pip_requirements``, ``code_paths``, ``metadata``, ``flavor`` and the options
            of the flavor.

    Returns:
        Its addresses, signature and descriptor.

    Raises:
        MlpackError: it cannot be saved; nothing of it is left behind.
    """
    from .registry.log import log_model as log

    if name is not None and artifact_path is not None:
        raise InvalidInput("Give log_model either name= or artifact_path=, not both.")
    chosen = validate.model_name(name or artifact_path or "model")
    client, run = _target(run_id)
    return log(
        client,
        client.get_run(run),
        model,
        chosen,
        params=params,
        tags=tags,
        model_type=model_type,
        registered_model_name=registered_model_name,
        **save_options,
    )


def load_model(uri: str | Path, *, trust: Trust | None = None) -> LoadedModel:
    """Load a model behind one uniform ``predict``.

    Args:
        uri: ``runs:/<run_id>/<name>``, ``models:/m-<id>``, ``models:/<name>/<version>``,
            ``models:/<name>@<alias>`` or a folder.
        trust: what you vouch for beside what your own store vouches for.

    Raises:
        NotFound: the address names nothing.
        BadModel: the folder is no model, damaged, changed (since it was logged or registered) or
            not trusted.
    """
    from .flavors import load_model as load
    from .registry.resolve import resolve

    found = resolve(uri)
    return load(found.path, trust=trust, expected_digest=found.digest, expected_files=found.files)


# --- helpers ---


def _target(run_id: str | None) -> tuple[TrackingClient, str]:
    if run_id is not None:
        return TrackingClient(), run_id
    run = require_run()
    return run.client, run.info.run_id


def _items(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    if not isinstance(values, Mapping):
        raise InvalidInput(f"Expected a dict of names and values; got {type(values).__name__}.")
    return list(values.items())


def _name_and_digest(dataset: Any) -> tuple[str | None, str | None]:
    return (None, None) if dataset is None else (dataset.name, dataset.digest)
