"""Which installed distribution does a module come from?

`importlib.metadata.packages_distributions` answers this by reading every installed package;
that takes a good part of a second in a full environment, and it cannot tell the parts of a
namespace package (``google.cloud.*``) from each other. Here the module's *file* is looked up in
the installers' own lists (``RECORD``), which is exact and takes milliseconds. Nothing is imported.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

Origin = Literal["index", "url", "local", "editable"]


@dataclass(frozen=True)
class Distribution:
    """An installed distribution.

    Attributes:
        name: normalised, ``scikit-learn``.
        version: as installed, with its local part (``2.1.0+cpu``).
        origin: ``index``; ``url`` (a repository or an archive, see ``url``); ``local`` (built from
            a file or folder of this machine); ``editable``.
        url: how to install it again when the origin is ``url``.
        requires: its declared dependencies, as written (``numpy>=1.24``).
    """

    name: str
    version: str
    origin: Origin = "index"
    url: str = ""
    requires: tuple[str, ...] = ()


@dataclass
class Located:
    """Where a set of modules comes from.

    Attributes:
        distributions: by normalised name.
        own: modules that belong to no installed distribution, or to an editable one: the user's
            own code, by module name, with its file.
        missing: modules that are not to be found at all.
    """

    distributions: dict[str, Distribution] = field(default_factory=dict)
    own: dict[str, Path] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)


def distribution_of(module: str) -> tuple[str, str] | None:
    """The distribution that a module was installed by.

    Args:
        module: ``sklearn`` or ``google.cloud.storage``; dotted names may go deeper than modules.

    Returns:
        normalised name and version; None for the standard library, the user's own files and
        modules that are not there.
    """
    found = list(locate([module]).distributions.values())
    return (found[0].name, found[0].version) if found else None


def locate(modules: Iterable[str]) -> Located:
    """Sort modules into installed distributions, the user's own files, and missing ones.

    Args:
        modules: names as they stand in a pickle or an ``import``; the standard library's are
            left out of the answer.
    """
    located = Located()
    wanted: dict[Path, dict[str, str]] = {}  # folder on sys.path -> file below it -> module
    for module in {name for name in modules if not is_stdlib(name)}:
        file = module_file(module)
        if file is None:
            located.missing.add(module)
            continue
        root = _root_of(file)
        if root is None:
            located.own[module] = file
        else:
            wanted.setdefault(root, {})[file.relative_to(root).as_posix()] = module
    for root, files in wanted.items():
        owners = _owners(root, set(files))
        for file_name, module in files.items():
            if info := owners.get(file_name):
                distribution = read_distribution(info)
                located.distributions[distribution.name] = distribution
            else:
                located.own[module] = root / file_name
    for module, file in list(located.own.items()):
        if editable := _editable_owner(file):
            located.distributions[editable.name] = editable
    return located


def is_stdlib(module: str) -> bool:
    """Does Python itself bring this module?"""
    top = module.partition(".")[0]
    return not top or top in sys.stdlib_module_names or top in sys.builtin_module_names


def module_file(module: str) -> Path | None:
    """The source or extension file of a module, or of the deepest package that holds it."""
    parts = module.split(".")
    for depth in range(len(parts), 0, -1):
        loaded = sys.modules.get(".".join(parts[:depth]))
        if file := getattr(loaded, "__file__", None):
            return Path(file)
    return _search(parts)


def _search(parts: list[str]) -> Path | None:
    """Find a module that is not loaded, without importing its parents."""
    if not all(part.isidentifier() for part in parts):
        return None
    try:
        spec: ModuleSpec | None = find_spec(parts[0])
    except (ImportError, ValueError, AttributeError):
        return None
    file: Path | None = None
    for depth in range(1, len(parts) + 1):
        if spec is None:
            break
        if spec.origin and spec.has_location:
            file = Path(spec.origin)
        if spec.submodule_search_locations is None or depth == len(parts):
            break
        locations = list(spec.submodule_search_locations)
        spec = PathFinder.find_spec(".".join(parts[: depth + 1]), locations)
    return file


def find_installed(name: str) -> Distribution | None:
    """An installed distribution by its name, in any spelling."""
    wanted = normalise(name)
    for root in _roots():
        for info in _infos(root):
            if normalise(info.name.rpartition(".")[0].split("-")[0]) == wanted:
                distribution = read_distribution(info)
                if distribution.name == wanted:
                    return distribution
    return None


def normalise(name: str) -> str:
    """A distribution's name in the index's own spelling (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_distribution(info: Path) -> Distribution:
    """Read a ``*.dist-info`` or ``*.egg-info``."""
    name, version, requires = _metadata(info)
    origin, url = _origin(info)
    return Distribution(normalise(name), version, origin, url, tuple(requires))


def _metadata(info: Path) -> tuple[str, str, list[str]]:
    stem = info.name.rpartition(".")[0]
    name, _, rest = stem.partition("-")
    version, requires = rest.partition("-")[0], []
    file = info / ("METADATA" if info.suffix == ".dist-info" else "PKG-INFO")
    # Debian's python3-* packages have single files called *.egg-info
    text = _read(file if info.is_dir() else info)
    for line in text.partition("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        if key == "Name":
            name = value.strip()
        elif key == "Version":
            version = value.strip()
        elif key == "Requires-Dist":
            requires.append(value.strip())
    return name, version, requires


def _origin(info: Path) -> tuple[Origin, str]:
    """Where the installer got it from (PEP 610)."""
    text = _read(info / "direct_url.json")
    # conda's builds leave the address of the machine that built them; the index has them, too
    if not text or _read(info / "INSTALLER").strip() == "conda":
        return "index", ""
    try:
        record = json.loads(text)
        url = str(record["url"])
    except (ValueError, KeyError, TypeError):
        return "index", ""
    if record.get("dir_info", {}).get("editable"):
        return "editable", url
    if url.startswith("file:"):
        return "local", url
    if vcs := record.get("vcs_info"):
        return "url", f"{vcs.get('vcs', 'git')}+{url}@{vcs.get('commit_id', '')}".rstrip("@")
    return "url", url


def _owners(root: Path, files: set[str]) -> dict[str, Path]:
    """Which of a folder's distributions installed which of these files.

    The names most like the modules' are read first, so that ``numpy`` costs one small file.
    """
    owners: dict[str, Path] = {}
    tops = {normalise(file.partition("/")[0].partition(".")[0]) for file in files}
    infos = sorted(
        _infos(root), key=lambda info: normalise(info.name.partition("-")[0]) not in tops
    )
    open_files = set(files)
    for info in infos:
        if not open_files:
            break
        for file in _listed(info, open_files):
            owners[file] = info
            open_files.discard(file)
    return owners


def _listed(info: Path, files: set[str]) -> list[str]:
    record = info / "RECORD"
    try:
        text = "\n" + record.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return _listed_by_top_level(info, files)
    return [file for file in files if f"\n{file}," in text or f'\n"{file}",' in text]


def _listed_by_top_level(info: Path, files: set[str]) -> list[str]:
    """For what system packagers and old tools installed: no RECORD, perhaps a top_level.txt."""
    if not info.is_dir() and not info.is_file():
        return []
    tops = set(_read(info / "top_level.txt").split()) or {
        normalise(info.name.rpartition(".")[0].partition("-")[0]).replace("-", "_")
    }
    return [file for file in files if file.partition("/")[0].partition(".")[0] in tops]


def _editable_owner(file: Path) -> Distribution | None:
    """The editable install, if any, whose source folder holds this file.

    Their RECORD lists only the hook that points to the source, hence this second look.
    """
    for root in _roots():
        for info in _infos(root):
            if not (info / "direct_url.json").exists():
                continue
            distribution = read_distribution(info)
            if distribution.origin == "editable":
                folder = Path(unquote(urlsplit(distribution.url).path))
                if file.is_relative_to(folder) and not _nested_environment(file, folder):
                    return distribution
    return None


def _nested_environment(file: Path, folder: Path) -> bool:
    return "site-packages" in file.relative_to(folder).parts


def _roots() -> Iterator[Path]:
    seen = set()
    for entry in sys.path:
        root = Path(entry or ".").absolute()
        if root not in seen and root.is_dir():
            seen.add(root)
            yield root


def _root_of(file: Path) -> Path | None:
    """The deepest folder on ``sys.path`` above a file."""
    return max(
        (root for root in _roots() if file.is_relative_to(root)),
        key=lambda root: len(root.parts),
        default=None,
    )


def _infos(root: Path) -> list[Path]:
    try:
        return [path for path in root.iterdir() if path.suffix in (".dist-info", ".egg-info")]
    except OSError:
        return []


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
