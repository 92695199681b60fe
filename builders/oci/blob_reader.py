"""Reading a blob in a way that notices when it is not the one that its digest names."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from ...errors import InvalidInput
from .spec import Descriptor

_BUFFER = 1 << 20


class BlobDamaged(InvalidInput):
    """A blob's bytes do not have its digest.

    What was damaged in the cache has been removed from it by now, so that doing the same again
    makes or fetches it anew.
    """


class _Checked(io.RawIOBase):
    def __init__(self, file: BinaryIO, blob: Descriptor, on_damage: Callable[[], None]) -> None:
        self._file, self._blob, self._on_damage = file, blob, on_damage
        self._hash = hashlib.sha256()
        self._count = 0
        self._over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._over:
            return 0
        room = min(len(buffer), self._blob.size - self._count)
        count = 0
        if room:
            view = memoryview(buffer)[:room]
            count = cast("io.RawIOBase", self._file).readinto(view) or 0
            self._hash.update(view[:count])
            self._count += count
        if count == 0 or self._count == self._blob.size:
            self._finish()
        return count

    def _finish(self) -> None:
        self._over = True
        whole = self._count == self._blob.size and not self._file.read(1)
        if not whole or f"sha256:{self._hash.hexdigest()}" != self._blob.digest:
            self._on_damage()
            raise BlobDamaged(f"The blob {self._blob.digest} is damaged: its bytes are others.")


@contextmanager
def checked(
    file: BinaryIO, blob: Descriptor, on_damage: Callable[[], None] = lambda: None
) -> Iterator[BinaryIO]:
    """A file that raises at its end unless its bytes were the blob's.

    No more than the blob's size is ever read from it. The file is closed at the end.

    Args:
        file: the stored bytes, from where the blob begins to where it ends.
        blob: what they should be.
        on_damage: called before `BlobDamaged` is raised.
    """
    with file:
        yield cast("BinaryIO", io.BufferedReader(_Checked(file, blob, on_damage), _BUFFER))


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """All of a file, a MiB at a time."""
    while piece := file.read(_BUFFER):
        yield piece
