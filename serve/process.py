"""Processes of a server: a bound port, gunicorn's parent and its workers, an end without delay.

A worker that dies before it came up ends the whole server with an exit code; it is not started
again and again.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import gc
import logging
import mmap
import os
import resource
import socket
import sys
import tempfile
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import EngineUnavailable, InvalidInput, StorageFailed

if TYPE_CHECKING:
    from flask import Flask

_LOG_FORMAT = "%(asctime)s [%(process)d] %(levelname)s %(message)s"


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to the address, so that nobody else takes it while the model loads.

    Raises:
        EngineUnavailable: the port is in use or needs privileges.
        InvalidInput: the host is none of this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError):
        raise InvalidInput(f"The host {host!r} is not known; try 127.0.0.1 or 0.0.0.0.") from None
    listener = socket.socket(family, kind, protocol)
    try:
        # a port that was just closed is free; one that is listened on stays taken
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise _cannot_listen(error, host, port) from None
    return listener


def listen(listener: socket.socket) -> None:
    """Open the bound socket for connections.

    Raises:
        EngineUnavailable: another server that had bound it too was faster.
    """
    host, port = listener.getsockname()[:2]
    try:
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise _cannot_listen(error, host, port) from None


def _cannot_listen(error: OSError, host: str, port: int) -> EngineUnavailable | InvalidInput:
    if error.errno == errno.EADDRINUSE:
        return EngineUnavailable(
            f"Port {port} on {host} is in use by another program: choose another with "
            "--port, or 0 for any free one."
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return EngineUnavailable(
            f"Port {port} may only be opened with privileges: choose one above 1023."
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return InvalidInput(f"{host} is not an address of this machine; try 127.0.0.1 or 0.0.0.0.")
    return EngineUnavailable(f"Cannot listen on {host}:{port}: {error.strerror}.")


def set_up_logging() -> None:
    """Our own messages and warnings to standard error, unless the program logs already.

    With ``MLPACK_DEBUG=1`` also what is only worth knowing, such as why requests are not batched.
    """
    logging.basicConfig(format=_LOG_FORMAT, level=logging.WARNING)
    if os.environ.get("MLPACK_DEBUG", "") not in ("", "0"):
        logging.getLogger("mlpack").setLevel(logging.INFO)


def exit_on_signal(signum: int, frame: FrameType | None) -> None:
    """Until gunicorn has handlers of its own: end, with the code that shells expect."""
    raise SystemExit(128 + signum)


class Lifecycle:
    """What an application does in each worker beside answering: by itself, nothing."""

    def start(self, then: Callable[[], None]) -> None:
        """The worker comes up: begin what must not cross a fork; call ``then`` when ready."""
        then()

    def drain(self) -> None:
        """The worker was told to stop; called by a signal handler, so take a note at most."""

    def is_stuck(self) -> bool:
        """Whether the worker is of no use any more; asked about once a second."""
        return False


class WorkerWatch:
    """Told of the lives of the workers; this one does nothing about them."""

    def before_fork(self, worker: Any) -> None:
        """In the parent: a worker is about to be forked."""

    def after_fork(self, worker: Any) -> None:
        """In the new worker, before anything else."""

    def look(self, waiting: int, overdue: int) -> None:
        """In a worker, about once a second.

        Args:
            waiting: requests that wait for a thread.
            overdue: requests that were given up since the last time.
        """

    def broken(self, status: int) -> None:
        """In a worker: something was answered so that is no request that the application sees."""

    def before_exit(self, worker: Any) -> None:
        """In a worker whose requests are done: what it has yet to write is written now."""

    def after_death(self, worker: Any, stopping: bool) -> None:
        """In the parent: a worker has ended, whichever way.

        Args:
            worker: the one.
            stopping: whether the server ends, too.
        """


def serve(
    make_app: Callable[[], Flask],
    options: dict[str, Any],
    timeout: float,
    welcome: str,
    client_patience: float = 0,
    watch: WorkerWatch | None = None,
    app_life: Lifecycle | None = None,
    most_waiting: int | None = None,
    largest_body: int | None = None,
    shares_listener: bool = False,
) -> NoReturn:
    """Run gunicorn until it is told to stop; ends the process.

    Args:
        make_app: makes the application, once, before the workers are forked.
        options: of gunicorn.
        timeout: seconds that a request may take; 0 for no limit.
        welcome: printed to standard error when the first worker is up.
        client_patience: where requests have no limit, seconds for each thing that a client is to
            send or to take; 0 for no limit either.
        watch: told of the workers.
        app_life: what else the application does in them.
        most_waiting: requests that may wait for a thread of a worker; None: any number. What
            comes then reaches the application marked ``mlpack.overloaded``.
        largest_body: in bytes; the application refuses what says that it is larger.
        shares_listener: other servers take from the same socket (see `handover`): cold workers
            leave it to them, and a stop is a replacement, which clients need not notice.
    """
    watching = watch or WorkerWatch()
    from gunicorn.app.base import BaseApplication
    from gunicorn.errors import HaltServer

    from .accepting import Accepting
    from .worker import ThreadedWorker

    # two generations of workers live while a server reloads
    accepting = Accepting(2 * int(options.get("workers", 1)) + 8, shares_listener)

    class Server(BaseApplication):  # type: ignore[misc]
        """gunicorn, told everything in code: no configuration file, no arguments of ours."""

        request_timeout = timeout
        patience = client_patience
        lifecycle = app_life or Lifecycle()
        watcher = watching
        max_queue = most_waiting
        is_replaced = shares_listener
        largest_body: int | None

        def load_config(self) -> None:
            for setting, value in options.items():
                self.cfg.set(setting, value)
            self.cfg.set("worker_class", ThreadedWorker)
            self.cfg.set("pre_fork", prepare)
            self.cfg.set("post_fork", hand_over_signals)
            self.cfg.set("post_worker_init", start)
            self.cfg.set("worker_exit", finish)
            self.cfg.set("child_exit", end_if_none_ever_came_up)

        def load(self) -> Flask:
            return make_app()

    Server.largest_body = largest_body

    def prepare(arbiter: Any, worker: Any) -> None:
        accepting.before_fork(worker)
        worker.accepting = accepting
        watching.before_fork(worker)

    def hand_over_signals(arbiter: Any, worker: Any) -> None:
        worker.early_signals = arbiter.SIG_QUEUE
        accepting.after_fork(worker)
        watching.after_fork(worker)

    def finish(arbiter: Any, worker: Any) -> None:
        if worker.pid == os.getpid():  # gunicorn also calls it in the parent, for the vanished
            watching.before_exit(worker)

    # shared with the workers: whether one of them was ever ready
    came_up = mmap.mmap(-1, 1)

    def start(worker: Any) -> None:
        def ready() -> None:
            came_up[0] = 1
            worker.now_warm()
            if worker.age == 1:  # the first one is up: requests are answered from now on
                sys.stderr.write(welcome)
                sys.stderr.flush()

        Server.lifecycle.start(ready)

    def end_if_none_ever_came_up(arbiter: Any, worker: Any) -> None:
        stopping = not arbiter.LISTENERS
        accepting.after_death(worker)
        watching.after_death(worker, stopping)
        if not came_up[0] and not stopping:
            raise HaltServer("A worker died while it started.", arbiter.WORKER_BOOT_ERROR)

    _allow_many_connections()
    # what exists by now stays shared between the workers instead of being copied by the collector
    gc.freeze()
    gc.enable()
    try:
        Server().run()
    except SystemExit as end:  # raised when serving is over, in the workers too
        _end_at_once(end.code)
    except HaltServer as halted:  # a second worker died while the first one's death was handled
        print(halted.reason, file=sys.stderr)  # noqa: T201 - gunicorn's log is past
        _end_at_once(halted.exit_status)
    raise AssertionError("gunicorn's arbiter ends the process")


def _allow_many_connections() -> None:
    """As many open files as the system allows; shells often say 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def _end_at_once(code: object) -> NoReturn:
    """End the process without taking every library apart first, which takes them long.

    Nor does this wait for threads that are still in the model: their requests had their time.
    """
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def heartbeat_folder() -> str:
    """A folder for the workers' heartbeat files: in memory, or else any that can be written."""
    if os.access("/dev/shm", os.W_OK | os.X_OK):  # noqa: S108
        return "/dev/shm"  # noqa: S108
    try:
        return tempfile.gettempdir()
    except OSError:
        raise StorageFailed(
            "No folder can be written to: mount a small temporary file system on /tmp."
        ) from None
