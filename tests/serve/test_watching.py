"""What watches a server, on real ones: numbers over workers, lines, tokens, captures, stops."""

import http.client
import json
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from prometheus_client.parser import text_string_to_metric_families

from mlpack.tests.serve.real import COMMAND, JSON, PATIENT, Server, eventually, save_obedient

pytestmark = pytest.mark.server

TOKEN = "a-token-of-the-test-0123456789"


@pytest.fixture(scope="module")
def obedient(tmp_path_factory):
    return save_obedient(tmp_path_factory.mktemp("models") / "obedient")


def samples(server, headers=JSON):
    status, got, text = server.ask("GET", "/metrics", headers=headers)
    assert status == 200 and got["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def value(found, name, **labels):
    return found.get((name, tuple(sorted(labels.items()))), 0)


def total(found, name, **labels):
    """The sum over all series that have these labels."""
    return sum(
        number
        for (known, pairs), number in found.items()
        if known == name and set(labels.items()) <= set(pairs)
    )


def test_the_workers_numbers_add_up_exactly(obedient, tmp_path):
    with Server(obedient, tmp_path, "--workers", "3") as server:
        eventually(lambda: len({server.order("pid")[1]["predictions"] for _ in range(30)}) == 3)
        before = value_of_requests(samples(server))

        def client(number):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            pids = set()
            for _ in range(50):
                body = json.dumps({"inputs": ["pid", "x"]})
                connection.request("POST", "/invocations", body, JSON)
                pids.add(json.loads(connection.getresponse().read())["predictions"])
            connection.request("POST", "/invocations", "{", JSON)
            assert connection.getresponse().read()
            connection.close()
            return pids

        with ThreadPoolExecutor(12) as pool:
            pids = set().union(*pool.map(client, range(12)))
        assert len(pids) > 1, "the load reached several workers"
        found = samples(server)
        route = {"route": "/invocations", "model": "model"}
        assert value_of_requests(found) - before == 600
        assert value(found, "mlpack_requests_total", status="4xx", **route) == 12
        assert total(found, "mlpack_errors_total", model="model") == 12
        assert value(found, "mlpack_request_rows_sum", model="model") >= 1200
        assert value(found, "mlpack_requests_in_flight") == 1, "the one that asks"
        assert total(found, "mlpack_worker_resident_memory_bytes") > 3e6
        (info,) = [labels for name, labels in found if name == "mlpack_model_info"]
        assert dict(info)["digest"].startswith("sha256:")


def value_of_requests(found):
    return value(found, "mlpack_requests_total", status="2xx", route="/invocations", model="model")


def test_a_killed_workers_numbers_stay_and_its_gauges_go(obedient, tmp_path):
    with Server(obedient, tmp_path, "--workers", "2") as server:
        for _ in range(10):
            assert server.order("x")[0] == 200
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            server.order("die")
        found = eventually(
            lambda: (
                value(f := samples(server), "mlpack_worker_restarts_total") == 1
                and len([1 for name, _ in f if name == "mlpack_worker_resident_memory_bytes"]) == 2
                and f
            )
        )
        assert value_of_requests(found) == 10
        assert value(found, "mlpack_requests_in_flight") == 1
        assert server.order("x")[0] == 200
        eventually(lambda: value_of_requests(samples(server)) == 11)


def test_a_request_that_was_answered_for_counts_as_what_the_client_got(obedient, tmp_path):
    with Server(obedient, tmp_path, "--timeout", "4", "--access-log") as server:
        assert server.order("sleep6")[0] == 504
        found = eventually(
            lambda: (
                value(
                    f := samples(server),
                    "mlpack_requests_total",
                    status="5xx",
                    route="/invocations",
                    model="model",
                )
                and f
            )
        )
        assert value(found, "mlpack_requests_timed_out_total") == 1
        assert server.stop() == 0
        assert 504 in [json.loads(line)["status"] for line in server.out.read_text().splitlines()]


def test_what_is_no_request_is_counted_too(obedient, tmp_path):
    with Server(obedient, tmp_path) as server:
        with server.connect() as sock:
            sock.sendall(b"nonsense\r\n\r\n")
            assert b" 400 " in sock.recv(100)
        eventually(
            lambda: value(samples(server), "mlpack_requests_broken_total", status="400") == 1
        )


def test_tokens_are_asked_for_and_never_shown(obedient, tmp_path):
    file = tmp_path / "tokens"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o600)
    kept = tmp_path / "kept"
    options = ("--auth-tokens-file", str(file), "--access-log", "--capture", str(kept))
    with Server(obedient, tmp_path, *options) as server:
        assert "Authorization: Bearer $TOKEN" in server.text
        status, headers, _ = server.ask("GET", "/metrics")
        assert status == 401 and headers["WWW-Authenticate"].startswith("Bearer")
        assert server.order("x")[0] == 401
        assert server.request("GET", "/nothing")[0] == 401
        for path in ("/ping", "/health", "/v2/health/live", "/v2/health/ready"):
            assert server.request("GET", path)[0] == 200
        good = {**JSON, "Authorization": f"Bearer {TOKEN}"}
        assert server.request("POST", "/invocations", '{"inputs": ["x"]}', good)[0] == 200
        wrong = {**JSON, "Authorization": f"Bearer {TOKEN}x"}
        assert server.request("POST", "/invocations", '{"inputs": ["x"]}', wrong)[0] == 401
        assert total(samples(server, good), "mlpack_errors_total", code="UNAUTHENTICATED") >= 4
        listed = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True).stdout
        assert str(file) in listed
        assert server.stop() == 0
        shown = listed + server.text + server.out.read_text()
        shown += "".join(f.read_bytes().decode("latin-1") for f in kept.rglob("*.parquet"))
        assert TOKEN not in shown


