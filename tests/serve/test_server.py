"""Real gunicorn around real model folders: start, answers, limits, signals."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from threading import Thread

import numpy as np
import pytest

from mlpack.flavors import save_model
from mlpack.tests.serve.real import JSON, PATIENT, Server, Waiting, eventually, save_obedient

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    from sklearn.datasets import load_iris
    from sklearn.ensemble import RandomForestClassifier

    root = tmp_path_factory.mktemp("models")
    save_obedient(root / "obedient")
    X, y = load_iris(return_X_y=True, as_frame=True)
    forest = RandomForestClassifier(5, random_state=0).fit(X, y)
    save_model(forest, root / "iris", input_example=X.head(2))
    return root


@pytest.fixture
def serve(models, tmp_path):
    started = []

    def start(name, *options, **environ):
        started.append(Server(models / name, tmp_path, *options, **environ))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            os.killpg(server.process.pid, signal.SIGKILL)
            server.process.wait()


def test_the_banners_curl_line_works_as_printed(serve):
    server = serve("iris", "--workers", "2", MLPACK_MODEL_NAME="runs:/abc/model").ready()
    assert "runs:/abc/model" in server.text
    assert "sepal length (cm): double" in server.text
    line = next(line for line in server.text.splitlines() if line.strip().startswith("curl"))
    done = subprocess.run(["sh", "-c", line.replace("curl", "curl -s", 1)], capture_output=True)
    assert json.loads(done.stdout) == {"predictions": [0, 0]}
    assert server.request("GET", "/ping") == (200, b"\n")
    csv = b"a,b\n1,2\n"
    status, content = server.request("POST", "/invocations", csv, {"Content-Type": "text/csv"})
    assert status == 400 and "missing column" in content["message"]
    assert server.stop() == 0
    assert "Traceback" not in server.text


def test_a_raising_model_is_a_500_and_its_trace_is_in_the_log_only(serve):
    server = serve("obedient").ready()
    status, content = server.order("raise")
    assert status == 500
    assert "refused to obey" in content["message"] and "Traceback" not in content["message"]
    server.stop()
    assert "Traceback" in server.text and "refused to obey" in server.text


def test_requests_too_broken_for_the_app_are_answered_in_json(serve):
    server = serve("obedient", "--max-body", "1K").ready()

    def raw(data):
        with server.connect() as sock:
            sock.sendall(data)
            head, _, body = sock.makefile("rb").read().partition(b"\r\n\r\n")
            return int(head.split()[1]), json.loads(body)["message"]

    post = b"POST /invocations HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    typed = post + b"Content-Type: application/json\r\n"
    assert raw(b"nonsense\r\n\r\n")[0] == 400
    assert raw(b"GET /ping HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 9000 + b"\r\n\r\n")[0] == 431
    assert raw(b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")[0] == 414
    assert raw(post + b"Content-Length: -1\r\n\r\n")[0] == 400
    chunked = typed + b"Transfer-Encoding: chunked\r\n\r\n"
    assert raw(chunked + b"xyz\r\n")[0] == 400
    assert raw(chunked + b"d\r\n" + b'{"inputs": 1}' + b"\r\n800\r\n" + b" " * 2048)[0] == 413
    half = socket.create_connection(("127.0.0.1", server.port))
    half.sendall(typed + b"Content-Length: 100\r\n\r\n{")
    half.shutdown(socket.SHUT_WR)
    answer = half.makefile("rb").read()
    assert b" 400 " in answer and b"ended after 1 of 100 bytes" in answer


def test_a_body_over_the_limit_is_413_even_for_clients_that_send_it_all_first(serve):
    server = serve("obedient", "--max-body", "1M").ready()
    status, content = server.request("POST", "/invocations", b"x" * 30_000_000)
    assert status == 413 and "1 MB" in content["message"]


def test_sigterm_when_idle_waits_for_nobody_who_is_connected(serve):
    server = serve("obedient", "--workers", "2", **PATIENT).ready()
    kept = http.client.HTTPConnection("127.0.0.1", server.port)
    kept.request("GET", "/ping")
    kept.getresponse().read()
    silent = [server.connect() for _ in range(4)]
    half = server.connect()
    half.sendall(b"GET /ping HTTP/1.1\r\nHo")
    rude = server.connect()
    rude.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert rude.recv(100)
    assert server.stop() == 0
    assert "Traceback" not in server.text
    del silent


def test_sigterm_lets_a_request_in_flight_finish(serve, tmp_path):
    server = serve("obedient", "--workers", "1", **PATIENT).ready()
    answers, waiting = [], Waiting(tmp_path)
    client = Thread(target=lambda: answers.append(server.order(waiting.order)))
    client.start()
    eventually(waiting.has_begun)
    server.process.send_signal(signal.SIGTERM)
    eventually(server.refuses)
    waiting.let_go()
    assert server.process.wait(60) == 0
    client.join()
    assert answers == [(200, {"predictions": [waiting.order]})]


def test_ctrl_c_stops_without_a_trace(serve):
    server = serve("obedient", "--workers", "2").ready()
    assert server.order("x")[0] == 200
    os.killpg(server.process.pid, signal.SIGINT)  # as a terminal does: to all processes
    assert server.process.wait(60) == 0
    assert "Traceback" not in server.text and "KeyboardInterrupt" not in server.text


def test_a_killed_worker_costs_its_request_only(serve):
    server = serve("obedient", "--workers", "1").ready()
    first = server.order("pid")[1]["predictions"]
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        server.order("die")
    assert first != eventually(lambda: _pid(server))


def _pid(server):
    """Of the worker that answers, if one does."""
    try:
        return server.order("pid")[1]["predictions"]
    except (OSError, KeyError):
        return None


def test_a_request_over_its_time_is_504_and_stuck_workers_are_replaced(serve):
    options = ("--workers", "1", "--threads", "2", "--timeout", "4")
    server = serve("obedient", *options).ready()
    first = server.order("pid")[1]["predictions"]
    status, content = server.order("sleep12")
    assert (status, content["error_code"]) == (504, "DEADLINE_EXCEEDED")
    assert server.order("pid")[1]["predictions"] == first  # the other thread goes on
    for _ in range(2):
        assert server.order("sleep300")[0] == 504
    eventually(lambda: _pid(server) not in (None, first))


def test_a_model_that_does_not_load_fails_the_start(serve, models, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    server = serve(empty)
    assert server.process.wait(60) == 1
    assert server.text.startswith("error: ") and len(server.text.splitlines()) == 1
    damaged = shutil.copytree(models / "obedient", tmp_path / "damaged")
    (damaged / "python_model.pkl").write_bytes(b"not what it was")
    server = serve(damaged)
    assert server.process.wait(60) == 1
    assert server.text.startswith("error: ") and "python_model.pkl" in server.text


def test_the_digest_is_compared_and_is_trust_enough(serve, models):
    from mlpack.flavors.integrity import digest, manifest

    server = serve(
        "obedient",
        MLPACK_TRUST_MODEL="0",
        MLPACK_MODEL_DIGEST=digest(manifest(models / "obedient")),
    ).ready()
    assert server.order("x")[0] == 200
    server = serve("obedient", MLPACK_MODEL_DIGEST="sha256:" + "0" * 64)
    assert server.process.wait(60) == 1
    assert server.text.startswith("error: ")


@pytest.mark.parametrize(
    "end", ["os._exit(7)", "os.kill(os.getpid(), 9)", "raise ValueError('no')"]
)
def test_a_worker_that_dies_at_boot_ends_the_server(models, tmp_path, end):
    code = f"""
