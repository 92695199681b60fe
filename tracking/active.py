"""The active run: which run `log_metric` and its like mean.

Every thread has its own stack of active runs. Runs that are still open when the process ends are
ended then; a forked child logs to its parent's run but never ends it by itself.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

from ..errors import InvalidInput, InvalidState, MlpackError, NotFound
from . import async_logging, dirty, system_metrics
from .client import TrackingClient
from .context import describe_source, source_folder
from .entities import Experiment, LifecycleStage, Run, RunStatus, Tags

_LOG_DIFF = "MLPACK_LOG_GIT_DIFF"
_RUN_ID = ("MLPACK_RUN_ID", "MLFLOW_RUN_ID")
_EXPERIMENT_NAME = ("MLPACK_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_NAME")
_EXPERIMENT_ID = ("MLPACK_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_ID")
DEFAULT_EXPERIMENT = "0"


class ActiveRun(Run):
    """What `start_run` returns: a `Run`, and a context manager that ends it.

    An exception in the block ends the run as FAILED, Ctrl-C as KILLED.
    """

    def __init__(
        self, run: Run, client: TrackingClient, monitor: system_metrics.Monitor | None = None
    ) -> None:
        super().__init__(run.info, run.data)
        object.__setattr__(self, "client", client)
        object.__setattr__(self, "process", os.getpid())
        object.__setattr__(self, "monitor", monitor)

    client: TrackingClient
    process: int
    monitor: system_metrics.Monitor | None

    def __enter__(self) -> ActiveRun:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process != os.getpid():
            return  # a forked child that leaves the block; the run goes on in the parent
        # runs started inside the block and left open end with it
        while any(run.info.run_id == self.info.run_id for run in _stack()):
            end_run(_status_of(kind, error))


class _Local(threading.local):
    def __init__(self) -> None:
        self.stack: list[ActiveRun] = []
        self.last: str | None = None


_local = _Local()
_open: dict[str, ActiveRun] = {}  # of all threads, in the order of their start
_experiments: dict[str, str] = {}  # store's address -> what set_experiment chose


def _stack() -> list[ActiveRun]:
    return _local.stack


def start_run(
    run_id: str | None = None,
    experiment_id: str | int | None = None,
    run_name: str | None = None,
    nested: bool = False,
    parent_run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    description: str | None = None,
    log_system_metrics: bool | None = None,
) -> ActiveRun:
    """Start a run, or go on with one, and make it this thread's active run.

    Args:
        run_id: go on with this run instead of starting one (also: the environment variables
            ``MLPACK_RUN_ID`` and ``MLFLOW_RUN_ID``, once).
        experiment_id: default: that of `set_experiment`, else of the environment
            (``MLPACK_EXPERIMENT_NAME``, ``MLPACK_EXPERIMENT_ID`` or their ``MLFLOW_`` forms),
            else "Default".
        run_name: default: a random one.
        nested: start a child of the active run.
        parent_run_id: start a child of this run.
        tags: to set on the run.
        description: shown with the run; Markdown.
        log_system_metrics: record how busy the machine is while the run lasts; default: as
            `enable_system_metrics_logging` says.

    Returns:
        The run; use it in a ``with`` statement, or call `end_run`.

    Raises:
        InvalidState: a run is active and ``nested`` was not given.
        NotFound: no such run or experiment.
        InvalidInput: it is deleted, or an argument is not allowed.
        MissingDependency: system metrics are wanted, and psutil is not installed.
    """
    stack = _stack()
    if stack and not nested:
        raise InvalidState(
            f"The run {stack[-1].info.run_name} ({stack[-1].info.run_id}) is active. End it with "
            "mlpack.end_run(), or start a child of it with start_run(nested=True)."
        )
    all_tags = dict(tags or {})
    if description is not None:
        if Tags.NOTE in all_tags:
            raise InvalidInput(f"Give either description= or the tag {Tags.NOTE}, not both.")
        all_tags[Tags.NOTE] = description
    client = TrackingClient()
    monitor = system_metrics.wanted_monitor(log_system_metrics)
    existing = run_id or _from_environment(_RUN_ID, once=True)
    if existing:
        run = _resume(client, existing, run_name, all_tags)
    else:
        parent = _parent(client, parent_run_id)
        if parent:
            all_tags[Tags.PARENT] = parent
        where = str(experiment_id) if experiment_id is not None else current_experiment_id(client)
        source = describe_source()
        run = client.create_run(where, None, source | all_tags, run_name)
        if Tags.GIT_COMMIT in source and not {Tags.GIT_DIRTY, Tags.GIT_COMMIT} & all_tags.keys():
            _tag_dirty(client, run.info.run_id)
    active = ActiveRun(run, client, monitor)
    stack.append(active)
    _open[run.info.run_id] = active
    if monitor is not None:
        monitor.start(client, run.info.run_id, resumed=bool(existing))
    return active


def _tag_dirty(client: TrackingClient, run_id: str) -> None:
    folder = source_folder()

    def tag(answer: bool) -> None:
        client.set_tag(run_id, Tags.GIT_DIRTY, str(answer).lower())
        # only for those who ask: what has not been committed may be a secret
        if answer and os.environ.get(_LOG_DIFF, "").lower() in ("1", "true", "yes", "on"):
            changes = dirty.diff(folder)
            if changes:
                client.log_text(run_id, changes, "git.diff")

    dirty.find_out(folder, tag)


def _parent(client: TrackingClient, parent_run_id: str | None) -> str | None:
    current = _stack()[-1].info.run_id if _stack() else None
    if parent_run_id is None or parent_run_id == current:
        return current
    if current is not None:
        raise InvalidInput(
            f"The active run is {current}, so a nested run is its child, not that of "
            f"{parent_run_id}. End the active run first."
        )
    if client.get_run(parent_run_id).info.lifecycle_stage != LifecycleStage.ACTIVE:
        raise InvalidInput(f"The parent run {parent_run_id} is deleted.")
    return parent_run_id


def _resume(
    client: TrackingClient, run_id: str, run_name: str | None, tags: Mapping[str, Any]
) -> Run:
    chosen = _experiments.get(client.store.uri)
    run = client.get_run(run_id)
    if chosen is not None and chosen != run.info.experiment_id:
        raise InvalidInput(
            f"The run {run_id} belongs to experiment {run.info.experiment_id}, but set_experiment "
            f"chose {chosen}. Leave out one of the two."
        )
    client.update_run(run_id, RunStatus.RUNNING, run_name)
    for key, value in tags.items():
        client.set_tag(run_id, key, value)
    return client.get_run(run_id)


def end_run(status: str = RunStatus.FINISHED) -> None:
    """End this thread's active run; does nothing when there is none.

    Args:
        status: FINISHED, FAILED or KILLED.
    """
    stack = _stack()
    if stack:
        run = stack.pop()
        _local.last = run.info.run_id
        _open.pop(run.info.run_id, None)
        if run.monitor is not None:
            run.monitor.stop()
        async_logging.drain(run.info.run_id)
        # a run that was deleted or purged meanwhile has no end to record
        with suppress(NotFound, InvalidInput):
            run.client.set_terminated(run.info.run_id, status)


def active_run() -> ActiveRun | None:
    """This thread's active run, or None. Its data is as of its start: see `get_run`."""
    stack = _stack()
    return stack[-1] if stack else None


