"""Scripts, styles and libraries. Their address holds a digest of all of them, so that browsers keep
them for good and never mix those of two versions; modules import each other by relative paths.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, request

from ...errors import NotFound

FOLDER = Path(__file__).parent / "static"
_FOREVER = "public, max-age=31536000, immutable"
_COMPRESSED = (".js", ".css", ".svg", ".txt")
mimetypes.add_type("text/javascript", ".js")


@dataclass(frozen=True)
class _File:
    content: bytes
    compressed: bytes | None
    kind: str


@cache
def _files() -> dict[str, _File]:
    """All of them, in memory: there are few, and libraries are compressed once."""
    found = {}
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            small = gzip.compress(content, 6, mtime=0) if path.suffix in _COMPRESSED else None
            kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            found[path.relative_to(FOLDER).as_posix()] = _File(content, small, kind)
    return found


@cache
def digest() -> str:
    """Of all files, as it stands in addresses."""
    whole = hashlib.sha256()
    for name, file in _files().items():
        whole.update(f"{name} {len(file.content)} ".encode() + file.content)
    return whole.hexdigest()[:12]


def address(name: str) -> str:
    """Where a file is; a page of today asks for today's."""
    return f"/static/{digest()}/{name}"


def has(name: str) -> bool:
    """Whether there is such a file; libraries are not, where npm was missing."""
    return name in _files()


def register(pages: Blueprint) -> None:
    """The route of the files."""

    @pages.get("/static/<made_of>/<path:name>")
    def static(made_of: str, name: str) -> Response:
        file = _files().get(name)
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