import os
from mlpack.serve import worker
def init_process(self):
    {end}
worker.ThreadedWorker.init_process = init_process
from mlpack.serve.__main__ import main
main(["--model", {str(models / "obedient")!r}, "--host", "127.0.0.1", "--port", "0"])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "MLPACK_TRUST_MODEL": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 3, done.stderr
    assert "serving on" not in done.stderr
    assert "died while it started" in done.stderr or "failed to boot" in done.stderr


def test_sigterm_and_ctrl_c_while_the_model_loads(models):
    code = f"""
import sys, time
from mlpack.serve import gunicorn_app
def load(*args):
    print("loading", flush=True)
    for _ in range(1200):  # a signal that comes just before a long sleep does not end it
        time.sleep(0.05)
gunicorn_app._load = load
from mlpack.serve.__main__ import main
main(["--model", {str(models / "obedient")!r}, "--host", "127.0.0.1", "--port", "0"])
"""
    for signum, expected in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout.readline() == b"loading\n"
        process.send_signal(signum)
        _, error = process.communicate(timeout=60)
        assert (process.returncode, error) == (expected, b"")


def test_the_access_log_is_off_until_asked_for(serve):
    server = serve("obedient").ready()
    assert server.order("x")[0] == 200
    server.stop()
    assert server.out.read_text() == ""
    server = serve("obedient", "--access-log").ready()
    assert server.order("secret value")[0] == 200
    server.stop()
    (line,) = map(json.loads, server.out.read_text().splitlines())
    assert (line["method"], line["path"], line["status"]) == ("POST", "/invocations", 200)
    assert "secret value" not in server.out.read_text() + server.text


def test_workers_share_the_loaded_model_and_the_cpus(serve):
    server = serve("obedient", "--workers", "2", OMP_NUM_THREADS="3").ready()
    assert server.order("threads")[1] == {"predictions": "3"}
    del server
    server = serve("obedient", "--workers", str(os.cpu_count() + 1)).ready()
    if "OMP_NUM_THREADS" not in os.environ:
        assert server.order("threads")[1] == {"predictions": "1"}


def test_many_at_once_each_get_their_own_answer(serve, models):
    server = serve("iris", "--workers", "2").ready()
    from sklearn.datasets import load_iris

    X, _ = load_iris(return_X_y=True, as_frame=True)
    from mlpack.flavors import load_model

    model = load_model(models / "iris")
    expected = [int(p) for p in np.asarray(model.predict(X))]
    wrong = []

    def ask(rows):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        for i in rows:
            payload = {"dataframe_split": {"columns": list(X), "data": [X.iloc[i].tolist()]}}
            connection.request("POST", "/invocations", json.dumps(payload), JSON)
            answer = json.loads(connection.getresponse().read())
            if answer != {"predictions": [expected[i]]}:
                wrong.append((i, answer))

    threads = [Thread(target=ask, args=(range(k, 150, 12),)) for k in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    server.stop()
    assert "warn" not in server.text.lower()


def test_a_stop_waits_for_no_thread_that_was_given_up_and_runs_exit_handlers(serve):
    server = serve("obedient", "--workers", "1", "--timeout", "4", **PATIENT).ready()
    assert server.order("goodbye")[0] == 200
    assert server.order("sleep600")[0] == 504
    assert server.stop() == 0
    assert "The model said goodbye." in server.text
