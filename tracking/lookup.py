"""What people type to find, describe and delete runs, experiments and logged models."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from ..errors import InvalidInput, MissingDependency
from . import validate
from .active import current_experiment_id
from .client import TrackingClient
from .entities import Experiment, LoggedModel, PagedList, Run, ViewType

_PAGE = 10_000


# --- runs ---


def get_run(run_id: str) -> Run:
    """A run with everything it logged; `NotFound` when there is none."""
    return TrackingClient().get_run(run_id)


def get_parent_run(run_id: str) -> Run | None:
    """The run that this one is nested in; None when it is in none."""
    return TrackingClient().get_parent_run(run_id)


def delete_run(run_id: str) -> None:
    """Hide a run; `restore_run` brings it back."""
    TrackingClient().delete_run(run_id)


def restore_run(run_id: str) -> None:
    """Bring a deleted run back."""
    TrackingClient().restore_run(run_id)


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
    as_frame = _wants_frame(output_format)
    client = TrackingClient()
    where = _experiments(client, experiment_ids, experiment_names, search_all_experiments)

    def page(some: int, token: str | None) -> PagedList:
        return client.search_runs(where, filter_string, run_view_type, some, order_by, token)

    found = all_pages(page, max_results)
    if not as_frame:
        return found
    from .frame import runs_to_frame

    return runs_to_frame(found)


# --- experiments ---


def create_experiment(
    name: str,
    artifact_location: str | Path | None = None,
    tags: Mapping[str, Any] | None = None,
) -> str:
    """Make an experiment and return its id; `AlreadyExists` when the name is taken."""
    return TrackingClient().create_experiment(name, artifact_location, tags)


def get_experiment(experiment_id: str | int) -> Experiment:
    """An experiment by id; `NotFound` when there is none."""
    return TrackingClient().get_experiment(experiment_id)


def get_experiment_by_name(name: str) -> Experiment | None:
    """An experiment by name; None when there is none."""
    return TrackingClient().get_experiment_by_name(name)


def delete_experiment(experiment_id: str | int) -> None:
    """Hide an experiment and its runs; `restore_experiment` brings them back."""
    TrackingClient().delete_experiment(experiment_id)


def restore_experiment(experiment_id: str | int) -> None:
    """Bring a deleted experiment and its runs back."""
    TrackingClient().restore_experiment(experiment_id)


def set_experiment_tag(key: str, value: Any) -> None:
    """Set or overwrite a tag of the experiment that new runs go to."""
    client = TrackingClient()
    client.set_experiment_tag(current_experiment_id(client), key, value)


def set_experiment_tags(tags: Mapping[str, Any]) -> None:
    """Set or overwrite several tags of the experiment that new runs go to."""
    checked = [validate.experiment_tag(key, value) for key, value in tags.items()]
    for tag in checked:
        set_experiment_tag(tag.key, tag.value)


def delete_experiment_tag(key: str) -> None:
    """Remove a tag of the experiment that new runs go to; `NotFound` when it has none such."""
    client = TrackingClient()
    client.store.delete_experiment_tag(current_experiment_id(client), key)


def search_experiments(
    view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
) -> list[Experiment]:
    """Find experiments.

    Args:
        view_type: a `ViewType`.
        max_results: at most so many; default: all.
        filter_string: such as ``name LIKE 'wine%' AND tags.team = 'a'``.
        order_by: such as ``["name ASC"]``; default: the newest first.

    Raises:
        InvalidInput: the filter or order does not parse; the message points at the word.
    """
    store = TrackingClient().store

    def page(some: int, token: str | None) -> PagedList:
        return store.search_experiments(
            ViewType(view_type), some, filter_string or "", _words(order_by), token
        )

    return all_pages(page, max_results)


# --- logged models ---


def get_logged_model(model_id: str) -> LoggedModel:
    """A logged model by id; `NotFound` when there is none."""
    return TrackingClient().get_logged_model(model_id)


def search_logged_models(
    experiment_ids: Sequence[str | int] | None = None,
    filter_string: str | None = None,
    max_results: int | None = None,
    order_by: Sequence[Mapping[str, Any] | str] | None = None,
    output_format: str | None = None,
) -> Any:
    """Find logged models.

    Args:
        experiment_ids: where to look; default: the experiment that new runs go to.
        filter_string: such as ``name = 'model' AND metrics.auc > 0.9``.
        max_results: at most so many; default: all.
        order_by: such as ``["metrics.auc DESC"]`` or
            ``[{"field_name": "metrics.auc", "ascending": False}]``; default: the newest first.
        output_format: "pandas" or "list"; default: pandas where it is installed.

    Returns:
        A DataFrame with a row a model, or a list of `LoggedModel`.

    Raises:
        InvalidInput: the filter or order does not parse; the message points at the word.
    """
    as_frame = _wants_frame(output_format)
    client = TrackingClient()
    where = _experiments(client, experiment_ids, None, False)

    def page(some: int, token: str | None) -> PagedList:
        return client.store.search_logged_models(
            where, filter_string or "", some, _words(order_by), token
        )

    found = all_pages(page, max_results)
    if not as_frame:
        return found
    import pandas as pd

    names = [one.name for one in fields(LoggedModel)]
    rows = [asdict(model) | {"metrics": [m._asdict() for m in model.metrics]} for model in found]
    return pd.DataFrame(rows, columns=names)


def last_logged_model() -> LoggedModel | None:
    """The model that was logged last in the experiment that new runs go to."""
    found = search_logged_models(max_results=1, output_format="list")
    return found[0] if found else None


def set_logged_model_tags(model_id: str, tags: Mapping[str, Any]) -> None:
    """Set or overwrite tags of a logged model."""
    TrackingClient().set_logged_model_tags(model_id, tags)


def delete_logged_model_tag(model_id: str, key: str) -> None:
    """Remove a tag of a logged model; `NotFound` when it has none such."""
    TrackingClient().store.delete_logged_model_tag(model_id, key)


# --- helpers ---


def _wants_frame(output_format: str | None) -> bool:
    if output_format not in (None, "pandas", "list"):
        raise InvalidInput(f"output_format must be 'pandas' or 'list'; got {output_format!r}.")
    has_pandas = importlib.util.find_spec("pandas") is not None
    if output_format == "pandas" and not has_pandas:
        raise MissingDependency("A DataFrame needs pandas: pip install pandas")
    return output_format != "list" and has_pandas


def all_pages(
    page: Callable[[int, str | None], PagedList], most: int | None, size: int = _PAGE
) -> list[Any]:
    """What a search finds, from as many pages as it takes.

    Args:
        page: gives one, for at most so many results and the token of the page before.
        most: at most so many in all; None: all.
        size: of a page.
    """
    found: list[Any] = []
    token = None
    while most is None or len(found) < most:
        got = page(size if most is None else min(size, most - len(found)), token)
        found += got
        token = got.token
        if token is None:
            break
    return found


def _experiments(
    client: TrackingClient,
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
        return [experiment.experiment_id for experiment in search_experiments()]
    return [current_experiment_id(client)]


def _words(order_by: Sequence[Mapping[str, Any] | str] | None) -> list[str]:
    given = [order_by] if isinstance(order_by, str) else order_by or []
    return [
        word
        if isinstance(word, str)
        else f"{word['field_name']} {'ASC' if word.get('ascending', True) else 'DESC'}"
        for word in given
    ]
