"""What an installer has put into a folder, distribution by distribution, as it is in an image.

Each distribution lists its files in a RECORD
(https://packaging.python.org/specifications/recording-installed-packages/). What scoring does
not need is left out of both, so that `importlib.metadata` tells the truth in the image.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...errors import BuildFailed
from ..install import VENV, is_needed
from ..oci.layers import LayerEntry

# Written by the installer about this machine, or of no use where nothing is installed.
_NOISE = frozenset({"RECORD", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"})
_DOCUMENTATION = ("share/man/", "share/doc/", "include/")
# below a prefix; the second is what Debian's Python makes of it
_PLACES = ("lib*/python*/site-packages", "local/lib*/python*/dist-packages")
_SHEBANG = re.compile(rb"\A#!(?:/bin/sh\n'''exec' .*\n' '''|[^\n]*python[^\n]*)\n")


@dataclass(frozen=True)
class Distribution:
    """One distribution in a folder.

    Attributes:
        name: as the package index normalises it.
        version: of it.
        files: path in the image, absolute → file here.
        hashes: path in the image → how RECORD writes its hash.
        record: path of its RECORD in the image.
    """

    name: str
    version: str
    files: Mapping[str, Path]
    hashes: Mapping[str, str]
    record: str

    def entries(self) -> Iterator[LayerEntry]:
        """Its files for a layer, its RECORD rewritten."""
        rows = []
        for path, file in sorted(self.files.items()):
            status = file.stat()
            told, size = self.hashes.get(path, ""), status.st_size
            content: bytes | Path = file
            if path.startswith(f"{VENV}/bin/"):
                content = _script(file.read_bytes())
                told, size = _record_hash(content), len(content)
            yield LayerEntry(path.lstrip("/"), content, size, _mode(status.st_mode))
            rows.append((_from_site(path, self.record), told, str(size)))
        text = _record([*rows, (_from_site(self.record, self.record), "", "")])
        yield LayerEntry(self.record.lstrip("/"), text, len(text), 0o644)

    def altered(self, path: str) -> bool:
        """Does a file hold something else than this distribution put there?"""
        told = self.hashes.get(path)
        return bool(told) and _record_hash(self.files[path].read_bytes()) != told


def read_installed(prefix: Path, python: str) -> list[Distribution]:
    """The distributions below a prefix, by name.

    Args:
        prefix: where an installer has put them.
        python: minor version of the image, which the path of site-packages there depends on.

    Raises:
        BuildFailed: one of them does not list its files, names some outside of the prefix, or has
            names that hide others in an image.
    """
    found = [
        _read(record, prefix, python)
        for place in _PLACES
        for record in prefix.glob(f"{place}/*.dist-info/RECORD")
    ]
    return sorted(found, key=lambda each: each.name)


def site_packages(python: str) -> str:
    """Where modules are in the image."""
    return f"{VENV}/lib/python{python}/site-packages"


def _read(record: Path, prefix: Path, python: str) -> Distribution:
    from packaging.utils import canonicalize_name

    site = record.parent.parent
    # lib/python3.11/site-packages below the prefix, or below its `local` (Debian's Python)
    root = site.parents[2]
    name, _, version = record.parent.name.removesuffix(".dist-info").partition("-")
    files: dict[str, Path] = {}
    hashes: dict[str, str] = {}
    for row in csv.reader(io.StringIO(record.read_text(encoding="utf-8"))):
        if not row or not row[0]:
            continue
        file = Path(os.path.normpath(site / row[0]))
        if not file.is_relative_to(prefix) or file.is_symlink():
            raise BuildFailed(f"The wheel of {name} names a file outside of its folder: {row[0]!r}")
        if any(part.startswith(".wh.") for part in file.parts):
            raise BuildFailed(
                f"The wheel of {name} has a file {row[0]!r}. In an image a name that begins with "
                ".wh. hides another file."
            )
        path = _in_image(file, site, root, python)
        if path is None or not file.is_file() or _is_noise(file, record.parent):
            continue
        files[path] = file
        hashes[path] = row[1] if len(row) > 1 else ""
    return Distribution(
        name=canonicalize_name(name),
        version=version,
        files=files,
        hashes=hashes,
        record=f"{site_packages(python)}/{record.parent.name}/RECORD",
    )


def _in_image(file: Path, site: Path, root: Path, python: str) -> str | None:
    """Where a file goes; None when it is not needed there."""
    if file.is_relative_to(site):
        path = file.relative_to(site).as_posix()
        needed = is_needed(path) and "__pycache__" not in path.split("/")
        return f"{site_packages(python)}/{path}" if needed else None
    path = file.relative_to(root).as_posix()
    return None if path.startswith(_DOCUMENTATION) else f"{VENV}/{path}"


def _is_noise(file: Path, info: Path) -> bool:
    return file.parent == info and file.name in _NOISE


def _script(content: bytes) -> bytes:
    """A script with the image's Python in its first line, not this machine's."""
    return _SHEBANG.sub(f"#!{VENV}/bin/python\n".encode(), content, count=1)


def _mode(mode: int) -> int:
    return 0o755 if mode & 0o100 else 0o644


def _from_site(path: str, record: str) -> str:
    """A path as RECORD writes it: relative to site-packages."""
    site = record.rsplit("/", 2)[0]
    if path.startswith(f"{site}/"):
        return path[len(site) + 1 :]
    return "../../../" + path.removeprefix(f"{VENV}/")


def _record(rows: list[tuple[str, str, str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(sorted(rows))
    return text.getvalue().encode()


def _record_hash(content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
    return "sha256=" + digest.rstrip(b"=").decode()
