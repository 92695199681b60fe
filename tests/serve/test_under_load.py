"""Real servers with more to do than they can: refusals, deadlines, deaths, stops, answers."""

import http.client
import json
import os
import select
import signal
import socket
import time
from threading import Event, Thread

import numpy as np
import pytest

from mlpack.flavors import PythonModel, save_model
from mlpack.serve.admission import admit
from mlpack.serve.app import create_app
from mlpack.serve.service import Service
from mlpack.tests.serve.real import JSON, PATIENT, Server, Waiting, eventually, save_obedient


@pytest.fixture(scope="module")
def obedient(tmp_path_factory):
    return save_obedient(tmp_path_factory.mktemp("models") / "obedient")


class Echo(PythonModel):
    """Returns its rows with its parameters; a call takes a moment, whatever it is given."""

    def predict(self, context, model_input, params=None):
        import time

        time.sleep(0.005)
        if (model_input["n"] < 0).any():
            raise ValueError("negative")
        answer = model_input.copy()
        answer["k"] = params["k"]
        return answer


@pytest.fixture(scope="module")
def echo(tmp_path_factory):
    import sys

    import cloudpickle
    import pandas as pd

    from mlpack.flavors.schema import ColSpec, ParamSchema, ParamSpec, Schema
    from mlpack.flavors.signature import ModelSignature

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    inputs = Schema(
        [
            ColSpec("long", "n"),
            ColSpec("double", "x", required=False),
            ColSpec("string", "s", required=False),
        ]
    )
    signature = ModelSignature(inputs, params=ParamSchema([ParamSpec("k", "long", 0)]))
    folder = tmp_path_factory.mktemp("models") / "echo"
    example = pd.DataFrame({"n": [1, 2], "x": [0.5, 1.5], "s": ["a", "b"]})
    save_model(Echo(), folder, signature=signature, input_example=example)
    return folder


def in_background(function, *args):
    thread = Thread(target=function, args=args)
    thread.start()
    return thread


def send(server, order):
    """A request whose answer is for later."""
    connection = server.connection()
    connection.request("POST", "/invocations", json.dumps({"inputs": [order]}), JSON)
    return connection


# --- what is let in -------------------------------------------------------------------------------


def test_predictions_are_refused_when_the_queue_is_full_health_is_not(client):
    app = client(lambda data, params: [1])
    busy = {"mlpack.overloaded": True}
    refused = app.post("/invocations", data='{"inputs": [1]}', headers=JSON, environ_base=busy)
    assert refused.status_code == 429 and refused.headers["Retry-After"] == "1"
    assert refused.json["error_code"] == "RESOURCE_EXHAUSTED"
    for path in ("/ping", "/health", "/models"):
        assert app.get(path, environ_base=busy).status_code == 200


def test_a_request_past_its_time_is_not_computed(client):
    calls = []
    app = client(lambda data, params: calls.append(1) or [1])
    late = {"mlpack.deadline": time.monotonic() - 1}
    answer = app.post("/invocations", data='{"inputs": [1]}', headers=JSON, environ_base=late)
    assert (answer.status_code, answer.json["error_code"]) == (504, "DEADLINE_EXCEEDED")
    assert calls == []


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("30", 200),
        ("0.5", 200),
        ("1e-9", 504),
        ("0", 400),
        ("-1", 400),
        ("nan", 400),
        ("soon", 400),
    ],
)
def test_clients_may_say_how_long_they_wait(client, value, status):
    app = client(lambda data, params: [1])
    arrived = {"mlpack.arrived": time.monotonic() - 0.01, "mlpack.deadline": time.monotonic() + 60}
    headers = {**JSON, "X-Request-Timeout": value}
    answer = app.post("/invocations", data='{"inputs": [1]}', headers=headers, environ_base=arrived)
    assert answer.status_code == status
    assert status != 400 or "X-Request-Timeout" in answer.json["message"]


def test_a_clients_deadline_is_counted_from_arrival():
    from mlpack.serve.exchange import Exchange

    now = time.monotonic()
    environ = {
        "REQUEST_METHOD": "POST",
        "HTTP_X_REQUEST_TIMEOUT": "30",
        "mlpack.arrived": now - 5,
        "mlpack.deadline": now + 55,
    }
    exchange = Exchange(environ)
    assert admit(exchange) is None
    assert exchange.deadline == pytest.approx(now + 25)


