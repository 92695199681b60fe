"""An archive's members by name, to read any of them at any time; nothing is unpacked.

What a member is called, or leads to, is looked up among the other members and nowhere else, so no
name can lead out of the archive.
"""

from __future__ import annotations

import io
import os
import posixpath
import shutil
import tarfile
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from ...errors import InvalidInput, NotFound, StorageFailed
from ...flavors.staging import storage_failed
from .blob_reader import checked
from .compress import decompressed, guess_compression
from .documents import LARGEST_DOCUMENT
from .spec import Descriptor

_MOST_MEMBERS = 20_000
_MOST_LINKS = 8
_LONGEST_HEADER = 1 << 20
# what compresses better than this is no image (gzip: 1032 at most), unless it is small
_RATIO = 200
_SMALL = 4 << 30


@dataclass(frozen=True, slots=True)
class _Member:
    """A file (where its bytes are) or a link (what it leads to)."""

    offset: int
    size: int
    leads_to: str | None = None


class ArchiveFile:
    """A tar on disk, compressed or not; its blobs are a `Blobs`.

    Args:
        path: the file.

    Raises:
        NotFound: it is not there.
        InvalidInput: it is no tar, or one that nobody should read.
        StorageFailed: it cannot be read, or there is no room to decompress it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            file: BinaryIO = path.open("rb", buffering=0)
        except FileNotFoundError:
            raise NotFound(f"There is no file {path}.") from None
        except OSError as error:
            raise StorageFailed(f"Cannot read {path}: {error.strerror}.") from error
        with file:
            if not path.is_file():
                raise InvalidInput(f"{path} is not a file.")
            compression = guess_compression(file.read(4))
            file.seek(0)
            if compression == "none":
                self._handle = os.dup(file.fileno())
            else:
                self._handle = _spooled(decompressed(file, compression), path)
        weakref.finalize(self, os.close, self._handle)
        self._members = dict(self._scan())
        self._places: dict[str, str] = {}

    def __contains__(self, name: str) -> bool:
        return _plain(name) in self._members

    def place(self, digest: str, name: str) -> None:
        """Let a member be the blob with a digest."""
        self._places[digest] = name

    def open(self, blob: Descriptor) -> AbstractContextManager[BinaryIO]:
        """See `Blobs.open`."""
        name = self._places.get(blob.digest, f"blobs/sha256/{blob.digest.removeprefix('sha256:')}")
        return checked(self.member(name), blob)

    def member(self, name: str) -> BinaryIO:
        """A file of the archive.

        Raises:
            NotFound: there is none of that name.
            InvalidInput: it is a link that leads nowhere.
        """
        found = self._find(name)
        return cast("BinaryIO", _Part(self._handle, found.offset, found.size))

    def size(self, name: str) -> int:
        """Of a file of the archive."""
        return self._find(name).size

    def document(self, name: str) -> bytes:
        """A small file, whole."""
        if self.size(name) > LARGEST_DOCUMENT:
            raise InvalidInput(f"{self.path}: {name} is too large to be an image's.")
        return self.member(name).read()

    def _find(self, name: str) -> _Member:
        for _ in range(_MOST_LINKS):
            found = self._members.get(_plain(name))
            if found is None:
                raise NotFound(f"{self.path} lacks {name[:200]!r}; the archive is not complete.")
            if found.leads_to is None:
                return found
            name = found.leads_to
        raise InvalidInput(f"{self.path}: the link {name[:200]!r} leads nowhere.")

    def _scan(self) -> Iterator[tuple[str, _Member]]:
        whole = os.fstat(self._handle).st_size
        file = cast("BinaryIO", _Careful(self._handle, 0, whole))
        try:
            with tarfile.open(fileobj=file, mode="r:", errors="surrogateescape") as tar:
                for count, member in enumerate(tar):
                    if count > _MOST_MEMBERS:
                        raise InvalidInput(f"{self.path} holds too many files to be an image.")
                    name = _plain(member.name)
                    if member.issym():
                        target = posixpath.join(posixpath.dirname(name), member.linkname)
                        yield name, _Member(0, 0, _plain(target))
                    elif member.islnk():
                        yield name, _Member(0, 0, _plain(member.linkname))
                    elif member.isreg() and not member.issparse():
                        yield name, _Member(member.offset_data, member.size)
        except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
            raise InvalidInput(f"{self.path} is no archive of an image: {error}.") from None


class _Part(io.RawIOBase):
    """A part of a file; any number of them may read at once."""

    def __init__(self, handle: int, offset: int, size: int) -> None:
        self._handle, self._offset, self._size, self._at = os.dup(handle), offset, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, to: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, start + to)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        room = max(0, min(len(buffer), self._size - self._at))
        count = os.preadv(self._handle, [memoryview(buffer)[:room]], self._offset + self._at)
        self._at += count
        return count

    def close(self) -> None:
        if not self.closed:
            os.close(self._handle)
        super().close()


class _Careful(_Part):
    """For tarfile, which reads names of any length into memory."""

    def read(self, size: int = -1) -> bytes:
        if size > _LONGEST_HEADER:
            raise InvalidInput("The archive holds a name that is too long to be one.")
        return super().read(size) or b""


def _plain(name: str) -> str:
    return posixpath.normpath("/" + name).lstrip("/")


def _spooled(content: Iterator[bytes], path: Path) -> int:
    """A handle of a temporary file, which is gone when the handle is."""
    most = max(path.stat().st_size * _RATIO, _SMALL)
    size = 0
    with tempfile.TemporaryFile() as file:
        room = shutil.disk_usage(tempfile.gettempdir()).free // 2
        for piece in content:
            size += len(piece)
            if size > most:
                raise InvalidInput(f"{path} decompresses to far too much for an image.")
            if size > room:
                raise StorageFailed(
                    f"There is too little room in {tempfile.gettempdir()} to decompress {path}; "
                    "TMPDIR names another folder."
                )
            try:
                file.write(piece)
            except OSError as error:
                raise storage_failed(Path(tempfile.gettempdir()), error) from error
        file.flush()
        return os.dup(file.fileno())
