"""Files in a folder on this machine."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import InvalidInput, NotFound, StorageFailed
from ..uris import safe_join
from .base import HIDDEN, Entry
from .transfer import check_file, check_folder, check_readable, files_below, in_parallel, prefix

_COPIERS = 8
_PIECE = 1 << 20


class LocalArtifacts:
    """An `ArtifactStore` below a folder, which is made by the first write.

    A file appears under its name only when it is complete.

    Args:
        root: the folder.
        database: a file that is no artifact though it lies here, nor is what begins with its name
            beside it, as a database keeps journals and copies there.
    """

    def __init__(self, root: Path, database: Path | None = None) -> None:
        self.root = root
        self._database = database.resolve() if database else None

    def put_file(self, source: Path, folder: str = "") -> None:
        """Copy a file into a folder; whole or not at all.

        Raises:
            InvalidInput: the source is no file, or the folder's path leaves the root.
            StorageFailed: the disk is full, a folder is not writable.
        """
        check_file(source)
        with self.new_file(f"{prefix(folder)}{source.name}") as temporary:
            _copy(source, temporary)

    def put_folder(self, source: Path, folder: str = "") -> None:
        """Copy what is in a folder into a folder, several files at a time.

        Links are followed, as people keep data sets and caches behind them. When a copy fails,
        files that this call made are removed again.

        Raises:
            InvalidInput: the source is no folder, or a path leaves the root.
            StorageFailed: the disk is full, a folder is not writable.
        """
        check_folder(source)
        below = prefix(folder)
        if self.root.resolve().is_relative_to(source.resolve()):
            raise InvalidInput(f"Cannot log the folder {source}: it contains the artifacts' own.")
        made = []  # appended to by several threads

        def copy(relative: str) -> None:
            target = self._path(below + relative)
            fresh = not target.exists()
            with self.new_file(below + relative) as temporary:
                _copy(source / relative, temporary)
            if fresh:
                made.append(target)

        try:
            in_parallel(copy, files_below(source), _COPIERS)
        except BaseException:
            for path in made:
                path.unlink(missing_ok=True)
                self._remove_empty_parents(path)
            raise

    @contextmanager
    def new_file(self, path: str) -> Iterator[Path]:
        """A temporary path (of the same suffix) to write to; becomes ``path`` at the end.

        Raises:
            InvalidInput: the path leaves the root, or names a folder.
            StorageFailed: the disk is full, a folder is not writable.
        """
        target = self._path(path)
        if target.is_dir():
            raise InvalidInput(f"Cannot write the artifact {path!r}: a folder has that name.")
        # the suffix stays last: writers of pictures choose the format by it
        temporary = target.with_name(f"{HIDDEN}{secrets.token_hex(8)}{target.suffix}")
        try:
            self._begin(temporary)
            try:
                yield temporary
                temporary.replace(target)
            except BaseException:
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)
                self._remove_empty_parents(target)
                raise
        except OSError as error:
            raise StorageFailed(
                f"Cannot write the artifact {path!r} below {self.root}: {error.strerror or error}. "
                "Nothing of it was kept."
            ) from error

    def list(self, folder: str = "") -> list[Entry]:
        """What is directly in a folder, sorted; nothing when there is no such folder."""
        base = self._path(folder) if folder else self.root
        try:
            found = sorted(os.scandir(base), key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return []
        above = prefix(folder)
        entries = []
        for entry in found:
            with suppress(FileNotFoundError):  # removed in the meantime
                if self._is_ours(entry):
                    is_dir = entry.is_dir()
                    size = None if is_dir else entry.stat().st_size
                    entries.append(Entry(above + entry.name, is_dir, size))
        return entries

    def walk(self, folder: str = "") -> Iterator[Entry]:
        """Every file below a folder, sorted."""
        for entry in self.list(folder):
            if not entry.is_dir:
                yield entry
            elif not self._leads_back(entry.path):
                yield from self.walk(entry.path)

    def fetch(self, path: str, destination: Path | None = None) -> Path:
        """A local path of a file or folder ('' for everything).

        Args:
            path: what to fetch.
            destination: a folder to copy it into; None for the thing itself.

        Raises:
            NotFound: there is no such file or folder.
        """
        found = self._path(path) if path else self.root
        if not found.exists():
            raise NotFound(f"There is no artifact {path!r} below {self.root}.")
        if destination is None:
            return found
        copy = LocalArtifacts(destination)
        if found.is_file():
            copy.put_file(found, os.path.dirname(path))  # noqa: PTH120 - an artifact path
        else:
            for entry in self.walk(path):
                copy.put_file(self._path(entry.path), os.path.dirname(entry.path))  # noqa: PTH120
        return destination / path if path else destination

    def size(self, path: str) -> int:
        """Bytes of a file; `NotFound` when there is none of that name."""
        return self._file(path).stat().st_size

    def read(self, path: str, offset: int = 0) -> Iterator[bytes]:
        """The bytes of a file from an offset on, in pieces.

        Raises:
            NotFound: there is no such file; at once, not with the first piece.
        """
        file = self._file(path).open("rb", buffering=0)
        file.seek(offset)

        def pieces() -> Iterator[bytes]:
            with file:
                while piece := file.read(_PIECE):
                    yield piece

        return pieces()

    def write(self, path: str, chunks: Iterable[bytes], size: int | None = None) -> None:
        """Make a file of pieces as they come; if they break off, nothing of it is kept.

        Raises:
            InvalidInput: the path leaves the root, or names a folder.
            StorageFailed: the disk is full, a folder is not writable.
        """
        with self.new_file(path) as temporary, temporary.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)

    def delete(self, path: str) -> None:
        """Remove a file or folder ('' for everything), and folders that are empty then.

        Raises:
            InvalidInput: the path leaves the root.
            StorageFailed: a folder is not writable.
        """
        target = self._path(path) if path else self.root.resolve()
        if self._database is not None and self._database.is_relative_to(target.resolve()):
            raise InvalidInput(f"Cannot delete {path or 'everything'!r}: the database is in it.")
        try:
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            else:
                target.unlink(missing_ok=True)
        except OSError as error:
            raise StorageFailed(
                f"Cannot delete {path or 'everything'!r} below {self.root}: "
                f"{error.strerror or error}."
            ) from error
        if path:
            self._remove_empty_parents(target)

    def _file(self, path: str) -> Path:
        found = self._path(path)
        if not found.is_file():
            raise NotFound(f"There is no file {path!r} among the artifacts.")
        return found

    def _begin(self, temporary: Path) -> None:
        """Make a file, and its folder; who tidies empty folders up may take it away meanwhile."""
        while True:
            temporary.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                temporary.touch()
                return

    def _path(self, relative: str) -> Path:
        found = safe_join(self.root, relative)
        if self._database is not None and self._is_of_database(found):
            raise InvalidInput(f"The path {relative!r} is not allowed: it is the database's.")
        return found

    def _is_of_database(self, path: Path) -> bool:
        assert self._database is not None
        resolved, folder = path.resolve(), self._database.parent
        if resolved == folder or not resolved.is_relative_to(folder):
            return False
        return self._is_named_like_it(resolved.relative_to(folder).parts[0])

    def _is_named_like_it(self, name: str) -> bool:
        """Also by a spelling that some file systems take for the same."""
        assert self._database is not None
        own = self._database.name.casefold().lstrip(".")
        return name.casefold().lstrip(".").startswith(own)

    def _is_ours(self, entry: os.DirEntry[str]) -> bool:
        """Not a file on its way, not a link that dangles or leads out of the root; nothing that
        whoever reads it waits for, such as a pipe."""
        if entry.name.startswith(HIDDEN):
            return False
        link = entry.is_symlink()
        if self._database is not None:
            suspect = link or self._is_named_like_it(entry.name)
            if suspect and self._is_of_database(Path(entry.path)):
                return False
        if not link:
            return entry.is_file() or entry.is_dir()
        target = Path(entry.path).resolve()
        return (target.is_file() or target.is_dir()) and target.is_relative_to(self.root.resolve())

    def _leads_back(self, path: str) -> bool:
        """A link to a folder that it is in."""
        folder = self.root / path
        return folder.is_symlink() and folder.parent.resolve().is_relative_to(folder.resolve())

    def _remove_empty_parents(self, path: Path) -> None:
        for parent in path.parents:
            if not parent.is_relative_to(self.root):
                return
            try:
                parent.rmdir()
            except OSError:
                return


def _copy(source: Path, target: Path) -> None:
    check_readable(source)
    shutil.copyfile(source, target)
