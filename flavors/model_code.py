"""The user's own modules that travel with a model, under ``code/``.

They are imported from the model's folder without leaving bytecode in it (that would change the
folder's digest) and without getting in the way of others: two models that carry different code
under one module name each keep their own, and a module that the process had before stays the
one that ``import`` gives to everybody else.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    PathFinder,
    SourceFileLoader,
)
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import BadModel, InvalidInput
from .model_files import below

CODE = "code"
_IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", ".git", ".ipynb_checkpoints", ".DS_Store")
_lock = threading.RLock()


def copy_code(code_paths: Sequence[str | Path] | None, folder: Path) -> str | None:
    """Copy files and folders below ``folder/code``.

    Returns:
        the value of the descriptor's ``code``; None without any code.

    Raises:
        InvalidInput: a path does not exist, is named twice, or contains the model folder.
    """
    if not code_paths:
        return None
    if isinstance(code_paths, str | Path):
        raise InvalidInput(f"code_paths must be a list of paths: code_paths=[{str(code_paths)!r}].")
    target = folder / CODE
    target.mkdir()
    for path in map(Path, code_paths):
        source = path.absolute()
        if not source.exists():
            raise InvalidInput(f"code_paths names {str(path)!r}, which does not exist.")
        if folder.absolute().is_relative_to(source):
            raise InvalidInput(
                f"code_paths names {str(path)!r}, which contains the model folder itself. Name "
                "the package or the files that the model needs."
            )
        copy = target / (source.name or source.resolve().name)
        if copy.exists():
            raise InvalidInput(f"code_paths names two things called {copy.name!r}.")
        if source.is_dir():
            shutil.copytree(source, copy, ignore=_IGNORED)
        else:
            shutil.copyfile(source, copy)
    return CODE


@contextmanager
def importable_code(
    folder: Path, config: Mapping[str, Any], *, shadow: bool = True
) -> Iterator[None]:
    """Make the model's own modules importable, while it is loaded and for imports that come later.

    Args:
        folder: the model folder.
        config: the flavor's keys; ``code`` names the subfolder.
        shadow: whether they come before installed modules of the same names.

    Raises:
        BadModel: ``code`` leads out of the folder or does not exist.

    Warns:
        UserWarning: the process has another module under a name that the model brings.
    """
    subfolder = config.get("code")
    if not subfolder:
        yield
        return
    root = below(folder, str(subfolder), "code")
    if not root.is_dir():
        raise BadModel(f"The model at {folder} is damaged: its folder {subfolder!r} is missing.")
    with _lock:
        finder = _CodeFinder(root, shadow)
        set_aside = finder.set_aside_others()
        sys.meta_path.insert(0, finder)
        try:
            yield
        finally:
            finder.give_back(set_aside)


class _CodeFinder(MetaPathFinder):
    """Finds what lies in one model's code folder, before anything else on the path is asked.

    It stays in place for imports inside of functions; a name that the process already uses for
    another module is the model's own only while the model is being loaded.
    """

    def __init__(self, root: Path, shadow: bool) -> None:
        self.root = root.resolve()
        self.names = _module_names(self.root)
        if not shadow:
            self.names = {name for name in self.names if PathFinder.find_spec(name) is None}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        top = fullname.partition(".")[0]
        if top not in self.names:
            return None
        if path is None:
            return self._search(str(self.root), fullname)
        for entry in path:
            if Path(entry).is_relative_to(self.root) and (spec := self._search(entry, fullname)):
                return spec
        return None

    def _search(self, folder: str, fullname: str) -> ModuleSpec | None:
        finder = FileFinder(
            folder, (ExtensionFileLoader, EXTENSION_SUFFIXES), (_PlainSource, SOURCE_SUFFIXES)
        )
        spec = finder.find_spec(fullname)
        if spec is None or spec.loader is not None:
            return spec
        return _shared_namespace(spec)

    def set_aside_others(self) -> dict[str, ModuleType]:
        """Take modules of other origin out of the way; returns them.

        When all that is loaded already is the model's own code, it is shared. When one module
        differs, none is: a module that is the same may import one that is not.
        """
        present = {name: sys.modules[name] for name in self.names if name in sys.modules}
        for name in [name for name, module in present.items() if is_installed(module)]:
            del present[name]
            self.names.discard(name)
            warnings.warn(
                f"The model brings a module {name!r}, but an installed one of that name is in "
                "use already and stays.",
                stacklevel=6,
            )
        different = sorted(name for name, mod in present.items() if not self._is_same(name, mod))
        if not different:
            self.names -= present.keys()
            return {}
        warnings.warn(
            f"The model brings its own {', '.join(map(repr, different))}, and this process has "
            "another module of that name. The model uses its own, everything else the other; an "
            "import inside of one of the model's functions gets the other, too.",
            stacklevel=6,
        )
        loaded = [name for name in sys.modules if name.partition(".")[0] in present]
        return {name: sys.modules.pop(name) for name in loaded}

    def give_back(self, set_aside: dict[str, ModuleType]) -> None:
        """Put the others' modules back in their places, and answer for the rest from now on."""
        tops = {name.partition(".")[0] for name in set_aside}
        for name in [n for n in sys.modules if n.partition(".")[0] in tops]:
            del sys.modules[name]
        sys.modules.update(set_aside)
        self.names -= tops
        if not self.names:
            sys.meta_path.remove(self)

    def _is_same(self, name: str, present: ModuleType) -> bool:
        """Whether a loaded module is the same code, wherever it was loaded from."""
        spec = self._search(str(self.root), name)
        if spec is None or spec.origin is None or present.__spec__ is None:
            return False
        theirs = present.__spec__.origin
        if theirs is None:
            return False
        mine, other = Path(spec.origin), Path(theirs)
        if spec.submodule_search_locations is None:
            return _fingerprint(mine) == _fingerprint(other)
        return _fingerprint(mine.parent) == _fingerprint(other.parent)


class _PlainSource(SourceFileLoader):
    """Compiles the source each time: reads and writes no bytecode."""

    def path_stats(self, path: str) -> Mapping[str, Any]:
        raise OSError("no bytecode")


def _shared_namespace(spec: ModuleSpec) -> ModuleSpec | None:
    """A folder without ``__init__.py`` joins the installed ones of its name (``google``)."""
    if "." in spec.name:
        return spec
    installed = PathFinder.find_spec(spec.name)
    if installed is None or installed.submodule_search_locations is None:
        return spec if installed is None else None
    if installed.loader is not None and installed.origin is not None:
        return None  # a package proper comes before any namespace
    both = [*(spec.submodule_search_locations or ()), *installed.submodule_search_locations]
    spec.submodule_search_locations = both
    return spec


def _module_names(root: Path) -> set[str]:
    names = set()
    for entry in root.iterdir():
        name = entry.name.partition(".")[0]
        is_module = entry.is_dir() or entry.suffix in (".py", ".so", ".pyd")
        if is_module and name.isidentifier() and name != "__pycache__":
            names.add(name)
    # whoever replaced these would break the process, not serve the model
    return names - sys.stdlib_module_names - {"mlpack"}


def is_installed(module: ModuleType) -> bool:
    """Whether a module comes from a package index, as opposed to the user's own folders."""
    origin = getattr(module.__spec__, "origin", None) or ""
    return "site-packages" in origin or "dist-packages" in origin


def _fingerprint(path: Path) -> str:
    """A checksum over a module's source, or over a package's."""
    files = [path] if path.is_file() else sorted(path.rglob("*.py"))
    total = hashlib.sha256()
    for file in files:
        total.update(file.relative_to(path.parent).as_posix().encode())
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()
