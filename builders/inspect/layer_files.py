"""What lies in a layer, read as a stream: nothing is unpacked, nothing written.

Images come from strangers. What bounds the work: a layer unpacks to no more than so many times
its stored size, an image has no more than so many entries, and no header or database is read
that is larger than such things are.

Format: https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md
"""

from __future__ import annotations

import hashlib
import io
import posixpath
import re
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, BinaryIO, Literal, cast

from ...errors import InvalidInput
from ..oci.compress import compression_of, decompressed
from ..oci.image import Image
from ..oci.spec import Descriptor

MOST_ENTRIES = 3_000_000
_MOST_TIMES = 400  # gzip itself reaches 1,032 with nothing but zeros
_NEVER_TOO_LARGE = 1 << 30
_LARGEST_HEADER = 1 << 20
_PIECE = 1 << 20
_MOST_KEPT = 512 << 20
_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"

_OVERLAY = re.compile(r"xattr\.(trusted|user)\.overlay\.", re.IGNORECASE)

Kind = Literal["file", "folder", "symlink", "hardlink", "special", "whiteout", "opaque"]


@dataclass(frozen=True, slots=True)
class LayerFile:
    """One entry of a layer.

    Attributes:
        path: relative to the root, without ``.`` or ``..``; of a whiteout what it hides.
        kind: ``whiteout`` hides a path of the layers below, ``opaque`` all that is in a folder.
        size: bytes.
        target: where a link leads.
        mode: permissions.
        opened: gives the content as a file; only until the next entry is asked for.
    """

    path: str
    kind: Kind
    size: int
    target: str
    mode: int
    opened: Callable[[], IO[bytes]]

    def read(self, most: int) -> bytes:
        """The content of a small file.

        Raises:
            InvalidInput: it is larger than ``most`` bytes.
        """
        if self.size > most:
            raise InvalidInput(f"{self.path} has {self.size:,} bytes; at most {most:,} are read.")
        return self.opened().read()

    def checksum(self) -> str:
        """``sha256:…`` of the content, however large it is."""
        found = hashlib.sha256()
        file = self.opened()
        while piece := file.read(_PIECE):
            found.update(piece)
        return f"sha256:{found.hexdigest()}"


class Budget:
    """Entries that an image may still have, and bytes of them that may still be kept."""

    def __init__(self, entries: int = MOST_ENTRIES, kept: int = _MOST_KEPT) -> None:
        self._left = entries
        self._room = kept

    def keep(self, size: int) -> None:
        """So many bytes more stay in memory.

        Raises:
            InvalidInput: they are more than the databases of an image ever take.
        """
        self._room -= size
        if self._room < 0:
            raise InvalidInput("The image's databases of packages are larger than is believable.")

    def spend(self) -> None:
        """One entry more.

        Raises:
            InvalidInput: they are too many.
        """
        self._left -= 1
        if self._left < 0:
            raise InvalidInput(
                f"The image has more than {MOST_ENTRIES:,} files; it is not read further."
            )


def files_of(
    image: Image, layer: Descriptor, budget: Budget, diff_id: str | None = None
) -> Iterator[LayerFile]:
    """The entries of a layer, in their order.

    Args:
        image: that it is of.
        layer: one of its layers.
        budget: of the whole image.
        diff_id: digest that the unpacked layer must have; None does not compare.

    Raises:
        InvalidInput: the layer is damaged, or asks for more than a real one does.
        NotFound: its bytes are gone.
    """
    with image.blobs.open(layer) as blob:
        stream = _Forward(decompressed(blob, compression_of(layer.media_type)), layer, diff_id)
        try:
            yield from _entries(stream, budget)
            stream.drain()  # to the end, where the blob's digest is compared
        except (tarfile.TarError, UnicodeError, ValueError) as error:
            raise InvalidInput(f"The layer {layer.digest} is no readable tar: {error}.") from None


def _entries(stream: _Forward, budget: Budget) -> Iterator[LayerFile]:
    with tarfile.open(
        fileobj=cast("BinaryIO", stream), mode="r:", tarinfo=_Member, errors="surrogateescape"
    ) as tar:
        while (member := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined]  # would grow with the layer
            budget.spend()
            made = _entry(member, tar)
            if made is not None:
                stream.limit = None
                yield made
                stream.limit = _LARGEST_HEADER