def test_health_follows_warm_up_and_drain(fake_model, grid):
    from mlpack.serve.scoring import Scorer
    from mlpack.serve.settings import ServeSettings

    called, go, ready = Event(), Event(), Event()

    def model(data, params):
        called.set()
        assert go.wait(60)
        return [0] * len(data)

    service = Service({"m": Scorer(fake_model(model, grid))}, ServeSettings(batching="off"))
    app = create_app(service).test_client()
    service.start(ready.set)
    assert called.wait(60)
    assert [app.get(path).status_code for path in ("/ping", "/health")] == [503, 503]
    go.set()
    assert ready.wait(60)
    assert app.get("/ping").status_code == 200
    service.drain()
    assert app.get("/ping").status_code == 503


# --- real processes -------------------------------------------------------------------------------


@pytest.mark.server
def test_beyond_the_bound_it_is_429_at_once_while_all_threads_are_busy(obedient, tmp_path):
    options = ["--workers", "1", "--threads", "2", "--max-queue", "2"]
    with Server(obedient, tmp_path, *options) as server:
        answers = []

        def wait(connection):
            response = connection.getresponse()
            answers.append((response.status, response.headers["Retry-After"], response.read()))

        orders = [Waiting(tmp_path) for _ in range(20)]
        sent = [send(server, each.order) for each in orders]
        threads = [in_background(wait, connection) for connection in sent]
        eventually(lambda: answers)
        status, retry, content = answers[0]
        assert (status, retry) == (429, "1"), "those that are served take longer"
        assert json.loads(content)["error_code"] == "RESOURCE_EXHAUSTED"
        assert server.request("GET", "/ping")[0] == 200
        for each in orders:
            each.let_go()
        for thread in threads:
            thread.join()
        assert {status for status, _, _ in answers} == {200, 429}
        eventually(lambda: server.order("x")[0] == 200)


@pytest.mark.server
def test_where_nothing_may_wait_free_threads_still_take_what_comes(obedient, tmp_path):
    options = ["--workers", "1", "--threads", "2", "--max-queue", "0"]
    with Server(obedient, tmp_path, *options) as server:
        orders = [Waiting(tmp_path) for _ in range(2)]
        both = [send(server, each.order) for each in orders]
        eventually(lambda: all(each.has_begun() for each in orders))
        assert server.order("x")[0] == 429
        for each in orders:
            each.let_go()
        assert [connection.getresponse().status for connection in both] == [200, 200]
        eventually(lambda: server.order("x")[0] == 200)


@pytest.mark.server
def test_health_checks_wait_for_no_model_nor_for_slow_clients(obedient, tmp_path):
    with Server(obedient, tmp_path, "--workers", "1", "--threads", "2") as server:
        orders = [Waiting(tmp_path) for _ in range(4)]
        busy = [send(server, each.order) for each in orders]
        eventually(lambda: any(each.has_begun() for each in orders))
        slow = [server.connect() for _ in range(8)]
        for sock in slow:
            sock.sendall(b"GET /ping HTTP/1.1\r\nHost: x")
        kept = server.connection()
        for path in ("/ping", "/metrics", "/v2/health/ready", "/ping"):
            kept.request("GET", path)
            answer = kept.getresponse()
            assert answer.read() is not None and answer.status == 200
        assert not select.select([c.sock for c in busy], [], [], 0)[0], "the model is at work"
        kept.request("POST", "/invocations", json.dumps({"inputs": ["x"]}), JSON)  # and it waits
        for each in orders:
            each.let_go()
        assert kept.getresponse().status == 200
        for sock in slow:
            sock.close()
        assert [c.getresponse().status for c in busy] == [200] * 4


@pytest.mark.server
def test_what_waited_too_long_is_answered_and_not_computed(obedient, tmp_path):
    with Server(obedient, tmp_path, "--workers", "1", "--threads", "1") as server:
        waiting = Waiting(tmp_path)
        first = send(server, waiting.order)
        eventually(waiting.has_begun)
        body = json.dumps({"inputs": ["die"]})  # if it were computed, the worker would be gone
        headers = {**JSON, "X-Request-Timeout": "0.1"}
        late = server.connection()
        late.request("POST", "/invocations", body, headers)
        assert server.request("GET", "/ping")[0] == 200  # so that it has arrived
        time.sleep(0.2)
        waiting.let_go()
        answer = late.getresponse()
        assert answer.status == 504
        assert json.loads(answer.read())["error_code"] == "DEADLINE_EXCEEDED"
        assert first.getresponse().status == 200
        pid = server.order("pid")[1]["predictions"]
        assert server.order("pid")[1]["predictions"] == pid


