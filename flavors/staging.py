"""Folders and files that are either there completely or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import AlreadyExists, NotFound, StorageFailed


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside ``path`` that gets its name when the block ends well.

    Args:
        path: where the folder shall be; it must not exist, or be an empty folder.

    Raises:
        AlreadyExists: there is something at ``path``.
        StorageFailed: it cannot be written; nothing stays behind.
    """
    _check_free(path)
    made = _make_parents(path.parent)
    staging = path.parent / f".{path.name}.{secrets.token_hex(6)}.tmp"
    try:
        try:
            staging.mkdir()
            yield staging
            _check_free(path)
            try:
                staging.replace(path)
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                    raise _taken(path) from error
                raise
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            for folder in made:
                with suppress(OSError):
                    folder.rmdir()
            raise
    except OSError as error:
        if error.errno in _OURS:
            raise storage_failed(path, error) from error
        raise


def write_file(path: Path, content: bytes) -> None:
    """Write a file that gets its name when it is complete.

    Args:
        path: the file; one that is there is replaced, a device or a pipe is written to.
        content: all of it.

    Raises:
        NotFound: the folder is not there.
        StorageFailed: it cannot be written; nothing stays behind.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)  # mkstemp makes it private
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except FileNotFoundError:
        where = str(path.parent)
        raise NotFound(f"There is no folder {where!r} to write {path.name} to.") from None
    except OSError as error:
        raise storage_failed(path, error) from error


def storage_failed(path: Path, error: OSError) -> StorageFailed:
    """The error for a folder that cannot be written, with what to do about it."""
    hints = {
        errno.ENOSPC: "The disk is full; free some space.",
        errno.EDQUOT: "Your quota is used up; free some space.",
        errno.EACCES: "Choose a folder that you may write to.",
        errno.EPERM: "Choose a folder that you may write to.",
        errno.EROFS: "The file system is read-only; choose another folder.",
        errno.ENOTDIR: "A part of the path is a file.",
        errno.EEXIST: "A part of the path is a file.",
        errno.EISDIR: "It is a folder; name a file in it.",
        errno.ENAMETOOLONG: "Choose a shorter name.",
        errno.EFBIG: "A file is larger than the limit set here allows.",
    }
    hint = hints.get(error.errno or 0, "")
    reason = error.strerror or str(error)
    return StorageFailed(f"Cannot write {path}: {reason}. {hint}".rstrip())


# what a file system says; other OSErrors come out of the user's own model
_OURS = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ENOTDIR,
        errno.ENAMETOOLONG,
        errno.EFBIG,
        errno.EIO,
    }
)


def _check_free(path: Path) -> None:
    try:
        with os.scandir(path) as entries:
            taken = any(True for _ in entries)
    except FileNotFoundError:
        return
    except NotADirectoryError:
        taken = path.exists()
    except OSError as error:
        raise storage_failed(path, error) from error
    if taken:
        raise _taken(path)


def _taken(path: Path) -> AlreadyExists:
    return AlreadyExists(f"{path} exists already; choose another path or remove it.")


def _make_parents(folder: Path) -> list[Path]:
    """Make missing parents; returns those made, deepest first."""
    missing = []
    current = folder
    while not current.exists() and current != current.parent:
        missing.append(current)
        current = current.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_failed(folder, error) from error
    return missing
