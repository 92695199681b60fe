"""Real gunicorn around the tracking server: start, stop, faults in the middle, files."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import pytest

pytestmark = pytest.mark.server

COMMAND = [sys.executable, "-m", "mlpack.cli.main"]
API = "/api/2.0/mlflow/"
FILES = "/api/2.0/mlflow-artifacts/artifacts/"


class Server:
    """``mlpack server`` on a free port, its store and files below a folder."""

    def __init__(self, folder, *options, command="server", **environ):
        self.log = folder / f"log {time.monotonic_ns()}"
        self.out = self.log.with_suffix(".out")
        with self.log.open("wb") as log, self.out.open("wb") as out:
            self.process = subprocess.Popen(
                [*COMMAND, command, "--port", "0", *options],
                stdout=out,
                stderr=log,
                cwd=folder,
                env={**os.environ, **environ},
                start_new_session=True,
            )

    @property
    def text(self):
        return self.log.read_text()

    def ready(self):
        until = time.monotonic() + 60
        while not (found := re.search(r"tracking on http://127.0.0.1:(\d+)", self.text)):
            assert self.process.poll() is None and time.monotonic() < until, self.text
            time.sleep(0.02)
        self.port = int(found[1])
        return self

    @property
    def workers(self):
        """Their process ids."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def request(self, method, path, body=None, headers=None, **more):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {}, **more)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def post(self, path, **body):
        headers = {"Content-Type": "application/json"}
        status, content = self.request("POST", API + path, json.dumps(body), headers)
        return status, json.loads(content)

    def get(self, path):
        status, content = self.request("GET", API + path)
        return status, json.loads(content)

    def run(self):
        return self.post("runs/create", experiment_id="0")[1]["run"]["info"]["run_id"]

    def stop(self, signum=signal.SIGTERM):
        self.process.send_signal(signum)
        return self.process.wait(60)


@pytest.fixture
def serve(tmp_path):
    started = []

    def start(*options, **more):
        started.append(Server(tmp_path, *options, **more))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            os.killpg(server.process.pid, signal.SIGKILL)
            server.process.wait()


def _read_all(connection):
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_start_and_stop(serve, signum, tmp_path):
    server = serve().ready()
    assert server.request("GET", "/health") == (200, b"OK")
    assert re.fullmatch(rb"\d+\.\d+\.\d+", server.request("GET", "/version")[1])
    assert f"MLFLOW_TRACKING_URI=http://127.0.0.1:{server.port}" in server.text
    assert "mlruns" in server.text and "access control" not in server.text
    assert server.run() and (tmp_path / "mlruns" / "mlpack.db").exists()
    assert server.stop(signum) == 0
    assert "Traceback" not in server.text


def test_options_from_the_environment_and_the_ui(serve, tmp_path):
    server = serve(
        command="ui", MLPACK_WORKERS="1", MLFLOW_TRACKING_URI=str(tmp_path / "elsewhere")
    ).ready()
    assert len(server.workers) == 1
    assert b"Default" in server.request("GET", "/")[1]
    assert "elsewhere" in server.text


def test_a_port_in_use_is_one_line(serve, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        server = serve("--port", port)
        assert server.process.wait(60) == 1
    assert server.text.count("\n") == 1 and f"Port {port}" in server.text
    assert not (tmp_path / "mlruns").exists()


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--backend-store-uri", "http://elsewhere:5000", "itself a server"),
        ("--backend-store-uri", "oracle://x/y", "not the address"),
        ("--artifacts-destination", "ftp://x", "unknown scheme"),
        ("--host", "no.such.host.invalid", "is not known"),
    ],
)
def test_settings_that_cannot_be_are_one_line(serve, option, value, told):
    server = serve(option, value)
    assert server.process.wait(60) == 1
    assert server.text.count("\n") == 1 and told in server.text


