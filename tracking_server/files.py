"""Sending and taking files: streams of bounded memory, never shown by a browser."""

from __future__ import annotations

import mimetypes
import posixpath
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from flask import Request, Response, request, send_file
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from ..artifacts.base import ArtifactStore, Entry
from ..artifacts.local import LocalArtifacts
from ..errors import InvalidInput, NotFound
from .dispositions import disposition
from .requests import refuse_compressed, tell_worker

T = TypeVar("T")

_PIECE = 1024 * 1024
# A page among the artifacts must not run in the name of this server.
_SANDBOX = "default-src 'none'; sandbox"
_BYTES = "application/octet-stream"
_LOADED = ("script", "css", "wasm")  # in the names of types


def send(store: ArtifactStore, path: str) -> Response:
    """A file as a download; a part of it when the client asks for a range.

    Raises:
        NotFound: there is none of that name.
        RequestedRangeNotSatisfiable: it has no such range.
    """
    name = posixpath.basename(path)
    response = _answer(store, path, _kind(name))
    response.headers["Content-Disposition"] = disposition("attachment", name)
    response.headers["Content-Security-Policy"] = _SANDBOX
    return response


def show(store: ArtifactStore, path: str, kind: str, policy: str) -> Response:
    """A file to be seen within one of our pages; a part of it when a range is asked for.

    Args:
        store: where it is.
        path: its path there.
        kind: the content type, which is never the file's own choice.
        policy: its Content-Security-Policy.

    Raises:
        NotFound: there is none of that name.
        RequestedRangeNotSatisfiable: it has no such range.
    """
    response = _answer(store, path, kind)
    response.headers["Content-Disposition"] = disposition("inline", posixpath.basename(path))
    response.headers["Content-Security-Policy"] = f"{policy}; frame-ancestors 'self'"
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    # browsers refuse to open a sandboxed page that has this policy of ours
    response.headers["Cross-Origin-Opener-Policy"] = "unsafe-none"
    response.headers["X-DNS-Prefetch-Control"] = "off"
    return response


def _answer(store: ArtifactStore, path: str, kind: str) -> Response:
    """All of a file, or the range of it that is asked for."""
    if isinstance(store, LocalArtifacts):
        file = store.fetch(path)
        if not file.is_file():
            raise NotFound(f"The artifact {path!r} is a folder; name a file in it.")
        # named by whoever asked for it: the name of a file may hold line breaks
        return send_file(file, mimetype=kind, conditional=True, download_name="file")
    return _stream(store, path, kind)


def _stream(store: ArtifactStore, path: str, kind: str) -> Response:
    """The file, or the one range of it that is asked for, as it comes from its place."""
    size = store.size(path)
    start, stop = 0, size
    asked = request.range
    # the rules allow to answer anything unusual with all of it
    partly = asked is not None and asked.units == "bytes" and len(asked.ranges) == 1
    if asked is not None and partly and "If-Range" not in request.headers:
        found = asked.range_for_length(size)
        if found is None:
            raise RequestedRangeNotSatisfiable(size)
        start, stop = found
    response = Response(_first(store.read(path, start), stop - start), mimetype=kind)
    response.content_length = stop - start
    response.headers["Accept-Ranges"] = "bytes"
    if (start, stop) != (0, size):
        response.status_code = 206
        response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return response


def _first(pieces: Iterator[bytes], count: int) -> Iterator[bytes]:
    """So many bytes."""
    for piece in pieces:
        yield piece[:count]
        count -= len(piece)
        if count <= 0:
            break


def take(write: Callable[[Iterator[bytes], int | None], T], sent: Request) -> T:
    """Hand the body of a request on, piece by piece.

    Args:
        write: makes a file of the pieces, which appears whole or not at all; it is told, too, how
            long they will be if the client says so.
        sent: the request.

    Raises:
        InvalidInput: the client stopped half way.
        UnsupportedMediaType: the body is compressed.
    """
    refuse_compressed(sent)
    return write(_pieces(sent), sent.content_length)


def _pieces(sent: Request) -> Iterator[bytes]:
    expected, received = sent.content_length, 0
    while True:
        try:
            tell_worker(request, "receiving")
            piece = sent.stream.read(_PIECE)
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


def _kind(name: str) -> str:
    """The content type of a download.

    Never one that a page of ours could load as a script or style: these come from this server, as
    the pages' policy wants it.
    """
    kind = mimetypes.guess_type(name)[0] or _BYTES
    return _BYTES if any(each in kind for each in _LOADED) else kind
