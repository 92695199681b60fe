"""gunicorn around the tracking server's application.

    run(settings)  binds the port, opens the store, forks, serves until SIGTERM or Ctrl-C

Everything that can go wrong goes wrong before the first worker: a port in use, a database that
does not open, one of an older schema.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
from typing import Any, NoReturn

from ..serve.process import bind, exit_on_signal, heartbeat_folder, listen, serve, set_up_logging
from .settings import ServerSettings

# Seconds for a message or for each megabyte of a file, so that clients which went to sleep in the
# middle do not keep threads.
_CLIENT_PATIENCE = 60


def run(settings: ServerSettings, *, open_browser: bool = False) -> NoReturn:
    """Serve until told to stop; ends the process.

    Args:
        settings: address, store, files, workers.
        open_browser: show the pages when the server answers.

    Raises:
        EngineUnavailable: the address cannot be listened on.
        MlpackError: the store or the place of files does not open.
        SystemExit: 0 after a stop that was asked for; other when a worker could not start.
    """
    # until gunicorn has handlers of its own: process 1 of a container ignores SIGTERM by default
    signal.signal(signal.SIGTERM, exit_on_signal)
    gc.disable()  # importing makes many objects and little garbage; on again before the fork
    listener = bind(settings.host, settings.port)
    set_up_logging()
    from .app import create_app
    from .backend import open_backend
    from .prometheus import make_folder

    if settings.expose_prometheus:
        make_folder()
    backend = open_backend(settings)
    listen(listener)
    host, port = listener.getsockname()[:2]
    url = f"http://{_reachable(host)}:{port}"
    options = _gunicorn_settings(settings, listener)
    if open_browser:
        _open_when_up(url)
    serve(
        lambda: create_app(backend.store, backend.places, settings, backend.registry),
        options,
        0,  # no limit on a request: a large file takes as long as it takes
        banner(url, backend.store_name, backend.files_name, settings),
        _CLIENT_PATIENCE,
    )


def banner(url: str, store: str, files: str, settings: ServerSettings) -> str:
    """What a person reads when the server is up."""
    lines = [
        "",
        f"  mlpack is tracking on {url}",
        "",
        f"  runs       {store}",
        f"  files      {files}",
        "",
        "  Use it:",
        "",
        f"    export MLFLOW_TRACKING_URI={url}",
        "",
    ]
    if not settings.is_local:
        lines += [
            "  There is no access control yet: whoever reaches this address can read, change and",
            "  delete everything here. Keep it behind a firewall or a proxy that checks users.",
            "",
        ]
    return "\n".join([*lines, "  Ctrl-C stops it.", ""]) + "\n"


def _gunicorn_settings(settings: ServerSettings, listener: socket.socket) -> dict[str, Any]:
    return {
        "bind": f"fd://{listener.detach()}",
        "workers": settings.workers,
        "threads": settings.threads,
        "preload_app": True,
        "timeout": 60,  # a main loop that stands still; threads take as long as they need
        "graceful_timeout": settings.graceful_timeout,
        "keepalive": 60,
        "worker_tmp_dir": heartbeat_folder(),
        "control_socket_disable": True,
        "limit_request_line": 8190,  # gunicorn's most: a hundred runs named in a query
        "forwarder_headers": "",  # nobody else says which path was asked for
        "accesslog": "-" if settings.access_log else None,
        "access_log_format": '%(t)s [%(p)s] %(h)s "%(r)s" %(s)s %(B)s %(M)sms',
        "loglevel": "warning",
        "proc_name": "mlpack server",
    }


def _reachable(host: str) -> str:
    """An address that a client on this machine can use."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{host}]" if ":" in host else host


def _open_when_up(url: str) -> None:
    """A child shows the pages as soon as the server answers, and ends."""
    if os.fork() == 0:
        import time
        import urllib.request
        import webbrowser

        for _ in range(100):
            try:
                urllib.request.urlopen(f"{url}/health", timeout=2).close()  # noqa: S310
            except OSError:
                time.sleep(0.1)
            else:
                webbrowser.open(url)
                break
        os._exit(0)
