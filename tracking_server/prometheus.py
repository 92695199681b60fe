"""Counters for Prometheus at ``/metrics``, summed over the workers.

The workers share files in a folder (prometheus_client's multi-process mode), which the server
makes anew at every start.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import re
import shutil
import tempfile
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from flask import Flask, Response, g, request

from ..errors import MissingDependency
from ..serve.process import heartbeat_folder

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX = "mlpack-metrics-"
_SETTLED = 60  # seconds; a younger folder may not be locked yet
# Others are counted as one, or a client could make ever more counters.
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


def make_folder() -> None:
    """Before the first import of prometheus_client: where the workers count.

    In memory if it can be: a mapped file kills its process when the disk is full.
    """
    if find_spec("prometheus_client") is None:
        return
    place = Path(heartbeat_folder())
    _remove_abandoned(place)
    folder = tempfile.mkdtemp(prefix=_PREFIX, dir=place)
    _lock(Path(folder))  # by this process and its workers, until the last of them has ended
    os.environ[_FOLDER] = folder
    parent = os.getpid()

    @atexit.register
    def remove() -> None:
        if os.getpid() == parent:  # workers inherit this
            shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(place: Path) -> None:
    """Folders of servers that were killed."""
    for folder in place.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # in use, somebody else's, or gone
            if time.time() - folder.stat().st_mtime > _SETTLED:
                descriptor = _lock(folder)
                shutil.rmtree(folder, ignore_errors=True)
                os.close(descriptor)


def _lock(folder: Path) -> int:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def expose(app: Flask) -> None:
    """Count an application's requests, and show the counts."""
    try:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
    except ImportError:

        @app.get("/metrics")
        def missing() -> Response:
            raise MissingDependency(
                "/metrics needs prometheus-client: pip install 'mlpack-toolkit[prometheus]'"
            )

        return

    registry = CollectorRegistry()
    labels = ("method", "route")
    requests = Counter(
        "mlpack_http_requests", "Requests answered.", (*labels, "status"), registry=registry
    )
    seconds = Histogram(
        "mlpack_http_request_seconds",
        "Time to the first byte of the answer.",
        labels,
        buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30),
        registry=registry,
    )
    in_flight = Gauge(
        "mlpack_http_requests_in_flight",
        "Requests being answered.",
        multiprocess_mode="livesum",
        registry=registry,
    )

    # a counter whose file cannot be made (folder gone, disk full) fails no request

    @app.before_request
    def begin() -> None:
        g.begun = time.perf_counter()
        with suppress(OSError):
            in_flight.inc()

    @app.after_request
    def count(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "none"
        method = request.method if request.method in _METHODS else "other"
        with suppress(OSError):
            requests.labels(method, route, response.status_code).inc()
            if "begun" in g:
                seconds.labels(method, route).observe(time.perf_counter() - g.begun)
        return response

    @app.teardown_request
    def end(error: BaseException | None) -> None:
        if g.pop("begun", None) is not None:
            with suppress(OSError):
                in_flight.dec()

    @app.get("/metrics")
    def metrics() -> Response:
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        if folder := os.environ.get(_FOLDER):
            _forget_the_dead(Path(folder))
            gathered = CollectorRegistry()
            MultiProcessCollector(gathered)  # type: ignore[no-untyped-call]
        else:
            gathered = registry
        return Response(generate_latest(gathered), content_type=CONTENT_TYPE_LATEST)


def _forget_the_dead(folder: Path) -> None:
    """Requests in flight in a worker that was killed are not in flight any more."""
    for file in folder.glob("gauge_live*_*.db"):
        match = re.fullmatch(r"gauge_live.*_(\d+)\.db", file.name)
        if match and not Path("/proc", match[1]).exists() and Path("/proc/self").exists():
            file.unlink(missing_ok=True)