@pytest.mark.server
def test_silent_connections_hold_no_threads(obedient, tmp_path):
    with Server(obedient, tmp_path, "--workers", "1", "--threads", "2") as server:
        silent = [server.connect() for _ in range(50)]
        half = [server.connect() for _ in range(1)]
        for sock in half:
            sock.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-")
        for i in range(20):
            assert server.order(i) == (200, {"predictions": [i]})
        silent[0].sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 200 " in silent[0].recv(1000)
        for sock in silent + half:
            sock.close()


@pytest.mark.server
def test_a_connection_is_used_again_and_again(obedient, tmp_path):
    with Server(obedient, tmp_path, "--workers", "1") as server:
        connection = server.connection()
        connection.connect()
        sock = connection.sock
        for i in range(50):
            connection.request("POST", "/invocations", json.dumps({"inputs": [i]}), JSON)
            assert json.loads(connection.getresponse().read()) == {"predictions": [i]}
        assert connection.sock is sock


@pytest.mark.server
def test_workers_are_replaced_after_so_many_requests_and_no_request_is_lost(obedient, tmp_path):
    options = ["--workers", "2", "--max-requests", "20"]
    with Server(obedient, tmp_path, *options) as server:
        pids = set()
        for _ in range(150):  # each on a connection of its own
            status, content = server.order("pid")
            assert status == 200
            pids.add(content["predictions"])
        assert len(pids) > 3


@pytest.mark.server
def test_who_was_connected_to_a_worker_that_is_replaced_is_served(obedient, tmp_path):
    options = ["--workers", "1", "--max-requests", "1"]
    head = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    head += b"Content-Length: 19\r\n\r\n"
    with Server(obedient, tmp_path, *options) as server, server.connect() as half:
        half.sendall(head)
        silent = server.connection()
        silent.connect()
        pid = server.order("pid")[1]["predictions"]
        half.sendall(b'{"inputs": ["pid"]}')
        silent.request("POST", "/invocations", '{"inputs": ["pid"]}', JSON)
        assert half.makefile("rb").read().endswith(b"%d}" % pid)
        assert json.loads(silent.getresponse().read()) == {"predictions": pid}


@pytest.mark.server
def test_whatever_was_sent_before_a_stop_is_answered(obedient, tmp_path):
    """In a thread, in line for one, or not even accepted yet."""
    with Server(obedient, tmp_path, "--workers", "1", "--threads", "2", **PATIENT) as server:
        sent = [send(server, f"sleep0.{i}") for i in range(1, 9)]
        assert server.stop() == 0
        answers = [connection.getresponse() for connection in sent]
        assert [answer.status for answer in answers] == [200] * 8
        assert [json.loads(a.read())["predictions"] for a in answers] == [
            [f"sleep0.{i}"] for i in range(1, 9)
        ]


@pytest.mark.server
def test_who_comes_after_the_stop_is_refused_at_once(obedient, tmp_path):
    with Server(obedient, tmp_path, "--workers", "2") as server:
        waiting = Waiting(tmp_path)
        long = send(server, waiting.order)
        eventually(waiting.has_begun)
        server.process.send_signal(signal.SIGTERM)
        eventually(server.refuses)
        waiting.let_go()
        assert long.getresponse().status == 200


@pytest.mark.server
def test_a_stop_ends_in_time_even_if_a_request_does_not(obedient, tmp_path):
    options = ["--workers", "1"]
    with Server(obedient, tmp_path, *options, MLPACK_GRACEFUL_TIMEOUT="1") as server:
        hopeless = send(server, "sleep600")
        assert server.stop() == 0
        with pytest.raises((OSError, http.client.HTTPException)):
            hopeless.getresponse()


@pytest.mark.server
def test_killed_workers_cost_their_own_requests_only_and_the_server_recovers(obedient, tmp_path):
    with Server(obedient, tmp_path, "--workers", "2") as server:
        stop, failed, done = Event(), [], []

        def client():
            while not stop.is_set():
                try:
                    done.append(server.order("pid")[1]["predictions"])
                except (OSError, http.client.HTTPException) as error:
                    failed.append(error)

        clients = [in_background(client) for _ in range(4)]
        for _ in range(6):
            before = len(done)
            eventually(lambda before=before: len(done) > before + 20)
            os.kill(done[-1], signal.SIGKILL)
        before = len(done)
        eventually(lambda: len(done) > before + 50)
        stop.set()
        for thread in clients:
            thread.join()
        # a killed worker takes with it what its threads and its line hold: one a client at most
        assert len(failed) <= 6 * len(clients)
        assert server.process.poll() is None
        assert len(set(done)) >= 6