@pytest.mark.parametrize(
    ("options", "environ", "words"),
    [
        (["--auth-tokens-file", "/nothing/there"], {}, "cannot be read"),
        ([], {"MLPACK_AUTH_TOKENS": ""}, "MLPACK_AUTH_TOKENS"),
        ([], {"MLPACK_AUTH_TOKENS": "hush"}, "shorter than 16"),
        (["--cors-origin", "nowhere"], {}, "no origin"),
        (["--cors-origin", "*"], {"MLPACK_AUTH_TOKENS": TOKEN}, "together with tokens"),
        (["--capture", "/proc/nothing"], {}, "cannot be made"),
        (["--otel"], {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http/protobuf"),
    ],
)
def test_what_is_wrong_is_said_before_the_port_opens(obedient, tmp_path, options, environ, words):
    server = Server(obedient, tmp_path, *options, **environ)
    assert server.process.wait(60) == 1
    assert server.text.startswith("error: ") and len(server.text.splitlines()) == 1
    assert words in server.text and "hush" not in server.text


def test_cors_is_off_until_asked_for(obedient, tmp_path):
    site = {"Origin": "https://app.example.com"}
    with Server(obedient, tmp_path) as server:
        _, headers, _ = server.ask("GET", "/ping", headers=site)
        assert not [name for name in headers if name.startswith("Access-Control")]
    options = ("--cors-origin", "https://app.example.com")
    with Server(obedient, tmp_path, *options, MLPACK_AUTH_TOKENS=TOKEN) as server:
        good = {**JSON, "Authorization": f"Bearer {TOKEN}"}
        _, found = server.request("POST", "/invocations", '{"inputs": ["variables"]}', good)
        assert "MLPACK_TRUST_MODEL" in found["predictions"]
        assert "MLPACK_AUTH_TOKENS" not in found["predictions"]
        asked = {**site, "Access-Control-Request-Method": "POST"}
        status, headers, _ = server.ask("OPTIONS", "/invocations", headers=asked)
        assert status == 204 and headers["Access-Control-Allow-Origin"] == site["Origin"]
        status, headers, _ = server.ask("POST", "/invocations", "{}", {**JSON, **site})
        assert status == 401 and headers["Access-Control-Allow-Origin"] == site["Origin"]
        status, headers, _ = server.ask("GET", "/nothing", headers=site)
        assert headers["Access-Control-Allow-Origin"] == site["Origin"]


def test_ids_come_back_and_are_in_the_log(obedient, tmp_path):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with Server(obedient, tmp_path, "--workers", "1", "--access-log") as server:
        given = {**JSON, "X-Request-Id": "call-1", "traceparent": parent}
        status, headers, _ = server.ask("POST", "/invocations", '{"inputs": ["x"]}', given)
        assert (status, headers["X-Request-Id"]) == (200, "call-1")
        status, headers, _ = server.ask("GET", "/nothing%7f%0a%22", headers={})
        made = headers["X-Request-Id"]
        assert status == 404 and len(made) == 32
        assert server.stop() == 0
        first, second = map(json.loads, server.out.read_text().splitlines())
        assert first["request_id"] == "call-1"
        assert first["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
        assert first["rows"] == 1 and first["model_ms"] >= 0
        assert second["request_id"] == made and second["path"] == '/nothing\x7f\n"'


def test_a_log_that_nobody_reads_stops_no_request(obedient, tmp_path):
    reader, writer = os.pipe()
    options = ("--workers", "1", "--access-log")
    server = Server(obedient, tmp_path, *options, stdout=writer, **PATIENT)
    os.close(writer)
    with server:
        connection = server.connection()
        for _ in range(1500):  # more than a pipe holds
            connection.request("GET", "/ping")
            assert connection.getresponse().read() == b"\n"
        connection.close()
        assert server.stop() == 0
    os.close(reader)


def test_a_closed_standard_output_is_no_place_for_a_log(obedient):
    command = [*COMMAND, "--model", str(obedient), "--port", "0", "--access-log"]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *command], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1 and "which is closed" in done.stderr


def test_captures_of_all_workers_are_written_at_a_stop(obedient, tmp_path):
    kept = tmp_path / "kept"
    options = ("--workers", "2", "--capture", str(kept))
    with Server(obedient, tmp_path, *options, **PATIENT) as server:
        for number in range(20):
            assert server.order(number)[0] == 200
        assert server.order("raise")[0] == 500
        assert server.stop() == 0
    files = sorted(kept.rglob("*"))
    assert [f for f in files if f.suffix == ".parquet" or f.is_dir()] == files
    rows = pa.concat_tables([pq.read_table(f) for f in files if f.is_file()]).to_pylist()
    assert sorted(int(row["input"]) for row in rows if row["error"] is None) == list(range(20))
    assert [row["error"] for row in rows if row["error"]] == ["INTERNAL_ERROR"]
    assert len({row["request_id"] for row in rows}) == 21


def test_a_stop_with_a_request_in_flight_still_writes_what_was_captured(obedient, tmp_path):
    kept = tmp_path / "kept"
    options = ("--workers", "1", "--capture", str(kept))
    with Server(obedient, tmp_path, *options, MLPACK_GRACEFUL_TIMEOUT="2") as server:
        assert server.order("x")[0] == 200
        with ThreadPoolExecutor(1) as pool:
            late = pool.submit(server.order, "sleep600")
            eventually(lambda: value(samples(server), "mlpack_requests_in_flight") == 2)
            assert server.stop() == 0
            with pytest.raises((http.client.HTTPException, OSError)):
                late.result()
    (file,) = kept.rglob("*.parquet")
    assert pq.read_table(file).num_rows == 1


def test_workers_that_are_replaced_write_what_they_have(obedient, tmp_path):
    kept = tmp_path / "kept"
    with Server(obedient, tmp_path, "--workers", "1", "--capture", str(kept)) as server:
        pid = server.order("pid")[1]["predictions"]
        os.kill(pid, signal.SIGTERM)
        eventually(lambda: list(kept.rglob("*.parquet")))
        found = eventually(
            lambda: value(f := samples(server), "mlpack_captured_total", model="model") == 1 and f
        )
        assert value_of_requests(found) >= 1


def test_nothing_is_on_that_was_not_asked_for(obedient, tmp_path):
    with Server(obedient, tmp_path) as server:
        _, headers, _ = server.ask("POST", "/invocations", '{"inputs": ["x"]}')
        assert "X-Request-Id" not in headers and "Vary" not in headers
        (pid,) = {server.order("pid")[1]["predictions"]}
        maps = Path(f"/proc/{pid}/maps").read_text()
        assert "pyarrow" not in maps and "opentelemetry" not in maps
