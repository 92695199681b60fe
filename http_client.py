"""HTTP to a tracking server: kept-alive connections, retries that are safe, errors in our words.

Loaded only when an address of a server is used: urllib3 takes 0.1 s to import.
"""

from __future__ import annotations

import json
import os
import re
import weakref
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, cast
from urllib.parse import quote, unquote, urlencode, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError, InsecureRequestWarning
from urllib3.util import Retry, Timeout

from .errors import InvalidInput, StorageFailed
from .http_failures import failure, refusal

Query = Mapping[str, Any]
Body = Iterable[bytes] | IO[bytes] | None

_CHUNK = 1 << 20
_CONNECTIONS = 64  # kept open for later; more may be open at once
_MAX_ANSWER = 1 << 30
_MAX_ERROR = 1 << 16
_TRANSIENT = frozenset({429, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class _OneWrite:
    """For connections: headers and a short body leave together, in one system call."""

    _held: list[bytes] | None = None

    def request(self, method: str, url: str, body: Any = None, *rest: Any, **options: Any) -> None:
        self._held = [] if body is None or isinstance(body, bytes) else None
        super().request(method, url, body, *rest, **options)  # type: ignore[misc]
        held, self._held = self._held, None
        if held:
            self.send(b"".join(held))

    def send(self, data: bytes) -> None:
        if self._held is None:
            super().send(data)  # type: ignore[misc]
        else:
            self._held.append(data)


class _Unrepeatable(Retry):
    """For calls that must not happen twice: again only when the server cannot have acted.

    Retry itself repeats what failed while connecting; 429 says that nothing was done.
    """

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        return status_code == 429 and bool(self.total)


class HttpClient:
    """One server. Safe to share between threads, and with forked children.

    Credentials come from the address (``https://user:password@host``), else from
    ``MLPACK_TRACKING_USERNAME`` and ``…_PASSWORD``, else from ``MLPACK_TRACKING_TOKEN`` (or their
    ``MLFLOW_`` twins); they are read anew for each call, since tokens are replaced in long runs.

    Args:
        base_url: ``http(s)://host[:port][/prefix]``.
        credentials: False for a host that the environment's credentials are not meant for.

    Raises:
        InvalidInput: not such an address, or settings of TLS that contradict each other.
    """

    def __init__(self, base_url: str, *, credentials: bool = True) -> None:
        self._from_environment = credentials
        try:
            parts = urlsplit(base_url)
            port = f":{parts.port}" if parts.port else ""
        except ValueError:
            parts, port = urlsplit(""), ""
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            # not repeated: what does not parse may hold a password anywhere
            raise InvalidInput(
                "The address of the server is not of the form http://host:port or https://host."
            )
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        self._scheme, self._hostname = parts.scheme, parts.hostname
        self._origin = f"{parts.scheme}://{host}{port}"
        self._prefix = parts.path.rstrip("/")
        self.base_url = self._origin + self._prefix
        self._own_auth = None
        if parts.username:
            self._own_auth = _basic(unquote(parts.username), unquote(parts.password or ""))
        self._timeout = Timeout(connect=10, read=number("HTTP_REQUEST_TIMEOUT", 120.0))
        times = int(number("HTTP_REQUEST_MAX_RETRIES", 5))
        backoff = number("HTTP_REQUEST_BACKOFF_FACTOR", 0.5)
        options: dict[str, Any] = {
            "redirect": False,
            "other": 0,  # TLS that fails once fails always
            "status_forcelist": _TRANSIENT,
            "raise_on_status": False,
            "backoff_factor": backoff,
            "backoff_max": 30,
            "backoff_jitter": backoff,
        }
        self._repeatable = Retry(times, allowed_methods=None, **options)
        self._unrepeatable = _Unrepeatable(times, allowed_methods=frozenset({"none"}), **options)
        self._answered = False
        self._reset()
        _all_clients.add(self)

    def _reset(self) -> None:
        """Start without connections; those made before a fork belong to the parent."""
        options = {"timeout": self._timeout, "maxsize": _CONNECTIONS, **_tls()}
        proxy = getproxies().get(self._scheme)
        if proxy and self._hostname not in _LOOPBACK and not proxy_bypass(self._hostname):
            self._pool: Any = urllib3.ProxyManager(proxy, **options)
            self._asked = self._origin  # a proxy is told the whole address
        else:
            self._pool = urllib3.connection_from_url(self._origin, **options)
            kind = self._pool.ConnectionCls
            self._pool.ConnectionCls = type(kind.__name__, (_OneWrite, kind), {})
            self._asked = ""

    def json(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Query | None = None,
        repeat: bool | None = None,
    ) -> dict[str, Any]:
        """Send and receive JSON; an empty answer is ``{}``.

        Args:
            method: such as "POST".
            path: below the address, not yet percent-encoded.
            body: sent as JSON.
            query: sequences become repeated parameters; those that are None are left out.
            repeat: whether it may safely reach the server twice; default: GET, HEAD and PUT may.

        Raises:
            MlpackError: what the server's answer means, or that there was none.
        """
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        headers = {"Accept": "application/json"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        response = self._send(method, path, data, query, headers, repeat)
        with self._in_our_words(), _released(response):
            text = response.read(_MAX_ANSWER + 1)
            if len(text) > _MAX_ANSWER:
                raise StorageFailed(
                    f"{self.base_url} answers {path} with over {_MAX_ANSWER} bytes. Ask for fewer "
                    "results at a time."
                )
        try:
            answer = json.loads(text) if text.strip() else {}
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise StorageFailed(
                f"{self.base_url} answers {path} with something that is not JSON. Is it a "
                "tracking server, or does a login page or proxy stand in front of it?"
            )
        return answer

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        body: Body = None,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[Response]:
        """Send and receive bytes of any length in constant memory.

        Args:
            method: such as "PUT".
            path: below the address, not yet percent-encoded.
            body: a file is sent with its length and again on a retry; other iterables once.
            query: as for `json`.
            headers: of the request.

        Raises:
            MlpackError: as for `json`; also while the chunks are read.
        """
        own = dict(headers or {})
        if seekable := hasattr(body, "seek"):
            file = cast("IO[bytes]", body)
            here = file.tell()
            own["Content-Length"] = str(file.seek(0, os.SEEK_END) - here)
            file.seek(here)
        repeat = None if body is None or seekable else False
        response = self._send(method, path, body, query, own, repeat)
        with _released(response):
            yield Response(self, response)

    def close(self) -> None:
        """Close the connections; the client can still be used."""
        self._reset()

    def _send(
        self,
        method: str,
        path: str,
        body: Any,
        query: Query | None,
        headers: dict[str, str],
        repeat: bool | None,
    ) -> urllib3.BaseHTTPResponse:
        url = self._prefix + quote(path, safe="/:@!$&'()*+,;=~")
        if query:
            given = {key: value for key, value in query.items() if value is not None}
            url += "?" + urlencode(given, doseq=True)
        if auth := self._own_auth or (self._from_environment and _auth_from_environment()):
            headers["Authorization"] = auth
        kept = body is None or isinstance(body, bytes)  # a file is at its end once it was sent
        safe = method in _IDEMPOTENT if repeat is None else repeat
        retries = self._repeatable if safe else self._unrepeatable
        if not self._answered:
            # never reached so far: rather a wrong address than a restart, so say it soon
            retries = retries.new(connect=min(1, retries.total or 0))
        options = {"retries": retries, "redirect": False, "preload_content": False}
        for _ in range(4):
            with self._in_our_words():
                response: urllib3.BaseHTTPResponse = self._pool.urlopen(
                    method, self._asked + url, body=body, headers=headers, **options
                )
            self._answered = True
            if response.status < 300:
                return response
            with _released(response):
                if response.status not in _REDIRECTS:
                    raise refusal(self.base_url, f"{method} {path}", response)
                again = kept and (method in ("GET", "HEAD") or response.status in (307, 308))
                url = self._redirected(url, response, again)
        raise StorageFailed(f"{self.base_url} redirects {path} in circles.")

    def _redirected(self, url: str, response: urllib3.BaseHTTPResponse, again: bool) -> str:
        """Where to, if that is the same server (credentials and data go to no other).

        Args:
            url: what was asked.
            response: where it leads.
            again: whether the same request can be sent again.
        """
        target = urljoin(self._origin + url, response.headers.get("Location", ""))
        parts = urlsplit(target)
        same = target.startswith((self._origin + "/", self._origin + "?"))
        if same and again:
            return target.removeprefix(self._origin)
        place = f"{parts.scheme}://{parts.hostname}" if parts.hostname else "nowhere"
        raise StorageFailed(
            f"{self.base_url} redirects to {place}, which is not followed. If that is the tracking "
            "server, use its address; if it is a login page, set MLPACK_TRACKING_TOKEN."
        )

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        try:
            yield
        except HTTPError as error:
            raise failure(self.base_url, error, self._timeout.read_timeout) from None


class Response:
    """An answer whose body is still to be read."""

    def __init__(self, client: HttpClient, response: urllib3.BaseHTTPResponse) -> None:
        self._client = client
        self._response = response
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    def chunks(self) -> Iterator[bytes]:
        """The body in pieces of at most 1 MiB; fails if the server ends it early."""
        with self._client._in_our_words():
            yield from self._response.stream(_CHUNK)


_all_clients: weakref.WeakSet[HttpClient] = weakref.WeakSet()
_clients: dict[tuple[str, bool], HttpClient] = {}


def client_for(base_url: str, *, credentials: bool = True) -> HttpClient:
    """The client of an address, made once a process; see `HttpClient`."""
    known = (base_url, credentials)
    client = _clients.get(known)
    if client is None:
        # two threads may both make one; the first that is kept serves both
        client = _clients.setdefault(known, HttpClient(base_url, credentials=credentials))
    return client


def _after_fork() -> None:
    for client in list(_all_clients):
        client._reset()


os.register_at_fork(after_in_child=_after_fork)


@contextmanager
def _released(response: urllib3.BaseHTTPResponse) -> Iterator[None]:
    """Give the connection back when little of the answer is left to read, else close it."""
    try:
        yield
    finally:
        if not response.closed:
            left = response.length_remaining
            if left is not None and left <= _MAX_ERROR:
                response.drain_conn()
            else:
                response.close()
        response.release_conn()


def setting(name: str) -> str | None:
    """The environment's ``MLPACK_<name>``, else ``MLFLOW_<name>``; empty counts as unset."""
    return os.environ.get(f"MLPACK_{name}") or os.environ.get(f"MLFLOW_{name}") or None


def number(name: str, default: float) -> float:
    """The number in a `setting`, which may be missing."""
    text = setting(name) or str(default)
    if not re.fullmatch(r"\d+(\.\d*)?", text):
        raise InvalidInput(f"MLPACK_{name} (or MLFLOW_{name}) must be a number; got {text!r}.")
    return float(text)


def _basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def _auth_from_environment() -> str | None:
    user, password = setting("TRACKING_USERNAME"), setting("TRACKING_PASSWORD")
    if user and password:
        return _basic(user, password)
    token = (setting("TRACKING_TOKEN") or "").strip()
    if not (token.isascii() and token.isprintable()):
        raise InvalidInput("MLPACK_TRACKING_TOKEN (or MLFLOW_…) has characters no token can have.")
    return f"Bearer {token}" if token else None


def _tls() -> dict[str, Any]:
    options: dict[str, Any] = {}
    authority = setting("TRACKING_SERVER_CERT_PATH")
    if (setting("TRACKING_INSECURE_TLS") or "").lower() in ("true", "1", "yes"):
        if authority:
            raise InvalidInput(
                "MLPACK_TRACKING_INSECURE_TLS and MLPACK_TRACKING_SERVER_CERT_PATH contradict each "
                "other (or their MLFLOW_ twins do). Unset one."
            )
        urllib3.disable_warnings(InsecureRequestWarning)
        options["cert_reqs"] = "CERT_NONE"
    elif authority:
        options["ca_cert_dir" if os.path.isdir(authority) else "ca_certs"] = authority  # noqa: PTH112
    if client := setting("TRACKING_CLIENT_CERT_PATH"):
        options["cert_file"] = client
    return options
