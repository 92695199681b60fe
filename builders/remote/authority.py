"""Saying who we are: Basic, or a token of the registry's token server.

Protocol: https://distribution.github.io/distribution/spec/auth/token/ and …/auth/oauth/.
"""

from __future__ import annotations

import json
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from urllib3.exceptions import HTTPError

from ...errors import RegistryFailed
from .addresses import Origin, check_realm
from .challenge import Challenge, challenges
from .connections import Connections, read_short, released
from .credentials import Login
from .reference import Reference
from .refusals import failure, refusal

Scopes = frozenset[str]

_MAX_ANSWER = 1 << 20
_LIFETIME = 60.0  # of a token that does not say, as the protocol has it


class Authority:
    """Who we are at one registry. Safe to share between threads.

    Args:
        reference: what it is about, for messages.
        login: asked for a login, once and only when the registry wants to know.
        connections: for the token server.
    """

    def __init__(
        self, reference: Reference, login: Callable[[], Login | None], connections: Connections
    ) -> None:
        self._reference = reference
        self._find_login = login
        self._connections = connections
        self._lock = threading.RLock()
        self._login: Login | None = None
        self._asked = False
        self._challenge: Challenge | None = None
        self._realm: Origin | None = None
        self._tokens: dict[Scopes, tuple[str, float]] = {}

    @property
    def known(self) -> bool:
        """Whether there is a login, and the registry wanted it."""
        return self._login is not None

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may hold."""
        own = self._login.secrets if self._login else ()
        return (*own, *(token for token, _ in tuple(self._tokens.values())))

    def header(self, scopes: Scopes) -> str | None:
        """``Authorization``; None as long as nobody has asked.

        Raises:
            RegistryFailed: the token server gives no token.
        """
        with self._lock:
            if self._challenge is None:
                return None
            if self._challenge.scheme == "basic":
                return self._basic()
            token, until = self._tokens.get(scopes, ("", 0.0))
            if time.monotonic() >= until:
                token, until = self._new_token(scopes)
                self._tokens[scopes] = token, until
            return f"Bearer {token}"

    def learn(
        self, origin: Origin, headers: Iterable[str], scopes: Scopes, sent: str | None
    ) -> bool:
        """Take in a refusal (401); True when it makes sense to ask again.

        Args:
            origin: of the registry.
            headers: the values of ``WWW-Authenticate``.
            scopes: that were needed.
            sent: the ``Authorization`` that was refused.

        Raises:
            RegistryFailed: the registry wants something that must not be.
        """
        found = {each.scheme: each for each in reversed(challenges(headers))}
        challenge = found.get("bearer") or found.get("basic")
        if challenge is None:
            return False
        with self._lock:
            if challenge.scheme == "bearer":
                self._realm = check_realm(origin, challenge.parameters.get("realm", ""))
            self._challenge = challenge
            if challenge.scheme == "basic":
                return self._basic() not in (None, sent)
            if sent == f"Bearer {self._tokens.get(scopes, ('', 0))[0]}":
                del self._tokens[scopes]
            return True

    def _basic(self) -> str | None:
        login = self._known_login()
        if login is None or not login.username:
            return None
        pair = f"{login.username}:{login.password}".encode()
        return "Basic " + b64encode(pair).decode()

    def _known_login(self) -> Login | None:
        if not self._asked:
            self._login, self._asked = self._find_login(), True
        return self._login

    def _new_token(self, scopes: Scopes) -> tuple[str, float]:
        assert self._challenge is not None and self._realm is not None
        asked = dict(self._challenge.parameters)
        login = self._known_login()
        wanted = sorted(scopes) or [asked.get("scope", "")]
        fields = [("service", asked["service"])] if asked.get("service") else []
        if login is not None and login.identity_token:
            fields += [("grant_type", "refresh_token"), ("refresh_token", login.identity_token)]
            fields += [("client_id", "mlpack"), ("scope", " ".join(wanted))]
            answer = self._ask("POST", asked["realm"], fields, {})
        else:
            fields += [("scope", each) for each in wanted if each]
            basic = self._basic()
            headers = {"Authorization": basic} if basic else {}
            answer = self._ask("GET", asked["realm"], fields, headers)
        token = answer.get("token") or answer.get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            name = self._reference.registry
            raise RegistryFailed(f"{self._realm}, the token server of {name}, gives no token.")
        seconds = answer.get("expires_in")
        lives = float(seconds) if isinstance(seconds, int) and seconds > 0 else _LIFETIME
        # a token is good for a whole upload that begins in time; registries check at its start
        return token, time.monotonic() + max(lives - 15, lives / 2)

    def _ask(
        self, method: str, realm: str, fields: list[tuple[str, str]], headers: Mapping[str, str]
    ) -> dict[str, Any]:
        assert self._realm is not None
        parts = urlsplit(realm)
        query, body = parse_qsl(parts.query), None
        if method == "POST":
            body = urlencode(fields).encode()
            headers = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
        else:
            query += fields
        url = urlunsplit((parts.scheme, parts.netloc, parts.path or "/", urlencode(query), ""))
        try:
            response = self._connections.send(method, url, body=body, headers=headers, once=False)
            with released(response):
                if response.status != 200:
                    doing = "push" if any("push" in value for _, value in fields) else "pull"
                    raise refusal(self._reference, doing, response, self.secrets, self.known)
                answer = json.loads(read_short(response, _MAX_ANSWER))
        except HTTPError as error:
            raise failure(self._realm, error) from None
        except (ValueError, RecursionError):
            answer = None
        return answer if isinstance(answer, dict) else {}
