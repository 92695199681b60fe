"""The requests that a worker's threads are busy with: how far each is, and when it is overdue.

    receiving head -> receiving body -> working -> sending

Threads report where they are, the main loop looks for the overdue. A thread that waits for its
client is freed by shutting the connection; one that is inside the model cannot be, so its client
is answered in its stead and the thread counts as stuck until the model returns.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ..errors import DeadlineExceeded

# A client has this long to send a request's first line and headers.
HEAD_SECONDS = 10.0


class Phase(Enum):
    """How far a request is."""

    HEAD = "head"
    BODY = "body"
    WORK = "work"
    SEND = "send"


@dataclass
class _Request:
    connection: Any  # a socket, or what has one as `sock`; TLS puts another in its place
    phase: Phase
    due: float
    arrived: float

    @property
    def sock(self) -> socket.socket:
        """The socket as it is now."""
        found: socket.socket = getattr(self.connection, "sock", self.connection)
        return found


class InFlight:
    """All requests of one worker, one a thread.

    Args:
        limit: seconds that a request may take from its headers to its answer; 0: no limit.
        clock: for tests.
        patience: where there is no limit, seconds that a client may take for its body, or for
            each piece of one that the application reads in pieces; 0: no limit either.

    Attributes:
        stuck: threads whose request was given up while the model was at work.
    """

    def __init__(
        self, limit: float, clock: Callable[[], float] = time.monotonic, patience: float = 0
    ) -> None:
        self.limit = limit
        self.patience = patience
        self.stuck = 0
        self._clock = clock
        self._lock = threading.Lock()
        self._requests: dict[int, _Request] = {}

    def begin(self, connection: Any, arrived: float | None = None) -> None:
        """The calling thread turns to a connection.

        Args:
            connection: a socket, or what has it as ``sock``.
            arrived: when its request came, if that was earlier: the limit counts from then.
        """
        now = self._clock()
        request = _Request(
            connection, Phase.HEAD, now + HEAD_SECONDS, now if arrived is None else arrived
        )
        with self._lock:
            self._requests[threading.get_ident()] = request

    def enter(self, phase: Phase) -> bool:
        """The calling thread's request reaches a phase.

        Returns:
            False if it was given up: somebody else has answered, or the connection is shut.
        """
        with self._lock:
            request = self._requests.get(threading.get_ident())
            if request is None:
                return False
            if self.limit and phase is not Phase.SEND:  # waiting, body and work together
                request.due = request.arrived + self.limit
            else:
                seconds = self.limit or (self.patience if phase is Phase.BODY else 0)
                request.due = self._clock() + seconds if seconds else float("inf")
            request.phase = phase
            return True

    def given_up(self) -> bool:
        """Whether somebody else has answered the calling thread's request."""
        return threading.get_ident() not in self._requests

    def end(self) -> None:
        """The calling thread is done with its connection."""
        with self._lock:
            if self._requests.pop(threading.get_ident(), None) is None:
                self.stuck = max(0, self.stuck - 1)

    def expire(self) -> list[str]:
        """Give up the requests that are overdue.

        Returns:
            A line for the log for each that was given up while the model was at work.
        """
        if not self._requests:
            return []
        now = self._clock()
        lines = []
        with self._lock:
            for thread, request in list(self._requests.items()):
                if request.due <= now:
                    if request.phase is Phase.WORK:
                        lines.append(self._timeout().message)
                        self.stuck += 1
                        del self._requests[thread]
                    self._give_up(request)
        return lines

    def cut_heads(self) -> None:
        """Shut connections whose request has not fully begun: the server is stopping."""
        with self._lock:
            for request in self._requests.values():
                if request.phase is Phase.HEAD:
                    _shut(request.sock)

    def _give_up(self, request: _Request) -> None:
        if request.phase is Phase.WORK:
            write_json(request.sock, 504, "Gateway Timeout", self._timeout().to_dict())
        # TLS: its thread is using it
        elif request.phase is not Phase.SEND and not isinstance(request.sock, ssl.SSLSocket):
            tell_slow(request.sock)
        request.due = float("inf")
        _shut(request.sock)

    def _timeout(self) -> DeadlineExceeded:
        return DeadlineExceeded(f"There was no answer within the limit of {self.limit:g} s.")


def tell_slow(sock: socket.socket) -> None:
    """The answer to a request that takes too long to come."""
    content = {"error_code": "BAD_REQUEST", "message": "The request came too slowly."}
    write_json(sock, 408, "Request Timeout", content)


def write_json(sock: socket.socket, status: int, reason: str, content: dict[str, str]) -> None:
    """A whole response, past the app; a client that is gone or does not read does not matter."""
    body = json.dumps(content).encode("ascii")
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
        "X-Content-Type-Options: nosniff\r\n\r\n"
    )
    with contextlib.suppress(OSError, ValueError):  # ValueError: TLS that has ended already
        if isinstance(sock, ssl.SSLSocket):
            sock.setblocking(False)
            sock.send(head.encode("latin-1") + body)
        else:
            sock.send(head.encode("latin-1") + body, socket.MSG_DONTWAIT)


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        # TLS's own would take the session away from the thread that is using it
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
