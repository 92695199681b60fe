"""Clients that ask all the time, for tests of what must go unnoticed."""

from __future__ import annotations

import http.client
import socket
import threading
from collections import Counter
from typing import Any
from urllib.parse import urlsplit


class Load:
    """Asks until the block ends: some clients keep their connections, some open one a request.

    A client that keeps its connection opens another when it was told ``Connection: close``, as
    HTTP says, and for no other reason.

    Args:
        url: of the server.
        body: of each request.
        keeping: clients that keep their connections.
        opening: clients that open one a request.
        pause: seconds between two requests of one client; some leave the machine for what is
            tested.

    Attributes:
        answers: how often each body was answered.
        failures: what went wrong, in words.
    """

    def __init__(
        self, url: str, body: bytes, *, keeping: int = 3, opening: int = 3, pause: float = 0
    ) -> None:
        parts = urlsplit(url)
        self.address = (parts.hostname or "", parts.port or 80)
        self.body = body
        self.pause = pause
        self.answers: Counter[bytes] = Counter()
        self.failures: list[str] = []
        self.connections = 0
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(keeps,), daemon=True)
            for keeps in [True] * keeping + [False] * opening
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(60)

    def wait_for(self, more: int, body: bytes | None = None, timeout: float = 60) -> None:
        """Until that many more were answered, of one body or of any."""
        target = self._count(body) + more
        for _ in range(int(timeout / 0.02)):
            if self._count(body) >= target:
                return
            self._ended.wait(0.02)
        raise AssertionError(f"no {more} more answers in {timeout} s: {self.answers}")

    def _count(self, body: bytes | None) -> int:
        with self._lock:
            return self.answers[body] if body is not None else self.answers.total()

    def _ask(self, keeps: bool) -> None:
        connection: Any = None
        headers = {"Content-Type": "application/json"} | ({} if keeps else {"Connection": "close"})
        while not self._ended.wait(self.pause):
            try:
                if connection is None:
                    connection = http.client.HTTPConnection(*self.address, timeout=60)
                    connection.connect()
                    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.connections += 1
                connection.request("POST", "/invocations", self.body, headers)
                response = connection.getresponse()
                answer = response.read()
            except (OSError, http.client.HTTPException) as error:
                self._note(None, f"{'kept' if keeps else 'new'}: {error!r}")
                connection = None
                continue
            self._note(answer if response.status == 200 else None, f"{response.status} {answer!r}")
            if response.will_close:
                connection.close()
                connection = None

    def _note(self, answer: bytes | None, failure: str) -> None:
        with self._lock:
            if answer is None:
                self.failures.append(failure)
            else:
                self.answers[answer] += 1
