"""What places of files on other machines share: whole files and folders, several at a time."""

from __future__ import annotations

import builtins
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import InvalidInput, MlpackError, NotFound
from ..progress import transfer
from ..uris import safe_join, safe_relative
from .base import Entry
from .local import LocalArtifacts
from .transfer import check_file, check_folder, check_readable, files_below, in_parallel, prefix

Advance = Callable[[int], object]


class RemoteArtifacts(ABC):
    """An `ArtifactStore` elsewhere: moving single files is all that a kind of place must know."""

    name: str
    """The address, for messages and progress bars; without secrets."""
    workers: int
    """How many files move at a time."""

    @abstractmethod
    def _send(self, source: Path, path: str, advance: Advance) -> None:
        """Upload one file; it appears whole or not at all."""

    @abstractmethod
    def _receive(self, path: str, size: int, target: Path, advance: Advance) -> None:
        """Download one file into one that exists and is empty."""

    @abstractmethod
    def list(self, folder: str = "") -> list[Entry]:
        """What is directly in a folder, sorted; nothing when there is no such folder."""

    @abstractmethod
    def size(self, path: str) -> int:
        """Bytes of a file; `NotFound` when there is none of that name."""

    @abstractmethod
    def read(self, path: str, offset: int = 0) -> Iterator[bytes]:
        """The bytes of a file from an offset on, in pieces."""

    @abstractmethod
    def write(self, path: str, chunks: Iterable[bytes], size: int | None = None) -> None:
        """Make a file of pieces as they come; if they break off, nothing of it is kept."""

    @abstractmethod
    def delete(self, path: str) -> None:
        """Remove a file or folder ('' for everything); nothing happens when there is none."""

    def walk(self, folder: str = "") -> Iterator[Entry]:
        """Every file below a folder, sorted."""
        for entry in self.list(folder):
            if entry.is_dir:
                yield from self.walk(entry.path)
            else:
                yield entry

    def put_file(self, source: Path, folder: str = "") -> None:
        """Upload a file into a folder; whole or not at all.

        Raises:
            InvalidInput: the source is no file, or the folder's path leaves the root.
            StorageFailed: the place does not take it.
        """
        check_file(source)
        check_readable(source)
        self._put(source, f"{prefix(folder)}{source.name}")

    def put_folder(self, source: Path, folder: str = "") -> None:
        """Upload what is in a folder into a folder, several files at a time.

        Links are followed, as people keep data sets and caches behind them. When an upload fails,
        files that this call made are removed again, as far as the place still answers.

        Raises:
            InvalidInput: the source is no folder, a file cannot be read, or a path leaves the root.
            StorageFailed: the place does not take it.
        """
        check_folder(source)
        below = prefix(folder)
        names = files_below(source)
        for name in names:
            check_readable(source / name)
            safe_relative(below + name)
        total = sum((source / name).stat().st_size for name in names)
        before = self._known(folder)
        sent = []  # appended to by several threads
        with transfer(f"Uploading to {self.name}", total) as progress:

            def send(name: str) -> None:
                self._send(source / name, below + name, progress.advance)
                sent.append(below + name)

            try:
                in_parallel(send, names, self.workers, progress.stop)
            except BaseException:
                if before is not None:
                    for path in set(sent) - before:
                        with suppress(MlpackError):
                            self.delete(path)
                raise

    def _known(self, folder: str) -> set[str] | None:
        """Files in a folder before an upload; None where one may write but not look."""
        try:
            return {entry.path for entry in self.walk(folder)}
        except MlpackError:
            return None

    @contextmanager
    def new_file(self, path: str) -> Iterator[Path]:
        """A temporary path (of the same name) to write to; it is uploaded at the end.

        Raises:
            InvalidInput: the path leaves the root.
            StorageFailed: the place does not take it.
        """
        safe_relative(path)
        with tempfile.TemporaryDirectory(prefix="mlpack-") as folder:
            temporary = Path(folder, Path(path).name)
            yield temporary
            self._put(temporary, path)

    def _put(self, source: Path, path: str) -> None:
        size = source.stat().st_size
        with transfer(f"Uploading {source.name} to {self.name}", size) as progress:
            self._send(source, safe_relative(path), progress.advance)

    def fetch(self, path: str, destination: Path | None = None) -> Path:
        """Download a file or folder ('' for everything), several files at a time.

        Each file appears when it is complete. When a download fails, files that this call made
        are removed again.

        Args:
            path: what to fetch.
            destination: the folder to put it into; default: a new temporary one.

        Returns:
            The path of the file or folder in the destination.

        Raises:
            NotFound: there is no such file or folder.
            StorageFailed: the place does not answer, or the disk here is full.
        """
        files = self._files(path)
        base = destination or Path(tempfile.mkdtemp(prefix="mlpack-"))
        place = LocalArtifacts(base)
        made = []  # appended to by several threads
        total = sum(entry.size or 0 for entry in files)
        with transfer(f"Downloading from {self.name}", total) as progress:

            def receive(entry: Entry) -> None:
                fresh = not safe_join(base, entry.path).exists()
                with place.new_file(entry.path) as temporary:
                    self._receive(entry.path, entry.size or 0, temporary, progress.advance)
                if fresh:
                    made.append(entry.path)

            try:
                in_parallel(receive, files, self.workers, progress.stop)
            except BaseException:
                if destination is None:
                    shutil.rmtree(base, ignore_errors=True)
                else:
                    for each in made:
                        with suppress(MlpackError):
                            place.delete(each)
                raise
        return base / path if path else base

    def _files(self, path: str) -> builtins.list[Entry]:
        """The file of a path, or all files of the folder."""
        if path:
            clean = safe_relative(path)
            with suppress(NotFound):
                return [Entry(clean, False, self.size(clean))]
        files = [*self.walk(path)]
        for entry in files:
            try:
                safe_relative(entry.path)
            except InvalidInput:
                raise InvalidInput(
                    f"{self.name} has a file {entry.path!r}, a name that mlpack does not use on "
                    "this machine. Fetch the others one by one."
                ) from None
        if not files:
            raise NotFound(f"There is no artifact {path!r} below {self.name}.")
        return files
