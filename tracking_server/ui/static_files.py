"""Scripts, styles and libraries. Their address holds a digest of all of them, so that browsers keep
them for good and never mix those of two versions; modules import each other by relative paths.

Each file has an address of its own, and pages ask for several as one: ``js/+page.js+runs.js`` are
these modules and all that they import, ``+style.css+runs.css`` these styles one after another.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path

from flask import Blueprint, Response, request

from ...errors import NotFound
from . import joined_scripts

FOLDER = Path(__file__).parent / "static"
_FOREVER = "public, max-age=31536000, immutable"
_COMPRESSED = ("text/", "image/svg", "application/json")
_TOGETHER = 64  # pages' sets of files that are kept in memory; there are some twenty
mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("application/json", ".map")


@dataclass(frozen=True)
class _File:
    content: bytes
    kind: str

    @cached_property
    def compressed(self) -> bytes | None:
        """Once, by the first who asks for it."""
        is_text = self.kind.startswith(_COMPRESSED)
        return gzip.compress(self.content, 6, mtime=0) if is_text else None


@cache
def _files() -> dict[str, _File]:
    """All of them, in memory: there are few."""
    found = {}
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file():
            name = path.relative_to(FOLDER).as_posix()
            found[name] = _File(path.read_bytes(), _kind(name))
    return found


def _kind(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


@cache
def digest() -> str:
    """Of all files, and of how they are joined, as it stands in addresses."""
    whole = hashlib.sha256(Path(joined_scripts.__file__).read_bytes())
    for name, file in _files().items():
        whole.update(f"{name} {len(file.content)} ".encode() + file.content)
    return whole.hexdigest()[:12]


def address(name: str) -> str:
    """Where a file is; a page of today asks for today's."""
    return f"/static/{digest()}/{name}"


def has(name: str) -> bool:
    """Whether there is such a file; libraries are not, where npm was missing."""
    return name in _files()


def style_of(names: str) -> str:
    """The address of some styles, named with blanks between them, as one."""
    return address(_together("", names))


def script_of(names: str) -> str:
    """The address of some modules and all that they import, as one."""
    return address(_together("js/", names))


def libraries_of(names: str) -> list[str]:
    """The addresses of what those import that is not joined, so that browsers ask at once."""
    return [
        address(name.removeprefix("../")) for name in _script(_together("js/", names)).libraries
    ]


def _together(folder: str, names: str) -> str:
    return "".join([folder, *(f"+{name}" for name in names.split())])


@lru_cache(_TOGETHER)
def _joined(name: str) -> _File | None:
    """Files as one, or the map that shows where each line of a script is from."""
    try:
        if name.endswith(".css"):
            content = "\n".join(map(_text, name.split("+")[1:]))
        elif name.endswith(".js"):
            content = f"{_script(name).text}//# sourceMappingURL={name.rpartition('/')[2]}.map\n"
        else:
            content = _script(name.removesuffix(".map")).source_map()
    except (KeyError, ValueError):  # not ours
        return None
    return _File(content.encode(), _kind(name))


@lru_cache(_TOGETHER)
def _script(name: str) -> joined_scripts.Joined:
    folder, *entries = name.split("+")
    return joined_scripts.join(entries, lambda entry: _text(folder + entry))


def _text(name: str) -> str:
    return _files()[name].content.decode()


def register(pages: Blueprint) -> None:
    """The route of the files."""

    @pages.get("/static/<made_of>/<path:name>")
    def static(made_of: str, name: str) -> Response:
        file = _files().get(name) or ("+" in name and _joined(name)) or None
        if file is None:
            raise NotFound(f"There is no file {name!r}.")
        wants_small = "gzip" in request.accept_encodings.values()
        small = file.compressed if wants_small else None
        response = Response(small or file.content, mimetype=file.kind)
        if small:
            response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
        # a page of another version that is still open gets what there is, and does not keep it
        response.headers["Cache-Control"] = _FOREVER if made_of == digest() else "no-store"
        return response
