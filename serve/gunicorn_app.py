"""gunicorn around the scoring app: one load, then workers forked from it.

    run(folder, settings)  binds the port, loads the model, forks, serves until SIGTERM or Ctrl-C

Everything that can go wrong goes wrong before the first worker: a port in use, a model that
does not load. A worker that dies before it came up ends the whole server with an exit code; it
is not started again and again.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import gc
import logging
import os
import signal
import socket
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import EngineUnavailable, InvalidInput, StorageFailed
from .settings import ServeSettings, available_cpus

if TYPE_CHECKING:
    from flask import Flask

    from ..flavors.base import Trust
    from ..flavors.loaded import LoadedModel

_LOG_FORMAT = "%(asctime)s [%(process)d] %(levelname)s %(message)s"


def run(
    folder: Path | str,
    settings: ServeSettings,
    *,
    trust: Trust | None = None,
    expected_digest: str | None = None,
    public_name: str | None = None,
) -> NoReturn:
    """Serve a model folder until told to stop; ends the process.

    Args:
        folder: the model.
        settings: address, workers, limits.
        trust: what the caller vouches for (see `flavors.load_model`).
        expected_digest: refuse the folder unless it has this digest.
        public_name: how the user calls the model, for the banner; the folder by default.

    Raises:
        EngineUnavailable: the address cannot be listened on.
        MlpackError: the model does not load.
        SystemExit: 0 after a stop that was asked for; other when a worker could not start.
    """
    # until gunicorn has handlers of its own: process 1 of a container ignores SIGTERM by default
    signal.signal(signal.SIGTERM, _exit_on_signal)
    gc.disable()  # importing makes many objects and little garbage; on again before the fork
    listener = bind(settings.host, settings.port)
    _size_native_thread_pools(settings.worker_count)
    _set_up_logging()
    model = _load(Path(folder), trust, expected_digest)
    listen(listener)
    _serve(model, settings, listener, public_name or str(folder))


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


def _load(folder: Path, trust: Trust | None, expected_digest: str | None) -> LoadedModel:
    from ..flavors.base import Trust
    from ..flavors.load import load_model

    return load_model(folder, trust=trust or Trust(), expected_digest=expected_digest)


def _size_native_thread_pools(workers: int) -> None:
    """Share the CPUs out to the workers' OpenMP and BLAS pools, which read this when imported.

    Left alone each of them starts a thread for every CPU of the machine, the container's
    quota notwithstanding.
    """
    share = str(max(1, available_cpus() // workers))
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, share)


def _set_up_logging() -> None:
    """Our own messages and warnings to standard error, unless the program logs already."""
    logging.basicConfig(format=_LOG_FORMAT, level=logging.WARNING)


def _exit_on_signal(signum: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + signum)


def _serve(
    model: LoadedModel, settings: ServeSettings, listener: socket.socket, name: str
) -> NoReturn:
    from gunicorn.app.base import BaseApplication
    from gunicorn.errors import HaltServer

    from .app import create_app
    from .banner import banner
    from .worker import ScoringWorker

    host, port = listener.getsockname()[:2]
    welcome = banner(model, host, port, name) if settings.banner else ""

    class Server(BaseApplication):  # type: ignore[misc]
        """gunicorn, told everything in code: no configuration file, no arguments of ours."""

        def load_config(self) -> None:
            for setting, value in _gunicorn_settings(settings, listener).items():
                self.cfg.set(setting, value)
            self.cfg.set("worker_class", ScoringWorker)
            self.cfg.set("post_fork", hand_over_signals)
            self.cfg.set("post_worker_init", show_banner)
            self.cfg.set("child_exit", end_if_it_never_came_up)

        def load(self) -> Flask:
            return create_app(model, settings)

    def hand_over_signals(arbiter: Any, worker: Any) -> None:
        worker.early_signals = arbiter.SIG_QUEUE

    def show_banner(worker: Any) -> None:
        if worker.age == 1:  # the first one is up: requests are answered from now on
            sys.stderr.write(welcome)
            sys.stderr.flush()

    def end_if_it_never_came_up(arbiter: Any, worker: Any) -> None:
        stopping = not arbiter.LISTENERS
        if not worker.booted_flag[0] and not stopping:
            raise HaltServer("A worker died while it started.", arbiter.WORKER_BOOT_ERROR)

    # what exists by now stays shared between the workers instead of being copied by the collector
    gc.freeze()
    gc.enable()
    server = Server()
    server.settings = settings
    try:
        server.run()
    except SystemExit as end:  # raised when serving is over, in the workers too
        _end_at_once(end.code)
    except HaltServer as halted:  # a second worker died while the first one's death was handled
        _end_at_once(halted.exit_status)
    raise AssertionError("gunicorn's arbiter ends the process")


def _end_at_once(code: object) -> NoReturn:
    """End the process without taking every library apart first, which takes them long.

    Nor does this wait for threads that are still in the model: their requests had their time.
    """
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def _gunicorn_settings(settings: ServeSettings, listener: socket.socket) -> dict[str, Any]:
    return {
        "bind": f"fd://{listener.detach()}",
        "workers": settings.worker_count,
        "threads": settings.threads,
        "preload_app": True,
        # a main loop that stands still, as when native code never gives the interpreter back
        "timeout": int(settings.timeout) + 30 if settings.timeout else 0,
        "graceful_timeout": int(settings.graceful_timeout),
        "keepalive": int(settings.keepalive),
        "worker_tmp_dir": _heartbeat_folder(),
        "control_socket_disable": True,
        "accesslog": "-" if settings.access_log else None,
        "access_log_format": '%(t)s [%(p)s] %(h)s "%(r)s" %(s)s %(B)s %(M)sms',
        "loglevel": "warning",
        "proc_name": "mlpack serve",
    }


def _heartbeat_folder() -> str:
    """A folder for the workers' heartbeat files: in memory, or else any that can be written."""
    if os.access("/dev/shm", os.W_OK | os.X_OK):  # noqa: S108
        return "/dev/shm"  # noqa: S108
    try:
        return tempfile.gettempdir()
    except OSError:
        raise StorageFailed(
            "No folder can be written to: mount a small temporary file system on /tmp."
        ) from None
