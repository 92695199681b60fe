"""One registry: requests with who we are, followed only where a registry may send us.

Protocol: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Literal

import urllib3
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError

from ...errors import MlpackError, RegistryFailed
from ..publish import Credentials
from .addresses import Origin, may_be_plain, next_address, origin_of_registry
from .authority import Authority, Scopes
from .connections import Body, Connections, is_tls_set_up, released
from .credentials import Login, find_login
from .reference import Reference
from .refusals import failure, is_distrust, reason_of, refusal

Doing = Literal["pull", "push"]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_STEPS = 5


class Session:
    """The repository of a reference. Safe to share between threads.

    Args:
        reference: what it is about.
        doing: what we need to be allowed.
        credentials: default: what Docker's configuration, or containers', says.
    """

    def __init__(
        self, reference: Reference, doing: Doing, credentials: Credentials | None = None
    ) -> None:
        def login() -> Login | None:
            if credentials is not None:
                return Login(credentials.username, credentials.password)
            return find_login(reference)

        self.reference = reference
        self.doing = doing
        self.scopes: Scopes = frozenset({self.scope(reference.repository)})
        self._connections = Connections()
        self._authority = Authority(reference, login, self._connections)
        self._lock = threading.Lock()
        self._origin: Origin | None = None  # until the first answer tells the scheme

    def scope(self, repository: str, doing: Doing | None = None) -> str:
        """What to be allowed in a repository; default: what the session is for."""
        actions = "pull,push" if (doing or self.doing) == "push" else "pull"
        return f"repository:{repository}:{actions}"

    @property
    def origin(self) -> Origin:
        """Of the registry."""
        if self._origin is None:
            with self._lock:
                if self._origin is None:
                    self._origin = self._find_origin()
        return self._origin

    def url(self, path: str) -> str:
        """Of something in the repository, such as ``manifests/latest``."""
        return f"{self.origin}/v2/{self.reference.repository}/{path}"

    @contextmanager
    def request(
        self,
        method: str,
        url: str,
        *,
        expected: frozenset[int],
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        scopes: Scopes | None = None,
        stay: bool = False,
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        """Ask, as often as it takes; the answer's body is still to be read.

        Args:
            method: such as "GET".
            url: whole address.
            expected: statuses that are no failure.
            headers: of the request.
            body: of the request.
            scopes: what to be allowed; default: the session's own.
            stay: answer with a redirect, rather than follow it, when it leads to another host.

        Raises:
            MlpackError: what the registry's refusal means, or that there was no answer; also
                while the body is read.
        """
        with self.in_our_words():
            for _ in range(3):  # nobody asked yet; the token is too old; it really is not enough
                response, again = self._send(method, url, headers or {}, body, scopes, stay=stay)
                if not again:
                    break
                with released(response):
                    pass
            with released(response):
                if response.status not in expected:
                    raise self.refused(response)
                yield response

    def send_once(
        self, method: str, url: str, *, headers: Mapping[str, str], body: Body
    ) -> urllib3.BaseHTTPResponse:
        """Ask once, whatever comes; for bodies that cannot simply be sent again.

        A refusal for want of a token is taken in, so that the next try has one.

        Raises:
            HTTPError: there was no answer.
        """
        response, _ = self._send(method, url, headers, body, None, once=True)
        return response

    def refused(self, response: urllib3.BaseHTTPResponse) -> MlpackError:
        """The error that an answer means."""
        authority = self._authority
        error = refusal(self.reference, self.doing, response, authority.secrets, authority.known)
        error.http_status = response.status
        return error

    @contextmanager
    def in_our_words(self, origin: Origin | None = None) -> Iterator[None]:
        """Failures of the connection as errors that say what to do."""
        try:
            yield
        except HTTPError as error:
            raise failure(origin or self.origin, error) from None

    def close(self) -> None:
        """All connections."""
        self._connections.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Body,
        scopes: Scopes | None,
        *,
        once: bool = False,
        stay: bool = False,
    ) -> tuple[urllib3.BaseHTTPResponse, bool]:
        """The answer, and whether another try would come with another login."""
        scopes = scopes or self.scopes
        for _ in range(_MOST_STEPS):
            own = Origin.of(url) == self.origin
            shown = self._authority.header(scopes) if own else None
            told = {**headers, "Authorization": shown} if shown else headers
            with nullcontext() if once else self.in_our_words(Origin.of(url)):
                response = self._connections.send(method, url, body=body, headers=told, once=once)
            try:
                if response.status == 401 and own:
                    asked = response.headers.getlist("WWW-Authenticate")
                    return response, self._authority.learn(self.origin, asked, scopes, shown)
                same = method in ("GET", "HEAD") or response.status in (307, 308)
                if response.status not in _REDIRECTS or not same or once:
                    return response, False
                following = next_address(self.origin, url, response.headers.get("Location"))
                if stay and Origin.of(following) != self.origin:
                    return response, False
            except MlpackError:
                response.close()
                raise
            with released(response):
                url = following
        raise RegistryFailed(f"{self.origin} redirects in circles.")

    def _find_origin(self) -> Origin:
        """Registries that may do without TLS are asked whether they do; others may not."""
        host = self.reference.host
        secure = origin_of_registry("https", host)
        if not may_be_plain(self.reference.registry) or is_tls_set_up(secure):
            return secure
        plain = origin_of_registry("http", host)
        try:
            response = self._connections.send("GET", f"{plain}/v2/", headers={}, once=True)
            with released(response):
                refused = response.status == 400  # what servers of https say to http
        except HTTPError as error:
            if not isinstance(reason_of(error), ProtocolError | ReadTimeoutError):
                raise failure(plain, error) from None
            refused = True
        return secure if refused and self._speaks_tls(secure) else plain

    def _speaks_tls(self, secure: Origin) -> bool:
        try:
            with released(self._connections.send("GET", f"{secure}/v2/", headers={}, once=True)):
                return True
        except HTTPError as error:
            return is_distrust(error)  # so that the user is told of the certificate
