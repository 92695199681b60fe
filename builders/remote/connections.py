"""Connections to registries, their token servers and object stores: TLS, proxies, retries."""

from __future__ import annotations

import os
import re
import ssl
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError, InsecureRequestWarning
from urllib3.util import Retry, Timeout

from ...errors import InvalidInput
from ...http_client import number
from .addresses import Origin, insecure_registries, is_loopback
from .parallel import pause

Body = bytes | Iterable[bytes] | None

_TRANSIENT = frozenset({429, 500, 502, 503, 504})
_CONNECTIONS = 8
_LONGEST_WAIT = 60.0  # seconds that a registry may ask us to wait before each new try
_MAX_REST = 1 << 16
_SECONDS = 60.0  # to the next byte of an answer
_SECONDS_OF_UPLOADS = 300.0  # some put gigabytes in their place before they answer
_ENGINE_CERTIFICATES = Path("/etc/docker/certs.d")


class Patience(Retry):
    """Retries that wait as long as the registry asks, within reason."""

    def get_retry_after(self, response: Any) -> float | None:
        """Seconds; None when the registry does not say."""
        try:
            asked = super().get_retry_after(response)
        except HTTPError:
            return None  # not a number and not a date
        return None if asked is None else min(asked, _LONGEST_WAIT)

    def sleep(self, response: Any = None) -> None:
        """Before the next try."""
        asked = self.get_retry_after(response) if response is not None else None
        pause(self.get_backoff_time() if asked is None else asked)


def patience() -> Patience:
    """For requests that may safely happen twice."""
    backoff = number("HTTP_REQUEST_BACKOFF_FACTOR", 0.5)
    return Patience(
        int(number("HTTP_REQUEST_MAX_RETRIES", 5)),
        connect=1,  # rather a wrong address than a restart, so say it soon
        read=3,
        redirect=0,
        other=0,  # TLS that fails once fails always
        allowed_methods=None,
        status_forcelist=_TRANSIENT,
        raise_on_status=False,
        backoff_factor=backoff,
        backoff_max=30,
        backoff_jitter=backoff,
    )


class Connections:
    """Kept-alive connections to any number of hosts. Safe to share between threads."""

    def __init__(self) -> None:
        self._managers: dict[Origin, Any] = {}
        self._lock = threading.Lock()

    def send(
        self, method: str, url: str, *, body: Body = None, headers: Mapping[str, str], once: bool
    ) -> urllib3.BaseHTTPResponse:
        """Ask; nothing is followed, and the body of the answer is still to be read.

        Args:
            method: such as "GET".
            url: whole address.
            body: bytes, or pieces of them.
            headers: of the request.
            once: do not try again; for uploads, whose answer may take long.

        Raises:
            HTTPError: of urllib3.
        """
        seconds = _SECONDS_OF_UPLOADS if once else _SECONDS
        retries = Retry(0, redirect=0, raise_on_status=False) if once else patience()
        response: urllib3.BaseHTTPResponse = self._manager(Origin.of(url)).urlopen(
            method,
            url,
            body=body,
            headers={"User-Agent": "mlpack", **headers},
            retries=retries,
            timeout=Timeout(connect=10, read=number("HTTP_REQUEST_TIMEOUT", seconds)),
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        return response

    def close(self) -> None:
        """All of them."""
        with self._lock:
            for manager in self._managers.values():
                manager.clear()
            self._managers.clear()

    def _manager(self, origin: Origin) -> Any:
        with self._lock:
            if origin not in self._managers:
                self._managers[origin] = _new_manager(origin)
            return self._managers[origin]


@contextmanager
def released(response: urllib3.BaseHTTPResponse) -> Iterator[urllib3.BaseHTTPResponse]:
    """Give the connection back when little of the answer is left to read, else close it."""
    try:
        yield response
    finally:
        if not response.closed:
            left = response.length_remaining
            if left is not None and left <= _MAX_REST:
                response.drain_conn()
            else:
                response.close()
        response.release_conn()


def read_short(response: urllib3.BaseHTTPResponse, most: int) -> bytes:
    """All of an answer's body, or one byte more than allowed.

    Raises:
        HTTPError: it ended early.
    """
    content = bytearray()
    # only the read that finds the end notices that it came too early
    while len(content) <= most and (piece := response.read(most + 1 - len(content))):
        content += piece
    return bytes(content)


def certificate_folders(origin: Origin) -> list[Path]:
    """Where Docker looks for the authority of a host and for our own certificate."""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    own = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "certs.d"
    names = [f"{host}:{origin.port}"] + ([host] if origin.port == 443 else [])
    return [place / name for place in (_ENGINE_CERTIFICATES, own) for name in names]


def is_tls_set_up(origin: Origin) -> bool:
    """Whether the user has put an authority in place for a host."""
    return any(next(folder.glob("*.crt"), None) for folder in certificate_folders(origin))


def _new_manager(origin: Origin) -> Any:
    options: dict[str, Any] = {"maxsize": _CONNECTIONS}
    if origin.scheme == "https":
        options["ssl_context"] = _context(origin)
    proxy = getproxies().get(origin.scheme)
    if proxy and not is_loopback(origin.host) and not proxy_bypass(origin.host):
        return urllib3.ProxyManager(proxy, **options)
    return urllib3.PoolManager(**options)


def _context(origin: Origin) -> ssl.SSLContext:
    context = ssl.create_default_context()  # reads SSL_CERT_FILE and SSL_CERT_DIR
    file: Path | str = os.environ.get("REQUESTS_CA_BUNDLE") or ""
    try:
        if file:
            isdir = Path(file).is_dir()
            context.load_verify_locations(None if isdir else file, file if isdir else None)
        for folder in certificate_folders(origin):
            for file in sorted(folder.glob("*.crt")):
                context.load_verify_locations(cafile=file)
            for file in sorted(folder.glob("*.cert")):
                context.load_cert_chain(file, file.with_suffix(".key"))
    except OSError as error:  # ssl.SSLError is one
        why = error.strerror or "it is no certificate"
        if isinstance(error, ssl.SSLError):
            why = "it is no certificate, or its key does not fit"
        raise InvalidInput(f"Cannot use the certificate in {file}: {why}.") from None
    if f"{origin.host}:{origin.port}" in insecure_registries() or (
        origin.port == 443 and origin.host in insecure_registries()
    ):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        urllib3.disable_warnings(InsecureRequestWarning)  # the user said so
    return context


def content_range(text: str | None) -> int | None:
    """The first byte's place in ``bytes <first>-<last>/<size>``."""
    match = re.fullmatch(r"bytes (\d{1,18})-\d{1,18}/(?:\d{1,18}|\*)", text or "")
    return int(match[1]) if match else None
