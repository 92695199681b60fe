"""A file that is looked at: never more of it than is asked for."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field

from ....artifacts.base import ArtifactStore
from ..file_parts import part
from ..owners import Owner


@dataclass
class File:
    """One file of a run, a model or a version.

    Attributes:
        owner: whose it is.
        path: below the owner's files, as people know it.
        size: in bytes.
        store: where it is.
        full: its path there.
    """

    owner: Owner
    path: str
    size: int
    store: ArtifactStore
    full: str
    _head: bytes = field(default=b"", repr=False)

    @property
    def name(self) -> str:
        return posixpath.basename(self.path)

    @property
    def suffix(self) -> str:
        """As ``.txt``, in small letters; '' for none."""
        return posixpath.splitext(self.name)[1].lower()

    def head(self, count: int) -> bytes:
        """Its first bytes, kept for who asks again."""
        if len(self._head) < min(count, self.size):
            self._head = self.part(0, count)
        return self._head[:count]

    def part(self, start: int, count: int) -> bytes:
        """So many bytes from an offset on; fewer at its end."""
        return part(self.store, self.full, start, count)

    def beside(self, name: str) -> File:
        """Another file of the same folder.

        Raises:
            NotFound: there is none.
        """
        folder = posixpath.dirname(self.path)
        return self.owner.file(posixpath.join(folder, name))

    def address(self, what: str) -> str:
        """Where our scripts and frames get it: ``raw`` (a download), ``show``, ``lines``."""
        return self.owner.data_address(what, self.path)
