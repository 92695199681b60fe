"""Several transfers at once, reported from the thread that waits for them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TypeVar

from ..base import Progress, Report

Item = TypeVar("Item")
Result = TypeVar("Result")

AT_ONCE = 3
_TICK = 0.1  # seconds between two looks at what was told
_LONG = 2.0  # seconds of which people want to know


class Stopped(Exception):
    """Another transfer failed, or the user pressed Ctrl-C; nobody waits for this one."""


_here = threading.local()  # the transfer that a thread is at: stop and tell


def pause(seconds: float) -> None:
    """Wait before another try; in a transfer say so, and give up when nobody waits for it.

    Raises:
        Stopped: another transfer failed meanwhile.
    """
    stop: threading.Event = getattr(_here, "stop", None) or threading.Event()
    if seconds >= _LONG and (tell := getattr(_here, "tell", None)):
        tell(Progress("log", f"waiting {seconds:.0f} s before the next try"))
    if stop.wait(seconds):
        raise Stopped


def each(
    items: Iterable[Item], work: Callable[[Item, Report], Result], report: Report
) -> list[Result]:
    """The results of all, in order.

    Args:
        items: one transfer each.
        work: done in threads; what it reports reaches ``report`` in the calling thread.
        report: called with what happens.

    Raises:
        Exception: of the first that fails; the others stop at their next report or pause.
    """
    told: queue.SimpleQueue[Progress] = queue.SimpleQueue()
    stop = threading.Event()

    def tell(progress: Progress) -> None:
        if stop.is_set():
            raise Stopped
        told.put(progress)

    def transfer(item: Item) -> Result:
        if stop.is_set():
            raise Stopped
        _here.stop, _here.tell = stop, tell
        try:
            return work(item, tell)
        except BaseException:
            stop.set()  # at once, before this thread takes the next
            raise

    with ThreadPoolExecutor(AT_ONCE, "mlpack-transfer") as threads:
        futures = [threads.submit(transfer, item) for item in items]
        try:
            left: set[Future[Result]] = set(futures)
            while left and not _failed(futures):
                _, left = wait(left, _TICK, FIRST_EXCEPTION)
                _pass_on(told, report)
            _pass_on(told, report)
        finally:
            stop.set()
            threads.shutdown(wait=True, cancel_futures=True)
    if failed := _failed(futures):
        raise failed
    return [future.result() for future in futures]


def _failed(futures: list[Future[Result]]) -> BaseException | None:
    for future in futures:
        if future.done() and not future.cancelled():
            error = future.exception()
            if error is not None and not isinstance(error, Stopped):
                return error
    return None


def _pass_on(told: queue.SimpleQueue[Progress], report: Report) -> None:
    with suppress(queue.Empty):
        while True:
            report(told.get_nowait())
