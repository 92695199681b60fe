"""Which worker takes a new connection: one that is warm, and the one that has the fewest.

All workers wait at one socket, and left alone the quickest takes whatever comes: eight clients
that keep their connections can all end up with the same worker while the others are idle. (A
socket each, SO_REUSEPORT, deals them out by chance, to cold workers too, and a worker that dies
takes down those that it had not accepted yet.) Here each worker shows in shared memory how many
it has; who has more than another holds back for a moment.
"""

from __future__ import annotations

import mmap
import time
from typing import Any

_WORD = 8
# Seconds that a worker leaves a connection to others that have fewer.
_MOMENT = 0.0003


class Accepting:
    """Made before the fork; each worker has a word: 0 while it takes nothing, else its count + 1.

    Args:
        workers: how many there may be at once.
        shared: another server takes from the same socket, or will.
    """

    def __init__(self, workers: int, shared: bool = False) -> None:
        self._shared = shared
        self._words = memoryview(mmap.mmap(-1, workers * _WORD)).cast("q")
        self._free = list(range(workers))
        self._slots: dict[int, int] = {}  # by the worker's age
        self._own: int | None = None
        self._count = 0

    def before_fork(self, worker: Any) -> None:
        """In the parent: a worker is about to be forked. Beyond the number, it has no word."""
        if self._free:
            self._slots[worker.age] = self._free.pop()

    def after_fork(self, worker: Any) -> None:
        """In the worker."""
        self._own = self._slots.get(worker.age)

    def after_death(self, worker: Any) -> None:
        """In the parent."""
        slot = self._slots.pop(worker.age, None)
        if slot is not None:
            self._words[slot] = 0
            self._free.append(slot)

    def show(self, connections: int, takes: bool) -> None:
        """In the worker: how many it has, and whether it is warm and takes more."""
        self._count = connections
        if self._own is not None:
            self._words[self._own] = connections + 1 if takes else 0

    def others_take(self) -> bool:
        """Whether there is somebody else that takes connections, so that a cold worker need not."""
        return self._shared or any(self._words)

    def leave_it_to_others(self) -> None:
        """Return at once for the worker that has the fewest, a moment later for the others."""
        if any(0 < word <= self._count for word in self._words):
            time.sleep(_MOMENT)
