"""A bar for transfers that take long; nothing at all, not even an import, for the others."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_PATIENCE_SECONDS = 2.0
_OFF = frozenset({"0", "false", "no", "off"})


class Transfer:
    """Counts bytes; any thread may."""

    _stopped = False

    def advance(self, count: int) -> None:
        """So many bytes more are across.

        Raises:
            KeyboardInterrupt: `stop` was called.
        """
        if self._stopped:
            raise KeyboardInterrupt

    def stop(self) -> None:
        """Let the threads at work give up with their next piece: Ctrl-C reaches only one thread."""
        self._stopped = True


class _Bar(Transfer):
    """Shows itself when the work has taken a while."""

    def __init__(self, description: str, total: int | None) -> None:
        self._description = description
        self._total = total
        self._done = 0
        self._show_at = time.monotonic() + _PATIENCE_SECONDS
        self._lock = threading.Lock()
        self._bar: Any = None

    def advance(self, count: int) -> None:
        super().advance(count)
        with self._lock:
            self._done += count
            if self._bar is not None:
                self._bar.update(count)
            elif time.monotonic() >= self._show_at:
                self._start()

    def _start(self) -> None:
        from tqdm import tqdm

        self._bar = tqdm(
            desc=self._description,
            total=self._total,
            initial=self._done,
            unit="B",
            unit_scale=True,
            leave=False,
            dynamic_ncols=True,
        )

    def close(self) -> None:
        with self._lock:
            self._show_at = float("inf")
            if self._bar is not None:
                self._bar.close()


@contextmanager
def transfer(description: str, total_bytes: int | None) -> Iterator[Transfer]:
    """Follow a transfer; after two seconds a bar shows it on standard error, if that is a terminal.

    ``MLPACK_PROGRESS=0`` (or ``MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR=false``) switches it off.

    Args:
        description: what is going where.
        total_bytes: how much it is, if that is known.
    """
    if not _wanted():
        yield Transfer()
        return
    bar = _Bar(description, total_bytes)
    try:
        yield bar
    finally:
        bar.close()


def _wanted() -> bool:
    for name in ("MLPACK_PROGRESS", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"):
        if value := os.environ.get(name):
            if value.lower() in _OFF:
                return False
            break
    return sys.stderr is not None and sys.stderr.isatty()
