"""Which files belong to which distribution, from the RECORD of each."""

from __future__ import annotations

import csv
import posixpath
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .inventory import Found

_BYTECODE = re.compile(r"^(.*/)__pycache__/([^/]+?)\.[A-Za-z0-9_-]+\.pyc$")
_LONGEST_PATH = 4096
_MOST_SEARCHES = 300  # each goes through all files


def sizes_of(found: Mapping[str, Found]) -> dict[str, int]:
    """Bytes of each distribution, by the path of its METADATA (or PKG-INFO).

    Bytecode counts with its source. Where there is no RECORD (Debian's own packages), the
    folder of the distribution's name does.

    Args:
        found: files of an image by path, their RECORDs read.
    """
    owner: dict[str, str] = {}
    searched = 0
    for path, each in found.items():
        if path.endswith((".dist-info/METADATA", ".egg-info/PKG-INFO", ".egg-info")):
            folder = path if path.endswith(".egg-info") else posixpath.dirname(path)
            record = found.get(f"{folder}/RECORD")
            if record is not None and record.content is not None:
                for name in _recorded(record.content, posixpath.dirname(folder)):
                    owner[name] = path
            elif each.kind == "file" and (searched := searched + 1) <= _MOST_SEARCHES:
                _own_folder(found, folder, path, owner)
    sizes: dict[str, int] = {}
    for path, each in found.items():
        mine = owner.get(path)
        if mine is None and (source := _BYTECODE.match(path)):
            mine = owner.get(f"{source[1]}{source[2]}.py")
        if mine is not None:
            sizes[mine] = sizes.get(mine, 0) + each.size
    return sizes


def _recorded(record: bytes, place: str) -> list[str]:
    """Paths in the image that a RECORD lists.

    Format: https://packaging.python.org/en/latest/specifications/recording-installed-packages/
    """
    lines = (line for line in record.decode("utf-8", "replace").splitlines() if line.strip())
    try:
        names = [row[0] for row in csv.reader(lines) if row]
    except csv.Error:
        return []
    return [
        posixpath.normpath(posixpath.join(place, name))
        for name in names
        if len(name) <= _LONGEST_PATH
    ]


def _own_folder(found: Mapping[str, Found], info: str, path: str, owner: dict[str, str]) -> None:
    name = re.split(r"-\d", posixpath.basename(info), maxsplit=1)[0].lower().replace("-", "_")
    place = posixpath.dirname(info)
    for other in found:
        if other.startswith((f"{info}/", f"{place}/{name}/")) or other == f"{place}/{name}.py":
            owner.setdefault(other, path)
