"""A folder for what a build unpacks, on the cache's disk, so that files can be linked into it."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...flavors.staging import storage_failed

_OLD = 3600  # seconds; one that was just made may not be locked yet


@contextmanager
def workroom(cache_folder: Path) -> Iterator[Path]:
    """A folder that is gone when the block ends; those of builds that were killed go, too.

    Raises:
        StorageFailed: it cannot be made.
    """
    rooms = cache_folder / "work"
    try:
        rooms.mkdir(mode=0o700, exist_ok=True)
        _sweep(rooms)
        folder = Path(tempfile.mkdtemp(dir=rooms))
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise storage_failed(rooms, error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(handle)
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(rooms: Path) -> None:
    """Remove those that nobody holds: the kernel gives up the locks of a process that ended."""
    for folder in rooms.iterdir():
        try:
            if folder.stat().st_mtime > time.time() - _OLD:
                continue
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            pass
        finally:
            os.close(handle)
