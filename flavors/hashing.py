"""SHA-256 of files at the speed of the disk, and never twice for the same file in a process.

A file is the same while its device, inode, size, and times of modification and of change stay what
they were; the last of these cannot be set by a program. A file system's clock goes in ticks, so
two changes within one look like one: a checksum is only kept if its file was left alone for a tick
before it was read.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

_TICK_NS = 20_000_000
_MOST = 20_000  # checksums that are kept
_LARGE = 4 << 20
_THREADS = min(8, os.cpu_count() or 1)

_Key = tuple[int, int, int, int, int]


def checksum(path: Path) -> str:
    """A file's SHA-256 as ``sha256:<hex>``.

    Raises:
        OSError: it cannot be read.
    """
    return _seen.checksum(path)


def checksums(paths: Iterable[Path]) -> list[str]:
    """The checksums of files in their order; large ones are read several at a time.

    Raises:
        OSError: one cannot be read.
    """
    paths = list(paths)
    large = [path for path in paths if path.stat().st_size >= _LARGE]
    if len(large) > 1 and _THREADS > 1:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(_THREADS) as pool:
            done = dict(zip(large, pool.map(checksum, large), strict=True))
        return [done.get(path) or checksum(path) for path in paths]
    return [checksum(path) for path in paths]


class _Seen:
    """Checksums of files by what identifies them, the least recently asked for goes first."""

    def __init__(self) -> None:
        self._known: OrderedDict[_Key, str] = OrderedDict()
        self._underway: dict[_Key, threading.Event] = {}
        self._lock = threading.Lock()

    def checksum(self, path: Path) -> str:
        with path.open("rb") as file:
            key = _key(file.fileno())
            while True:
                with self._lock:
                    if known := self._known.get(key):
                        self._known.move_to_end(key)
                        return known
                    other = self._underway.get(key)
                    if other is None:
                        mine = self._underway[key] = threading.Event()
                        break
                other.wait()  # another thread reads this very file
                if key not in self._known:  # and what it found is not kept
                    return _hash(file.fileno())
            try:
                settled = _settled(key)
                found = _hash(file.fileno())
                if settled and _key(file.fileno()) == key:
                    self._keep(key, found)
                return found
            finally:
                with self._lock:
                    self._underway.pop(key, None)
                mine.set()

    def _keep(self, key: _Key, found: str) -> None:
        with self._lock:
            self._known[key] = found
            while len(self._known) > _MOST:
                self._known.popitem(last=False)


def _key(handle: int) -> _Key:
    about = os.fstat(handle)
    return (about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)


def _settled(key: _Key) -> bool:
    """Whether a change from now on would show; for a large file it is worth to wait until then."""
    size, changed = key[2], key[4]
    rest = changed + _TICK_NS - time.time_ns()
    if rest > 0 and size >= _LARGE:
        time.sleep(min(rest, _TICK_NS) / 1e9)
        rest = changed + _TICK_NS - time.time_ns()
    return rest <= 0


def _hash(handle: int) -> str:
    with open(handle, "rb", buffering=0, closefd=False) as file:
        file.seek(0)
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _forget() -> None:
    """A forked child begins anew: a thread that it does not have may have held the lock."""
    global _seen
    _seen = _Seen()


_seen = _Seen()
os.register_at_fork(after_in_child=_forget)