def last_active_run() -> Run | None:
    """The active run, or else the one that ended last in this thread, as recorded now."""
    stack = _stack()
    if stack:
        return stack[-1].client.get_run(stack[-1].info.run_id)
    return TrackingClient().get_run(_local.last) if _local.last else None


def require_run() -> ActiveRun:
    """The active run; one is started when there is none."""
    stack = _local.stack
    return stack[-1] if stack else start_run()


def set_experiment(
    experiment_name: str | None = None, experiment_id: str | int | None = None
) -> Experiment:
    """Choose the experiment of the runs that this process starts; made when it is new.

    Args:
        experiment_name: its name; or
        experiment_id: the id of one that exists.

    Raises:
        InvalidInput: both or neither are given, or the experiment is deleted.
        NotFound: no experiment of that id.
    """
    if (experiment_name is None) == (experiment_id is None):
        raise InvalidInput("Give set_experiment a name or an experiment_id, one of them.")
    client = TrackingClient()
    if experiment_id is not None:
        experiment = client.get_experiment(experiment_id)
    else:
        assert experiment_name is not None
        experiment = client.get_experiment(_by_name(client, experiment_name))
    if experiment.lifecycle_stage != LifecycleStage.ACTIVE:
        raise InvalidInput(
            f"The experiment {experiment.name!r} is deleted. Restore it with "
            f"MlpackClient().restore_experiment('{experiment.experiment_id}') or choose another."
        )
    _experiments[client.store.uri] = experiment.experiment_id
    return experiment


def current_experiment_id(client: TrackingClient) -> str:
    """The experiment of the next run: chosen, or from the environment, or the default."""
    chosen = _experiments.get(client.store.uri)
    if chosen is not None:
        return chosen
    if name := _from_environment(_EXPERIMENT_NAME):
        return _by_name(client, name)
    if experiment_id := _from_environment(_EXPERIMENT_ID):
        return client.get_experiment(experiment_id).experiment_id
    return DEFAULT_EXPERIMENT


def _by_name(client: TrackingClient, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return found.experiment_id
    try:
        return client.create_experiment(name)
    except MlpackError:
        # another process made it in the meantime
        if found := client.get_experiment_by_name(name):
            return found.experiment_id
        raise


def _from_environment(names: tuple[str, ...], once: bool = False) -> str | None:
    for name in names:
        if value := os.environ.get(name):
            if once:
                del os.environ[name]
            return value
    return None


def _status_of(kind: type[BaseException] | None, error: BaseException | None) -> str:
    if kind is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return RunStatus.FINISHED
    return RunStatus.KILLED if issubclass(kind, KeyboardInterrupt) else RunStatus.FAILED


def _end_all_at_exit() -> None:
    """A script that died of an exception outside any ``with`` did not finish."""
    interactive = hasattr(sys, "ps1")
    kind = None if interactive else getattr(sys, "last_type", None)
    status = _status_of(kind, getattr(sys, "last_value", None))
    for run in reversed(list(_open.values())):
        if run.process == os.getpid():
            with suppress(Exception):
                if run.monitor is not None:
                    run.monitor.stop()
                async_logging.drain(run.info.run_id)
                run.client.set_terminated(run.info.run_id, status)
    _open.clear()
    dirty.wait(2.0)


atexit.register(_end_all_at_exit)
