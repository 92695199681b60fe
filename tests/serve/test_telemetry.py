"""Spans as a collector gets them: OTLP over HTTP, read by OpenTelemetry's own messages."""

import http.server
import threading
import time

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from mlpack.errors import InvalidInput, MissingDependency, ModelFailed
from mlpack.serve import telemetry as module
from mlpack.serve.exchange import Answer, Exchange
from mlpack.serve.telemetry import Telemetry, telemetry_from
from mlpack.serve.trace_context import name_request
from mlpack.tests.serve.real import JSON, Server, save_obedient

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, ExportTraceServiceRequest.FromString(body)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def collector():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    server.got = []
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def spans(collector):
    """All spans by name: (span, its attributes, those of its resource)."""
    found = {}
    for path, request in collector.got:
        assert path == "/v1/traces"
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    about = plain(resource.resource.attributes)
                    found.setdefault(span.name, []).append((span, plain(span.attributes), about))
    return found


def plain(attributes):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in attributes}


def post(**environ):
    return Exchange(
        {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/invocations",
            "QUERY_STRING": "token=secret",
            "HTTP_AUTHORIZATION": "Bearer secret",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.url_scheme": "http",
            "REMOTE_ADDR": "10.0.0.1",
            **environ,
        },
        body=b"secret body",
        route="/invocations",
    )


@pytest.fixture
def running(collector, monkeypatch):
    """``running(**environ)``: telemetry that sends to the collector."""

    def start(**environ):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        for name, text in environ.items():
            monkeypatch.setenv(name, text)
        one = Telemetry()
        one.start()
        return one

    return start


def run(telemetry, exchange, answer=None):
    name_request(exchange)
    assert telemetry.begin(exchange) is None
    exchange.model = "churn"
    exchange.facts.update(version="7", rows=3, batch_rows=12, queue_seconds=0.25)
    exchange.facts.update(model_begun=time.monotonic() - 0.5, model_seconds=0.25)
    telemetry.observe(exchange, answer or Answer(b"12345"))


def test_a_span_a_request_and_one_for_the_model(running, collector):
    telemetry = running()
    exchange = post(HTTP_TRACEPARENT=f"00-{TRACE}-{CALLER}-01", HTTP_TRACESTATE="a=1,b=2")
    run(telemetry, exchange)
    telemetry.stop(60)
    found = spans(collector)
    ((span, attributes, resource),) = found["POST /invocations"]
    assert span.trace_id.hex() == TRACE and span.parent_span_id.hex() == CALLER
    assert span.trace_state == "a=1,b=2"
    assert span.kind == span.SPAN_KIND_SERVER
    assert exchange.facts["span_id"] == span.span_id.hex()
    assert attributes.pop("mlpack.request_id") == exchange.facts["request_id"]
    assert attributes == {
        "http.request.method": "POST",
        "http.route": "/invocations",
        "http.response.status_code": 200,
        "http.request.body.size": 11,
        "http.response.body.size": 5,
        "url.path": "/invocations",
        "url.scheme": "http",
        "client.address": "10.0.0.1",
        "network.protocol.version": "1.1",
        "mlpack.model.name": "churn",
        "mlpack.model.version": "7",
        "mlpack.rows": 3,
        "mlpack.batch_rows": 12,
        "mlpack.queue_seconds": 0.25,
    }
    assert resource["service.name"] == "mlpack-serve"
    ((child, attributes, _),) = found["predict churn"]
    assert child.parent_span_id == span.span_id and child.trace_id == span.trace_id
    assert attributes["mlpack.model.name"] == "churn"
    assert child.end_time_unix_nano - child.start_time_unix_nano == 250_000_000
    assert "secret" not in str(collector.got)


