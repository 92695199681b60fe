"""Logging that does not wait for the store, for those who ask for it by name.

One thread a process takes what is waiting, joins what belongs to the same run, and writes it in
order. What it could not write is raised by ``wait()`` and `flush_async_logging`, or else warned
about when the process ends.
"""

from __future__ import annotations

import atexit
import os
import threading
import warnings
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import MlpackError
from .entities import Metric, Param, RunTag

if TYPE_CHECKING:
    from .store import TrackingStore

_MOST_WAITING = 50_000  # values; whoever logs more waits for the store, as without this
_MOST_JOINED = 1_000  # values a batch
_VARIABLES = ("MLPACK_ENABLE_ASYNC_LOGGING", "MLFLOW_ENABLE_ASYNC_LOGGING")

_chosen: bool | None = None


def enable_async_logging(enable: bool = True) -> None:
    """Let ``log_*`` and ``set_tag*`` return before the store has what they say.

    Args:
        enable: False to wait for the store again; default of a process: the environment's
            ``MLPACK_ENABLE_ASYNC_LOGGING`` (or ``MLFLOW_…``), else False.
    """
    global _chosen
    _chosen = enable


def asynchronous(synchronous: bool | None) -> bool:
    """What a call does whose caller said this, or nothing (None)."""
    global _chosen
    if synchronous is not None:
        return not synchronous
    if _chosen is None:
        words = [os.environ.get(name, "").lower() for name in _VARIABLES]
        _chosen = any(word in ("1", "true", "yes") for word in words)
    return _chosen


class _Operation:
    """One call: all of it is written, or none."""

    __slots__ = ("done", "error", "metrics", "params", "run_id", "store", "tags", "told")

    def __init__(
        self,
        store: TrackingStore,
        run_id: str,
        metrics: Sequence[Metric],
        params: Sequence[Param],
        tags: Sequence[RunTag],
    ) -> None:
        self.store, self.run_id = store, run_id
        self.metrics, self.params, self.tags = metrics, params, tags
        self.done = self.told = False
        self.error: Exception | None = None

    @property
    def size(self) -> int:
        return len(self.metrics) + len(self.params) + len(self.tags)


class RunOperations:
    """What an asynchronous call returns: a way to wait for it."""

    def __init__(self, operation: _Operation) -> None:
        self._operation = operation

    def wait(self) -> None:
        """Return when the store has it.

        Raises:
            MlpackError: the store refused it, or could not be reached.
        """
        _worker.wait_for(lambda: self._operation.done)
        self._operation.told = True
        if self._operation.error is not None:
            raise self._operation.error


class _Worker:
    """The thread and what waits for it; the thread starts with the first call."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[_Operation] = deque()
        self._size = 0
        self._unfinished: dict[str, int] = {}  # calls a run
        self._failed: list[_Operation] = []
        self._thread: threading.Thread | None = None

    def submit(self, operation: _Operation) -> RunOperations:
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="mlpack-async-logging", daemon=True
                )
                self._thread.start()
            self._changed.wait_for(lambda: self._size < _MOST_WAITING)
            self._waiting.append(operation)
            self._size += operation.size
            run_id = operation.run_id
            self._unfinished[run_id] = self._unfinished.get(run_id, 0) + 1
            self._changed.notify_all()
        return RunOperations(operation)

    def wait_for(self, condition: object) -> None:
        with self._changed:
            self._changed.wait_for(condition)  # type: ignore[arg-type]

    def drain(self, run_id: str | None = None) -> None:
        """Wait until nothing of a run (or of any) is waiting."""
        with self._changed:
            self._changed.wait_for(
                lambda: run_id not in self._unfinished if run_id else not self._unfinished
            )

    def untold(self) -> list[_Operation]:
        """Calls that failed and nobody was told; now somebody is."""
        with self._changed:
            found = [operation for operation in self._failed if not operation.told]
            self._failed.clear()
        for operation in found:
            operation.told = True
        return found

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                together = self._take()
            _write(together)
            with self._changed:
                for operation in together:
                    operation.done = True
                    self._size -= operation.size
                    left = self._unfinished[operation.run_id] - 1
                    if left:
                        self._unfinished[operation.run_id] = left
                    else:
                        del self._unfinished[operation.run_id]
                    if operation.error is not None:
                        self._failed.append(operation)
                self._changed.notify_all()

    def _take(self) -> list[_Operation]:
        """The calls of the run that waited longest, as many as fit in a batch; others stay."""
        first = self._waiting[0]
        together: list[_Operation] = []
        others: deque[_Operation] = deque()
        size = 0
        while self._waiting and size < _MOST_JOINED:
            operation = self._waiting.popleft()
            same = operation.run_id == first.run_id and operation.store is first.store
            if same:
                together.append(operation)
                size += operation.size
            else:
                others.append(operation)
        self._waiting.extendleft(reversed(others))
        return together


def _write(together: list[_Operation]) -> None:
    """Write calls of one run as one; if that is refused, one by one, to tell whose fault it was."""
    store, run_id = together[0].store, together[0].run_id
    try:
        store.log_batch(
            run_id,
            [metric for operation in together for metric in operation.metrics],
            [param for operation in together for param in operation.params],
            [tag for operation in together for tag in operation.tags],
        )
    except Exception as error:
        refused = isinstance(error, MlpackError) and error.http_status < 500
        if refused and len(together) > 1:
            for operation in together:
                _write([operation])
        else:
            for operation in together:
                operation.error = error


_worker = _Worker()


def submit(
    store: TrackingStore,
    run_id: str,
    metrics: Sequence[Metric] = (),
    params: Sequence[Param] = (),
    tags: Sequence[RunTag] = (),
) -> RunOperations:
    """Have these written soon: all of them or none, after everything the run was told before."""
    return _worker.submit(_Operation(store, run_id, metrics, params, tags))


def write(
    store: TrackingStore,
    run_id: str,
    synchronous: bool | None,
    metrics: Sequence[Metric] = (),
    params: Sequence[Param] = (),
    tags: Sequence[RunTag] = (),
) -> RunOperations | None:
    """Write these now, or soon if the caller said so or `enable_async_logging` does."""
    if asynchronous(synchronous):
        return submit(store, run_id, metrics, params, tags)
    store.log_batch(run_id, metrics, params, tags)
    return None


def drain(run_id: str) -> None:
    """Wait for what a run was told; failures are kept for `flush_async_logging`."""
    _worker.drain(run_id)


def flush_async_logging() -> None:
    """Wait for everything that was logged asynchronously.

    Raises:
        MlpackError: of something that could not be written, unless its ``wait()`` raised it.
    """
    _worker.drain()
    failed = _worker.untold()
    for operation in failed:
        if operation.error is not None:
            raise operation.error


def _at_exit() -> None:
    _worker.drain()
    for operation in _worker.untold():
        warnings.warn(
            f"Logging to run {operation.run_id} failed, and nobody waited for it: "
            f"{operation.error}",
            stacklevel=1,
        )


def _after_fork() -> None:
    """What waits is the parent's to write; so is its thread."""
    global _worker
    _worker = _Worker()


# `active`, which ends the runs, drains each of them first
atexit.register(_at_exit)
os.register_at_fork(after_in_child=_after_fork)
