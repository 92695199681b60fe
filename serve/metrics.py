"""What a scoring server counts, and ``/metrics``: the numbers of all workers in Prometheus' text.

Units are in the names: seconds, bytes, rows; ``_total`` only grows. Labels come from a fixed set
(routes by their pattern, names of models, error codes), never from a request's own text.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import MlpackError
from .exchange import Answer, Exchange
from .meters import Family, Meters, Series

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1),
    *(0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096, 16384, 65536)
_OTHER = "other"  # where no route matched


class Metrics:
    """Everything that is counted, over all workers; made before the fork.

    Args:
        workers: most of them at one time.

    Attributes:
        meters: the numbers.
        in_flight, queued: gauges that the core moves.
        captured, capture_dropped, log_dropped, shadow_calls, restarts, timeouts, broken:
            counters that others move.
    """

    def __init__(self, workers: int) -> None:
        self.meters = meters = Meters(workers)
        self._requests = meters.counter(
            "mlpack_requests_total",
            "Requests that were answered, by class of status.",
            ("route", "model", "status"),
        )
        self._duration = meters.histogram(
            "mlpack_request_duration_seconds",
            "From a request's headers to its answer.",
            _SECONDS,
            ("route", "model"),
        )
        self._model_duration = meters.histogram(
            "mlpack_model_duration_seconds",
            "Time that a request's call of the model took, shared with others in a batch.",
            _SECONDS,
            ("model",),
        )
        self._queue_duration = meters.histogram(
            "mlpack_queue_duration_seconds",
            "Time that a request waited for the model.",
            _SECONDS,
            ("model",),
        )
        self._rows = meters.histogram(
            "mlpack_request_rows", "Rows of a request.", _ROWS, ("model",)
        )
        self._batch_rows = meters.histogram(
            "mlpack_batch_rows",
            "Rows of the call of the model that a request was part of.",
            _ROWS,
            ("model",),
        )
        self._received = meters.counter(
            "mlpack_request_bytes_total", "Bodies received, unpacked.", ("model",)
        )
        self._sent = meters.counter("mlpack_response_bytes_total", "Bodies sent.", ("model",))
        self._errors = meters.counter(
            "mlpack_errors_total", "Requests that failed, by kind of error.", ("model", "code")
        )
        self._refused = meters.counter(
            "mlpack_requests_refused_total", "Answered with 429: too many waited.", ("model",)
        )
        self._expired = meters.counter(
            "mlpack_requests_expired_total",
            "Given up before the model saw them: their time was over.",
            ("model",),
        )
        self.timeouts = meters.counter(
            "mlpack_requests_timed_out_total",
            "Answered with 504 while the model was at work.",
        )
        self.broken = meters.counter(
            "mlpack_requests_broken_total",
            "No HTTP that could be understood; answered before the application.",
            ("status",),
        )
        self.in_flight = meters.gauge("mlpack_requests_in_flight", "Requests being worked on.")
        self.queued = meters.gauge(
            "mlpack_queue_requests", "Requests waiting for a thread or for the model."
        )
        self.restarts = meters.counter(
            "mlpack_worker_restarts_total", "Workers that ended while the server ran on."
        )
        self.shadow_calls = meters.counter(
            "mlpack_shadow_calls_total",
            "Calls of a model whose answers nobody gets.",
            ("model", "outcome"),
        )
        self.captured = meters.counter(
            "mlpack_captured_total", "Requests written to the capture folder.", ("model",)
        )
        self.capture_dropped = meters.counter(
            "mlpack_capture_dropped_total",
            "Requests chosen for capture that were not written.",
            ("reason",),
        )
        self.log_dropped = meters.counter(
            "mlpack_access_log_dropped_total", "Lines that nobody read in time."
        )
        self._models = meters.gauge(
            "mlpack_model_info",
            "1 for each model that is served.",
            ("model", "version", "digest", "run_id"),
        )

    def count_in(self, exchange: Exchange) -> Answer | None:
        """A request begins (an `exchange.Guard`); `observe` counts it out."""
        self.in_flight.add(1)
        return None

    def tell_of_model(self, name: str, version: str, digest: str, run_id: str) -> None:
        """Before the fork: one of the models that are served.

        Args:
            name: as in the other metrics.
            version: of the registry; '' if it has none.
            digest: of its files.
            run_id: of the run that made it, or ''.
        """
        self._models.set(1, (name, version, digest, run_id))

    def observe(self, exchange: Exchange, answer: Answer) -> None:
        """Count a finished exchange (an `exchange.Observer`)."""
        model, facts = exchange.model, exchange.facts
        if facts.get("shadow"):
            outcome = "ok" if exchange.error is None else "failed"
            self.shadow_calls.add(1, (model, outcome))
            return
        if exchange.error is not None:
            self._count_error(exchange.error, answer.status, model)
        took = time.perf_counter() - exchange.started
        route = exchange.route or _OTHER
        status = _CLASSES.get(answer.status // 100, "5xx")
        one = (model,)
        rows = facts.get("rows")
        with self.meters.lock:
            self.in_flight.add_locked(-1, ())
            self._requests.add_locked(1, (route, model, status))
            self._duration.observe_locked(took, (route, model))
            if rows is not None:
                self._rows.observe_locked(rows, one)
            if (seconds := facts.get("model_seconds")) is not None:
                self._model_duration.observe_locked(seconds, one)
                self._batch_rows.observe_locked(facts.get("batch_rows") or rows or 1, one)
            if (waited := facts.get("queue_seconds")) is not None:
                self._queue_duration.observe_locked(waited, one)
            if exchange.body:
                self._received.add_locked(len(exchange.body), one)
            if type(answer.body) is bytes:
                self._sent.add_locked(len(answer.body), one)

    def _count_error(self, error: Exception, status: int, model: str) -> None:
        code = error.error_code if isinstance(error, MlpackError) else MlpackError.error_code
        self._errors.add(1, (model, code))
        if status == 429:
            self._refused.add(1, (model,))
        elif status == 504:
            self._expired.add(1, (model,))

    def render(self) -> bytes:
        """All of it in Prometheus' text format."""
        lines: list[str] = []
        for family, found in self.meters.read():
            if found or not family.labels:
                lines += _head(family.name, family.help, family.kind)
                for series in found or [Series((), [0.0] * family.size)]:
                    lines += _series(family, series)
        lines += self._memory()
        return ("\n".join(lines) + "\n").encode("utf-8", "replace")

    def _memory(self) -> Iterator[str]:
        found = [(slot, memory_of(pid)) for slot, pid in self.meters.processes()]
        for kind, text in (
            ("resident", "Memory of a worker, shared pages counted in full."),
            ("proportional", "Memory of a worker, shared pages counted by their share."),
        ):
            values = [(slot, memory[kind]) for slot, memory in found if kind in memory]
            if values:
                name = f"mlpack_worker_{kind}_memory_bytes"
                yield from _head(name, text, "gauge")
                yield from (f'{name}{{worker="{slot}"}} {size}' for slot, size in values)


