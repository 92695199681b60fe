"""Lines of JSON that hold what was asked and nothing that a request could smuggle in."""

import json
import os
import time

import pytest

from mlpack.errors import InvalidInput
from mlpack.serve.access_log import AccessLog
from mlpack.serve.exchange import Answer, Exchange
from mlpack.serve.trace_context import name_request, parse_traceparent

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def logged():
    """``logged(*exchanges)``: the lines that come out for them, parsed, and how many were lost."""

    def run(*exchanges, answer=None):
        lost = []
        reader, writer = os.pipe()
        log = AccessLog(lost.append, writer)
        log.start()
        for exchange in exchanges:
            log.observe(exchange, answer or Answer(b"12345"))
        log.stop(60)
        os.close(writer)
        with os.fdopen(reader, "rb") as stream:
            lines = stream.read().splitlines()
        assert not lost
        return [json.loads(line) for line in lines]

    return run


def request(**environ):
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/invocations",
        "REMOTE_ADDR": "10.0.0.1",
        "CONTENT_LENGTH": "17",
        **environ,
    }


def test_everything_about_a_request(logged):
    exchange = Exchange(request(HTTP_X_REQUEST_ID="abc-1", HTTP_TRACEPARENT=PARENT))
    exchange.model = "churn"
    name_request(exchange)
    exchange.facts.update(rows=3, model_seconds=0.0021, queue_seconds=0.5, version="7")
    (line,) = logged(exchange)
    assert line.pop("duration_ms") >= 0
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "method": "POST",
        "path": "/invocations",
        "status": 200,
        "model_ms": 2.1,
        "queue_ms": 500.0,
        "rows": 3,
        "bytes_in": 17,
        "bytes_out": 5,
        "model": "churn",
        "version": "7",
        "request_id": "abc-1",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "span_id": "b7ad6b7169203331",
        "client": "10.0.0.1",
        "pid": os.getpid(),
    }


def test_errors_by_their_code_alone(logged):
    failed, bug = Exchange(request()), Exchange(request())
    failed.error, bug.error = InvalidInput("secret detail"), ValueError("secret detail")
    lines = logged(failed, bug, answer=Answer(b"", status=400))
    assert [line["error"] for line in lines] == ["INVALID_PARAMETER_VALUE", "INTERNAL_ERROR"]
    assert lines[0]["status"] == 400
    assert "secret" not in json.dumps(lines)


def test_no_line_can_be_forged_and_no_secret_gets_in(logged):
    exchange = Exchange(
        request(
            PATH_INFO='/x\r\n{"status":200}\x1b[31m\x00"\\\x9b\xff\xfe',
            QUERY_STRING="token=secret",
            HTTP_AUTHORIZATION="Bearer secret",
            HTTP_COOKIE="secret",
            HTTP_X_REQUEST_ID='a"\n{"forged": "secret"}',
            HTTP_TRACEPARENT=PARENT + "\nsecret",
            CONTENT_LENGTH="",
        ),
        body=b"secret",
    )
    name_request(exchange)
    (line,) = logged(exchange)
    assert line["path"].startswith('/x\r\n{"status":200}\x1b[31m\x00"\\')
    assert len(line["request_id"]) == 32 and "trace_id" not in line
    assert line["bytes_in"] == 6
    assert "secret" not in json.dumps(line)


def test_lines_are_ascii_and_short_enough_not_to_mix(tmp_path):
    target = tmp_path / "log"
    with target.open("wb") as stream:
        log = AccessLog(lambda count: None, stream.fileno())
        log.start()
        for text in ("\U0001f600", "\x00", "é"):
            path = (text * 5000).encode().decode("latin-1")
            environ = request(PATH_INFO=path, REQUEST_METHOD="X" * 999)
            log.observe(Exchange(environ, model="m" * 100), Answer(b""))
        log.stop(60)
    lines = target.read_bytes().splitlines(keepends=True)
    assert len(lines) == 3
    for line in lines:
        assert line.isascii() and len(line) <= 4096 and not any(c < 32 for c in line[:-1])


def test_a_pipe_that_nobody_reads_stops_no_request_and_what_is_lost_is_counted():
    lost = []
    reader, writer = os.pipe()
    log = AccessLog(lost.append, writer)
    log.start()
    exchange = Exchange(request())
    begun = time.monotonic()
    for _ in range(30_000):
        log.observe(exchange, Answer(b""))
    log.stop(0.2)
    assert time.monotonic() - begun < 300, "it would be for ever, were the pipe waited for"
    assert sum(lost) > 10_000
    os.close(reader)  # the thread gets an error, and ends
    log.stop(60)
    os.close(writer)


def test_before_the_fork_nothing_is_written():
    lost = []
    AccessLog(lost.append).observe(Exchange(request()), Answer(b""))
    assert lost == [1]


@pytest.mark.parametrize(
    "text",
    [
        "",
        PARENT.upper(),
        PARENT + "-more",
        PARENT + "\n",
        " " + PARENT,
        PARENT[:-1],
        "ff" + PARENT[2:],
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01",
        PARENT.replace("-", "_"),
        "0" * 10_000,
        PARENT.replace("3", "٣"),
    ],
)
def test_traceparents_that_are_none(text):
    assert parse_traceparent(text) is None


def test_traceparents_of_this_and_later_versions():
    expected = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "01")
    assert parse_traceparent(PARENT) == expected
    assert parse_traceparent("01" + PARENT[2:] + "-what-comes") == expected


def test_ids_of_requests():
    def named(given):
        exchange = Exchange({"HTTP_X_REQUEST_ID": given})
        assert name_request(exchange) is None
        assert exchange.headers == [("X-Request-Id", exchange.facts["request_id"])]
        return exchange.facts["request_id"]

    for good in ("1", "b2f1-44", "Root=1-67891233-abcdef012345678912345678", "a/b+c==", "x" * 128):
        assert named(good) == good
    for bad in ("", " ", "a b", "x" * 129, "a\r\nSet-Cookie: x", "-", "é", '"'):
        made = named(bad)
        assert made != bad and len(made) == 32
    assert named("") != named("")