def test_without_a_caller_a_trace_begins_and_bad_parents_are_none(running, collector):
    telemetry = running(OTEL_SERVICE_NAME="mine")
    run(telemetry, post())
    run(telemetry, post(HTTP_TRACEPARENT=f"00-{TRACE}-{CALLER}"))
    telemetry.stop(60)
    first, second = spans(collector)["POST /invocations"]
    assert first[0].parent_span_id == second[0].parent_span_id == b""
    assert len({first[0].trace_id, second[0].trace_id, bytes.fromhex(TRACE)}) == 3
    assert first[2]["service.name"] == "mine"


def test_failures(running, collector):
    telemetry = running()
    failed, refused, odd = post(), post(), post(REQUEST_METHOD="BREW\n" + "x" * 999)
    failed.error = ModelFailed("secret")
    run(telemetry, failed, Answer(b"", status=500))
    run(telemetry, refused, Answer(b"", status=404))
    run(telemetry, odd)
    telemetry.stop(60)
    (span, attributes, _), (other, others, _) = spans(collector)["POST /invocations"]
    assert span.status.code == span.status.STATUS_CODE_ERROR
    assert attributes["error.type"] == "INTERNAL_ERROR"
    assert other.status.code == other.status.STATUS_CODE_UNSET
    assert others["error.type"] == "404"
    ((_, attributes, _),) = spans(collector)["HTTP /invocations"]
    assert attributes["http.request.method"] == "_OTHER"
    assert "secret" not in str(collector.got)


def test_a_caller_that_does_not_sample_gets_nothing_sent(running, collector):
    telemetry = running()
    run(telemetry, post(HTTP_TRACEPARENT=f"00-{TRACE}-{CALLER}-00"))
    telemetry.stop(60)
    assert collector.got == []


def test_a_collector_that_is_gone_stops_neither_requests_nor_the_end(running, collector):
    telemetry = running(
        OTEL_EXPORTER_OTLP_ENDPOINT="http://192.0.2.1:9", OTEL_BSP_MAX_QUEUE_SIZE="600"
    )
    begun = time.monotonic()
    for _ in range(2000):
        run(telemetry, post())
    telemetry.stop(10)
    assert time.monotonic() - begun < 300, "it would be hours, were the collector waited for"


def test_when_spans_are_made(monkeypatch):
    named = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    assert telemetry_from(None, {}) is None
    assert telemetry_from(None, named) is not None
    assert telemetry_from(True, {}) is not None
    assert telemetry_from(False, named) is None
    assert telemetry_from(True, {"OTEL_SDK_DISABLED": "true"}) is None
    grpc = {**named, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    assert telemetry_from(None, grpc) is None
    with pytest.raises(InvalidInput, match="http/protobuf"):
        telemetry_from(True, grpc)
    monkeypatch.setattr(module, "is_installed", lambda: False)
    assert telemetry_from(None, named) is None
    with pytest.raises(MissingDependency, match="otel"):
        telemetry_from(True, named)


@pytest.mark.server
def test_spans_of_a_real_server_are_sent_at_its_end(collector, tmp_path):
    obedient = save_obedient(tmp_path / "obedient")
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "60000"}
    with Server(obedient, tmp_path, "--workers", "2", "--access-log", **environ) as server:
        for _ in range(20):
            parent = {**JSON, "traceparent": f"00-{TRACE}-{CALLER}-01"}
            assert server.ask("POST", "/invocations", '{"inputs": ["x"]}', parent)[0] == 200
        assert server.request("GET", "/nothing")[0] == 404
        assert server.stop() == 0
        logged = server.out.read_text()
    found = spans(collector)
    assert len(found["POST /invocations"]) == 20 and len(found["GET"]) == 1
    calls = found["predict model"]
    assert {call[0].parent_span_id for call in calls} == {
        span.span_id for span, _, _ in found["POST /invocations"]
    }
    for span, _, _ in found["POST /invocations"]:
        assert span.trace_id.hex() == TRACE and span.span_id.hex() in logged


def test_a_collector_that_is_down_fills_no_log():
    seldom = module.Seldom()
    assert [seldom.filter(None) for _ in range(3)] == [True, False, False]
