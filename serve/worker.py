"""gunicorn's threaded worker with what a server needs beside it.

A time limit for each request (gunicorn's own `timeout` only notices a worker whose main loop
stands still), clients that are slow or never close kept from holding threads, a bound on the
requests that wait, answers in JSON to requests too broken to reach the app, and a stop that does
not wait for idle connections.
"""

from __future__ import annotations

import errno
import os
import queue
import select
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from gunicorn import util
from gunicorn.http import wsgi
from gunicorn.workers import gthread

from ..errors import Busy
from . import arrival, one_packet
from .accepting import Accepting
from .closer import Closer
from .in_flight import InFlight, Phase, tell_slow, write_json

# How long the rest of a body that nobody read may take to come, so that a next request can follow.
gthread.DEFAULT_WORKER_DATA_TIMEOUT = 0.5
# Threads for what is answered at once (health checks, refusals), and how many may wait for them.
_ASIDE = 4
_MOST_ASIDE = 1000
# How long a client may take between two calls and keep its thread, in milliseconds.
_PAUSE = 2
# How long an idle connection stays, in case its next request is on its way: while stopping, and
# in a worker that is only being replaced, whose clients have no reason to expect an end.
_LINGER = 0.2
_LINGER_REPLACED = 2.0


class ThreadedWorker(gthread.ThreadWorker):  # type: ignore[misc]
    """One process of the server; see the module for what it adds."""

    wsgi: Any
    in_flight: InFlight
    alive: bool
    closer: Closer
    accepting: Accepting
    warm = False
    stopping = False  # for good, not to be replaced
    early_signals: queue.SimpleQueue[int]  # the parent's, as copied by the fork

    def init_process(self) -> None:
        """In the new process: threads do not survive a fork, so ours start here."""
        self.aside = ThreadPoolExecutor(_ASIDE, "aside")
        self.current = threading.local()  # what a thread knows of the connection that it serves
        self.in_flight = InFlight(self.app.request_timeout, patience=self.app.patience)
        self.closer = Closer()
        self.arriving: dict[gthread.TConn, float] = {}  # until when, the oldest first
        self.taken = 0  # requests that the pool has or that wait for it; the main loop's own count
        util.write_error = self.write_error
        wsgi.Response = one_packet.Response
        super().init_process()

    def init_signals(self) -> None:
        """Obey a stop that came between the fork and our own handlers.

        Until here the parent's handlers were in force, which only put signals in a queue that
        in this process nobody reads.
        """
        super().init_signals()
        while not self.early_signals.empty():
            if self.early_signals.get() in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
                self.handle_exit(signal.SIGTERM, None)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Told to stop: health checks shall say so as long as anybody can ask."""
        if self.alive:
            self.stopping = True
            if not self.app.is_replaced:
                self.app.lifecycle.drain()
        super().handle_exit(sig, frame)

    def load_wsgi(self) -> None:
        super().load_wsgi()
        app = self.wsgi
        enter, patience, limit = self.in_flight.enter, self.app.patience, self.in_flight.limit
        current, given_up = self.current, self.in_flight.given_up

        def watched(environ: dict[str, Any], start_response: Any) -> Any:
            environ["mlpack.arrived"] = current.arrived
            environ["mlpack.overloaded"] = current.refused
            environ["mlpack.given_up"] = given_up
            if limit:
                environ["mlpack.deadline"] = current.arrived + limit
            environ["mlpack.sending"] = lambda: enter(Phase.SEND)
            environ["mlpack.receiving"] = lambda: enter(Phase.BODY)
            environ["mlpack.received"] = lambda: enter(Phase.WORK)
            enter(Phase.BODY)
            if patience:  # for each thing that is sent or received; gunicorn takes it back
                environ["gunicorn.socket"].settimeout(patience)
                if not _has_body(environ):
                    enter(Phase.WORK)
            answer = app(environ, start_response)
            if not enter(Phase.SEND):
                getattr(answer, "close", _already_closed)()
                raise StopIteration  # gunicorn ends the connection without a word
            return answer

        self.wsgi = watched

    def accept(self, listener: Any) -> bool:
        """Take a new connection; one that is silent so far waits outside, not in a thread.

        Returns:
            whether there was one.
        """
        if self._accepting and not self.warm and self.accepting.others_take():
            self.set_accept_enabled(False)
            return False
        self.accepting.leave_it_to_others()
        try:
            sock, address = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._make_room()
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED):
                raise
            return False
        self.nr_conns += 1
        if self.nr_conns >= self.worker_connections:
            self._make_room()
        conn = gthread.TConn(self.cfg, sock, address, listener.getsockname())
        if _is_readable(sock, 0):
            conn.data_ready = True
            self.enqueue_req(conn)
        else:
            conn.set_timeout()
            self.pending_conns.append(conn)
            self.poller.register(
                sock, gthread.selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn)
            )
        return True

    def set_accept_enabled(self, enabled: bool) -> None:
        """Cold workers leave connections to the warm, if there are any."""
        super().set_accept_enabled(enabled and (self.warm or not self.accepting.others_take()))

    def now_warm(self) -> None:
        """Called, in a thread, when the application is ready for requests."""
        self.warm = True
        self.accepting.show(self._open, takes=self.alive)
        self.method_queue.defer(_nothing)  # the main loop shall see to it

    @property
    def nr_conns(self) -> int:
        """Connections that are open; the other workers see it."""
        return self._open

    @nr_conns.setter
    def nr_conns(self, count: int) -> None:
        self._open = count
        if self.warm:
            self.accepting.show(count, takes=self.alive)

    def _make_room(self) -> None:
        """There is room for no more connections: close the one that was idle longest."""
        if self.pending_conns:
            self.pending_conns[0].timeout = 0
            self.murder_pending()
        elif self.keepalived_conns:
            self.keepalived_conns[0].timeout = 0
            self.murder_keepalived()
        elif self.arriving:
            self._give_up_slow(next(iter(self.arriving)))
        else:
            time.sleep(0.01)

    def enqueue_req(self, conn: gthread.TConn) -> None:
        """A request begins to come: give it to a thread once enough of it is here."""
        conn.arrived = time.monotonic()
        conn.awaited = 0 if self.cfg.is_ssl else arrival.awaited(conn, self.app.largest_body)
        if not conn.awaited:
            self._take_up(conn)
            return
        arrival.wake_when(conn.sock, conn.awaited)
        self.arriving[conn] = conn.arrived + min(self.in_flight.limit or 60, arrival.PATIENCE)
        self.poller.register(
            conn.sock, gthread.selectors.EVENT_READ, partial(self._more_has_come, conn)
        )

    def _more_has_come(self, conn: gthread.TConn, sock: socket.socket) -> None:
        before, conn.awaited = conn.awaited, arrival.awaited(conn, self.app.largest_body)
        if conn.awaited and arrival.available(sock) >= before:
            arrival.wake_when(sock, conn.awaited)
            return
        self.poller.unregister(sock)  # it is here, or will never be
        del self.arriving[conn]
        arrival.wake_at_once(sock)
        self._take_up(conn)

    def _give_up_slow(self, conn: gthread.TConn) -> None:
        del self.arriving[conn]
        self.poller.unregister(conn.sock)
        arrival.wake_at_once(conn.sock)
        tell_slow(conn.sock)
        self.app.watcher.broken(408)
        self.nr_conns -= 1
        self.closer.close(conn.sock)

    def _take_up(self, conn: gthread.TConn) -> None:
        """A request is here: give it to a thread.

        Where the line is bounded, what only asks for something (health, metrics) is answered
        beside it, and so is what is refused; a health check must not wait for the model.
        """
        bound = self.app.max_queue
        conn.refused = bound is not None and self.taken >= self.cfg.threads + bound
        asks = bound is not None and not self.cfg.is_ssl and arrival.only_asks(conn)
        conn.aside = conn.refused or asks
        pool = self.aside if conn.aside else self.tpool
        if conn.refused and pool._work_queue.qsize() >= _MOST_ASIDE:
            self._refuse(conn)
            return
        self.taken += not conn.aside
        done = pool.submit(self.handle, conn)
        done.add_done_callback(
            lambda done: self.method_queue.defer(self.finish_request, conn, done)
        )

    def finish_request(self, conn: gthread.TConn, done: Any) -> None:
        """In the main loop, when a thread is done with a connection for now."""
        self.taken -= not conn.aside
        super().finish_request(conn, done)

    def _refuse(self, conn: gthread.TConn) -> None:
        """Without having read the request."""
        content = Busy("More requests are waiting than this server takes in.").to_dict()
        write_json(conn.sock, 429, "Too Many Requests", content)
        self.nr_conns -= 1
        self.closer.close(conn.sock)

    def handle(self, conn: gthread.TConn) -> Any:
        """Serve a connection, in a thread of the pool, until its client pauses."""
        keep = self._handle_one(conn)
        while keep is True and self._next_is_here(conn):
            conn.arrived = time.monotonic()
            keep = self._handle_one(conn)
        if keep and not (keep is gthread._DEFER and not self.alive):
            return keep
        # closing politely takes time that neither this thread nor the main loop should spend
        self.closer.close(conn.sock)
        conn.close = _already_closed
        return False

    def _handle_one(self, conn: gthread.TConn) -> Any:
        self.current.arrived, self.current.refused = conn.arrived, conn.refused
        self.in_flight.begin(conn, conn.arrived)
        try:
            return super().handle(conn)
        finally:
            self.in_flight.end()

    def _next_is_here(self, conn: gthread.TConn) -> bool:
        """Whether the client sends its next request at once, as a loop of calls does.

        It is then served here, which saves the way through the main loop; not while other
        connections wait for a thread.
        """
        if not self.alive or conn.aside or self.waiting_for_threads:
            return False
        if self.cfg.is_ssl and conn.sock.pending():  # decrypted already
            return True
        return _is_readable(conn.sock, _PAUSE) and (
            self.cfg.is_ssl or not arrival.awaited(conn, self.app.largest_body)
        )

    @property
    def waiting_for_threads(self) -> int:
        """Requests that have come and that no thread has taken up."""
        waiting: int = self.tpool._work_queue.qsize()
        return waiting

    def notify(self) -> None:
        """Called by the main loop at least once a second."""
        now = time.monotonic()
        for conn in [conn for conn, due in self.arriving.items() if due <= now]:
            self._give_up_slow(conn)
        overdue = self.in_flight.expire()
        for line in overdue:
            self.log.error(line)
        self.app.watcher.look(self.waiting_for_threads, len(overdue))
        if self.in_flight.stuck >= self.cfg.threads:
            # nothing else runs in this process: let the parent start a fresh one at once
            self.log.error("All threads of worker %s are stuck; replacing it.", self.pid)
            self.app.watcher.before_exit(self)
            os._exit(1)
        if self.alive and self.app.lifecycle.is_stuck():
            self.log.error("The model of worker %s does not come back; replacing it.", self.pid)
            self.alive = False
        if not self.alive:
            self.accepting.show(self._open, takes=False)
            self._forget_given_up()
        super().notify()

    def _cap_keepalive(self, deadline: float) -> None:
        """Called once when the worker begins to stop: let no silent client delay it for long."""
        self._forget_given_up()
        if self.stopping:
            self._close_the_door()
        final = self.stopping and not self.app.is_replaced
        linger = _LINGER if final else _LINGER_REPLACED
        until = time.monotonic() + linger
        super()._cap_keepalive(min(deadline, until))
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, until)
        self.arriving = {conn: min(due, until) for conn, due in self.arriving.items()}

        def cut() -> None:
            self.in_flight.cut_heads()
            self.method_queue.defer(_nothing)  # the main loop shall see to those that arrive

        timer = threading.Timer(linger, cut)
        timer.daemon = True
        timer.start()

    def write_error(self, sock: socket.socket, status: int, reason: str, message: str) -> None:
        """What gunicorn sends when a request cannot be parsed, as JSON instead of HTML."""
        code = "BAD_REQUEST" if status < 500 else "INTERNAL_ERROR"
        write_json(sock, status, reason, {"error_code": code, "message": message or reason})
        self.app.watcher.broken(status)

    def _close_the_door(self) -> None:
        """Serve who was let in by the system already; whoever comes now is refused at once."""
        for listener in self.sockets:
            while self.accept(listener):
                pass
            listener.close()

    def _forget_given_up(self) -> None:
        """Stopping waits while there are connections; not for those of stuck threads alone."""
        if self.nr_conns <= self.in_flight.stuck:
            self.nr_conns = 0


def _has_body(environ: dict[str, Any]) -> bool:
    return "HTTP_TRANSFER_ENCODING" in environ or environ.get("CONTENT_LENGTH", "0") not in (
        "",
        "0",
    )


def _is_readable(sock: socket.socket, milliseconds: int) -> bool:
    waiting = select.poll()
    waiting.register(sock, select.POLLIN)
    return bool(waiting.poll(milliseconds))


def _nothing() -> None:
    """To wake the main loop with."""


def _already_closed(graceful: bool = False) -> None:
    """Stands in for `TConn.close` once the closer has the socket."""
