"""What is installed beside us, read from the installers' records: as few as will do."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
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


def installed() -> Installed:
    """What is installed now; read again only after something was installed or removed."""
    state = []
    for entry in dict.fromkeys(sys.path):
        root = Path(entry or ".").absolute()
        try:
            state.append((root, root.stat().st_mtime_ns))
        except OSError:
            continue
    return _snapshot(tuple(state))


@lru_cache(maxsize=1)
def _snapshot(state: tuple[tuple[Path, int], ...]) -> Installed:
    return Installed([root for root, _ in state if root.is_dir()])


def normalise(name: str) -> str:
    """A distribution's name in the index's own spelling (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


class Installed:
    """The distributions in some folders of ``sys.path``.

    Args:
        roots: in the order of ``sys.path``: an earlier one hides a later one.
    """

    def __init__(self, roots: list[Path]) -> None:
        self._infos = {root: _infos(root) for root in roots}
        self._by_name: dict[str, Path] = {}
        for infos in self._infos.values():
            for info in infos:
                self._by_name.setdefault(_stem(info), info)
        self._read: dict[Path, Distribution] = {}
        self._owner: dict[Path, Path | None] = {}

    def find(self, name: str) -> Distribution | None:
        """A distribution by its name, in any spelling."""
        info = self._by_name.get(normalise(name))
        return self._distribution(info) if info else None

    def owners(self, files: Iterable[Path]) -> dict[Path, Distribution]:
        """Which distributions installed these files."""
        unknown: dict[Path, set[str]] = {}
        wanted = set(files)
        for file in wanted - self._owner.keys():
            self._owner[file] = None
            if root := self._root_of(file):
                unknown.setdefault(root, set()).add(file.relative_to(root).as_posix())
        for root, names in unknown.items():
            self._find_owners(root, names)
        return {file: self._distribution(info) for file in wanted if (info := self._owner[file])}

    @cached_property
    def editables(self) -> dict[Path, Distribution]:
        """Editable installs by the folder of their source."""
        found = {}
        for info in (info for infos in self._infos.values() for info in infos):
            if (info / "direct_url.json").exists():
                distribution = self._distribution(info)
                if distribution.origin == "editable":
                    found[Path(unquote(urlsplit(distribution.url).path))] = distribution
        return found

    def _distribution(self, info: Path) -> Distribution:
        if info not in self._read:
            self._read[info] = read_distribution(info)
        return self._read[info]

    def _root_of(self, file: Path) -> Path | None:
        """The deepest of the folders above a file."""
        return next((parent for parent in file.parents if parent in self._infos), None)

    def _find_owners(self, root: Path, names: set[str]) -> None:
        # those called most like the modules come first, so that `numpy` costs one small file
        tops = {normalise(name.partition("/")[0].partition(".")[0]) for name in names}
        for info in sorted(self._infos[root], key=lambda info: _stem(info) not in tops):
            if not names:
                break
            for name in _listed(info, names):
                self._owner[root / name] = info
                names.discard(name)


def read_distribution(info: Path) -> Distribution:
    """Read a ``*.dist-info`` or ``*.egg-info``."""
    name, version, requires = _metadata(info)
    origin, url = _origin(info)
    return Distribution(normalise(name), version, origin, url, tuple(requires))


def _metadata(info: Path) -> tuple[str, str, list[str]]:
    name, _, rest = info.name.rpartition(".")[0].partition("-")
    version, requires = rest.partition("-")[0], []
    file = info / ("METADATA" if info.suffix == ".dist-info" else "PKG-INFO")
    # Debian's python3-* packages have single files called *.egg-info
    text = _text(file if info.is_dir() else info)
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
    text = _text(info / "direct_url.json")
    # conda's builds leave the address of the machine that built them; the index has them, too
    if not text or _text(info / "INSTALLER").strip() == "conda":
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


def _listed(info: Path, names: set[str]) -> list[str]:
    """Which of these files, relative to the folder of ``info``, it installed."""
    try:
        record = b"\n" + (info / "RECORD").read_bytes()
    except OSError:
        return _listed_by_top_level(info, names)
    return [
        name
        for name in names
        if f"\n{name},".encode() in record or f'\n"{name}",'.encode() in record
    ]


def _listed_by_top_level(info: Path, names: set[str]) -> list[str]:
    """For what system packagers and old tools installed: no RECORD, perhaps a top_level.txt."""
    tops = set(_text(info / "top_level.txt").split()) or {_stem(info).replace("-", "_")}
    return [name for name in names if name.partition("/")[0].partition(".")[0] in tops]


def _stem(info: Path) -> str:
    """The normalised name of a distribution, from its folder's name alone."""
    return normalise(info.name.rpartition(".")[0].partition("-")[0])


def _infos(root: Path) -> list[Path]:
    try:
        return [path for path in root.iterdir() if path.suffix in (".dist-info", ".egg-info")]
    except OSError:
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
