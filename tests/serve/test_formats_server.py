"""Formats, streams and tensors through a real server, by clients that we did not write."""

import http.client
import io
import json
import socket
import sys
import time
from pathlib import Path

import cloudpickle
import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pytest
import requests
import tritonclient.http as triton

from mlpack.flavors import PythonModel, save_model
from mlpack.tests.serve.real import JSON, Server, eventually

pytestmark = pytest.mark.server
cloudpickle.register_pickle_by_value(sys.modules[__name__])


class Teller(PythonModel):
    """Tells words, one when a file of that name appears; leaves a file when it was closed."""

    def predict(self, context, model_input, params=None):
        return list(self.predict_stream(context, model_input, params))

    def predict_stream(self, context, model_input, params=None):
        folder = Path(model_input["folder"])
        try:
            for word in ("one", "two", "three"):
                while not (folder / word).exists():
                    time.sleep(0.01)
                    yield "waiting"
                yield word
        finally:
            (folder / "closed").touch()


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    root = tmp_path_factory.mktemp("models")
    save_model(Teller(), root / "teller", signature=False)
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = LogisticRegression(max_iter=1000).fit(X, y)
    save_model(model, root / "iris", input_example=X.head(2))
    return root, X, model.predict(X)


@pytest.fixture(scope="module")
def iris(models, tmp_path_factory):
    with Server(models[0] / "iris", tmp_path_factory.mktemp("log"), "--workers", "1") as server:
        yield server


@pytest.fixture
def teller(models, tmp_path):
    with Server(models[0] / "teller", tmp_path, "--workers", "1", "--threads", "2") as server:
        yield server


def url(server, path="/invocations"):
    return f"http://127.0.0.1:{server.port}{path}"


def test_tables_there_and_back(iris, models):
    _, X, expected = models
    sink = io.BytesIO()
    table = pa.Table.from_pandas(X)
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    arrow = "application/vnd.apache.arrow.stream"
    answer = requests.post(
        url(iris), sink.getvalue(), headers={"Content-Type": arrow, "Accept": arrow}, timeout=60
    )
    assert answer.headers["Content-Type"] == arrow
    predictions = pa.ipc.open_stream(answer.content).read_all().column("prediction")
    assert predictions.to_pylist() == expected.tolist()
    headers = {"Content-Type": "application/vnd.apache.parquet", "Accept": "text/csv"}
    answer = requests.post(url(iris), X.to_parquet(), headers=headers, timeout=60)
    assert pd.read_csv(io.BytesIO(answer.content))["prediction"].tolist() == expected.tolist()


def test_tritons_client(iris, models):
    _, X, expected = models
    name = requests.get(url(iris, "/models"), timeout=60).json()["models"][0]["name"]
    client = triton.InferenceServerClient(f"127.0.0.1:{iris.port}", concurrency=2)
    assert client.is_server_ready() and client.is_model_ready(name)
    inputs = []
    for column in client.get_model_metadata(name)["inputs"]:
        values = X[column["name"]].to_numpy()
        inputs.append(triton.InferInput(column["name"], [len(values)], column["datatype"]))
        inputs[-1].set_data_from_numpy(values)
    pending = [client.async_infer(name, inputs) for _ in range(4)]
    for answer in [*(p.get_result() for p in pending), client.infer(name, inputs)]:
        (output,) = answer.get_response()["outputs"]
        assert answer.as_numpy(output["name"]).tolist() == expected.tolist()
    whole = triton.InferInput("table", list(X.shape), "FP64")
    whole.set_data_from_numpy(X.to_numpy())
    answer = client.infer(name, [whole])
    (output,) = answer.get_response()["outputs"]
    assert np.array_equal(answer.as_numpy(output["name"]), expected)
    client.close()


def stream(server, folder, accept):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    body = json.dumps({"inputs": {"folder": str(folder)}})
    connection.request("POST", "/invocations", body, {**JSON, "Accept": accept})
    return connection, connection.getresponse()


def test_pieces_arrive_when_they_are_made(teller, tmp_path):
    connection, response = stream(teller, tmp_path, "application/x-ndjson")
    assert response.status == 200
    for word in ("one", "two", "three"):
        (tmp_path / word).touch()
        while (piece := json.loads(response.readline())["prediction"]) != word:
            assert piece == "waiting"
    assert response.read() == b""
    connection.close()


def test_a_client_that_goes_away_ends_the_model(teller, tmp_path):
    connection, response = stream(teller, tmp_path, "text/event-stream")
    assert response.readline().startswith(b"data: ")
    connection.sock.shutdown(socket.SHUT_RDWR) if connection.sock else None
    response.close()
    connection.close()
    eventually((tmp_path / "closed").exists)


def test_huge_bodies_bombs_and_a_million_keys_leave_the_server_small(iris):
    process = psutil.Process(iris.process.pid)

    def memory():
        family = [process, *process.children(recursive=True)]
        return sum(member.memory_info().rss for member in family)

    import gzip

    before = memory()
    with iris.connect() as connection:  # said to be 200 MB: refused before it is sent
        head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: {200 * 2**20}\r\n"
        connection.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n")
        assert b" 413 " in connection.recv(200)
    bomb = gzip.compress(bytes(500 * 2**20), 9)
    assert iris.ask("POST", "/invocations", bomb, {**JSON, "Content-Encoding": "gzip"})[0] == 413
    keys = ",".join(f'"{i}":{i}' for i in range(1_000_000))
    for body in ("{" + keys + "}", '{"inputs": {' + keys + "}}", "[" * 5_000_000, "{" * 5_000_000):
        assert iris.ask("POST", "/invocations", body)[0] == 400
    assert iris.ask("GET", "/ping")[0] == 200
    assert memory() - before < 1_000_000_000


def post(body, *headers):
    lines = ["POST /invocations HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "Content-Type: application/json", "", ""]).encode() + body


def test_large_bodies_in_pieces_and_requests_right_behind_them(iris, models):
    _, X, expected = models
    rows = pd.concat([X] * 40)
    body = json.dumps({"dataframe_split": rows.to_dict("split")}).encode()
    body += b" " * (400_000 - len(body))
    with iris.connect() as connection:
        whole = post(body) + b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n" + post(body)
        for start in range(0, len(whole), 150_001):
            connection.sendall(whole[start : start + 150_001])
        answers = connection.makefile("rb")
        for kind in ("predictions", "version", "predictions"):
            length = 0
            assert b" 200 " in answers.readline()
            while (line := answers.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length"):
                    length = int(line.split(b":")[1])
            content = answers.read(length)
            if kind == "predictions":
                assert json.loads(content)[kind] == expected.tolist() * 40


def test_a_large_body_that_ends_too_early_is_the_callers_mistake(iris):
    with iris.connect() as connection:
        connection.sendall(post(b"x" * 300_000)[:-1000])
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").read()
    assert b" 400 " in answer and b"ended after 299000 of 300000 bytes" in answer
    assert iris.ask("GET", "/ping")[0] == 200
