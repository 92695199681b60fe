"""Seeing inside, and who is let in: what the settings ask for, put around the app and the workers.

    Watching(settings, service)     before the fork; whatever is wrong with a file is said now
    attach(hot)                     guards, observers and /metrics
    before_fork … after_death       threads are started and stopped, slots of numbers change hands

Guards run in this order: count in, name the request, begin a span, CORS, no other site's
pages, tokens.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import InvalidInput
from . import metrics
from .auth import PROBES, auth_from
from .cors import Cors, own_pages_only
from .exchange import Answer, Exchange, Guard
from .metrics import Metrics
from .process import WorkerWatch
from .settings import MEGABYTE
from .telemetry import telemetry_from
from .trace_context import name_request, reseed

if TYPE_CHECKING:
    from .hot import HotRoutes
    from .service import Service
    from .settings import ServeSettings

# A worker has this long after its last request to write down what waits.
FLUSH_SECONDS = 3
# what the page loads before it knows a token
_PAGE_FILES = frozenset({"/web/page.css", "/web/page.js", "/web/icon.svg"})


class _Writer(Protocol):
    """Something with a thread of its own in each worker."""

    def start(self) -> None:
        """In a new worker."""

    def stop(self, seconds: float) -> None:
        """Write what waits, for at most so long."""

    def observe(self, exchange: Exchange, answer: Answer) -> None:
        """An `exchange.Observer`."""


class Watching(WorkerWatch):
    """All that watches a server.

    Args:
        settings: of the server.
        service: its models.
        digests: of the models' files, by name.

    Attributes:
        metrics: the numbers; others count here, too.
        auth: the guard that asks for tokens; None where nobody has to have one.
        flush_seconds: what a stop takes after the last request, at most.

    Raises:
        InvalidInput: tokens, origins or the folder for captures are not usable.
        MissingDependency: a package for what is asked for is not installed.
    """

    def __init__(
        self, settings: ServeSettings, service: Service, digests: Mapping[str, str] | None = None
    ) -> None:
        # two generations of workers live while a server reloads
        self.metrics = Metrics(2 * settings.worker_count + 8)
        self._versions = {name: scorer.version for name, scorer in service.scorers.items()}
        for name, version in self._versions.items():
            run_id = getattr(service.scorers[name].model.metadata, "run_id", None)
            self.metrics.tell_of_model(name, version, (digests or {}).get(name, ""), run_id or "")
        open_paths = PROBES | _PAGE_FILES | ({"/metrics"} if settings.public_metrics else set())
        self.auth = auth_from(settings.auth_tokens_file, os.environ, open_paths)
        self._cors = (
            Cors(settings.cors_origins, with_auth=self.auth is not None)
            if settings.cors_origins
            else None
        )
        self._telemetry = telemetry_from(settings.otel, os.environ)
        self._writers = _writers(settings, service, self.metrics)
        if self._telemetry is not None:
            self._writers.insert(0, self._telemetry)  # the others see the span's id
        self.flush_seconds = FLUSH_SECONDS if self._writers else 0
        self._drain_seconds = int(settings.graceful_timeout)
        self._service = service
        self._slots: dict[int, int | None] = {}  # by the worker's age
        self._worker: Any = None

    def attach(self, hot: HotRoutes) -> None:
        """Put guards and observers around an app's routes, and ``/metrics`` among them."""
        guards: list[Guard | None] = [
            self.metrics.count_in,
            name_request if self._writers else None,
            self._telemetry.begin if self._telemetry else None,
            self._cors,
            own_pages_only(self._cors),
            self.auth,
        ]
        hot.guards += [guard for guard in guards if guard is not None]
        hot.observers += [self._count_out, *(writer.observe for writer in self._writers)]
        hot.add("GET", "/metrics", self._tell)

    def before_fork(self, worker: Any) -> None:
        """See the base."""
        self._slots[worker.age] = self.metrics.meters.take_slot()

    def after_fork(self, worker: Any) -> None:
        """See the base."""
        self._worker = worker
        self.metrics.meters.enter_slot(self._slots[worker.age])
        # the parent waits for drain and flush, the worker's drain must leave time for the flush
        worker.cfg.set("graceful_timeout", self._drain_seconds)
        reseed()
        for writer in self._writers:
            writer.start()

    def look(self, waiting: int, overdue: int) -> None:
        """See the base."""
        self.metrics.queued.set(waiting + self._service.waiting)
        if overdue:
            self.metrics.timeouts.add(overdue)

    def broken(self, status: int) -> None:
        """See the base."""
        self.metrics.broken.add(1, (str(status),))

    def before_exit(self, worker: Any) -> None:
        """See the base. All write at once, and together have `FLUSH_SECONDS`."""
        threads = [
            threading.Thread(target=writer.stop, args=(FLUSH_SECONDS,), daemon=True)
            for writer in self._writers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(FLUSH_SECONDS)

    def after_death(self, worker: Any, stopping: bool) -> None:
        """See the base."""
        self.metrics.meters.leave_slot(self._slots.pop(worker.age, None))
        if not stopping:
            self.metrics.restarts.add()

    def _tell(self, exchange: Exchange) -> Answer:
        if self._worker is not None:  # others look at theirs once a second
            self.look(self._worker.waiting_for_threads, 0)
        return Answer(self.metrics.render(), metrics.CONTENT_TYPE)

    def _count_out(self, exchange: Exchange, answer: Answer) -> None:
        if exchange.environ.get("mlpack.given_up", _never)():
            answer.status = 504  # somebody else has answered, as it took too long: see `in_flight`
        if exchange.model:
            exchange.facts.setdefault("version", self._versions.get(exchange.model, ""))
        self.metrics.observe(exchange, answer)


def _never() -> bool:
    return False


def _writers(settings: ServeSettings, service: Service, counts: Metrics) -> list[_Writer]:
    found: list[_Writer] = []
    if settings.access_log:
        from .access_log import AccessLog

        if sys.stdout is None:  # its number may by now be that of a socket
            raise InvalidInput("The access log goes to standard output, which is closed.")
        found.append(AccessLog(counts.log_dropped.add))
    if settings.capture is not None:
        from .capture import Capture
        from .capture_files import CaptureFolder

        signatures = {name: scorer.signature for name, scorer in service.scorers.items()}
        found.append(
            Capture(
                CaptureFolder(settings.capture, settings.capture_max_mb * MEGABYTE),
                settings.capture_rate,
                signatures,
                lambda count, model: counts.captured.add(count, (model,)),
                lambda count, reason: counts.capture_dropped.add(count, (reason,)),
            )
        )
    return found
