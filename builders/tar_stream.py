"""Files as a tar, written while they are read: the same every time, in constant memory.

Both builders use it, for the context that goes to an engine and for the layers of an image.

Format: POSIX.1-2001 (pax), https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..errors import InvalidInput, ModelChanged, StorageFailed
from ..flavors.staging import storage_failed

# Contents are compared, not times; one fixed time makes the stream the same every time.
MODIFIED = 315532800  # 1980-01-01, the oldest that zip files know, too
_CHUNK = 1 << 20
_BLOCK = tarfile.BLOCKSIZE
TAR_END = b"\0" * (2 * _BLOCK)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, folder or symbolic link of a tar.

    Attributes:
        path: where it goes, relative, with forward slashes.
        content: the bytes, or the file that holds them; None for a folder or a link.
        size: bytes; 0 for a folder or a link.
        mode: only whether the owner may execute it counts: files get 0644 or 0755.
        link: what a symbolic link leads to, as its text.
        sha256: of the content in hexadecimal, if it is on record: reading it compares.
    """

    path: str
    content: bytes | Path | None
    size: int
    mode: int = 0o644
    link: str | None = None
    sha256: str | None = None

    @property
    def folder(self) -> bool:
        """Is it a folder?"""
        return self.content is None and self.link is None


def tar_stream(entries: Iterable[Entry]) -> Iterator[bytes]:
    """The entries as a tar, piece by piece, each folder before what is in it.

    The bytes depend on paths, contents, links and on what is executable, not on owners, other
    modes, times, the umask or the order of a folder.

    Raises:
        InvalidInput: a path is not below the root, or there twice.
        ModelChanged: a file grew, shrank or was written to meanwhile, or is not the recorded one.
        StorageFailed: a file cannot be read.
    """
    folders: set[str] = set()
    before = ""
    for entry in sorted(entries, key=lambda each: each.path.rstrip("/")):
        path = _checked(entry.path)
        for parent in reversed(PurePosixPath(path).parents[:-1]):
            if str(parent) not in folders:
                if str(parent) == before:
                    raise InvalidInput(f"{before!r} is to be both a file and a folder.")
                folders.add(str(parent))
                yield _header(Entry(str(parent), None, 0))
        if entry.folder and path in folders:
            continue
        if path == before or path in folders:
            raise InvalidInput(f"{path!r} is there twice.")
        before = "" if entry.folder else path
        if entry.folder:
            folders.add(path)
        yield _header(entry)
        if isinstance(entry.content, Path):
            yield from file_pieces(entry.content, entry.size, entry.sha256)
        elif entry.content:
            yield entry.content
        yield padding(entry.size)
    yield TAR_END


def write_entries(entries: Iterable[Entry], folder: Path) -> None:
    """The same files below ``folder``, with the same modes whatever the umask.

    Raises:
        ModelChanged: a file grew, shrank or was written to meanwhile.
        StorageFailed: something cannot be read or written.
    """
    for entry in entries:
        path = folder / entry.path
        try:
            for parent in reversed(PurePosixPath(entry.path).parents[:-1]):
                (folder / parent).mkdir(parents=True, exist_ok=True)
                (folder / parent).chmod(0o755)
            with path.open("wb") as file:
                path.chmod(_mode(entry))
                if isinstance(entry.content, Path):
                    file.writelines(file_pieces(entry.content, entry.size, entry.sha256))
                elif entry.content:
                    file.write(entry.content)
        except OSError as error:
            raise storage_failed(path, error) from error


def member_header(path: str, size: int = 0) -> bytes:
    """What stands before a file's content, for whoever writes a tar piece by piece.

    A path that ends with a slash is a folder.
    """
    return _header(Entry(path, None if path.endswith("/") else b"", size))


def padding(size: int) -> bytes:
    """What stands behind content of a size."""
    return b"\0" * (-size % _BLOCK)


def file_pieces(path: Path, size: int, sha256: str | None = None) -> Iterator[bytes]:
    """A file of a known size, in pieces.

    Raises:
        ModelChanged: it has another size or checksum, or was written to while it was read.
        StorageFailed: it cannot be read.
    """
    left = size
    found = hashlib.sha256() if sha256 else None
    try:
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            while left and (piece := file.read(min(_CHUNK, left))):
                left -= len(piece)
                if found:
                    found.update(piece)
                yield piece
            after = os.fstat(file.fileno())
            more = file.read(1)
    except OSError as error:
        raise StorageFailed(f"Cannot read {path}: {error.strerror or error}.") from error
    if left or more or before.st_mtime_ns != after.st_mtime_ns:
        raise ModelChanged(f"{path} changed while it was read. Build again when it rests.")
    if found and found.hexdigest() != sha256:
        raise ModelChanged(f"{path} is not the file whose checksum is on record.")


def _header(entry: Entry) -> bytes:
    path = entry.path.rstrip("/")
    info = tarfile.TarInfo(f"{path}/" if entry.folder else path)
    info.size = entry.size
    info.mode = _mode(entry)
    info.mtime = MODIFIED
    if entry.folder:
        info.type = tarfile.DIRTYPE
    elif entry.link is not None:
        info.type, info.linkname = tarfile.SYMTYPE, entry.link
    return info.tobuf(tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape")


def _mode(entry: Entry) -> int:
    if entry.link is not None:
        return 0o777
    return 0o755 if entry.folder or entry.mode & 0o100 else 0o644


def _checked(path: str) -> str:
    parts = path.rstrip("/").split("/")
    if "" in parts or "." in parts or ".." in parts or "\0" in path:
        raise InvalidInput(f"{path!r} is not a path below the root of an image.")
    return "/".join(parts)