def test_listening_for_others_is_told_plainly(serve):
    server = serve("--host", "0.0.0.0").ready()
    assert "no access control" in server.text
    status, content = server.request("GET", "/", headers={"Host": "ml.example"})
    assert status == 403 and b"--allowed-hosts" in content


def test_eight_clients_at_once(serve):
    server = serve().ready()
    runs = [server.run() for _ in range(8)]
    failed = []

    def log(run_id):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        for step in range(40):
            body = {"run_id": run_id, "key": "m", "value": step, "timestamp": 1, "step": step}
            headers = {"Content-Type": "application/json"}
            connection.request("POST", API + "runs/log-metric", json.dumps(body), headers)
            response = connection.getresponse()
            response.read()
            if response.status != 200:
                failed.append(response.status)
        connection.close()

    threads = [Thread(target=log, args=(run_id,)) for run_id in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    for run_id in runs:
        history = server.get(f"metrics/get-history?run_id={run_id}&metric_key=m")[1]["metrics"]
        assert sorted(point["step"] for point in history) == list(range(40))


def test_a_killed_worker_loses_nothing_and_does_nothing_by_halves(serve):
    server = serve().ready()
    run_id = server.run()
    acknowledged, uncertain, stop = set(), set(), []

    def log(offset):
        step = offset
        while not stop:
            metrics = [
                {"key": f"m{i}", "value": i, "timestamp": 1, "step": step} for i in range(100)
            ]
            try:
                status, _ = server.post("runs/log-batch", run_id=run_id, metrics=metrics)
                (acknowledged if status == 200 else uncertain).add(step)
            except (OSError, http.client.HTTPException):
                uncertain.add(step)
            step += 4

    threads = [Thread(target=log, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    for round_ in range(4):
        target = len(acknowledged) + 5
        until = time.monotonic() + 60
        while len(acknowledged) < target and time.monotonic() < until:
            time.sleep(0.01)
        for pid in server.workers[: 1 + round_ % 2]:
            os.kill(pid, signal.SIGKILL)
    stop.append(True)
    for thread in threads:
        thread.join()
    assert len(acknowledged) >= 20
    steps = []
    for key in range(100):
        query = f"metrics/get-history?run_id={run_id}&metric_key=m{key}"
        steps.append({point["step"] for point in server.get(query)[1]["metrics"]})
    assert all(found == steps[0] for found in steps)
    assert acknowledged <= steps[0] <= acknowledged | uncertain


def test_a_request_in_flight_is_finished_before_the_end(serve):
    server = serve("--workers", "1").ready()
    connection = server.connect()
    connection.sendall(f"PUT {FILES}0/a HTTP/1.1\r\nHost: localhost\r\n".encode())
    connection.sendall(b"Content-Length: 10\r\n\r\nhello")
    other = Thread(target=server.run)
    other.start()
    other.join()  # by now the first request is being read
    server.process.send_signal(signal.SIGTERM)
    until = time.monotonic() + 60
    while _answers(server) and time.monotonic() < until:
        time.sleep(0.02)
    connection.sendall(b"world")
    assert _read_all(connection).startswith(b"HTTP/1.1 200 OK")
    assert server.process.wait(60) == 0


def _answers(server):
    """A server that is stopping takes no new requests."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().read() == b"OK"
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@pytest.mark.parametrize(
    "begun",
    [
        b"Content-Length: 1000000\r\n\r\n" + b"x" * 5000,
        b"Transfer-Encoding: chunked\r\n\r\n1000\r\n" + b"x" * 4096 + b"\r\n1000\r\nabc",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n",
    ],
    ids=["length", "chunk", "no end", "nonsense"],
)
def test_a_client_that_leaves_in_the_middle_leaves_nothing(serve, tmp_path, begun):
    server = serve("--workers", "1").ready()
    connection = server.connect()
    head = f"PUT {FILES}0/folder/a HTTP/1.1\r\nHost: localhost\r\n".encode()
    connection.sendall(head + begun)
    connection.shutdown(socket.SHUT_WR)
    answer = _read_all(connection)
    connection.close()
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
    assert not (tmp_path / "mlruns" / "0" / "folder").exists()
    assert server.request("GET", "/health") == (200, b"OK")
    assert "Traceback" not in server.text


def test_large_files_in_little_memory(serve, tmp_path):
    server = serve("--workers", "1").ready()
    pieces, piece = 256, os.urandom(1024 * 1024)
    size = pieces * len(piece)
    before = _peak(server.workers[0])
    status, _ = server.request(
        "PUT",
        FILES + "0/large",
        (piece for _ in range(pieces)),
        {"Transfer-Encoding": "chunked"},
        encode_chunked=True,
    )
    assert status == 200
    assert (tmp_path / "mlruns" / "0" / "large").stat().st_size == size
    connection = server.connect()
    connection.sendall(
        f"GET {FILES}0/large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    )
    received = 0
    while part := connection.recv(1 << 20):
        received += len(part)
    connection.close()
    assert received > size
    assert _peak(server.workers[0]) - before < 20 * 1024 * 1024


def _peak(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


@pytest.mark.parametrize(
    "target",
    [
        "../../../../../../etc/passwd",
        "%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "..%2f..%2f..%2f..%2f..%2fetc/passwd",
        "%252e%252e%252f%252e%252e%252fetc/passwd",
        "/etc/passwd",
        "%2fetc/passwd",
        "..\\..\\etc\\passwd",
        "a/../../../../../etc/passwd",
        "%c0%ae%c0%ae/etc/passwd",
        "a%00b",
        "a\tb",
    ],
)
def test_raw_addresses(serve_once, target):
    """As no client library would send them."""
    connection = serve_once.connect()
    connection.sendall(
        f"GET {FILES}{target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    )
    answer = _read_all(connection)
    assert re.match(rb"HTTP/1.1 40[04] ", answer), answer
    assert b"root:" not in answer and b'"error_code"' in answer


@pytest.mark.parametrize(
    "head",
    [
        b"\x16\x03\x01\x02\x00\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
    ],
)
def test_what_is_no_request(serve_once, head):
    connection = serve_once.connect()
    connection.sendall(head)
    answer = _read_all(connection)
    assert re.match(rb"HTTP/1.1 [45]0\d ", answer) and b'"error_code"' in answer
    assert b"\r\nX-Content-Type-Options: nosniff\r\n" in answer
    assert serve_once.request("GET", "/health") == (200, b"OK")


def test_headers_do_not_change_the_path(serve_once):
    """As gunicorn lets a proxy on the same machine do."""
    for headers in ({"SCRIPT_NAME": "/x"}, {"PATH_INFO": "/nothing"}):
        assert serve_once.request("GET", "/health", headers=headers) == (200, b"OK")


def test_as_many_runs_in_a_query_as_are_allowed(serve_once):
    runs = "&".join(f"run_ids={number:032x}" for number in range(100))
    path = f"metrics/get-history-bulk-interval?metric_key=m&{runs}"
    assert serve_once.get(path)[0] in (200, 404)


@pytest.fixture(scope="module")
def serve_once(tmp_path_factory):
    """One server for the tests that only ask."""
    server = Server(tmp_path_factory.mktemp("server"), "--access-log")
    yield server.ready()
    server.process.kill()
    server.process.wait()


def test_counters_of_all_workers_and_the_access_log(serve_once):
    for _ in range(20):
        assert serve_once.get("experiments/search")[0] == 200
    status, content = serve_once.request("GET", "/metrics")
    assert status == 200
    found = re.findall(
        r'mlpack_http_requests_total\{.*experiments/search.*status="200".*\} (\S+)',
        content.decode(),
    )
    assert sum(map(float, found)) == 20
    assert "mlpack_http_request_seconds_bucket" in content.decode()
    assert "experiments/search" in serve_once.out.read_text()
