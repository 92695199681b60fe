"""The locks of this machine: made once, so that a later build is the same to the byte.

They are no cache: a lock that is lost is made anew with whatever versions there are then. So
they live where the user's data does, one small file each.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...errors import InvalidInput, StorageFailed
from ...flavors.staging import storage_failed, write_file
from .lockfile import Lock, head_of
from .target import Target


@dataclass(frozen=True)
class LockStore:
    """A folder of locks, safe for several builds at once.

    Attributes:
        folder: made when the first lock is kept.
    """

    folder: Path

    @classmethod
    def of_user(cls, environment: Mapping[str, str] = os.environ) -> LockStore:
        """``$MLPACK_LOCKS``, else ``mlpack/locks`` in the user's folder of data.

        Raises:
            StorageFailed: there is no such folder.
        """
        if environment.get("MLPACK_LOCKS"):
            return cls(Path(environment["MLPACK_LOCKS"]))
        try:
            data = environment.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
        except RuntimeError:
            raise StorageFailed(
                "There is no home folder to keep locks in. Name one: MLPACK_LOCKS=/path"
            ) from None
        return cls(Path(data) / "mlpack" / "locks")

    def get(self, key: str, target: Target) -> Lock | None:
        """The lock that is kept under a key; None when there is none, or a damaged one."""
        return _read(self._file(key), target)

    def put(self, key: str, lock: Lock, *, replace: bool = False) -> Lock:
        """Keep a lock.

        Args:
            key: under which.
            lock: the lock.
            replace: also when there is one; else that of whoever was first counts.

        Returns:
            the lock that is kept now.

        Raises:
            StorageFailed: it cannot be written; nothing stays behind.
        """
        file = self._file(key)
        if not replace and (found := _read(file, lock.target)):
            return found
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_failed(self.folder, error) from error
        if replace or file.exists():  # and is damaged
            write_file(file, lock.text.encode())
        elif not _write_first(file, lock.text.encode()):
            return _read(file, lock.target) or lock
        return lock

    def __contains__(self, lock: Lock) -> bool:
        """Is this very lock kept here, under whatever key?"""
        return any(text == lock.text for _, text in self._texts())

    def __iter__(self) -> Iterator[Lock]:
        """All locks that can be read, the newest first."""
        return self.select(lambda target, inputs: True)

    def select(self, fits: Callable[[Target, str], bool]) -> Iterator[Lock]:
        """Those locks whose target and digest of inputs fit, the newest first."""
        for file, text in self._texts():
            target, inputs = head_of(text)
            if target and inputs and fits(target, inputs) and (found := _read(file, target)):
                yield found

    def _texts(self) -> Iterator[tuple[Path, str]]:
        found = []
        for file in self.folder.glob("*.lock"):
            with suppress(OSError, UnicodeDecodeError):
                found.append((file.stat().st_mtime_ns, file, file.read_text(encoding="utf-8")))
        yield from ((file, text) for _, file, text in sorted(found, reverse=True))

    def _file(self, key: str) -> Path:
        return self.folder / f"{key}.lock"


def _read(file: Path, target: Target) -> Lock | None:
    """A lock of ours; None when it is not there, is damaged or is for another target."""
    try:
        found = Lock.read(file, target)
    except InvalidInput:
        return None
    return found if found.inputs and found.target == target else None


def _write_first(file: Path, content: bytes) -> bool:
    """Write a file unless somebody else was faster; it gets its name when it is complete."""
    try:
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=".lock-") as temporary:
            temporary.write(content)
            temporary.flush()
            os.link(temporary.name, file)
    except FileExistsError:
        return False
    except OSError as error:
        raise storage_failed(file, error) from error
    return True
