"""gunicorn's threaded worker with the three things that a scoring server needs beside it.

A time limit for each request (gunicorn's own `timeout` only notices a worker whose main loop
stands still), answers in JSON to requests too broken to reach the app, and a stop that does not
wait for idle connections.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import socket
import threading
import time
from typing import Any

from gunicorn import util
from gunicorn.workers import gthread

from ..errors import DeadlineExceeded

# How long a new connection may hold a thread without sending anything; then it waits outside.
gthread.DEFAULT_WORKER_DATA_TIMEOUT = 0.5
# How long an idle connection may hold up the stop, in case its next request is on its way.
_LINGER = 0.2


class Deadlines:
    """Requests in flight and when each is due. Threads enter and leave, the main loop expires.

    Args:
        limit: seconds that a request may take; 0 for no limit.
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.stuck = 0
        self._lock = threading.Lock()
        self._due: dict[int, tuple[float, socket.socket]] = {}

    def enter(self, sock: socket.socket) -> None:
        """The calling thread begins a request."""
        with self._lock:
            self._due[threading.get_ident()] = (time.monotonic() + self.limit, sock)

    def leave(self) -> bool:
        """The calling thread has its answer. False: too late, the client has another one."""
        with self._lock:
            if self._due.pop(threading.get_ident(), None) is not None:
                return True
            self.stuck -= 1
            return False

    def expire(self) -> list[socket.socket]:
        """Take out the requests that are overdue; their threads go on, but nobody listens."""
        if not self.limit or not self._due:
            return []
        now = time.monotonic()
        with self._lock:
            late = [thread for thread, (due, _) in self._due.items() if due <= now]
            self.stuck += len(late)
            return [self._due.pop(thread)[1] for thread in late]


class ScoringWorker(gthread.ThreadWorker):  # type: ignore[misc]
    """One process of the server; see the module for what it adds."""

    wsgi: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # shared with the parent, which has to know whether a dead worker had ever come up
        self.booted_flag = mmap.mmap(-1, 1)
        self.deadlines = Deadlines(0)

    def init_process(self) -> None:
        self.deadlines = Deadlines(self.app.settings.timeout)
        util.write_error = write_error
        super().init_process()

    def load_wsgi(self) -> None:
        super().load_wsgi()
        app = self.wsgi
        deadlines = self.deadlines

        def within_deadline(environ: dict[str, Any], start_response: Any) -> Any:
            deadlines.enter(environ["gunicorn.socket"])
            answer: Any = None
            try:
                answer = app(environ, start_response)
            finally:
                if not deadlines.leave():
                    if hasattr(answer, "close"):
                        answer.close()
                    raise StopIteration  # gunicorn closes the connection without a word
            return answer

        self.wsgi = within_deadline

    def run(self) -> None:
        self.booted_flag[0] = 1
        super().run()

    def handle(self, conn: gthread.TConn) -> Any:
        """Serve one request; a connection that ends is closed here, not in the main loop.

        A polite close waits for the client's own, up to two seconds, and the main loop must
        not be the one that waits.
        """
        keep = super().handle(conn)
        if keep and not (keep is gthread._DEFER and not self.alive):
            return keep
        util.close_graceful(conn.sock, timeout=2.0 if self.alive else _LINGER)
        conn.close = _already_closed
        return False

    def notify(self) -> None:
        """Called by the main loop at least once a second."""
        for sock in self.deadlines.expire():
            error = DeadlineExceeded(
                f"There was no answer within {self.deadlines.limit:g} seconds."
            )
            self.log.error(error.message)
            write_json(sock, error.http_status, "Gateway Timeout", error.to_dict())
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        if self.deadlines.stuck >= self.cfg.threads:
            # nothing else runs in this process: let the parent start a fresh one at once
            self.log.error("All threads of worker %s are stuck; replacing it.", self.pid)
            os._exit(1)
        super().notify()

    def _cap_keepalive(self, deadline: float) -> None:
        """While stopping, close idle connections soon: also those that never sent a byte."""
        soon = min(deadline, time.monotonic() + _LINGER)
        for conn in (*self.keepalived_conns, *self.pending_conns):
            conn.timeout = min(conn.timeout, soon)


def _already_closed(graceful: bool = False) -> None:
    """Stands in for `TConn.close` after `handle` closed the socket itself."""


def write_error(sock: socket.socket, status: int, reason: str, message: str) -> None:
    """What gunicorn sends when a request cannot be parsed, as JSON instead of HTML."""
    code = "BAD_REQUEST" if status < 500 else "INTERNAL_ERROR"
    write_json(sock, status, reason, {"error_code": code, "message": message or reason})


def write_json(sock: socket.socket, status: int, reason: str, content: dict[str, str]) -> None:
    """A whole response, past the app; a client that is gone does not matter."""
    body = json.dumps(content).encode("ascii")
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with contextlib.suppress(OSError):
        util.write_nonblock(sock, head.encode("latin-1") + body)
