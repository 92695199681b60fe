"""The interface of a place for files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

HIDDEN = ".mlpack-"
"""What names begin with that are never listed: files on their way."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder; ``path`` is relative to the place's root, with forward slashes."""

    path: str
    is_dir: bool
    size: int | None


class ArtifactStore(Protocol):
    """Files of one run (or one model). Paths are relative; one that leaves the root is refused."""

    def put_file(self, source: Path, folder: str = "") -> None:
        """Copy a file into a folder; whole or not at all."""

    def put_folder(self, source: Path, folder: str = "") -> None:
        """Copy what is in a folder into a folder."""

    def new_file(self, path: str) -> AbstractContextManager[Path]:
        """A temporary path to write to; it becomes ``path`` when the block ends well."""

    def list(self, folder: str = "") -> list[Entry]:
        """What is directly in a folder, sorted; nothing when there is no such folder."""

    def walk(self, folder: str = "") -> Iterator[Entry]:
        """Every file below a folder, sorted."""

    def fetch(self, path: str, destination: Path | None = None) -> Path:
        """A local path of a file or folder: the thing itself, or a copy in ``destination``.

        What is not on this machine is copied in any case, by default into a temporary folder.
        """

    def size(self, path: str) -> int:
        """Bytes of a file; `NotFound` when there is none of that name."""

    def read(self, path: str, offset: int = 0) -> Iterator[bytes]:
        """The bytes of a file from an offset on, in pieces; `NotFound` comes before the first."""

    def write(self, path: str, chunks: Iterable[bytes], size: int | None = None) -> None:
        """Make a file of pieces as they come; it appears whole or not at all.

        Some places need less memory when they are told its ``size``; it may be wrong.
        """

    def delete(self, path: str) -> None:
        """Remove a file or folder ('' for everything); nothing happens when there is none."""
