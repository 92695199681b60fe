"""gunicorn around the scoring app: one load, then workers forked from it.

    run(folder, settings)  binds the port, loads the model, forks, serves until SIGTERM or Ctrl-C

Everything that can go wrong goes wrong before the first worker: a port in use, a model that
does not load. What other servers of ours share with this one is in `process`.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from .process import bind, exit_on_signal, heartbeat_folder, listen, serve, set_up_logging
from .settings import ServeSettings, available_cpus

if TYPE_CHECKING:
    from ..flavors.base import Trust
    from ..flavors.loaded import LoadedModel


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
    signal.signal(signal.SIGTERM, exit_on_signal)
    gc.disable()  # importing makes many objects and little garbage; on again before the fork
    listener = bind(settings.host, settings.port)
    _size_native_thread_pools(settings.worker_count)
    set_up_logging()
    model = _load(Path(folder), trust, expected_digest)
    listen(listener)
    _serve(model, settings, listener, public_name or str(folder))


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


def _serve(
    model: LoadedModel, settings: ServeSettings, listener: socket.socket, name: str
) -> NoReturn:
    from .app import create_app
    from .banner import banner

    host, port = listener.getsockname()[:2]
    welcome = banner(model, host, port, name) if settings.banner else ""
    options = _gunicorn_settings(settings, listener)
    serve(lambda: create_app(model, settings), options, settings.timeout, welcome)


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
        "worker_tmp_dir": heartbeat_folder(),
        "control_socket_disable": True,
        "accesslog": "-" if settings.access_log else None,
        "access_log_format": '%(t)s [%(p)s] %(h)s "%(r)s" %(s)s %(B)s %(M)sms',
        "loglevel": "warning",
        "proc_name": "mlpack serve",
    }
