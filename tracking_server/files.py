"""Sending and taking files: streams of bounded memory, never shown by a browser."""

from __future__ import annotations

import mimetypes
import posixpath
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from urllib.parse import quote

from flask import Request, Response, send_file

from ..artifacts.base import ArtifactStore, Entry
from ..artifacts.local import LocalArtifacts
from ..errors import InvalidInput, NotFound
from .requests import refuse_compressed, tell_worker

T = TypeVar("T")

_PIECE = 1024 * 1024
# A page among the artifacts must not run in the name of this server.
_SANDBOX = "default-src 'none'; sandbox"


def send(store: ArtifactStore, path: str) -> Response:
    """A file as a download; parts of it when the client asks for a range and it lies on a disk.

    Raises:
        NotFound: there is none of that name.
    """
    name = posixpath.basename(path)
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if isinstance(store, LocalArtifacts):
        file = store.fetch(path)
        if not file.is_file():
            raise NotFound(f"The artifact {path!r} is a folder; name a file in it.")
        response = send_file(file, mimetype=kind, conditional=True)
    else:
        size = store.size(path)
        response = Response(store.read(path), mimetype=kind)
        response.content_length = size
    response.headers["Content-Disposition"] = _attachment(name)
    response.headers["Content-Security-Policy"] = _SANDBOX
    return response


def take(write: Callable[[Iterator[bytes], int | None], T], request: Request) -> T:
    """Hand the body of a request on, piece by piece.

    Args:
        write: makes a file of the pieces, which appears whole or not at all; it is told, too, how
            long they will be if the client says so.
        request: of Flask.

    Raises:
        InvalidInput: the client stopped half way.
        UnsupportedMediaType: the body is compressed.
    """
    refuse_compressed(request)
    return write(_pieces(request), request.content_length)


def _pieces(request: Request) -> Iterator[bytes]:
    expected, received = request.content_length, 0
    while True:
        try:
            tell_worker(request, "receiving")
            piece = request.stream.read(_PIECE)
            tell_worker(request, "received")
        except Exception as error:  # werkzeug's, gunicorn's and the socket's own
            raise InvalidInput(f"The upload broke off after {received} bytes: {error}") from None
        if not piece:
            break
        received += len(piece)
        yield piece
    if expected is not None and received < expected:
        raise InvalidInput(f"The upload broke off after {received} of {expected} bytes.")


def describe(entry: Entry, path: str) -> dict[str, Any]:
    """A file or folder as the protocol writes it, under the path that the client knows."""
    found: dict[str, Any] = {"path": path, "is_dir": entry.is_dir}
    if entry.size is not None:
        found["file_size"] = entry.size
    return found


def below(store: ArtifactStore, folder: str, prefix: str) -> list[dict[str, Any]]:
    """What is directly in a folder, with paths relative to ``prefix``."""
    cut = len(prefix) + 1 if prefix else 0
    return [describe(entry, entry.path[cut:]) for entry in store.list(folder)]


def _attachment(name: str) -> str:
    """The header that makes a browser save a file instead of showing it (RFC 6266)."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in name)
    header = f'attachment; filename="{plain}"'
    if plain != name:
        header += f"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
    return header
