"""The port that a cloud listens on: TLS, faults on purpose, and the way to its registry."""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mlpack.tests.deploy.azureml.workspace import Problem

ACR_USER = "00000000-0000-0000-0000-000000000000"


@dataclass
class Fault:
    """What goes wrong with requests that fit.

    Attributes:
        method: of them.
        path: a regular expression that is found in their path.
        times: how many.
        status: of the answer; 0 closes the connection without one.
        code: ARM's word for it.
        message: in the answer.
        headers: of the answer.
    """

    method: str
    path: str
    times: int = 1
    status: int = 0
    code: str = "InternalError"
    message: str = "injected"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Ask:
    body: bytes
    headers: Any

    @property
    def bearer(self) -> str:
        return str(self.headers.get("Authorization", "")).removeprefix("Bearer ")

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


SOON = {"retry-after-ms": "60"}


def error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def handler(cloud: Any, context: ssl.SSLContext) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 120

        def setup(self) -> None:
            self.plain = self.request.recv(1, socket.MSG_PEEK) != b"\x16"
            if not self.plain:
                self.request = context.wrap_socket(self.request, server_side=True)
            super().setup()

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def _handle(self) -> None:
            parts = urlsplit(self.path)
            if self.plain:
                self._send(Answer(400, b"The plain HTTP request was sent to HTTPS port"))
                return
            if parts.path.startswith("/v2/"):
                self._registry()
                return
            ask = Ask(b"".join(self._content()), self.headers)
            query = {key: each[0] for key, each in parse_qs(parts.query).items()}
            cloud.calls.append((self.command, parts.path))
            fault = _fault(cloud, self.command, parts.path)
            if fault and not fault.status:
                self.close_connection = True
                self.connection.close()
                return
            if fault:
                told = error(fault.code, fault.message)
                self._send(Answer(fault.status, told, fault.headers))
                return
            try:
                self._send(cloud.answer(self.command, parts.path, query, ask))
            except Problem as problem:
                self._send(Answer(problem.status, error(problem.code, problem.message)))

        do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = do_HEAD = _handle

        def _send(self, answer: Answer) -> None:
            body = answer.body
            if body is None:
                body = b""
            elif not isinstance(body, bytes):
                body = json.dumps(body).encode()
            self.send_response(answer.status)
            for key, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def _content(self) -> Iterator[bytes]:
            if "chunked" in self.headers.get("Transfer-Encoding", ""):
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    yield self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return
            left = int(self.headers.get("Content-Length", 0))
            while left:
                piece = self.rfile.read(min(left, 1 << 20))
                left -= len(piece)
                yield piece

        def _registry(self) -> None:
            """The registry behind the login that an exchange gave."""
            given = self.headers.get("Authorization", "").removeprefix("Basic ")
            user, _, password = base64.b64decode(given + "==").decode().partition(":")
            if user != ACR_USER or password not in cloud.acr_tokens:
                for _ in self._content():
                    pass
                challenge = {"WWW-Authenticate": f'Basic realm="{cloud.login_server}"'}
                self._send(Answer(401, {"errors": [{"code": "UNAUTHORIZED"}]}, challenge))
                return
            behind = http.client.HTTPConnection("127.0.0.1", cloud.registry_port, timeout=120)
            passed = {k: v for k, v in self.headers.items() if k.lower() not in _HOP}
            passed["X-Forwarded-Proto"] = "https"
            passed["Accept"] = ", ".join(self.headers.get_all("Accept", ["*/*"]))
            chunked = "Content-Length" not in self.headers
            body = self._content() if chunked or int(self.headers["Content-Length"]) else None
            behind.request(
                self.command, self.path, body, passed, encode_chunked=chunked and body is not None
            )
            answer = behind.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for key, value in answer.getheaders():
                if key.lower() not in (*_HOP, "content-length"):
                    self.send_header(key, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else None
            self.send_header("Content-Length", length or str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)
            behind.close()

    return Handler


_HOP = ("connection", "transfer-encoding", "authorization", "keep-alive")


def _fault(cloud: Any, method: str, path: str) -> Fault | None:
    for each in cloud.faults:
        if each.times and each.method == method and re.search(each.path, path):
            each.times -= 1
            return each
    return None
