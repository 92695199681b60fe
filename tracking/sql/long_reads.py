"""Reads of SQLite that take too long are broken off; database servers do so by themselves.

SQLite may be asked by any thread to stop what another one has it do. It has a hook for a look at
the clock, too, but that counts its own steps, and one step may compare a pattern with a megabyte.
"""

from __future__ import annotations

import math
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_LOOKS = 0.5  # seconds between two


@contextmanager
def broken_off_after(seconds: float, connection: sqlite3.Connection) -> Iterator[None]:
    """Within, whatever the connection does then fails with "interrupted".

    Args:
        seconds: how long it may take; infinite costs nothing.
        connection: of this thread, for itself.
    """
    if seconds == math.inf:
        yield
        return
    watch = _watch
    watch.begin(connection, time.monotonic() + seconds)
    try:
        yield
    finally:
        watch.end(connection)


class _Watch:
    """What runs until when; the lock sees to it that nothing is broken off that began later."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[int, tuple[float, sqlite3.Connection]] = {}
        self._thread: threading.Thread | None = None

    def begin(self, connection: sqlite3.Connection, deadline: float) -> None:
        with self._lock:
            self._running[id(connection)] = (deadline, connection)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="long reads", daemon=True)
                self._thread.start()

    def end(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            self._running.pop(id(connection), None)

    def _look(self) -> None:
        while True:
            time.sleep(_LOOKS)
            now = time.monotonic()
            with self._lock:
                for deadline, connection in self._running.values():
                    if now > deadline:
                        connection.interrupt()


def _forget() -> None:
    """A forked child has neither the thread nor what its parent reads."""
    global _watch
    _watch = _Watch()


_watch = _Watch()
os.register_at_fork(after_in_child=_forget)
