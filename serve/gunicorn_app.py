"""gunicorn around the scoring app: one load, then workers forked from it.

    run([ModelSource(folder)], settings)  binds the port, loads, forks, serves until told to stop

Everything that can go wrong goes wrong before the first worker: a port in use, a model that
does not load. What other servers of ours share with this one is in `process`.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import InvalidInput, MlpackError
from . import auth, handover
from .process import bind, exit_on_signal, heartbeat_folder, listen, serve, set_up_logging
from .settings import ServeSettings, available_cpus
from .tls import Certificate, certificate_from

if TYPE_CHECKING:
    from flask import Flask

    from ..flavors.base import Trust
    from ..flavors.loaded import LoadedModel
    from .service import Service
    from .watching import Watching


@dataclass(frozen=True)
class ModelSource:
    """One model to serve.

    Attributes:
        folder: its files.
        name: in addresses; 'model' if none is given.
        version: of the registered model, '' if it is none.
        uri: how the user calls the model, for the banner; the folder by default.
        trust: what the caller vouches for (see `flavors.load_model`).
        expected_digest: refuse the folder unless it has this digest.
        expected_files: the checksums that the digest is of, if they are on record, too.
    """

    folder: Path
    name: str = ""
    version: str = ""
    uri: str = ""
    trust: Trust | None = None
    expected_digest: str | None = None
    expected_files: Mapping[str, str] | None = None


def run(sources: Sequence[ModelSource], settings: ServeSettings) -> NoReturn:
    """Serve models until told to stop; ends the process.

    Args:
        sources: at least one; the first answers ``/invocations``.
        settings: address, workers, limits.

    Raises:
        EngineUnavailable: the address cannot be listened on.
        InvalidInput: two models have the same name, or a route names none of them; files of
            tokens or certificates are not usable.
        MlpackError: a model does not load.
        SystemExit: 0 after a stop that was asked for; other when a worker could not start.
    """
    # until gunicorn has handlers of its own: process 1 of a container ignores SIGTERM by default
    signal.signal(signal.SIGTERM, exit_on_signal)
    gc.disable()  # importing makes many objects and little garbage; on again before the fork
    names = _names(sources)
    certificate = certificate_from(settings.certfile, settings.keyfile)
    listener = bind(settings.host, settings.port)
    size_native_thread_pools(settings.worker_count)
    set_up_logging()
    models = [_load(source) for source in sources]
    from .scoring import Scorer
    from .service import Service
    from .watching import Watching

    scorers = {
        name: Scorer(model, name, source.version)
        for name, model, source in zip(names, models, sources, strict=True)
    }
    service = Service(scorers, settings)
    digests = map(_digest, sources, models)
    watching = Watching(settings, service, dict(zip(names, digests, strict=True)))
    os.environ.pop(auth.VARIABLE, None)  # what models start need not inherit the tokens
    listen(listener)
    listeners = [listener]
    if path := os.environ.get(handover.VARIABLE):
        listeners.append(handover.adopt(Path(path)))
    uri = sources[0].uri or str(sources[0].folder)
    welcome = _welcome(service, watching, certificate, listener, uri)
    serve_app(service, watching, _make_app(service, watching), certificate, listeners, welcome)


def _names(sources: Sequence[ModelSource]) -> list[str]:
    names = [source.name or "model" for source in sources]
    if len(set(names)) < len(names):
        raise InvalidInput(
            "Several models need a name each: -m champion=URI -m challenger=URI; these are "
            f"called {', '.join(names)}."
        )
    return names


def _load(source: ModelSource) -> LoadedModel:
    from ..flavors.base import Trust
    from ..flavors.load import load_model

    return load_model(
        source.folder,
        trust=source.trust or Trust(),
        expected_digest=source.expected_digest,
        expected_files=source.expected_files,
    )


def size_native_thread_pools(workers: int) -> None:
    """Share the CPUs out to the workers' OpenMP and BLAS pools, which read this when imported.

    Left alone each of them starts a thread for every CPU of the machine, the container's
    quota notwithstanding.
    """
    share = str(max(1, available_cpus() // workers))
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, share)


def _digest(source: ModelSource, model: LoadedModel) -> str:
    """Of the model's files, where they were hashed to load them; '' where that would take long."""
    from ..flavors.integrity import digest, manifest

    if source.expected_digest or not model.metadata.files:
        return source.expected_digest or ""
    try:
        return digest(manifest(model.folder))
    except MlpackError:  # links in the folder, say: no reason not to serve
        return ""


def _make_app(service: Service, watching: Watching) -> Callable[[], Flask]:
    from .app import create_app

    return lambda: create_app(service, watching=watching)


def _welcome(
    service: Service,
    watching: Watching,
    certificate: Certificate | None,
    listener: socket.socket,
    uri: str,
) -> str:
    from .banner import banner

    if not service.settings.banner:
        return ""
    host, port = listener.getsockname()[:2]
    return banner(
        service.default.model,
        host,
        port,
        uri,
        "http" if certificate is None else "https",
        watching.auth is not None,
        service.path_of(service.default),
        list(service.scorers)[1:],
    )


def serve_app(
    service: Service,
    watching: Watching,
    make_app: Callable[[], Flask],
    certificate: Certificate | None,
    listeners: Sequence[socket.socket],
    welcome: str,
) -> NoReturn:
    """Run an app around a service until told to stop; ends the process.

    Args:
        service: its models.
        watching: what is around it.
        make_app: called once, before the fork.
        certificate: to speak HTTPS with.
        listeners: open sockets.
        welcome: printed when the first worker is up.
    """
    settings = service.settings
    options = _gunicorn_settings(settings, listeners)
    # as long as that after the drain, workers may write; see `Watching.after_fork`
    options["graceful_timeout"] += watching.flush_seconds
    if certificate is not None:
        options |= certificate.gunicorn_settings()
    serve(
        make_app,
        options,
        settings.timeout,
        welcome,
        watch=watching,
        app_life=service,
        most_waiting=settings.max_queue,
        largest_body=settings.max_body,
        shares_listener=len(listeners) > 1,
    )


def _gunicorn_settings(
    settings: ServeSettings, listeners: Sequence[socket.socket]
) -> dict[str, Any]:
    return {
        "bind": [f"fd://{listener.detach()}" for listener in listeners],
        "workers": settings.worker_count,
        "threads": settings.threads,
        "preload_app": True,
        # those that wait and those that are idle; beyond, connections wait to be accepted
        "worker_connections": settings.threads + settings.max_queue + 4000,
        "max_requests": settings.max_requests,
        "max_requests_jitter": settings.max_requests // 10,
        # a main loop that stands still, as when native code never gives the interpreter back
        "timeout": int(settings.timeout) + 30 if settings.timeout else 0,
        "graceful_timeout": int(settings.graceful_timeout),
        "keepalive": int(settings.keepalive),
        "worker_tmp_dir": heartbeat_folder(),
        "control_socket_disable": True,
        # headers called SCRIPT_NAME and PATH_INFO are a client's as any, wherever it calls from
        "forwarder_headers": "",
        "loglevel": "warning",
        "proc_name": "mlpack serve",
    }