def _entry(member: tarfile.TarInfo, tar: tarfile.TarFile) -> LayerFile | None:
    path = plain_path(member.name)
    if path is None:
        if _leads_out(member.name):  # some engines look where it comes in again
            raise InvalidInput("A layer has a path with '..' in it; the image is not read further.")
        return None
    if any(_OVERLAY.search(key) for key in member.pax_headers):
        raise InvalidInput(
            f"A layer has {path} show another folder's content (an attribute of overlay file "
            "systems); the image is not read further."
        )
    folder, name = posixpath.split(path)
    kind = _kind(member)
    if name == _OPAQUE:
        path, kind = folder, "opaque"
    elif name.startswith(_WHITEOUT):
        path, kind = posixpath.join(folder, name.removeprefix(_WHITEOUT)), "whiteout"

    def opened() -> IO[bytes]:
        file = tar.extractfile(member) if kind == "file" else None
        return file if file is not None else io.BytesIO()

    size = member.size if kind == "file" else 0
    return LayerFile(path, kind, size, member.linkname, member.mode & 0o7777, opened)


def plain_path(name: str) -> str | None:
    """A path below the root; None for the root itself and for what leads out of it."""
    path = posixpath.normpath("/" + name.lstrip("/")).lstrip("/")
    return None if not path or _leads_out(name) else path


def _leads_out(name: str) -> bool:
    return ".." in name.split("/") or "\0" in name


def _kind(member: tarfile.TarInfo) -> Kind:
    if member.isreg():
        return "file"
    if member.isdir():
        return "folder"
    if member.issym():
        return "symlink"
    return "hardlink" if member.islnk() else "special"


class _Member(tarfile.TarInfo):
    """Without sparse files, which no layer needs and whose maps have no bound."""

    def _refuse(self, *_: object) -> tarfile.TarInfo:
        raise tarfile.ReadError("a sparse file")

    _proc_sparse = _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _refuse


class _Forward:
    """A stream that tarfile may ask to go to a later place."""

    def __init__(self, pieces: Iterator[bytes], layer: Descriptor, diff_id: str | None) -> None:
        self._pieces = pieces
        self._held = memoryview(b"")
        self._at = 0
        self._unpacked = 0
        self._most = max(layer.size * _MOST_TIMES, _NEVER_TOO_LARGE)
        self._digest = layer.digest
        self._hash = hashlib.sha256() if diff_id is not None else None
        self._diff_id = diff_id
        self.limit: int | None = _LARGEST_HEADER  # bytes at once

    def tell(self) -> int:
        return self._at

    def seek(self, to: int, whence: int = 0) -> int:
        if whence != 0 or to < self._at:
            raise tarfile.ReadError("goes back")
        while self._at < to:
            if not self._held and not self._next():
                break
            step = min(len(self._held), to - self._at)
            self._held = self._held[step:]
            self._at += step
        return self._at

    def read(self, size: int = -1) -> bytes:
        if size < 0 or (self.limit is not None and size > self.limit):
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        taken: list[memoryview] = []
        left = size
        while left and (self._held or self._next()):
            step = min(len(self._held), left)
            taken.append(self._held[:step])
            self._held = self._held[step:]
            self._at += step
            left -= step
        return b"".join(taken)

    def drain(self) -> None:
        """Read what is behind the end, which should be nothing."""
        while self._held or self._next():
            if any(self._held):
                raise tarfile.ReadError("a damaged header, or more files behind its end")
            self._held = memoryview(b"")
        if self._hash is not None and f"sha256:{self._hash.hexdigest()}" != self._diff_id:
            raise InvalidInput(
                f"The layer {self._digest} holds something else than the configuration says."
            )

    def _next(self) -> bool:
        piece = next(self._pieces, b"")
        self._unpacked += len(piece)
        if self._hash is not None:
            self._hash.update(piece)
        if self._unpacked > self._most:
            raise InvalidInput(
                f"The layer {self._digest} unpacks to more than {_MOST_TIMES} times its size; it "
                "is not read further."
            )
        self._held = memoryview(piece)
        return bool(piece)