_CLASSES = {n: f"{n}xx" for n in range(1, 6)}


def memory_of(pid: int) -> dict[str, int]:
    """Bytes that a process holds: ``resident`` and ``proportional``, where the system tells."""
    found = {}
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name in _KERNEL_NAMES:
                found[_KERNEL_NAMES[name]] = int(rest.split()[0]) * 1024
    return found


_KERNEL_NAMES = {"Rss": "resident", "Pss": "proportional"}


def _head(name: str, text: str, kind: str) -> tuple[str, str]:
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def _series(family: Family, series: Series) -> Iterator[str]:
    labels = [
        f'{name}="{_escaped(value)}"'
        for name, value in zip(family.labels, series.labels, strict=True)
    ]
    if family.kind != "histogram":
        yield f"{family.name}{_braced(labels)} {_number(series.cells[0])}"
        return
    so_far = 0.0
    bounds = [*map(_number, family.buckets), "+Inf"]
    for bound, count in zip(bounds, series.cells, strict=False):
        so_far += count
        within = _braced([*labels, f'le="{bound}"'])
        yield f"{family.name}_bucket{within} {_number(so_far)}"
    yield f"{family.name}_sum{_braced(labels)} {_number(series.cells[-1])}"
    yield f"{family.name}_count{_braced(labels)} {_number(so_far)}"


def _braced(labels: Iterable[str]) -> str:
    inner = ",".join(labels)
    return f"{{{inner}}}" if inner else ""


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
