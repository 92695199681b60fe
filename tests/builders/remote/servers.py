"""Real registries on free ports of the loopback, and a proxy that does what a test wants."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from mlpack.tests.ports import free_port

_PATIENCE = 60


@dataclass
class Registry:
    """A running registry.

    Attributes:
        host: host and port.
        folder: of its configuration, log and storage.
    """

    host: str
    folder: Path

    @property
    def log(self) -> str:
        """All that it wrote."""
        return (self.folder / "log.txt").read_text()


@contextmanager
def registry(
    folder: Path,
    *,
    auth: Mapping[str, Any] | None = None,
    tls: Mapping[str, str] | None = None,
    storage: Mapping[str, Any] | None = None,
) -> Iterator[Registry]:
    """Debian's docker-registry.

    Args:
        folder: where it works; kept.
        auth: its setting ``auth``.
        tls: its setting ``http.tls``.
        storage: in addition to the folder.
    """
    program = shutil.which("docker-registry")
    assert program, "Install Debian's docker-registry."
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    settings = {
        "version": 0.1,
        "log": {"level": "info", "accesslog": {"disabled": False}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "store")}, **(storage or {})},
        "http": {"addr": f"127.0.0.1:{port}", **({"tls": dict(tls)} if tls else {})},
        **({"auth": dict(auth)} if auth else {}),
    }
    config = folder / "config.yml"
    config.write_text(json.dumps(settings))  # YAML, too
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen([program, "serve", str(config)], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + _PATIENCE
        while not _listens(port):
            assert process.poll() is None and time.monotonic() < deadline, (
                folder / "log.txt"
            ).read_text()
            time.sleep(0.02)
        yield Registry(f"127.0.0.1:{port}", folder)
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False


@dataclass
class Asked:
    """A request that reached a server of the tests."""

    method: str
    path: str
    headers: http.client.HTTPMessage
    body: bytes = b""

    def __str__(self) -> str:
        return f"{self.method} {self.path.partition('?')[0]}"


@dataclass
class Answer:
    """What it answers; the status 0 closes the connection without a word."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: int | None = None  # close the connection after so many bytes of the body


@dataclass
class Server:
    """A server of the tests.

    Attributes:
        host: host and port.
        asked: what came, in order.
    """

    host: str
    asked: list[Asked] = field(default_factory=list)

    def lines(self, *methods: str) -> list[str]:
        """Requests by method; none named is all of them."""
        return [str(each) for each in self.asked if not methods or each.method in methods]

    def count(self, method: str, part: str = "") -> int:
        """Requests of a method with some text in the path."""
        return sum(each.method == method and part in each.path for each in self.asked)


Handle = Callable[[Asked], Answer]


@contextmanager
def serving(handle: Handle, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server that answers as a function says, several requests at once."""
    with _listening(lambda handler: _answer(handler, handle), tls) as server:
        yield server


@contextmanager
def proxy(
    registry: Registry,
    intercept: Callable[[Asked], Answer | None] = lambda _: None,
    cut_upload: Callable[[Asked], int | None] = lambda _: None,
    cut_download: Callable[[Asked], int | None] = lambda _: None,
) -> Iterator[Server]:
    """In front of a registry.

    Args:
        registry: behind it.
        intercept: answers in its place, if it answers.
        cut_upload: after how many bytes of the request's body the connections break, both.
        cut_download: after how many bytes of the answer's body the client's breaks.
    """

    def forward(handler: _Handler) -> None:
        asked = handler.asked
        if answer := intercept(asked):
            handler.read_body()
            return handler.answer(answer)
        behind = http.client.HTTPConnection(registry.host, timeout=_PATIENCE)
        behind.putrequest(asked.method, asked.path, skip_accept_encoding=True, skip_host=True)
        for name, value in asked.headers.items():
            if name.lower() != "connection":
                behind.putheader(name, value)
        behind.endheaders()
        left, most = int(asked.headers.get("Content-Length") or 0), cut_upload(asked)
        passed = 0
        while left:
            room = min(left, 65536) if most is None else min(left, 65536, most - passed)
            if room <= 0:
                behind.close()
                return handler.hang_up()
            piece = handler.rfile.read(room)
            behind.send(piece)
            passed, left = passed + len(piece), left - len(piece)
        response = behind.getresponse()
        body = response.read()
        headers = {name: value for name, value in response.getheaders() if name != "Date"}
        if asked.method == "HEAD":
            body = b""
        handler.answer(Answer(response.status, headers, body, cut_download(asked)))
        behind.close()
        return None

    with _listening(forward) as server:
        yield server


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # headers and body in one packet, else the client waits for the second
    asked: Asked
    run: Callable[[_Handler], None]
    seen: list[Asked]

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        self.asked = Asked(self.command, self.path, self.headers)
        self.seen.append(self.asked)
        type(self).run(self)

    def read_body(self) -> None:
        self.asked.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, answer: Answer) -> None:
        if not answer.status:
            return self.hang_up()
        self.send_response_only(answer.status)
        headers = {"Content-Length": str(len(answer.body)), **answer.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        with suppress(OSError):  # the client has had enough
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body[: answer.cut])
            self.wfile.flush()
        if answer.cut is not None:
            self.hang_up()
        return None

    def hang_up(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients hang up as they like."""


def _answer(handler: _Handler, handle: Handle) -> None:
    handler.read_body()
    handler.answer(handle(handler.asked))


@contextmanager
def _listening(
    run: Callable[[_Handler], None], tls: ssl.SSLContext | None = None
) -> Iterator[Server]:
    seen: list[Asked] = []
    kind = type("Handler", (_Handler,), {"run": staticmethod(run), "seen": seen})
    server = _Quiet(("127.0.0.1", 0), kind)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield Server(f"127.0.0.1:{server.server_port}", seen)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
