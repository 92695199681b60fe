"""Large files and a tracking server: sent in parts, fetched from its object store if it signs.

Several parts go at a time, and each is sent again by itself when it breaks.
"""

from __future__ import annotations

import os
import posixpath
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from ..errors import MlpackError, StorageFailed
from ..http_client import HttpClient, Response, client_for, number, setting
from .remote import Advance
from .transfer import in_parallel

_ROUTE = "/api/2.0/mlflow-artifacts"
_PART = "/mlflow-artifacts/mpu-part/"
_MINIMUM = 500 << 20
_CHUNK = 64 << 20
_MOST_PARTS = 10_000
_PARTS_AT_A_TIME = 4
_NOT_KNOWN = (404, 405, 501)  # of servers that take no parts
_OFF = ("0", "false", "no", "off")

_large_files = threading.BoundedSemaphore(2)  # at a time


def send_in_parts(client: HttpClient, source: Path, path: str, advance: Advance) -> bool:
    """Send a file in parts, if it is large and the server takes them.

    ``MLPACK_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE`` and ``…_CHUNK_SIZE`` (or their MLFLOW_ twins)
    say from how many bytes on, and how long a part is. Parts go where the server says, which may
    be an object store; credentials go to the server only.

    Returns:
        Whether it was sent.

    Raises:
        MlpackError: it was not, although the server takes parts. Nothing of it is kept.
    """
    size = source.stat().st_size
    if size < max(1, _bytes("MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", _MINIMUM)):
        return False
    if (setting("ENABLE_PROXY_MULTIPART_UPLOAD") or "").lower() in _OFF:
        return False
    length = max(1, _bytes("MULTIPART_UPLOAD_CHUNK_SIZE", _CHUNK), -(-size // _MOST_PARTS))
    count = -(-size // length)
    folder, name = posixpath.split(path)

    def call(step: str, **body: Any) -> dict[str, Any]:
        address = f"{_ROUTE}/mpu/{step}/{folder}"
        return client.json("POST", address, body={"path": name, **body}, repeat=True)

    try:
        begun = call("create", num_parts=count)
    except MlpackError as error:
        if error.http_status in _NOT_KNOWN:
            return False
        raise
    try:
        upload, addresses = str(begun["upload_id"]), _addresses(begun, count)
        etags: dict[int, str] = {}
        stopped = threading.Event()

        def tell(count: int) -> None:
            if stopped.is_set():
                raise KeyboardInterrupt
            advance(count)

        def send(part: int) -> None:
            with source.open("rb") as file:
                start = length * (part - 1)
                body: Any = Slice(file, start, min(length, size - start), tell)
                etags[part] = _put(client, addresses[part], body)

        with _large_files:
            in_parallel(send, range(1, count + 1), _PARTS_AT_A_TIME, stopped.set)
        parts = [{"part_number": part, "etag": etag} for part, etag in sorted(etags.items())]
        call("complete", upload_id=upload, parts=parts)
    except BaseException:
        with suppress(MlpackError):
            call("abort", upload_id=begun.get("upload_id"))
        raise
    return True


def _addresses(begun: dict[str, Any], count: int) -> dict[int, str]:
    try:
        found = {int(each["part_number"]): str(each["url"]) for each in begun["credentials"]}
    except (KeyError, TypeError, ValueError):
        found = {}
    if found.keys() != set(range(1, count + 1)):
        raise StorageFailed("The server begins an upload in parts in a form not understood.")
    return found


def _put(client: HttpClient, address: str, body: Any) -> str:
    """Send one part; its ETag."""
    query: dict[str, str] = {}
    if own := address.partition(_PART)[2]:
        # the way to the server is known here, and may differ from the one it knows
        target, path = client, f"/api/2.0{_PART}{own}"
    else:
        target, path, query = _elsewhere(address)
    with target.stream("PUT", path, body=body, query=query) as response:
        return response.headers.get("ETag", "")


@contextmanager
def fetch_signed(client: HttpClient, path: str, size: int) -> Iterator[Response | None]:
    """A large file as it comes from the server's object store; None when that gives none out."""
    with ExitStack() as stack:
        response = None
        if size >= number("MULTIPART_DOWNLOAD_MINIMUM_FILE_SIZE", _MINIMUM):
            with suppress(MlpackError):  # the server sends it, too
                signed = client.json("GET", f"{_ROUTE}/presigned/{path}")
                store, path, query = _elsewhere(str(signed.get("url")))
                response = stack.enter_context(store.stream("GET", path, query=query))
        yield response


def _elsewhere(address: str) -> tuple[HttpClient, str, dict[str, str]]:
    """Whom to ask for an address, and what; without credentials."""
    parts = urlsplit(address)
    store = client_for(f"{parts.scheme}://{parts.netloc}", credentials=False)
    return store, unquote(parts.path), dict(parse_qsl(parts.query, keep_blank_values=True))


def _bytes(name: str, default: int) -> int:
    return int(number(name, default))


class Slice:
    """A part of a file to send, which tells how much of it was read; a retry reads it again.

    Args:
        file: opened for this alone.
        start: where the part begins.
        length: in bytes.
        advance: told of every byte once.
    """

    def __init__(self, file: IO[bytes], start: int, length: int, advance: Advance) -> None:
        self._file = file
        self._start = start
        self._length = length
        self._advance = advance
        self._furthest = 0
        file.seek(start)

    def read(self, count: int = -1) -> bytes:
        """Bytes from here on."""
        left = max(0, self._length - self.tell())
        data = self._file.read(left if count < 0 else min(count, left))
        here = self.tell()
        if here > self._furthest:
            self._advance(here - self._furthest)
            self._furthest = here
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place, counted from the part's beginning."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.tell(), os.SEEK_END: self._length}[whence]
        return self._file.seek(self._start + base + offset) - self._start

    def tell(self) -> int:
        """The place, counted from the part's beginning."""
        return self._file.tell() - self._start