@pytest.mark.server
def test_a_model_that_hangs_costs_a_worker_not_the_service(obedient, tmp_path):
    """One thread calls it at a time, so the others would wait behind it for ever."""
    options = ["--workers", "1", "--batching", "on", "--max-batch-rows", "1", "--timeout", "5"]
    with Server(obedient, tmp_path, *options) as server:
        pid = server.order("pid")[1]["predictions"]
        hangs = send(server, "sleep300")
        at_work = b"mlpack_requests_in_flight 2"  # the other one asks for the metrics
        eventually(lambda: at_work in server.request("GET", "/metrics")[1])
        waits = send(server, "x")
        assert hangs.getresponse().status == 504
        assert waits.getresponse().status in (503, 504)

        def replaced():
            found = _answers(server, "pid")
            return found and found[0] == 200 and found[1]["predictions"] != pid

        eventually(replaced)
        assert "does not come back" in server.text


@pytest.mark.server
def test_a_worker_killed_while_it_comes_up_again_does_not_end_the_server(obedient, tmp_path):
    with Server(obedient, tmp_path, "--workers", "1") as server:
        children = f"/proc/{server.process.pid}/task/{server.process.pid}/children"

        def worker():
            with open(children) as file:
                return [int(pid) for pid in file.read().split()]

        for _ in range(5):
            (pid,) = eventually(worker)
            os.kill(pid, signal.SIGKILL)
            eventually(lambda pid=pid: worker() and worker() != [pid])
        assert eventually(lambda: _answers(server)) == (200, {"predictions": ["x"]})
        assert server.process.poll() is None


def _answers(server, order="x"):
    try:
        return server.order(order)
    except (OSError, http.client.HTTPException):
        return None


@pytest.mark.server
@pytest.mark.parametrize("batching", ["auto", "on"])
def test_no_answer_ever_crosses(echo, tmp_path, batching):
    """Clients that mix columns, types, parameters and mistakes each get back what they sent."""
    options = ["--workers", "2", "--threads", "16", "--batching", batching]
    with Server(echo, tmp_path, *options) as server:
        wrong, kinds = [], []

        def client(seed):
            generator = np.random.default_rng(seed)
            connection = server.connection()
            for _ in range(40):
                rows = [
                    {"n": int(n), "x": float(n) / 4, "s": str(n)}
                    for n in generator.integers(0, 2**40, generator.integers(1, 4))
                ]
                kind, k = int(generator.integers(0, 5)), int(generator.integers(0, 3))
                for row in rows:
                    if kind == 1:
                        del row["x"]
                    if kind == 2:
                        del row["s"]
                    if kind == 3:
                        row["x"] = None
                if kind == 4:
                    rows[-1]["n"] = -1
                body = json.dumps({"dataframe_records": rows, "params": {"k": k}})
                connection.request("POST", "/invocations", body, JSON)
                response = connection.getresponse()
                content = json.loads(response.read())
                kinds.append(kind)
                if kind == 4:
                    good = response.status == 500 and "negative" in content["message"]
                else:
                    good = content == {"predictions": [{**row, "k": k} for row in rows]}
                if not good:
                    wrong.append((rows, k, content))

        threads = [in_background(client, seed) for seed in range(24)]
        for thread in threads:
            thread.join()
        assert wrong == []
        assert len(kinds) == 24 * 40
        metrics = server.request("GET", "/metrics")[1].decode()
        # the requests themselves have three rows at most
        assert _batches(metrics, "4") < _batches(metrics, "+Inf"), "nothing was batched"


def _batches(metrics, limit):
    """How many requests were predicted in calls of no more rows."""
    start, end = "mlpack_batch_rows_bucket", f'le="{limit}"}} '
    lines = [line for line in metrics.splitlines() if line.startswith(start) and end in line]
    assert lines
    return sum(float(line.rpartition(" ")[2]) for line in lines)


@pytest.mark.server
def test_half_closed_connections_get_their_answer(obedient, tmp_path):
    with Server(obedient, tmp_path, "--workers", "1") as server, server.connect() as sock:
        body = b'{"inputs": ["x"]}'
        head = "POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        sock.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        sock.shutdown(socket.SHUT_WR)
        answer = sock.makefile("rb").read()
        assert b" 200 " in answer and b'{"predictions":["x"]}' in answer


@pytest.mark.server
def test_an_answers_head_and_body_are_one_packet(obedient, tmp_path):
    with Server(obedient, tmp_path, "--workers", "1") as server, server.connect() as sock:
        for _ in range(3):
            sock.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
            assert sock.recv(4096).endswith(b"\r\n\r\n\n")
        sock.sendall(b"HEAD /ping HTTP/1.1\r\nHost: x\r\n\r\n")
        assert sock.recv(4096).endswith(b"\r\n\r\n")
