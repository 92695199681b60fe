"""The folder below a cache: who may use it, locks between processes, files that appear whole.

    lock                one file to lock: shared by who uses something, alone by who removes
    blobs/<kind>/<hex>  by SHA-256
    records/<kind>/<hash of the key>.json
    making/<hex>        locks of what is being made, so that two builds don't make it twice
    tmp/<random>        unfinished; locked by whoever writes it
    holds/<random>      one a running build; locked as long as it runs

Locks are the kernel's (flock): they end with the process, however it ends. What is found unlocked
in ``tmp`` and ``holds`` therefore belongs to nobody.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ...errors import StorageFailed
from ...flavors.staging import storage_failed

_SLOTS = 256
_PATIENCE = 600.0  # seconds; a builder that was suspended keeps its locks


@dataclass(frozen=True)
class Found:
    """A file of the cache: its kind, path, size, and when it was used last (ns)."""

    kind: str
    path: Path
    size: int
    used: int


class Room:
    """The folder.

    Args:
        folder: made, for the user alone, unless it is there.

    Raises:
        StorageFailed: it cannot be made or locked, or is somebody else's.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = folder.stat()
            if found.st_uid == os.geteuid() and found.st_mode & 0o077:
                folder.chmod(0o700)
            for name in ("blobs", "records", "making", "tmp", "holds"):
                (folder / name).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise self.failed(error) from error
        if found.st_uid != os.geteuid():
            # whoever owns it decides what comes out of it, and so what our images hold
            raise StorageFailed(f"The cache {folder} belongs to another user. {_ELSEWHERE}")
        self.sweep()

    def failed(self, error: OSError) -> StorageFailed:
        """The error for what the file system says."""
        message = storage_failed(Path(error.filename or self.folder), error).message
        return StorageFailed(f"{message} {_ELSEWHERE}")

    @contextmanager
    def locked(self, *, alone: bool = False) -> Iterator[None]:
        """While something is looked up and marked as used, or, alone, while things are removed."""
        with self._lock(self.folder / "lock", alone):
            yield

    @contextmanager
    def making(self, key: str) -> Iterator[None]:
        """Alone with what is made under a key; others who make the same wait, but not for ever.

        After that both make it, which costs time and nothing else.
        """
        slot = int.from_bytes(key.encode()[-8:], "big") % _SLOTS
        try:
            file = (self.folder / "making" / f"{slot:02x}").open("ab")
        except OSError as error:
            raise self.failed(error) from error
        with file:
            given_up = time.monotonic() + _PATIENCE
            while time.monotonic() < given_up:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    time.sleep(0.05)
            yield

    @contextmanager
    def _lock(self, path: Path, alone: bool) -> Iterator[None]:
        try:
            file = path.open("ab")
        except OSError as error:
            raise self.failed(error) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            except OSError as error:
                raise StorageFailed(
                    f"The cache {self.folder} lies on a file system without locks. {_ELSEWHERE}"
                ) from error
            yield

    @contextmanager
    def temporary(self, folder: str = "tmp") -> Iterator[tuple[Path, BinaryIO]]:
        """A file of one's own that is gone when the block, or the process, ends.

        Inside the block `settle` may give it its place.
        """
        path = self.folder / folder / secrets.token_hex(12)
        with self.locked():  # nobody sweeps between the two lines
            try:
                file = path.open("x+b")
            except OSError as error:
                raise self.failed(error) from error
            fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield path, file
        finally:
            with suppress(OSError):  # what could not be written cannot be when it is closed, either
                file.close()
            with suppress(OSError):
                path.unlink()

    def write(self, file: BinaryIO, piece: bytes) -> None:
        """Write to a temporary file.

        Raises:
            StorageFailed: it cannot be written.
        """
        try:
            file.write(piece)
        except OSError as error:
            raise self.failed(error) from error

    def flush(self, file: BinaryIO) -> None:
        """Let others see all that was written; see `write`."""
        try:
            file.flush()
        except OSError as error:
            raise self.failed(error) from error

    def settle(self, temporary: Path, file: BinaryIO, place: Path) -> None:
        """Give a finished temporary file its name; one of that name is replaced.

        Raises:
            StorageFailed: it cannot be written; the place is as it was.
        """
        try:
            file.flush()
            os.fchmod(file.fileno(), 0o444)  # layouts may share it by hard links
            with self.locked():
                place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                temporary.replace(place)
                touch(place)
        except OSError as error:
            raise self.failed(error) from error

    def sweep(self) -> int:
        """Remove what processes left behind that are no more; returns its bytes."""
        freed = 0
        with self.locked(alone=True):
            for folder in ("tmp", "holds"):
                for path in _files(self.folder / folder):
                    with suppress(OSError), path.open("rb") as file:
                        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        freed += os.fstat(file.fileno()).st_size
                        path.unlink()
        return freed

    @contextmanager
    def hold(self) -> Iterator[None]:
        """While it lasts, nothing is removed that was used since it began."""
        with self.temporary("holds") as (path, _):
            touch(path)
            yield

    def held_since(self) -> int | None:
        """When the oldest hold began (ns); None without one."""
        self.sweep()
        began = []
        for path in _files(self.folder / "holds"):
            with suppress(FileNotFoundError):
                began.append(path.stat().st_mtime_ns)
        return min(began, default=None)

    def files(self) -> list[Found]:
        """Blobs and records, the one that was not used for longest first."""
        found = []
        for part in ("blobs", "records"):
            for kind in sorted((self.folder / part).iterdir()):
                for path in _files(kind):
                    with suppress(FileNotFoundError):
                        stat = path.stat()
                        label = kind.name if part == "blobs" else f"records of {kind.name}"
                        found.append(Found(label, path, stat.st_size, stat.st_mtime_ns))
        return sorted(found, key=lambda each: (each.used, each.path))


def touch(path: Path) -> None:
    """Mark as used now, by the same clock as holds are."""
    now = time.time_ns()
    os.utime(path, ns=(now, now))


def _files(folder: Path) -> list[Path]:
    try:
        return [Path(each.path) for each in os.scandir(folder) if each.is_file()]
    except (FileNotFoundError, NotADirectoryError):
        return []


_ELSEWHERE = "MLPACK_CACHE_DIR names another folder for it."
