"""A span a request for OpenTelemetry, and one in it for the model's part.

Attributes follow the semantic conventions of HTTP; what is ours begins with ``mlpack.``. Where
spans go is said in OpenTelemetry's own variables (``OTEL_EXPORTER_OTLP_ENDPOINT``,
``OTEL_SERVICE_NAME``, ``OTEL_TRACES_SAMPLER``, …). They are sent by a thread of each worker, in
batches; when nobody takes them, the oldest are dropped.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from .. import __version__
from ..errors import InvalidInput, MissingDependency, MlpackError
from .exchange import Answer, Exchange

log = logging.getLogger("mlpack.serve")

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"})
_LONGEST = 500
_FLUSH_SECONDS = 2.0
_EXPORTER = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
# what tells about the request when it comes; (attribute, name in the environ)
_FROM_ENVIRON = (
    ("url.path", "PATH_INFO"),
    ("url.scheme", "wsgi.url_scheme"),
    ("client.address", "REMOTE_ADDR"),
    ("server.address", "SERVER_NAME"),
    ("user_agent.original", "HTTP_USER_AGENT"),
)
_FROM_FACTS = (
    ("mlpack.model.version", "version"),
    ("mlpack.rows", "rows"),
    ("mlpack.batch_rows", "batch_rows"),
    ("mlpack.queue_seconds", "queue_seconds"),
    ("mlpack.request_id", "request_id"),
)


class Telemetry:
    """Makes the spans. Made before the fork, started after it.

    Raises:
        MissingDependency: OpenTelemetry is not installed.
    """

    def __init__(self) -> None:
        if not is_installed():
            raise MissingDependency(
                "Spans need OpenTelemetry: pip install 'mlpack-toolkit[otel]', or add "
                "opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http to the model's "
                "requirements."
            )
        # once, before the fork
        import opentelemetry.exporter.otlp.proto.http.trace_exporter
        import opentelemetry.sdk.trace.export  # noqa: F401

        logging.getLogger(_EXPORTER).addFilter(Seldom())
        self._provider: Any = None
        self._tracer: Any = None

    def start(self) -> None:
        """In a new worker: its thread does not survive a fork."""
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        resource = Resource.create(_name_of_service(os.environ))
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("mlpack.serve", __version__)
        if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            trace.set_tracer_provider(self._provider)  # for spans that a model makes itself

    def stop(self, seconds: float) -> None:
        """Send what waits, for at most so long (and not longer than two seconds)."""
        if self._provider is not None:
            sending = threading.Thread(target=self._provider.shutdown, daemon=True)
            sending.start()
            sending.join(min(seconds, _FLUSH_SECONDS))

    def begin(self, exchange: Exchange) -> Answer | None:
        """A guard: the request's span begins, below the caller's if it named one."""
        if self._tracer is None:
            return None
        from opentelemetry import context, trace

        environ, facts = exchange.environ, exchange.facts
        method = environ["REQUEST_METHOD"]
        known = method if method in _METHODS else "_OTHER"
        name = known if known in _METHODS else "HTTP"
        attributes = {
            attribute: str(environ[key])[:_LONGEST]
            for attribute, key in _FROM_ENVIRON
            if environ.get(key)
        }
        attributes["http.request.method"] = known
        if (protocol := environ.get("SERVER_PROTOCOL", "")).startswith("HTTP/"):
            attributes["network.protocol.version"] = protocol[5:]
        if exchange.route:
            attributes["http.route"] = exchange.route
            name = f"{name} {exchange.route}"
        age = time.perf_counter() - exchange.started
        span = self._tracer.start_span(
            name,
            _parent(exchange),
            kind=trace.SpanKind.SERVER,
            attributes=attributes,
            start_time=time.time_ns() - int(age * 1e9),
        )
        here = span.get_span_context()
        facts["trace_id"] = trace.format_trace_id(here.trace_id)
        facts["span_id"] = trace.format_span_id(here.span_id)
        facts["span"] = span, context.attach(trace.set_span_in_context(span))
        return None

    def observe(self, exchange: Exchange, answer: Answer) -> None:
        """The span ends (an `exchange.Observer`)."""
        span, token = exchange.facts.pop("span", (None, None))
        if span is None:
            return
        from opentelemetry import context, trace

        if span.is_recording():
            self._add_model(exchange, span)
            span.set_attributes(_outcome(exchange, answer))
            if answer.status >= 500:
                span.set_status(trace.StatusCode.ERROR)
        span.end()
        context.detach(token)

    def _add_model(self, exchange: Exchange, parent: Any) -> None:
        """A span for the call of the model, which is over by now."""
        facts = exchange.facts
        begun, seconds = facts.get("model_begun"), facts.get("model_seconds")
        if begun is None or seconds is None:
            return
        from opentelemetry import trace

        start = time.time_ns() - int((time.monotonic() - begun) * 1e9)
        span = self._tracer.start_span(
            f"predict {exchange.model}".strip(),
            trace.set_span_in_context(parent),
            attributes=_about_model(exchange),
            start_time=start,
        )
        span.end(start + int(seconds * 1e9))


class Seldom(logging.Filter):
    """Lets one message a minute pass: a collector that is down is no reason to fill the log."""

    def __init__(self) -> None:
        super().__init__()
        self._next = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this is the one."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + 60
        return True


def telemetry_from(asked: bool | None, environ: Mapping[str, str]) -> Telemetry | None:
    """Spans if they are asked for, or if the usual variables name a collector.

    Args:
        asked: by the settings; None leaves it to the variables, which often are set for all
            programs of a platform: then a server without OpenTelemetry goes without.
        environ: of the process.

    Raises:
        MissingDependency: asked for, but not installed.
        InvalidInput: asked for by a protocol that is not spoken here.
    """
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or asked is False:
        return None
    if not asked and not (any(environ.get(name) for name in _ENDPOINTS) and is_installed()):
        return None
    protocol = next((environ[name] for name in _PROTOCOLS if environ.get(name)), "http/protobuf")
    if protocol != "http/protobuf":
        if asked:
            raise InvalidInput(
                f"Spans are sent by http/protobuf, not {protocol[:40]!r}: change "
                "OTEL_EXPORTER_OTLP_PROTOCOL, and the endpoint's port with it (often 4318)."
            )
        log.warning("No spans are sent: OTEL_EXPORTER_OTLP_PROTOCOL is not http/protobuf.")
        return None
    return Telemetry()


def is_installed() -> bool:
    """Whether OpenTelemetry is there with all that is needed."""
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None and bool(
            find_spec("opentelemetry.sdk.trace")
        )
    except ImportError:
        return False


def _name_of_service(environ: Mapping[str, str]) -> dict[str, str]:
    named = environ.get("OTEL_SERVICE_NAME") or "service.name=" in environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )
    return {} if named else {"service.name": "mlpack-serve"}


def _parent(exchange: Exchange) -> Any:
    """The caller's span as a context; an empty one if it named none."""
    from opentelemetry import trace
    from opentelemetry.context import Context

    facts = exchange.facts
    if "trace_id" not in facts:
        return Context()
    caller = trace.SpanContext(
        int(facts["trace_id"], 16),
        int(facts["span_id"], 16),
        is_remote=True,
        trace_flags=trace.TraceFlags(int(facts["trace_flags"], 16)),
        trace_state=trace.TraceState.from_header([exchange.header("HTTP_TRACESTATE")]),
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(caller), Context())


def _outcome(exchange: Exchange, answer: Answer) -> dict[str, Any]:
    found = _about_model(exchange)
    found["http.response.status_code"] = answer.status
    if exchange.body:
        found["http.request.body.size"] = len(exchange.body)
    if isinstance(answer.body, bytes) and answer.body:
        found["http.response.body.size"] = len(answer.body)
    if answer.status >= 400:
        error = exchange.error
        found["error.type"] = (
            str(answer.status)
            if error is None
            else getattr(error, "error_code", MlpackError.error_code)
        )
    return found


def _about_model(exchange: Exchange) -> dict[str, Any]:
    found = {
        attribute: exchange.facts[fact]
        for attribute, fact in _FROM_FACTS
        if exchange.facts.get(fact) not in (None, "")
    }
    if exchange.model:
        found["mlpack.model.name"] = exchange.model
    return found
