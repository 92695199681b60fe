"""One worker's part of the models that come and go: loads on first use, lets go what was unloaded.

What a folder may make us load follows the rules of every model (see `flavors.load_model`): one
whose digest somebody vouches for is trusted, any other may hold reviewed types only. Pickles and
code of others are refused, not only warned of: whoever reaches the port, or can write where the
folders come from, would run code here.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadModel, InvalidInput, MlpackError, OutOfMemory
from ..flavors import integrity
from ..flavors.base import Trust
from . import memory
from .roster import Entry, Roster
from .scoring import Scorer
from .service import Service
from .settings import ServeSettings


@dataclass(frozen=True)
class Source:
    """Where models come from, and which are trusted.

    Attributes:
        root: nothing outside this folder is loaded.
        digests: of models that somebody vouches for.
        trust: somebody vouches for all there will ever be below the root.
    """

    root: Path
    digests: frozenset[str] = frozenset()
    trust: bool = False


class Shelf(Service):
    """The models of a server that starts without any.

    Args:
        settings: of the server; it routes nothing, for it knows no names.
        roster: what is loaded, in all workers.
        source: where models may come from.
    """

    def __init__(self, settings: ServeSettings, roster: Roster, source: Source) -> None:
        super().__init__({}, settings)
        self.roster, self.source = roster, source
        self._generations: dict[str, int] = {}
        self._lock = threading.Lock()  # of the two dicts
        self._loading: dict[str, threading.Lock] = {}
        self._swept = 0

    def load(self, name: str, url: str) -> None:
        """Load a model, for all workers; here at once, elsewhere when it is first asked for.

        Args:
            name: as it is called from now on.
            url: its folder.

        Raises:
            InvalidInput: the folder is not where models may come from.
            BadModel: it holds no model, or one that nobody vouches for.
            Conflict: the name is taken.
            OutOfMemory: there is not enough memory.
        """
        self.let_go()
        folder = self._folder(url)
        size = _size(folder)
        generation = self.roster.begin(name, url, size)
        try:
            left = memory.available()
            if left is not None and size > left:
                raise OutOfMemory(f"There is not enough memory for the model {name[:80]!r}.")
            scorer = self._load(name, folder)
            self.roster.finish(name, generation)
        except BaseException:
            self.roster.give_up(name, generation)
            raise
        self._keep(name, generation, scorer)

    def unload(self, name: str) -> None:
        """Let a model go, in all workers; requests that it is at are finished.

        Raises:
            NotFound: it is not loaded.
        """
        self.roster.remove(name)
        self.let_go()

    def find(self, name: str) -> Scorer:
        """The model of a name.

        Raises:
            NotFound: it is not loaded.
            OutOfMemory: it is, elsewhere, and does not fit into this worker.
        """
        entry = self.roster.find(name)
        if (scorer := self._here(name, entry)) is not None:
            return scorer
        with self._lock:
            loading = self._loading.setdefault(name, threading.Lock())
        with loading:
            if (scorer := self._here(name, entry)) is None:
                scorer = self._load(name, self._folder(entry.url))
                self._keep(name, entry.generation, scorer)
        return scorer

    def let_go(self) -> None:
        """Forget what was unloaded by any worker."""
        if (version := self.roster.version) == self._swept:
            return
        with self._lock:
            entries = self.roster.entries
            gone = [
                name
                for name, generation in self._generations.items()
                if name not in entries or entries[name].generation != generation
            ]
            self.scorers = {
                name: scorer for name, scorer in self.scorers.items() if name not in gone
            }
            for name in gone:
                del self._generations[name]
                self._loading.pop(name, None)
            self._swept = version
        if gone:
            memory.give_back()

    def is_stuck(self) -> bool:
        """See the base. Asked about once a second, so what others unloaded goes now, too."""
        if self.roster.version != self._swept:  # off the main loop, as it may take a while
            threading.Thread(target=self.let_go, name="let-go", daemon=True).start()
        return super().is_stuck()

    def _here(self, name: str, entry: Entry) -> Scorer | None:
        with self._lock:
            current = self._generations.get(name) == entry.generation
            return self.scorers.get(name) if current else None

    def _keep(self, name: str, generation: int, scorer: Scorer) -> None:
        with self._lock:
            # a new dict: whoever goes through the old one does so undisturbed
            self.scorers = {**self.scorers, name: scorer}
            self._generations[name] = generation
            self._swept = 0  # it may have been unloaded while it was loaded

    def _load(self, name: str, folder: Path) -> Scorer:
        from ..flavors.load import load_model

        try:
            digest = integrity.digest(integrity.manifest(folder))
            model = load_model(
                folder,
                trust=Trust(everything=self.source.trust, warned=False),
                expected_digest=digest if digest in self.source.digests else None,
            )
        except MemoryError:
            memory.give_back()
            raise OutOfMemory(f"There is not enough memory for the model {name[:80]!r}.") from None
        except OSError as error:
            raise BadModel(f"The model in {folder} cannot be read: {error.strerror}.") from None
        except SystemExit as error:
            raise BadModel(f"The model in {folder} ends the process when loaded.") from error
        scorer = Scorer(model, name)
        scorer.max_unpacked = self.settings.max_body
        scorer.warm_up(self.settings)
        return scorer

    def _folder(self, url: str) -> Path:
        """Where a model is, links followed.

        Raises:
            InvalidInput: not below the root.
            BadModel: there is nothing.
        """
        root = self.source.root
        refused = InvalidInput(f"Models are loaded from folders below {root} only.")
        try:
            folder = Path(url).resolve()
            inside = Path(url).is_absolute() and folder.is_relative_to(root.resolve())
            if not inside or folder == root.resolve():
                raise refused
            if not folder.is_dir():
                raise BadModel(f"There is no folder {url[:200]}.")
        except MlpackError:
            raise
        except (OSError, ValueError, RuntimeError):  # too long, no text, links in a circle
            raise refused from None
        return folder


def _size(folder: Path) -> int:
    try:
        return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
    except OSError as error:
        raise BadModel(f"The model in {folder} cannot be read: {error.strerror}.") from None
