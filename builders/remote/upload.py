"""One blob into a repository: there already, taken from another repository, or sent."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Literal
from urllib.parse import urlencode

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from ...errors import InvalidInput, MlpackError, RegistryFailed, StorageFailed
from ...http_client import number
from ..base import Progress, Report
from ..oci.image import Blobs
from ..oci.spec import Descriptor
from .addresses import next_address
from .connections import Patience, released
from .parallel import pause
from .refusals import failure
from .session import Session

_PIECE = 1 << 20
_SMALLER = 16 << 20  # what proxies with a limit let through, more or less
_BREAKS = 5  # without progress between them
_STARTED = frozenset({201, 202})
_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})


class Held:
    """Blobs of which each is these bytes; a `Blobs`."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def open(self, blob: Descriptor) -> BinaryIO:
        """The bytes."""
        return io.BytesIO(self._content)


@dataclass(frozen=True)
class PushedBlob:
    """What became of one blob.

    Attributes:
        digest: its digest.
        size: bytes.
        how: the repository had it, it was mounted from another repository, or it was sent.
        sent: bytes that went over the line and are part of it.
    """

    digest: str
    size: int
    how: Literal["existed", "mounted", "uploaded"]
    sent: int = 0


def put_blob(
    session: Session, blob: Descriptor, blobs: Blobs, mount_from: Sequence[str], report: Report
) -> PushedBlob:
    """Make sure that a repository has a blob.

    Args:
        session: of the repository.
        blob: which.
        blobs: where its bytes are; opened only if they have to be sent.
        mount_from: repositories of the same registry that may have it, the likeliest first.
        report: called with what happens.

    Raises:
        RegistryFailed: the registry refuses or breaks off, again and again.
        MlpackError: the bytes cannot be read.
    """
    short = blob.digest[7:19]
    if _exists(session, blob):
        report(Progress("cached", f"{short} is there already"))
        return PushedBlob(blob.digest, blob.size, "existed")
    upload = _Upload(session, blob, blobs, report)
    for repository in mount_from:
        if repository != session.reference.repository and upload.mount(repository):
            report(Progress("cached", f"{short} mounted from {repository}"))
            return PushedBlob(blob.digest, blob.size, "mounted")
    upload.run()
    return PushedBlob(blob.digest, blob.size, "uploaded", blob.size)


def _exists(session: Session, blob: Descriptor) -> bool:
    url = session.url(f"blobs/{blob.digest}")
    # some lead to where blobs are, which answers no HEAD; they lead nowhere for what is missing
    expected = frozenset({200, 302, 303, 307, 404})
    with session.request("HEAD", url, expected=expected, stay=True) as response:
        return response.status != 404


class _Broken(Exception):
    """This try is over; another may follow."""

    def __init__(self, error: MlpackError, wait: float | None = None) -> None:
        super().__init__()
        self.error = error
        self.wait = wait


