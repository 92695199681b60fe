"""`TrackingClient`: everything tracking can do, by id and without a notion of an active run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InvalidInput
from ..uris import LocalUri, RemoteUri, parse
from . import validate
from .async_logging import RunOperations, asynchronous, submit, write
from .client_artifacts import ArtifactsClient
from .context import user
from .entities import (
    FINAL_STATUSES,
    DatasetInput,
    Experiment,
    LifecycleStage,
    Metric,
    ModelInput,
    ModelOutput,
    PagedList,
    Param,
    Run,
    RunStatus,
    RunTag,
    Tags,
    ViewType,
)
from .names import random_name


class TrackingClient(ArtifactsClient):
    """Reads and writes a tracking store; `mlpack.MlpackClient` knows the registry, too.

    Args:
        tracking_uri: the store; default: the one in use (see `get_tracking_uri`).
    """

    # --- experiments ---

    def create_experiment(
        self,
        name: str,
        artifact_location: str | Path | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> str:
        """Make an experiment.

        Args:
            name: not taken yet.
            artifact_location: a folder or an address such as ``s3://bucket/key`` for its files;
                default: below the store's own.
            tags: of the experiment.

        Returns:
            Its id.

        Raises:
            AlreadyExists: the name is taken.
            InvalidInput: the name, a tag or the location is not allowed.
        """
        checked = {
            key: validate.experiment_tag(key, value).value for key, value in (tags or {}).items()
        }
        location = None if artifact_location is None else _location(artifact_location)
        return self.store.create_experiment(validate.experiment_name(name), location, checked)

    def get_experiment(self, experiment_id: str | int) -> Experiment:
        """An experiment by id; `NotFound` when there is none."""
        return self.store.get_experiment(str(experiment_id))

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """An experiment by name, deleted ones included; None when there is none."""
        return self.store.get_experiment_by_name(name)

    def search_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int | None = 1000,
        filter_string: str | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList:
        """One page of experiments.

        Args:
            view_type: a `ViewType`.
            max_results: 1 to 50,000.
            filter_string: such as ``name LIKE 'wine%' AND tags.team = 'a'``.
            order_by: such as ``["name ASC"]``; default: the newest first.
            page_token: the ``token`` of the page before.

        Raises:
            InvalidInput: the filter or order does not parse; the message points at the word.
        """
        return self.store.search_experiments(
            ViewType(view_type),
            max_results or 1000,
            filter_string or "",
            [order_by] if isinstance(order_by, str) else order_by or (),
            page_token,
        )

    def rename_experiment(self, experiment_id: str | int, new_name: str) -> None:
        """Give an experiment another name; `AlreadyExists` when it is taken."""
        self.store.rename_experiment(str(experiment_id), validate.experiment_name(new_name))

    def delete_experiment(self, experiment_id: str | int) -> None:
        """Hide an experiment and its runs; `restore_experiment` brings them back."""
        self.store.set_experiment_stage(str(experiment_id), LifecycleStage.DELETED)

    def restore_experiment(self, experiment_id: str | int) -> None:
        """Bring a deleted experiment and its runs back."""
        self.store.set_experiment_stage(str(experiment_id), LifecycleStage.ACTIVE)

    def set_experiment_tag(self, experiment_id: str | int, key: str, value: Any) -> None:
        """Set or overwrite a tag of an experiment."""
        self.store.set_experiment_tag(str(experiment_id), validate.experiment_tag(key, value))

    def delete_experiment_tag(self, experiment_id: str | int, key: str) -> None:
        """Remove a tag of an experiment; `NotFound` when it has none of that key."""
        self.store.delete_experiment_tag(str(experiment_id), key)

    # --- runs ---

    def create_run(
        self,
        experiment_id: str | int,
        start_time: int | None = None,
        tags: Mapping[str, Any] | None = None,
        run_name: str | None = None,
    ) -> Run:
        """Make a running run; unlike `start_run` this does not make it the active one.

        Args:
            experiment_id: where.
            start_time: milliseconds since 1970; default: now.
            tags: of the run.
            run_name: default: a random one.

        Raises:
            NotFound: no such experiment.
            InvalidInput: a deleted experiment, or a tag that is not allowed.
        """
        given = [validate.tag(key, value) for key, value in (tags or {}).items()]
        by_key = {tag.key: tag.value for tag in given}
        name = run_name or by_key.get(Tags.RUN_NAME) or random_name()
        return self.store.create_run(
            str(experiment_id),
            validate.run_name(name),
            by_key.get(Tags.USER) or user(),
            start_time if start_time is not None else validate.now(),
            given,
        )

    def get_run(self, run_id: str) -> Run:
        """A run with everything it logged; `NotFound` when there is none."""
        return self.store.get_run(run_id)

    def get_parent_run(self, run_id: str) -> Run | None:
        """The run that this one is nested in."""
        parent = self.get_run(run_id).data.tags.get(Tags.PARENT)
        return self.get_run(parent) if parent else None

    def update_run(self, run_id: str, status: str | None = None, name: str | None = None) -> None:
        """Change a run's status or name."""
        self.store.update_run(
            run_id,
            validate.run_status(status) if status is not None else None,
            validate.now() if status in FINAL_STATUSES else None,
            validate.run_name(name) if name is not None else None,
        )

    def set_terminated(
        self, run_id: str, status: str | None = None, end_time: int | None = None
    ) -> None:
        """End a run: FINISHED, FAILED or KILLED."""
        ended = end_time if end_time is not None else validate.now()
        self.store.update_run(run_id, validate.run_status(status or RunStatus.FINISHED), ended)

    def delete_run(self, run_id: str) -> None:
        """Hide a run; `restore_run` brings it back."""
        self.store.set_run_stage(run_id, LifecycleStage.DELETED)

    def restore_run(self, run_id: str) -> None:
        """Bring a deleted run back."""
        self.store.set_run_stage(run_id, LifecycleStage.ACTIVE)

    def search_runs(
        self,
        experiment_ids: Sequence[str | int],
        filter_string: str = "",
        run_view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList:
        """One page of runs.

        Args:
            experiment_ids: where to look.
            filter_string: such as ``metrics.auc > 0.9 AND params.model = 'rf'``.
            run_view_type: a `ViewType`.
            max_results: 1 to 50,000.
            order_by: such as ``["metrics.auc DESC"]``; default: the newest first.
            page_token: the ``token`` of the page before.

        Returns:
            Runs; its ``token`` fetches the next page.

        Raises:
            InvalidInput: the filter or order does not parse; the message points at the word.
        """
        if isinstance(experiment_ids, (str, int)):
            experiment_ids = [experiment_ids]
        return self.store.search_runs(
            [str(i) for i in experiment_ids],
            filter_string or "",
            ViewType(run_view_type),
            max_results,
            [order_by] if isinstance(order_by, str) else order_by or (),
            page_token,
        )

    # --- what runs log ---

    def log_metric(
        self,
        run_id: str,
        key: str,
        value: Any,
        timestamp: int | None = None,
        step: int | None = None,
        synchronous: bool | None = None,
        dataset_name: str | None = None,
        dataset_digest: str | None = None,
        model_id: str | None = None,
    ) -> RunOperations | None:
        """Log one value of a metric; durable when the call returns.

        Args:
            run_id: whose.
            key: its name.
            value: a number, or a numpy or torch scalar.
            timestamp: milliseconds since 1970; default: now.
            step: default: 0.
            synchronous: False to return at once; default: see `enable_async_logging`.
            dataset_name: of what it was measured on.
            dataset_digest: of what it was measured on.
            model_id: the logged model that it says something about.

        Returns:
            Something to ``wait()`` for if this was asynchronous, else None.
        """
        metric = validate.metric(key, value, timestamp, step)
        if model_id or dataset_name or dataset_digest:
            metric = metric._replace(
                model_id=model_id,
                dataset_name=dataset_name,
                dataset_digest=dataset_digest,
            )
        if asynchronous(synchronous):
            return submit(self.store, run_id, metrics=[metric])
        self.store.log_metric(run_id, metric)
        return None

    def log_param(self, run_id: str, key: str, value: Any, synchronous: bool | None = None) -> Any:
        """Log a param; the same value again is fine, another one is refused.

        Returns:
            The value; or something to ``wait()`` for if this was asynchronous.
        """
        return write(self.store, run_id, synchronous, params=[validate.param(key, value)]) or value

    def set_tag(
        self, run_id: str, key: str, value: Any, synchronous: bool | None = None
    ) -> RunOperations | None:
        """Set or overwrite a tag."""
        return write(self.store, run_id, synchronous, tags=[validate.tag(key, value)])

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove a tag; `NotFound` when the run has none of that key."""
        self.store.delete_tag(run_id, key)

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
        synchronous: bool | None = None,
    ) -> RunOperations | None:
        """Log many things at once: all of them or, on any error, none.

        Servers take 1,000 metrics, 100 params and 100 tags at once; more are sent in parts.
        """
        return write(
            self.store,
            run_id,
            synchronous,
            [validate.as_logged(metric) for metric in metrics],
            [validate.param(param.key, param.value) for param in params],
            [validate.tag(tag.key, tag.value) for tag in tags],
        )

    def get_metric_history(self, run_id: str, key: str) -> list[Metric]:
        """Every value of a metric in the order of time."""
        return self.store.get_metric_history(run_id, key)

    def log_inputs(
        self,
        run_id: str,
        datasets: Sequence[DatasetInput] | None = None,
        models: Sequence[ModelInput] | None = None,
    ) -> None:
        """Record datasets and logged models that a run read: all of them or, on any error, none."""
        self.store.log_inputs(run_id, datasets or (), models or ())

    def log_outputs(self, run_id: str, models: Sequence[ModelOutput]) -> None:
        """Record logged models that a run made: all of them or, on any error, none."""
        self.store.log_outputs(run_id, models)


def _location(location: str | Path) -> str:
    """Where files go: an absolute folder, or an address as it was written."""
    parsed = parse(location)
    if isinstance(parsed, LocalUri):
        return str(parsed.path.expanduser().absolute())
    if isinstance(parsed, RemoteUri):
        return parsed.uri
    raise InvalidInput(
        f"The artifact location {str(location)!r} is no place for files. Use a folder, or an "
        "address such as s3://bucket/key."
    )


def __getattr__(name: str) -> Any:
    """``mlpack.tracking.client.MlflowClient`` is of the layer above."""
    from .. import _lend

    return _lend(__name__, name)
