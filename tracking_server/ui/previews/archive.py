"""Archives: the names of what is in them, nothing unpacked."""

from __future__ import annotations

import io
import tarfile
import zipfile
import zlib
from typing import Any

from .file import File
from .kind import Kind

_MOST = 500
_MOST_BYTES = 8 << 20  # that are read at a time: who lies about a list's length is not believed
_HEAD = 4 << 20  # of a compressed tar
_UNPACKED = 16 << 20  # of its head


class _Ranges(io.RawIOBase):
    """A file of a store that is read here and there."""

    def __init__(self, file: File) -> None:
        self._file, self._at, self._left = file, 0, _MOST_BYTES

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = max(0, offset + (0, self._at, self._file.size)[whence])
        return self._at

    def read(self, count: int = -1) -> bytes:
        rest = max(0, self._file.size - self._at)
        count = rest if count < 0 else min(count, rest)
        self._left -= count
        if self._left < 0:
            raise zipfile.BadZipFile("Its list is too long.")
        found = self._file.part(self._at, count)
        self._at += len(found)
        return found


def prepare(file: File) -> dict[str, Any] | None:
    """Names and sizes."""
    try:
        entries, more = _zip(file) if file.head(2) == b"PK" else _tar(file)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, ValueError, OSError, EOFError):
        return None
    except (NotImplementedError, OverflowError, RuntimeError):
        return None
    if not entries:
        return None
    cut = f"the first {len(entries):,} entries" if more else None
    return {"entries": entries, "cut": cut}


def _zip(file: File) -> tuple[list[tuple[str, int]], bool]:
    with zipfile.ZipFile(_Ranges(file)) as archive:
        found = archive.infolist()
        return [(each.filename, each.file_size) for each in found[:_MOST]], len(found) > _MOST


def _tar(file: File) -> tuple[list[tuple[str, int]], bool]:
    """As far as the head of the file goes."""
    head = file.head(_HEAD)
    more = file.size > len(head)
    if head.startswith(b"\x1f\x8b"):
        unpacking = zlib.decompressobj(31)
        head = unpacking.decompress(head, _UNPACKED)
        more = more or bool(unpacking.unconsumed_tail)
    entries: list[tuple[str, int]] = []
    with tarfile.open(fileobj=io.BytesIO(head), mode="r:") as archive:
        try:
            for each in archive:
                entries.append((each.name, each.size))
                if len(entries) == _MOST:
                    return entries, True
        except tarfile.ReadError:
            more = True
    return entries, more


def _fits(file: File) -> bool:
    head = file.head(512)
    is_tar = head[257:262] == b"ustar"
    is_packed = head.startswith(b"\x1f\x8b") and file.name.lower().endswith((".tar.gz", ".tgz"))
    return head.startswith(b"PK\x03\x04") or is_tar or is_packed


KIND = Kind("archive", _fits, prepare)