class _Upload:
    """Sends a blob, takes it up where it broke if the registry knows, else begins anew."""

    def __init__(self, session: Session, blob: Descriptor, blobs: Blobs, report: Report) -> None:
        self._session = session
        self._blob = blob
        self._blobs = blobs
        self._report = report
        self._place: str | None = None  # the session of the registry
        self._known: int | None = None  # the byte to go on with, if there is no need to ask
        self._taken_up = False
        self._piece = max(blob.size, 1)  # in one request, which all registries understand
        self._sent = 0

    def mount(self, repository: str) -> bool:
        """Whether the registry took the blob from there; else it began an upload, most likely."""
        session, query = self._session, {"mount": self._blob.digest, "from": repository}
        url = session.url(f"blobs/uploads/?{urlencode(query)}")
        scopes = session.scopes | {session.scope(repository, "pull")}
        try:
            with session.request(
                "POST", url, expected=_STARTED, headers={"Content-Length": "0"}, scopes=scopes
            ) as response:
                if response.status == 201:
                    return True
                self._move(url, response)
                self._known = 0
        except MlpackError:
            pass  # we may not read there, or the registry does not know how
        return False

    def run(self) -> None:
        breaks, best = 0, 0
        while True:
            try:
                self._attempt(self._start())
                return
            except _Broken as broken:
                breaks = breaks + 1 if self._sent <= best else 1
                best = max(best, self._sent)
                if breaks >= _BREAKS:
                    raise broken.error from None
                backoff = number("HTTP_REQUEST_BACKOFF_FACTOR", 0.5) * 2 ** (breaks - 1)
                pause(backoff if broken.wait is None else broken.wait)

    def _start(self) -> int:
        """The byte to go on with."""
        known, self._known = self._known, None
        if known is not None:
            return known
        if self._place is not None:
            if (start := self._resumed()) is not None:
                return start
            if _exists(self._session, self._blob):
                return self._blob.size + 1  # the answer to the last request was what was lost
        self._taken_up = False
        url = self._session.url("blobs/uploads/")
        with self._session.request(
            "POST", url, expected=frozenset({202}), headers={"Content-Length": "0"}
        ) as response:
            self._move(url, response)
        return 0

    def _resumed(self) -> int | None:
        """Where the registry's session is; None when that is gone."""
        assert self._place is not None
        expected = frozenset({200, 202, 204})
        try:
            with self._session.request("GET", self._place, expected=expected) as response:
                match = re.fullmatch(r"(?:bytes=)?0-(\d{1,18})", response.headers.get("Range", ""))
                start = int(match[1]) + 1 if match else 0
                # 0-0 means one byte or none, depending on the registry
                if not 1 < start <= self._blob.size:
                    return None
                self._move(self._place, response)
                self._taken_up = True
                return start
        except MlpackError:
            return None

    def _attempt(self, start: int) -> None:
        if start > self._blob.size:
            return
        size = self._blob.size
        with self._blobs.open(self._blob) as file:
            for skipped in range(0, start, _PIECE):
                _read_piece(file, start - skipped)
            while start < size:
                count = min(self._piece, size - start)
                headers = {
                    "Content-Type": "application/octet-stream",
                    "Content-Length": str(count),
                }
                if start or count < size:
                    headers["Content-Range"] = f"{start}-{start + count - 1}"
                body = self._read(file, start, count)
                self._send("PATCH", self._place, headers, body, start)
                start += count
        self._finish()

    def _finish(self) -> None:
        assert self._place is not None
        mark = "&" if "?" in self._place else "?"
        url = f"{self._place}{mark}{urlencode({'digest': self._blob.digest})}"
        headers = {"Content-Length": "0", "Content-Type": "application/octet-stream"}
        self._send("PUT", url, headers, b"", self._blob.size)

    def _read(self, file: BinaryIO, start: int, count: int) -> Iterator[bytes]:
        shown = f"pushing {self._blob.digest[7:19]}"
        done = 0
        while done < count:
            piece = _read_piece(file, count - done)
            if not piece:
                raise InvalidInput(f"The blob {self._blob.digest} is shorter than it should be.")
            yield piece
            done += len(piece)
            self._sent = start + done
            self._report(Progress("bytes", shown, done=self._sent, total=self._blob.size))

    def _send(
        self,
        method: str,
        url: str | None,
        headers: dict[str, str],
        body: bytes | Iterator[bytes],
        start: int,
    ) -> None:
        assert url is not None
        try:
            response = self._session.send_once(method, url, headers=headers, body=body)
        except HTTPError as error:
            raise _Broken(failure(self._session.origin, error)) from None
        with released(response):
            if response.status in (201, 202, 204):
                if method == "PATCH":
                    self._move(url, response)
                return
            refusal = self._session.refused(response)
            if response.status == 413 and self._piece > _SMALLER:
                self._piece, self._place = _SMALLER, None
                raise _Broken(refusal, 0)
            if response.status == 400 and self._taken_up:
                self._place = None  # what the registry kept is not what was sent
                raise _Broken(refusal)
            if response.status == 401:
                self._known = start  # the token was too old; the next try has a new one
                raise _Broken(refusal, 0)
            if response.status in _TRANSIENT or response.status in (404, 416):
                wait = Patience().get_retry_after(response)
                raise _Broken(refusal, wait)
            raise refusal

    def _move(self, url: str, response: BaseHTTPResponse) -> None:
        """The registry names the place of the next request with each answer."""
        location = response.headers.get("Location")
        if location:
            self._place = next_address(self._session.origin, url, location)
        elif self._place is None:
            raise RegistryFailed(f"{self._session.origin} does not say where to send blobs to.")


def _read_piece(file: BinaryIO, most: int) -> bytes:
    try:
        return file.read(min(_PIECE, most))
    except OSError as error:  # else it would be taken for one of the connection
        raise StorageFailed(f"A layer cannot be read: {error.strerror or error}.") from None
