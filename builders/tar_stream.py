"""A build context as a tar, written while it is read: memory stays constant for any model."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..errors import ModelChanged, StorageFailed
from ..flavors.staging import storage_failed

# The engine compares contents, not times; one fixed time makes the stream the same every time.
MODIFIED = 315532800  # 1980-01-01
_CHUNK = 1 << 20
_BLOCK = tarfile.BLOCKSIZE


@dataclass(frozen=True)
class Entry:
    """One file of a build context.

    Attributes:
        path: where it goes, relative, with forward slashes.
        content: the bytes, or the file that holds them.
        size: bytes.
    """

    path: str
    content: bytes | Path
    size: int


def tar_stream(entries: Iterable[Entry]) -> Iterator[bytes]:
    """The entries as a tar, piece by piece.

    The bytes depend on paths and contents alone, not on owners, modes, times or the order of
    a folder.

    Raises:
        ModelChanged: a file grew or shrank since its size was taken.
        StorageFailed: a file cannot be read.
    """
    made: set[str] = set()
    for entry in sorted(entries, key=lambda each: each.path):
        for parent in reversed(PurePosixPath(entry.path).parents[:-1]):
            if str(parent) not in made:
                made.add(str(parent))
                yield _header(Entry(f"{parent}/", b"", 0))
        yield _header(entry)
        if isinstance(entry.content, bytes):
            yield entry.content
        else:
            yield from _pieces(entry.content, entry.size)
        yield b"\0" * (-entry.size % _BLOCK)
    yield b"\0" * (2 * _BLOCK)


def write_entries(entries: Iterable[Entry], folder: Path) -> None:
    """The same entries as files below ``folder``, with the same modes whatever the umask.

    Raises:
        ModelChanged: a file grew or shrank since its size was taken.
        StorageFailed: something cannot be read or written.
    """
    for entry in entries:
        path = folder / entry.path
        try:
            for parent in reversed(PurePosixPath(entry.path).parents[:-1]):
                (folder / parent).mkdir(parents=True, exist_ok=True)
                (folder / parent).chmod(0o755)
            with path.open("wb") as file:
                path.chmod(0o644)
                if isinstance(entry.content, bytes):
                    file.write(entry.content)
                else:
                    file.writelines(_pieces(entry.content, entry.size))
        except OSError as error:
            raise storage_failed(path, error) from error


def _header(entry: Entry) -> bytes:
    info = tarfile.TarInfo(entry.path)
    info.size = entry.size
    folder = entry.path.endswith("/")
    info.type, info.mode = (tarfile.DIRTYPE, 0o755) if folder else (tarfile.REGTYPE, 0o644)
    info.mtime = MODIFIED
    return info.tobuf(tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape")


def _pieces(path: Path, size: int) -> Iterator[bytes]:
    left = size
    try:
        with path.open("rb") as file:
            while left and (piece := file.read(min(_CHUNK, left))):
                left -= len(piece)
                yield piece
            if left or file.read(1):
                raise ModelChanged(f"{path} changed while it was read. Build again when it rests.")
    except OSError as error:
        raise StorageFailed(f"Cannot read {path}: {error.strerror or error}.") from error
