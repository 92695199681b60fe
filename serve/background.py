"""Work that no request waits for: a bounded queue and one thread behind it.

Requests put things in and go on; the thread takes all that is there, now and then. When it does
not keep up (a pipe that nobody reads, a slow disk) things are refused, never waited for.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

log = logging.getLogger("mlpack.serve")


class Background:
    """A thread with a queue. Made before the fork, started after it.

    Args:
        name: of the thread.
        work: takes everything that was put in since the last time; with nothing, on a tick.
        limit: most weight that may wait.
        pause: seconds to let things gather once the first is there.
        tick: seconds after which `work` is called in any case; None: only when there is work.
        finish: called by the thread at its very end.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[list[Any]], None],
        *,
        limit: int,
        pause: float,
        tick: float | None = None,
        finish: Callable[[], None] | None = None,
    ) -> None:
        self._name, self._work = name, work
        self._limit, self._pause, self._tick = limit, pause, tick
        self._finish = finish
        self._thread: threading.Thread | None = None
        self._reset()

    def start(self) -> None:
        """In the process whose requests these are: threads do not survive a fork."""
        self._reset()
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def put(self, item: Any, weight: int = 1) -> bool:
        """Hand something over, at once.

        Returns:
            False if it was refused: too much waits, or the thread is not running.
        """
        with self._lock:
            if self._waiting + weight > self._limit or self._thread is None:
                return False
            first = not self._items
            self._items.append((item, weight))
            self._waiting += weight
        if first:
            self._wake.set()
        return True

    def stop(self, seconds: float) -> bool:
        """Let the thread finish what waits.

        Args:
            seconds: as long as that may take.

        Returns:
            whether it was done in time.
        """
        if self._thread is None:
            return True
        self._stopping.set()
        self._wake.set()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._items: deque[tuple[Any, int]] = deque()
        self._waiting = 0
        self._wake = threading.Event()
        self._stopping = threading.Event()

    def _run(self) -> None:
        due = time.monotonic() + self._tick if self._tick else None
        while not self._stopping.is_set():
            self._wake.wait(max(0.0, due - time.monotonic()) if due else None)
            self._stopping.wait(self._pause if self._items else 0)
            self._take_all()
            if due and self._tick:
                due = time.monotonic() + self._tick
        self._take_all()
        if self._finish is not None:
            self._finish()

    def _take_all(self) -> None:
        self._wake.clear()
        with self._lock:
            taken = list(self._items)
            self._items.clear()
        try:
            self._work([item for item, _ in taken])
        except Exception:
            log.exception("The thread %r failed", self._name)
        with self._lock:  # what is being worked on still takes up memory
            self._waiting -= sum(weight for _, weight in taken)
