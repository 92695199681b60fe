"""Every route by curl: what documentation shows and scripts in shells do."""

import gzip
import json
import shutil
import subprocess

import pytest

from mlpack.flavors import save_model
from mlpack.tests.serve.real import Server

pytestmark = pytest.mark.server

SPLIT = {"columns": ["a", "b"], "data": [[1, 2], [3, 4]]}
TOKEN = "a-token-of-good-length-0123456789"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    import pandas as pd
    from sklearn.linear_model import LinearRegression

    root = tmp_path_factory.mktemp("models")
    X = pd.DataFrame({"a": [0.0, 1.0, 2.0], "b": [0.0, 1.0, 0.0]})
    save_model(LinearRegression().fit(X, X["a"] + X["b"]), root / "sum", input_example=X)
    options = ["--workers", "1", "--model", f"again={root / 'sum'}"]
    with Server(f"sum={root / 'sum'}", root, *options, MLPACK_AUTH_TOKENS=TOKEN) as running:
        yield running


@pytest.fixture
def curl(server, tmp_path):
    """``curl(path, *options, body=…)``: (status, content type, body)."""

    def run(path, *options, body=None, token=TOKEN):
        if body is not None:
            (tmp_path / "body").write_bytes(body)
            options = ("--data-binary", f"@{tmp_path / 'body'}", *options)
        if token:
            options = ("-H", f"Authorization: Bearer {token}", *options)
        command = [
            shutil.which("curl"),
            "-sS",
            "--max-time",
            "60",
            "-w",
            r"\n%{http_code} %{content_type}",
        ]
        done = subprocess.run(
            [*command, *options, f"http://127.0.0.1:{server.port}{path}"],
            capture_output=True,
            check=True,
        )
        content, _, last = done.stdout.rpartition(b"\n")
        status, _, content_type = last.decode().partition(" ")
        return int(status), content_type, content

    return run


JSON = ("-H", "Content-Type: application/json")


def test_every_route(curl):
    _, _, document = curl("/openapi.json")
    routes = {
        (m.upper(), path) for path, ways in json.loads(document)["paths"].items() for m in ways
    }
    row = json.dumps({"dataframe_split": SPLIT}).encode()
    tensors = [
        {"name": "a", "datatype": "FP64", "shape": [2], "data": [1, 3]},
        {"name": "b", "datatype": "FP64", "shape": [2], "data": [2, 4]},
    ]
    for method, path in sorted(routes):
        if method == "GET":
            status, content_type, content = curl(path)
            assert status == 200 and content, path
            continue
        body = json.dumps({"inputs": tensors}).encode() if path.endswith("/infer") else row
        status, content_type, content = curl(path, *JSON, body=body)
        assert (status, content_type) == (200, "application/json"), (path, content)
        answer = json.loads(content)
        got = answer["outputs"][0]["data"] if path.endswith("/infer") else answer["predictions"]
        assert got == pytest.approx([3, 7]), path


def test_formats_and_compression(curl):
    text = b"a,b\n1,2\n3,4\n"
    status, _, content = curl("/invocations", "-H", "Content-Type: text/csv", body=text)
    assert status == 200 and json.loads(content)["predictions"] == pytest.approx([3, 7])
    packed = gzip.compress(json.dumps({"inputs": {"a": [1], "b": [2]}}).encode())
    options = ("-H", "Content-Encoding: gzip", "-H", "Accept: text/csv")
    status, content_type, content = curl("/invocations", *JSON, *options, body=packed)
    assert status == 200 and content_type.startswith("text/csv")
    assert float(content.split()[1]) == pytest.approx(3)
    azure = json.dumps({"input_data": SPLIT}).encode()
    assert json.loads(curl("/score", *JSON, body=azure)[2]) == pytest.approx([3, 7])


def test_what_goes_wrong_is_json(curl):
    # without a header of ours curl says that it sends a form
    status, content_type, content = curl("/invocations", body=b"{}")
    assert (status, content_type) == (415, "application/json")
    assert "application/x-www-form-urlencoded" in json.loads(content)["message"]
    status, _, content = curl(
        "/invocations", *JSON, body=b'{"dataframe_split": {"data": [["x", 1]]}}'
    )
    assert status == 400 and "column 'a'" in json.loads(content)["message"]
    assert curl("/invocations")[0] == 405 and curl("/nothing")[0] == 404
    assert curl("/invocations", *JSON, body=b"{}", token="")[0] == 401
    assert curl("/invocations", *JSON, body=b"{}", token="wrong-token-of-good-length")[0] == 401
    assert curl("/ping", token="")[0] == 200 and curl("/metrics", token="")[0] == 401


def test_a_body_that_waits_for_leave_to_come(curl):
    body = json.dumps({"dataframe_split": {**SPLIT, "data": [[1, 2]] * 2000}}).encode()
    status, _, content = curl("/invocations", *JSON, "-H", "Expect: 100-continue", body=body)
    assert status == 200 and len(json.loads(content)["predictions"]) == 2000
    status, _, _ = curl("/invocations", *JSON, "-H", "Transfer-Encoding: chunked", body=body)
    assert status == 200
    assert curl("/ping", "--head")[0] == 200
