"""A token server for a real registry, as https://distribution.github.io/distribution/spec/auth/."""

from __future__ import annotations

import json
import time
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import trustme
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.x509 import load_pem_x509_certificate

from mlpack.tests.builders.remote.servers import Answer, Asked, Server, serving

USER, PASSWORD = "anna", "secret: of anna/ü"
IDENTITY = "identity-token-of-anna"
SERVICE, ISSUER = "registry of the tests", "issuer of the tests"


@dataclass
class TokenServer:
    """What it gives, and to whom.

    Attributes:
        ca: that the registry trusts.
        lives: seconds that a token says it lives.
        age: seconds by which a token is older than it should be.
        may: the actions that a user (None: nobody in particular) may take in a repository.
        server: it, while it runs.
        given: scopes of each token that was given.
    """

    ca: trustme.CA
    lives: int = 300
    age: int = 0
    may: Callable[[str | None, str], set[str]] = lambda user, _: {"pull", "push"} if user else set()
    server: Server = field(default_factory=lambda: Server(""))
    given: list[list[str]] = field(default_factory=list)

    @property
    def realm(self) -> str:
        """Its address."""
        return f"http://{self.server.host}/token?tests=yes"

    def settings(self, folder: Path) -> dict[str, Any]:
        """``auth`` of the registry."""
        bundle = folder / "tokens-root.pem"
        self.ca.cert_pem.write_to_path(str(bundle))
        names = {"realm": self.realm, "service": SERVICE, "issuer": ISSUER}
        return {"token": {**names, "rootcertbundle": str(bundle)}}

    def answer(self, asked: Asked) -> Answer:
        """A token, or a refusal."""
        fields = parse_qs(urlsplit(asked.path).query)
        user = None
        if asked.method == "POST":
            fields |= parse_qs(asked.body.decode())
            if fields.get("refresh_token") != [IDENTITY] or not fields.get("client_id"):
                return _refused("invalid_grant")
            user = USER
        elif shown := asked.headers.get("Authorization"):
            name, _, password = b64decode(shown.removeprefix("Basic ")).decode().partition(":")
            if (name, password) != (USER, PASSWORD):
                return _refused(f"not {name}:{password}")  # a server that talks too much
            user = name
        assert fields["service"] == [SERVICE] and fields["tests"] == ["yes"]
        scopes = [each for text in fields.get("scope", []) for each in text.split()]
        self.given.append(scopes)
        access = []
        for scope in scopes:
            kind, name, actions = scope.split(":")
            allowed = sorted(set(actions.split(",")) & self.may(user, name))
            access.append({"type": kind, "name": name, "actions": allowed})
        name = "access_token" if asked.method == "POST" else "token"
        body = {name: self._signed(user or "", access), "expires_in": self.lives}
        return Answer(200, {"Content-Type": "application/json"}, json.dumps(body).encode())

    def _signed(self, user: str, access: list[dict[str, Any]]) -> str:
        leaf = self.ca.issue_cert("tokens.example", key_type=trustme.KeyType.RSA)
        certificate = load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes())
        key = serialization.load_pem_private_key(leaf.private_key_pem.bytes(), None)
        chain = b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
        now = int(time.time()) - self.age
        claims = {"iss": ISSUER, "sub": user, "aud": SERVICE, "access": access, "jti": str(now)}
        claims |= {"exp": now + 300, "nbf": now - 60, "iat": now}
        text = f"{_part({'typ': 'JWT', 'alg': 'RS256', 'x5c': [chain]})}.{_part(claims)}"
        signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())  # type: ignore
        return f"{text}.{_encoded(signature)}"


@contextmanager
def token_server(ca: trustme.CA) -> Iterator[TokenServer]:
    """One that runs."""
    tokens = TokenServer(ca)
    with serving(lambda asked: tokens.answer(asked)) as server:
        tokens.server = server
        yield tokens


def _refused(text: str) -> Answer:
    body = {"errors": [{"code": "UNAUTHORIZED", "message": text}]}
    return Answer(401, {"Content-Type": "application/json"}, json.dumps(body).encode())


def _part(value: dict[str, Any]) -> str:
    return _encoded(json.dumps(value).encode())


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
