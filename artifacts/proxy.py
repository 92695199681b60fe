"""Files that a tracking server keeps for its clients: ``mlflow-artifacts:`` addresses."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from ..errors import InvalidInput, NotFound, StorageFailed
from ..http_client import client_for, setting
from ..uris import safe_relative
from .base import Entry
from .proxy_parts import Slice, fetch_signed, send_in_parts
from .remote import Advance, RemoteArtifacts

_ROUTE = "/api/2.0/mlflow-artifacts/artifacts"


class ProxiedArtifacts(RemoteArtifacts):
    """An `ArtifactStore` behind a tracking server, ours or the original.

    Credentials of the tracking server go to no other host, even if an address (which whoever
    made the experiment chose) names one.

    Args:
        uri: ``mlflow-artifacts:/path`` for the tracking server's own, with its host for
            another's, or ``http(s)://host/api/2.0/mlflow-artifacts/artifacts/path``.
        tracking_uri: the tracking server; default: that of the environment.

    Raises:
        InvalidInput: the address is malformed, or there is no tracking server.
    """

    workers = 8

    def __init__(self, uri: str, tracking_uri: str | None = None) -> None:
        tracking = tracking_uri or setting("TRACKING_URI") or ""
        base, path = _server(uri, tracking)
        self._client = client_for(base, credentials=_same_host(base, tracking))
        self._root = safe_relative(unquote(path).strip("/")) if path.strip("/") else ""
        self.name = f"{self._client.base_url} ({self._root})"

    def list(self, folder: str = "") -> list[Entry]:
        """What is directly in a folder, sorted; nothing when there is no such folder."""
        clean = safe_relative(folder) if folder else ""
        below = self._below(clean)
        try:
            answer = self._client.json("GET", _ROUTE, query={"path": below} if below else None)
        except NotFound:
            return []
        found = answer.get("files") or []
        if clean and len(found) == 1 and not found[0].get("is_dir"):
            # some stores answer for a file with the file itself
            path = found[0]["path"]
            if path == posixpath.basename(clean) and not self._is_folder(clean):
                return []
        entries = [
            Entry(
                posixpath.join(clean, _one_name(each["path"])),
                bool(each.get("is_dir")),
                None if each.get("is_dir") else int(each.get("file_size") or 0),
            )
            for each in found
        ]
        return sorted(entries, key=lambda entry: entry.path)

    def size(self, path: str) -> int:
        """Bytes of a file; `NotFound` when there is none of that name."""
        entry = self._find(safe_relative(path))
        if entry is None or entry.is_dir:
            raise NotFound(f"There is no file {path!r} at {self.name}.")
        return entry.size or 0

    def read(self, path: str, offset: int = 0) -> Iterator[bytes]:
        """The bytes of a file from an offset on, in pieces.

        Raises:
            NotFound: there is no such file; at once, not with the first piece.
            StorageFailed: the server does not answer, or ends early.
        """
        clean = safe_relative(path)
        if offset and offset >= self.size(clean):
            return iter(())
        headers = {"Range": f"bytes={offset}-"} if offset else None
        stack = ExitStack()
        response = stack.enter_context(
            self._client.stream("GET", self._url(clean), headers=headers)
        )
        skip = offset if response.status != 206 else 0

        def pieces(skip: int) -> Iterator[bytes]:
            with stack:
                for chunk in response.chunks():
                    if len(chunk) > skip:
                        yield chunk[skip:]
                    skip = max(0, skip - len(chunk))

        return pieces(skip)

    def write(self, path: str, chunks: Iterable[bytes], size: int | None = None) -> None:
        """Make a file of pieces as they come; if they break off, nothing of it is kept.

        Raises:
            InvalidInput: the path leaves the root.
            StorageFailed: the server does not answer or does not take it.
        """
        with self._client.stream("PUT", self._url(safe_relative(path)), body=iter(chunks)):
            pass

    def delete(self, path: str) -> None:
        """Remove a file or folder ('' for everything); nothing happens when there is none.

        Raises:
            InvalidInput: the path leaves the root.
            StorageFailed: the server does not answer or does not allow it.
        """
        if path or self._root:
            with suppress(NotFound):
                self._client.json("DELETE", self._url(safe_relative(path) if path else ""))
        else:
            for entry in self.list():
                self.delete(entry.path)

    def _send(self, source: Path, path: str, advance: Advance) -> None:
        if send_in_parts(self._client, source, self._below(path), advance):
            return
        headers = {"Content-Type": "application/octet-stream"}
        with source.open("rb") as file:
            body: Any = Slice(file, 0, source.stat().st_size, advance)
            with self._client.stream("PUT", self._url(path), body=body, headers=headers):
                pass

    def _receive(self, path: str, size: int, target: Path, advance: Advance) -> None:
        received = 0
        with (
            fetch_signed(self._client, self._below(path), size) as signed,
            target.open("wb") as file,
        ):
            for chunk in signed.chunks() if signed else self.read(path):
                file.write(chunk)
                received += len(chunk)
                advance(len(chunk))
        if received != size:
            raise StorageFailed(
                f"{self._client.base_url} sent {received} bytes of {path!r}, which has {size}. "
                "Nothing of it was kept; try again."
            )

    def _find(self, path: str) -> Entry | None:
        above = posixpath.dirname(path)
        return next((entry for entry in self.list(above) if entry.path == path), None)

    def _is_folder(self, path: str) -> bool:
        entry = self._find(path)
        return entry is not None and entry.is_dir

    def _below(self, path: str) -> str:
        return posixpath.join(self._root, path) if path else self._root

    def _url(self, path: str) -> str:
        return f"{_ROUTE}/{self._below(path)}"


def _server(uri: str, tracking: str) -> tuple[str, str]:
    """The address of the server and the path of the files on it."""
    parts = urlsplit(uri)
    if parts.scheme in ("http", "https"):
        base, route, path = parts.path.partition(_ROUTE)
        if not route or parts.query or parts.fragment:
            raise InvalidInput(
                f"The address of files at {parts.hostname} is not of the form "
                f"{parts.scheme}://<host>{_ROUTE}/<path>."
            )
        return urlunsplit((parts.scheme, parts.netloc, base, "", "")), path
    own = urlsplit(tracking)
    if own.scheme not in ("http", "https"):
        raise InvalidInput(
            f"{uri!r} is kept by a tracking server, and none is in use. Set MLPACK_TRACKING_URI to "
            "http://<host>:<port>, or set_tracking_uri()."
        )
    if parts.netloc.isdecimal():
        raise InvalidInput(f"{uri!r} names a port but no host.")
    netloc = parts.netloc or own.netloc
    return urlunsplit((own.scheme, netloc, own.path, "", "")), parts.path


def _same_host(base: str, tracking: str) -> bool:
    one, other = urlsplit(base), urlsplit(tracking)
    return (one.scheme, one.hostname, one.port) == (other.scheme, other.hostname, other.port)


def _one_name(name: str) -> str:
    """What a server lists is one name; anything else would be a way out."""
    if not name or "/" in name or name == ".":
        raise StorageFailed("The server lists files in a form that is not understood.")
    safe_relative(f"./{name}")
    return name
