"""Which models are loaded, for all workers of a server whose models come and go.

One small file in memory that all workers read and, one at a time, change; a number that they share
says when to read it again, so that a request pays for a look at eight bytes. Each worker then loads
on first use, and lets go, for itself: see `shelf`.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import mmap
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType

from ..errors import Conflict, NotFound, OutOfMemory
from .process import heartbeat_folder

_COUNTER = 8  # bytes


@dataclass(frozen=True)
class Entry:
    """A model that is loaded, or just being loaded.

    Attributes:
        url: its folder, as it was asked for.
        size: of its files, in bytes.
        generation: differs each time that something is loaded by this name.
        loader: the process that is loading it; 0 once it is there.
    """

    url: str
    size: int
    generation: int
    loader: int = 0


class Roster:
    """The list of models; made before the workers are forked.

    Args:
        budget: bytes that all models may have together; None for no limit.
        copies: how many workers will each have their own copy of a model.
    """

    def __init__(self, budget: int | None, copies: int = 1) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="mlpack-models-", dir=heartbeat_folder()))
        self._file, self._lock = self._folder / "models.json", self._folder / "lock"
        self._lock.touch()
        self._counter = mmap.mmap(-1, _COUNTER)  # shared with whoever is forked from here
        self._budget, self._copies = budget, copies
        self._seen: tuple[int, Mapping[str, Entry]] = (0, MappingProxyType({}))
        atexit.register(_remove, self._folder, os.getpid())

    @property
    def version(self) -> int:
        """Grows with every change."""
        return int.from_bytes(self._counter[:_COUNTER], "little")

    @property
    def entries(self) -> Mapping[str, Entry]:
        """All of them, by name; those that are being loaded, too."""
        version, known = self._seen
        if version != (now := self.version):
            known = MappingProxyType(self._read())
            self._seen = now, known
        return known

    def find(self, name: str) -> Entry:
        """A model that is loaded.

        Raises:
            NotFound: it is not.
        """
        entry = self.entries.get(name)
        if entry is None or entry.loader:
            raise NotFound(f"The model {name[:80]!r} is not loaded.")
        return entry

    def begin(self, name: str, url: str, size: int) -> int:
        """Reserve a name and memory for a model that is about to be loaded.

        Returns:
            its generation, for `finish` or `give_up`.

        Raises:
            Conflict: a model of this name is loaded, or being loaded.
            OutOfMemory: together with the others it would be more than there may be.
        """
        with self._change() as entries:
            for each, entry in list(entries.items()):
                if entry.loader and not _lives(entry.loader):
                    del entries[each]  # the worker that was at it died
            if name in entries:
                state = "being loaded" if entries[name].loader else "loaded"
                raise Conflict(f"The model {name[:80]!r} is {state} already.")
            wanted = self._copies * (size + sum(entry.size for entry in entries.values()))
            if self._budget is not None and wanted > self._budget:
                raise OutOfMemory(
                    f"{len(entries)} models are loaded; with {name[:80]!r} they would have "
                    f"{wanted / 1e6:.0f} MB in {self._copies} workers, of "
                    f"{self._budget / 1e6:.0f} MB that they may have. Unload one, or have fewer "
                    "workers (MLPACK_WORKERS)."
                )
            generation = self.version + 1
            entries[name] = Entry(url, size, generation, os.getpid())
            return generation

    def finish(self, name: str, generation: int) -> None:
        """The model is loaded: from now on all workers answer for it."""
        with self._change() as entries:
            begun = entries[name]
            entries[name] = Entry(begun.url, begun.size, generation)

    def give_up(self, name: str, generation: int) -> None:
        """The model could not be loaded."""
        with self._change() as entries:
            if name in entries and entries[name].generation == generation:
                del entries[name]

    def remove(self, name: str) -> None:
        """From now on no worker answers for a model.

        Raises:
            NotFound: it is not loaded.
        """
        with self._change() as entries:
            if name not in entries or entries[name].loader:
                raise NotFound(f"The model {name[:80]!r} is not loaded.")
            del entries[name]

    @contextmanager
    def _change(self) -> Iterator[dict[str, Entry]]:
        """The entries, to be changed by this thread of this process alone; an error keeps them."""
        with self._lock.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            entries = self._read()
            yield entries
            text = json.dumps({name: asdict(entry) for name, entry in entries.items()})
            written = self._file.with_suffix(".new")
            written.write_text(text)
            written.replace(self._file)
            self._counter[:_COUNTER] = (self.version + 1).to_bytes(_COUNTER, "little")

    def _read(self) -> dict[str, Entry]:
        try:
            content = json.loads(self._file.read_text())
        except FileNotFoundError:
            return {}
        return {name: Entry(**entry) for name, entry in content.items()}


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _remove(folder: Path, pid: int) -> None:
    """When the server ends; its workers, which end before, leave the folder alone."""
    if os.getpid() == pid:
        shutil.rmtree(folder, ignore_errors=True)
