"""What people type: ``mlpack.start_run()``, ``mlpack.log_metric(…)``, ``mlpack.log_model(…)``.

Each function works on this thread's active run (one is started when there is none) in the store
in use, unless a ``run_id`` is given. When a ``log_*`` call returns, what it logged survives even
``kill -9``.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InvalidInput, MissingDependency
from .tracking import validate
from .tracking.active import (
    ActiveRun,
    active_run,
    current_experiment_id,
    end_run,
    last_active_run,
    require_run,
    set_experiment,
    start_run,
)
from .tracking.client import MlpackClient
from .tracking.entities import Experiment, Run, ViewType
from .tracking.uri import get_tracking_uri, set_tracking_uri
from .uris import safe_relative

if TYPE_CHECKING:
    from .flavors import LoadedModel, Trust
    from .registry.log import ModelInfo

__all__ = [
    "ActiveRun",
    "active_run",
    "create_experiment",
    "delete_run",
    "end_run",
    "get_artifact_uri",
    "get_experiment",
    "get_experiment_by_name",
    "get_run",
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
    "log_param",
    "log_params",
    "log_text",
    "search_experiments",
    "search_runs",
    "set_experiment",
    "set_tag",
    "set_tags",
    "set_tracking_uri",
    "start_run",
]

_PAGE = 10_000


# --- params, metrics, tags ---


def log_metric(
    key: str,
    value: Any,
    step: int | None = None,
    timestamp: int | None = None,
    run_id: str | None = None,
) -> None:
    """Log one value of a metric.

    Args:
        key: its name.
        value: a number, or a numpy or torch scalar; NaN and infinities are kept.
        step: default: 0.
        timestamp: milliseconds since 1970; default: now.
        run_id: default: the active run.

    Raises:
        InvalidInput: a key, value, step or time that is not allowed; a deleted run.
        StorageFailed: the store cannot be written.
    """
    metric = validate.metric(key, value, timestamp, step)
    client, run = _target(run_id)
    client.store.log_metric(run, metric)


def log_metrics(
    metrics: Mapping[str, Any],
    step: int | None = None,
    timestamp: int | None = None,
    run_id: str | None = None,
) -> None:
    """Log several metrics at one step: all of them or, on any error, none."""
    moment = timestamp if timestamp is not None else validate.now()
    checked = [validate.metric(key, value, moment, step) for key, value in _items(metrics)]
    client, run = _target(run_id)
    client.store.log_batch(run, metrics=checked)


def log_param(key: str, value: Any, run_id: str | None = None) -> Any:
    """Log a param and return its value.

    Raises:
        InvalidInput: it was logged before with another value; a key that is not allowed; a
            value over 6,000 characters.
    """
    checked = validate.param(key, value)
    client, run = _target(run_id)
    client.store.log_batch(run, params=[checked])
    return value


def log_params(params: Mapping[str, Any], run_id: str | None = None) -> None:
    """Log several params: all of them or, on any error, none."""
    checked = [validate.param(key, value) for key, value in _items(params)]
    client, run = _target(run_id)
    client.store.log_batch(run, params=checked)


def set_tag(key: str, value: Any, run_id: str | None = None) -> None:
    """Set or overwrite a tag."""
    checked = validate.tag(key, value)
    client, run = _target(run_id)
    client.store.log_batch(run, tags=[checked])


def set_tags(tags: Mapping[str, Any], run_id: str | None = None) -> None:
    """Set or overwrite several tags: all of them or, on any error, none."""
    checked = [validate.tag(key, value) for key, value in _items(tags)]
    client, run = _target(run_id)
    client.store.log_batch(run, tags=checked)


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


def log_image(image: Any, artifact_file: str, run_id: str | None = None) -> None:
    """Write a PIL image, or an array of pixels, as a picture; the suffix chooses the format."""
    client, run = _target(run_id)
    client.log_image(run, image, artifact_file)


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
        **save_options,
    )


def load_model(uri: str | Path, *, trust: Trust | None = None) -> LoadedModel:
    """Load a model behind one uniform ``predict``.

    Args:
        uri: ``runs:/<run_id>/<name>``, ``models:/m-<id>`` or a folder.
        trust: what you vouch for beside what your own store vouches for.

    Raises:
        NotFound: the address names nothing.
        BadModel: the folder is no model, damaged, changed or not trusted.
    """
    from .flavors import load_model as load
    from .registry.resolve import resolve

    found = resolve(uri)
    return load(found.path, trust=trust, expected_digest=found.digest)


# --- runs and experiments ---


def get_run(run_id: str) -> Run:
    """A run with everything it logged; `NotFound` when there is none."""
    return MlpackClient().get_run(run_id)


def delete_run(run_id: str) -> None:
    """Hide a run; `MlpackClient.restore_run` brings it back."""
    MlpackClient().delete_run(run_id)


def create_experiment(
    name: str,
    artifact_location: str | Path | None = None,
    tags: Mapping[str, Any] | None = None,
) -> str:
    """Make an experiment and return its id; `AlreadyExists` when the name is taken."""
    return MlpackClient().create_experiment(name, artifact_location, tags)


def get_experiment(experiment_id: str | int) -> Experiment:
    """An experiment by id; `NotFound` when there is none."""
    return MlpackClient().get_experiment(experiment_id)


def get_experiment_by_name(name: str) -> Experiment | None:
    """An experiment by name; None when there is none."""
    return MlpackClient().get_experiment_by_name(name)


def search_experiments(view_type: int = ViewType.ACTIVE_ONLY) -> list[Experiment]:
    """Experiments, the newest first."""
    return MlpackClient().search_experiments(view_type)


def search_runs(
    experiment_ids: Sequence[str | int] | None = None,
    filter_string: str = "",
    run_view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int = 100_000,
    order_by: Sequence[str] | None = None,
    output_format: str | None = None,
    search_all_experiments: bool = False,
    experiment_names: Sequence[str] | None = None,
) -> Any:
    """Find runs.

    Args:
        experiment_ids: where to look; default: the experiment that new runs go to.
        filter_string: such as ``metrics.auc > 0.9 AND params.model = 'rf'``.
        run_view_type: a `ViewType`.
        max_results: at most so many.
        order_by: such as ``["metrics.auc DESC"]``; default: the newest first.
        output_format: "pandas" or "list"; default: pandas where it is installed.
        search_all_experiments: look everywhere.
        experiment_names: where to look, by name.

    Returns:
        A DataFrame with columns ``run_id``, ``metrics.<key>``, ``params.<key>``,
        ``tags.<key>``, …; or a list of `Run`.

    Raises:
        InvalidInput: the filter or order does not parse; the message points at the word.
    """
    if output_format not in (None, "pandas", "list"):
        raise InvalidInput(f"output_format must be 'pandas' or 'list'; got {output_format!r}.")
    has_pandas = importlib.util.find_spec("pandas") is not None
    if output_format == "pandas" and not has_pandas:
        raise MissingDependency("A DataFrame needs pandas: pip install pandas")
    client = MlpackClient()
    where = _experiments(client, experiment_ids, experiment_names, search_all_experiments)
    found: list[Run] = []
    token = None
    while len(found) < max_results:
        some = min(_PAGE, max_results - len(found))
        page = client.search_runs(where, filter_string, run_view_type, some, order_by, token)
        found += page
        token = page.token
        if token is None:
            break
    if output_format == "list" or not has_pandas:
        return found
    from .tracking.frame import runs_to_frame

    return runs_to_frame(found)


def _experiments(
    client: MlpackClient,
    ids: Sequence[str | int] | None,
    names: Sequence[str] | None,
    everywhere: bool,
) -> list[str]:
    if ids and names:
        raise InvalidInput("Give search_runs experiment_ids or experiment_names, not both.")
    if ids:
        return [str(i) for i in ([ids] if isinstance(ids, (str, int)) else ids)]
    if names:
        wanted = [names] if isinstance(names, str) else names
        found = (client.get_experiment_by_name(name) for name in wanted)
        return [experiment.experiment_id for experiment in found if experiment]
    if everywhere:
        return [experiment.experiment_id for experiment in client.search_experiments()]
    return [current_experiment_id(client)]


def _target(run_id: str | None) -> tuple[MlpackClient, str]:
    if run_id is not None:
        return MlpackClient(), run_id
    run = require_run()
    return run.client, run.info.run_id


def _items(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    if not isinstance(values, Mapping):
        raise InvalidInput(f"Expected a dict of names and values; got {type(values).__name__}.")
    return list(values.items())
