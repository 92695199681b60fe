"""The Open Inference Protocol, by hand and through Triton's own client."""

import json
import struct
from threading import Thread

import numpy as np
import pandas as pd
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException, np_to_triton_dtype
from werkzeug.serving import make_server

from mlpack.flavors.schema import (
    Array,
    ColSpec,
    DataType,
    Schema,
    TensorSpec,
)
from mlpack.flavors.signature import ModelSignature
from mlpack.flavors.table import Table
from mlpack.serve.app import create_app
from mlpack.serve.scoring import Scorer
from mlpack.serve.service import Service
from mlpack.serve.settings import ServeSettings

INFER = "/v2/models/model/infer"
NUMBERS = ["BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"]
NUMBERS += ["FP16", "FP32", "FP64"]


def tensor(name, datatype, data, shape=None, **parameters):
    shape = list(np.shape(data)) if shape is None else shape
    made = {"name": name, "datatype": datatype, "shape": shape, "data": data}
    return {**made, "parameters": parameters} if parameters else made


def infer(client, *inputs, path=INFER, **request):
    return client.post(path, json={"inputs": list(inputs), **request})


def refused(answer, status=400):
    assert answer.status_code == status, answer.data
    assert answer.json["error"] == answer.json["message"] and answer.json["error_code"]
    return answer.json["error"]


def columns(**types):
    return ModelSignature(Schema([ColSpec(kind, name) for name, kind in types.items()]))


# --- the server and its models -------------------------------------------------------------------


def test_the_server_describes_itself(client):
    app = client(lambda data, params: [0])
    about = app.get("/v2").json
    assert about["name"] == "mlpack" and about["extensions"] == ["binary_tensor_data"]
    assert app.get("/v2/health/live").json == {"live": True}
    assert app.get("/v2/health/ready").json == {"ready": True}
    for path in ("/v2/models/model/ready", "/v2/models/model/versions/1/ready"):
        assert app.get(path).json == {"name": "model", "ready": True}
    refused(app.get("/v2/models/other"), 404)
    refused(app.get("/v2/models/model/versions/2"), 404)
    refused(app.get(INFER), 405)


def test_while_it_stops_it_is_not_ready_but_lives(fake_model):
    service = Service({"m": Scorer(fake_model(lambda d, p: d), "m")}, ServeSettings())
    app = create_app(service).test_client()
    service.drain()
    assert app.get("/v2/health/live").status_code == 200
    assert app.get("/v2/health/ready").status_code == 503
    assert app.get("/v2/models/m/ready").status_code == 503


def test_metadata_comes_from_the_signature(client):
    signature = ModelSignature(
        Schema(
            [ColSpec(kind, kind.name) for kind in DataType] + [ColSpec(Array("double"), "list")]
        ),
        Schema([TensorSpec("float32", (-1, 3))]),
    )
    about = client(lambda data, params: [0], signature).get("/v2/models/model").json
    assert about["versions"] == ["1"] and about["name"] == "model"
    assert {i["name"]: i["datatype"] for i in about["inputs"]} == {
        "boolean": "BOOL",
        "integer": "INT32",
        "long": "INT64",
        "float": "FP32",
        "double": "FP64",
        "string": "BYTES",
        "binary": "BYTES",
        "datetime": "BYTES",
        "list": "BYTES",
    }
    assert all(i["shape"] == [-1] for i in about["inputs"])
    assert about["outputs"] == [{"name": "output-0", "datatype": "FP32", "shape": [-1, 3]}]


def test_several_models_and_versions(fake_model):
    scorers = {
        "a": Scorer(fake_model(lambda d, p: np.array([1.0])), "a", "7"),
        "b": Scorer(fake_model(lambda d, p: np.array([2.0])), "b"),
    }
    app = create_app(Service(scorers, ServeSettings())).test_client()
    one = tensor("x", "FP64", [1.0])
    for path, version, value in (("a", "7", 1), ("a/versions/7", "7", 1), ("b", "1", 2)):
        answer = infer(app, one, path=f"/v2/models/{path}/infer")
        assert answer.json["model_version"] == version
        assert answer.json["outputs"][0]["data"] == [value]
    assert app.get("/v2/models/a").json["versions"] == ["7"]


# --- JSON tensors --------------------------------------------------------------------------------


@pytest.mark.parametrize("datatype", NUMBERS)
@pytest.mark.parametrize("nested", [False, True])
def test_numbers_come_and_go(client, datatype, nested):
    got = []
    app = client(lambda data, params: got.append(data) or data)
    data = [[True, False], [True, True]] if datatype == "BOOL" else [[1, 2], [3, 4]]
    flat = [value for row in data for value in row]
    answer = infer(app, tensor("x", datatype, data if nested else flat, [2, 2]), id="42")
    assert answer.json == {
        "model_name": "model",
        "model_version": "1",
        "id": "42",
        "outputs": [{"name": "output-0", "datatype": datatype, "shape": [2, 2], "data": flat}],
    }
    assert np_to_triton_dtype(got[0].dtype) == datatype and got[0].tolist() == data


def test_the_specifications_example(client):
    """From the protocol's own page: two inputs, one output asked for by name."""
    signature = ModelSignature(
        Schema([TensorSpec("uint32", (-1, 2), "input0"), TensorSpec("bool", (-1,), "input1")]),
        Schema([TensorSpec("float32", (-1, 2), "output0")]),
    )
    got = []
    app = client(lambda d, p: got.append(d) or {"output0": np.ones((3, 2), np.float32)}, signature)
    answer = infer(
        app,
        tensor("input0", "UINT32", [1, 2, 3, 4], [2, 2]),
        tensor("input1", "BOOL", [True]),
        id="42",
        outputs=[{"name": "output0"}],
    )
    assert answer.json["outputs"] == [
        {"name": "output0", "datatype": "FP32", "shape": [3, 2], "data": [1.0] * 6}
    ]
    assert got[0]["input0"].tolist() == [[1, 2], [3, 4]] and got[0]["input1"].tolist() == [True]


def test_each_input_is_a_column(client, people):
    got = []
    app = client(lambda data, params: got.append((data.to_records(), params)) or [0.5], people)
    answer = infer(
        app,
        tensor("city", "BYTES", ["Rome", "Oslo"], content_type="str"),
        tensor("age", "INT32", [[40], [41]]),
        tensor("income", "FP32", [1.5, 2.5]),
        tensor("extra", "INT64", [1, 2]),
        parameters={"content_type": "pd", "threshold": 0.25},
    )
    assert answer.status_code == 200, answer.data
    assert got == [
        (
            [
                {"age": 40, "income": 1.5, "city": "Rome"},
                {"age": 41, "income": 2.5, "city": "Oslo"},
            ],
            {"threshold": 0.25},
        )
    ]


def test_columns_of_all_types(client):
    kinds = {kind.name: kind.name for kind in DataType}
    got = []
    signature = ModelSignature(
        Schema(
            [
                *columns(**kinds).inputs,
                ColSpec(Array("long"), "list"),
                ColSpec(Array("long"), "rows"),
            ]
        )
    )
    app = client(lambda data, params: got.extend(data.to_records()) or [0], signature)
    answer = infer(
        app,
        tensor("boolean", "BOOL", [True]),
        tensor("integer", "INT8", [1]),
        tensor("long", "UINT32", [2]),
        tensor("float", "FP16", [0.5]),
        tensor("double", "INT64", [3]),
        tensor("string", "BYTES", ["x"]),
        tensor("binary", "BYTES", ["AAE="], content_type="base64"),
        tensor("datetime", "BYTES", ["2024-01-02"], content_type="datetime"),
        tensor("list", "BYTES", ["[1, 2]"]),
        tensor("rows", "INT64", [[1, 2, 3]]),
    )
    assert answer.status_code == 200, answer.data
    (row,) = got
    assert row["binary"] == b"\x00\x01" and row["list"] == [1, 2] and row["rows"] == [1, 2, 3]
    assert row["float"] == 0.5 and row["double"] == 3 and str(row["datetime"]).startswith("2024")


def test_a_lone_input_of_rows_and_columns_goes_by_position(client):
    got = []
    app = client(lambda data, params: got.append(data) or [0], columns(a="double", b="double"))
    answer = infer(app, tensor("whatever", "FP64", [[1.0, 2.0], [3.0, 4.0]]))
    assert answer.status_code == 200
    assert isinstance(got[0], Table) and got[0].to_records()[1] == {"a": 3.0, "b": 4.0}
    assert "takes 2 columns" in refused(infer(app, tensor("x", "FP64", [[1.0]])))


def test_gaps(client):
    signature = ModelSignature(
        Schema([ColSpec("double", "f"), ColSpec("long", "i", required=False)])
    )
    got = []
    app = client(
        lambda data, params: got.append(data.to_records()[0]) or [float("nan"), None], signature
    )
    answer = infer(app, tensor("f", "FP64", [None]), tensor("i", "INT64", [None]))
    assert got[0]["f"] != got[0]["f"] and got[0]["i"] != got[0]["i"]  # as in every format
    assert answer.json["outputs"][0]["data"] == [None, None]
    strict = client(lambda data, params: [0], columns(i="long", j="long"))
    message = refused(infer(strict, tensor("i", "INT64", [None]), tensor("j", "INT64", [1])))
    assert "column 'i'" in message and "null" in message


def test_without_a_signature(client):
    got = []
    app = client(lambda data, params: got.append(data) or [0])
    infer(app, tensor("x", "FP64", [[1.0, 2.0]]))
    infer(app, tensor("x", "BYTES", ["a", "b"], [2, 1]))  # as MLServer's codec has it
    infer(app, tensor("x", "INT64", [1]), tensor("y", "BYTES", ["a"]))
    infer(app, tensor("x", "INT64", [1, 2]), parameters={"content_type": "pd"})
    infer(app, tensor("x", "INT64", [[1, 2]]), tensor("y", "BYTES", ["a"]))
    infer(app, tensor("x", "BYTES", ["YWI="], content_type="base64"))
    assert got[0].tolist() == [[1.0, 2.0]]
    assert got[1] == ["a", "b"]
    assert got[2].to_records() == [{"x": 1, "y": "a"}]
    assert got[3].to_records() == [{"x": 1}, {"x": 2}]
    assert got[4]["x"].tolist() == [[1, 2]] and got[4]["y"].tolist() == ["a"]
    assert got[5] == [b"ab"]


@pytest.mark.parametrize(
    ("predictions", "outputs"),
    [
        (np.array([1, 2]), [("output-0", "INT64", [2], [1, 2])]),
        (np.array([[0.5], [np.inf]]), [("output-0", "FP64", [2, 1], [0.5, None])]),
        (["a", "b"], [("output-0", "BYTES", [2], ["a", "b"])]),
        (np.array(["a", None], dtype=object), [("output-0", "BYTES", [2], ["a", None])]),
        ([[1, 2], [3, 4]], [("output-0", "INT64", [2, 2], [1, 2, 3, 4])]),
        (7, [("output-0", "INT64", [1], [7])]),
        ("text", [("output-0", "BYTES", [1], ["text"])]),
        ([True, False], [("output-0", "BOOL", [2], [True, False])]),
        (
            pd.DataFrame({"a": [1, 2], "b": ["x", None]}),
            [("a", "INT64", [2], [1, 2]), ("b", "BYTES", [2], ["x", None])],
        ),
        (pd.DataFrame({"a": pd.array([1, None], "Int64")}), [("a", "FP64", [2], [1.0, None])]),
        (
            pd.DataFrame({"t": pd.to_datetime(["2024-01-02"])}),
            [("t", "BYTES", [1], ["2024-01-02T00:00:00"])],
        ),
        (
            {"p": np.zeros((1, 2), np.float32), "n": [1, 2, 3]},
            [("p", "FP32", [1, 2], [0.0, 0.0]), ("n", "INT64", [3], [1, 2, 3])],
        ),
        ([{"a": 1}, {"a": 2}], [("a", "INT64", [2], [1, 2])]),
        ([[1], [1, 2]], [("output-0", "BYTES", [2], ["[1]", "[1, 2]"])]),
        (None, [("output-0", "BYTES", [1], [None])]),
        (10**30, [("output-0", "FP64", [1], [1e30])]),
    ],
    ids=lambda v: repr(v)[:30],
)
def test_outputs(client, predictions, outputs):
    answer = infer(client(lambda data, params: predictions), tensor("x", "FP64", [1.0]))
    assert answer.status_code == 200, answer.data
    got = [(o["name"], o["datatype"], o["shape"], o["data"]) for o in answer.json["outputs"]]
    assert got == outputs


def test_declared_outputs_name_what_has_no_name(client):
    one = ModelSignature(Schema([ColSpec("double")]), Schema([ColSpec("double", "price")]))
    two = ModelSignature(
        Schema([ColSpec("double")]), Schema([ColSpec("double", "no"), ColSpec("double", "yes")])
    )
    x = tensor("x", "FP64", [1.0])
    answer = infer(client(lambda data, params: np.array([5.0]), one), x)
    assert [o["name"] for o in answer.json["outputs"]] == ["price"]
    answer = infer(client(lambda data, params: np.array([[0.1, 0.9]]), two), x)
    assert [(o["name"], o["data"]) for o in answer.json["outputs"]] == [
        ("no", [0.1]),
        ("yes", [0.9]),
    ]


X = tensor("x", "FP64", [1.0])


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ([], "must be an object"),
        ({}, "'inputs' must be a list"),
        ({"inputs": []}, "at least one"),
        ({"inputs": [5]}, "Input 0 must be an object with a 'name'"),
        ({"inputs": [{"name": 5}]}, "with a 'name'"),
        ({"inputs": [X], "more": 1}, "Unknown key 'more'"),
        ({"inputs": [X], "id": 5}, "'id' must be a string"),
        ({"inputs": [X, X]}, "'x' came twice"),
        ({"inputs": [X], "parameters": []}, "'parameters' must be an object"),
        ({"inputs": [X], "parameters": {"k": 1}}, "declares no params"),
        ({"inputs": [X], "parameters": {"binary_data_output": "yes"}}, "must be true or false"),
        ({"inputs": [X], "outputs": {}}, "'outputs' must be a list"),
        ({"inputs": [X], "outputs": [{}]}, "'outputs' must be a list of objects"),
        ({"inputs": [X], "outputs": [{"name": "no"}]}, "no output 'no'; the model gave 'output-0'"),
        (
            {"inputs": [X], "outputs": [{"name": "output-0", "parameters": {"classification": 2}}]},
            "Classification",
        ),
        ({"inputs": [{**X, "datatype": "FP8"}]}, "known are BOOL"),
        ({"inputs": [{**X, "datatype": {}}]}, "known are BOOL"),
        ({"inputs": [{**X, "datatype": None}]}, "the datatype 'None'"),
        ({"inputs": [{**X, "shape": [2]}]}, "takes 2 values, 'data' has 1"),
        ({"inputs": [{**X, "shape": "1"}]}, "'shape' must be a list"),
        ({"inputs": [{**X, "shape": [-1]}]}, "'shape' must be a list of sizes"),
        ({"inputs": [{**X, "shape": [True]}]}, "'shape' must be a list of sizes"),
        ({"inputs": [{**X, "shape": [0]}]}, "no rows"),
        ({"inputs": [{**X, "shape": [10**9, 10**9]}]}, "takes 1000000000000000000 values"),
        ({"inputs": [{**X, "shape": [1] * 40}]}, "more than 32 dimensions"),
        ({"inputs": [{**X, "data": "1"}]}, "needs 'data'"),
        ({"inputs": [{**X, "data": ["1"]}]}, "'1' is no FP64"),
        ({"inputs": [{**X, "data": [True]}]}, "is no FP64"),
        ({"inputs": [{**X, "data": [10**400]}]}, "no FP64"),
        ({"inputs": [tensor("x", "INT8", [128])]}, "no INT8"),
        ({"inputs": [tensor("x", "UINT8", [-1])]}, "no UINT8"),
        ({"inputs": [tensor("x", "INT64", [1.5])]}, "no INT64"),
        ({"inputs": [tensor("x", "FP16", [1e6])]}, "no FP16"),
        ({"inputs": [tensor("x", "BOOL", [1])]}, "no BOOL"),
        ({"inputs": [tensor("x", "BYTES", [1])]}, "are strings"),
        ({"inputs": [tensor("x", "BYTES", ["!"], content_type="base64")]}, "not base64"),
        ({"inputs": [tensor("x", "FP64", [[1.0], [1.0, 2.0]], [2, 1])]}, "not of the shape [2, 1]"),
        ({"inputs": [tensor("x", "FP64", [[1.0, 2.0]], [2, 1])]}, "takes 2 values"),
        ({"inputs": [{**X, "parameters": {"binary_data_size": 8}}]}, "both 'data' and"),
        ({"inputs": [{**X, "extra": 8}]}, "unknown key 'extra'"),
        ({"inputs": [{**X, "parameters": {"content_type": 8}}]}, "'content_type' must be a string"),
    ],
    ids=lambda v: str(v)[:60],
)
def test_bad_requests_are_refused_in_words(client, request_, says):
    app = client(lambda data, params: np.array([1.0]))
    assert says in refused(app.post(INFER, json=request_))


def test_other_failures_have_the_protocols_form(client, people):
    def failing(data, params):
        raise ValueError("boom")

    app = client(failing, max_body=2000)
    assert "ValueError: boom" in refused(infer(app, X), 500)
    refused(infer(app, {**X, "name": "x" * 3000}), 413)
    for body in (b"", b"{", b"\xff", b"[" * 1999):
        refused(app.post(INFER, data=body))
    app = client(lambda data, params: [0], people)
    message = refused(infer(app, tensor("age", "FP64", [1.5]), tensor("income", "FP64", [1.0])))
    assert "city" in message


# --- binary tensors ------------------------------------------------------------------------------


def binary_request(app, head, *tail, length=None):
    text = json.dumps(head).encode()
    headers = {"Inference-Header-Content-Length": str(len(text)) if length is None else length}
    return app.post(INFER, data=text + b"".join(tail), headers=headers)


def binary(name, datatype, shape, size):
    parameters = {"binary_data_size": size}
    return {"name": name, "datatype": datatype, "shape": shape, "parameters": parameters}


def test_binary_in_and_json_beside_it(client):
    got = []
    app = client(lambda data, params: got.append(data.to_records()) or [0])
    answer = binary_request(
        app,
        {
            "inputs": [
                binary("i", "INT16", [2], 4),
                tensor("j", "INT64", [5, 6]),
                binary("s", "BYTES", [2], 11),
                binary("b", "BOOL", [2], 2),
            ]
        },
        struct.pack("<2h", 1, -2),
        struct.pack("<I1sI2s", 1, b"x", 2, b"yz"),
        b"\x01\x00",
    )
    assert answer.status_code == 200, answer.data
    assert got[0] == [
        {"i": 1, "j": 5, "s": "x", "b": True},
        {"i": -2, "j": 6, "s": "yz", "b": False},
    ]
    assert got[0][0]["s"] == "x"


def test_binary_out_where_it_is_asked_for(client):
    frame = pd.DataFrame({"f": np.array([0.5, np.nan], np.float32), "s": ["ü", ""]})
    app = client(lambda data, params: frame)
    answer = infer(app, X, parameters={"binary_data_output": True})
    size = int(answer.headers["Inference-Header-Content-Length"])
    assert answer.content_type == "application/octet-stream"
    head, tail = json.loads(answer.data[:size]), answer.data[size:]
    assert [o["parameters"]["binary_data_size"] for o in head["outputs"]] == [8, 10]
    assert np.isnan(struct.unpack("<2f", tail[:8])[1])
    assert tail[8:] == b"\x02\0\0\0" + "ü".encode() + b"\0\0\0\0"
    wanted = [{"name": "s"}, {"name": "f", "parameters": {"binary_data": True}}]
    answer = infer(app, X, outputs=wanted)
    size = int(answer.headers["Inference-Header-Content-Length"])
    s, f = json.loads(answer.data[:size])["outputs"]
    assert s["data"] == ["ü", ""] and "data" not in f and len(answer.data) - size == 8


@pytest.mark.parametrize(
    ("head", "tail", "length", "says"),
    [
        ([binary("x", "FP64", [1], 8)], b"", None, "0 bytes are left"),
        ([binary("x", "FP64", [1], 8)], b"\0" * 9, None, "account for 8"),
        ([binary("x", "FP64", [2], 8)], b"\0" * 8, None, "takes 16 bytes"),
        ([binary("x", "FP64", [1], -8)], b"", None, "'binary_data_size' is -8"),
        ([binary("x", "FP64", [1], "8")], b"\0" * 8, None, "'binary_data_size' is 8"),
        ([binary("x", "FP64", [2**40], 8)], b"\0" * 8, None, "takes"),
        ([binary("x", "BYTES", [1], 5)], b"\x02\0\0\0x", None, "in the middle of a value"),
        ([binary("x", "BYTES", [1], 3)], b"\0\0\0", None, "in the middle of a value"),
        ([binary("x", "BYTES", [1], 5)], b"\xff\xff\xff\xffx", None, "in the middle of a value"),
        ([binary("x", "BYTES", [2], 4)], b"\0\0\0\0", None, "1 came"),
        ([X], b"tail", None, "4 bytes of binary data came"),
        ([X], b"", "99999", "is '99999'"),
        ([X], b"", "-1", "is '-1'"),
        ([X], b"", "1e3", "is '1e3'"),
        ([X], b"", "9" * 5000, "the body has"),
        ([X], b"", "0", "empty"),
        ([X], b"", "5", "not valid JSON"),
    ],
    ids=lambda v: str(v)[:40],
)
def test_binary_that_lies_is_refused(client, head, tail, length, says):
    app = client(lambda data, params: pytest.fail("the model was called"))
    assert says in refused(binary_request(app, {"inputs": head}, tail, length=length))


# --- Triton's client -----------------------------------------------------------------------------


@pytest.fixture
def remote():
    """``remote(app)``: Triton's client of an app behind a real socket."""
    running = []

    def start(app):
        server = make_server("127.0.0.1", 0, app, threaded=True)
        Thread(target=server.serve_forever, daemon=True).start()
        made = triton.InferenceServerClient(f"127.0.0.1:{server.port}")
        running.append((made, server))
        return made

    yield start
    for made, server in running:
        made.close()
        server.shutdown()
        server.server_close()


def given(name, array, binary=True):
    made = triton.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def test_tritons_client_asks_about_the_server(remote, client, people):
    made = remote(client(lambda data, params: [0], people).application)
    assert made.is_server_live() and made.is_server_ready() and made.is_model_ready("model")
    assert made.is_model_ready("model", "1") and not made.is_model_ready("other")
    assert made.get_server_metadata()["name"] == "mlpack"
    assert [i["name"] for i in made.get_model_metadata("model")["inputs"]][:2] == ["age", "income"]
    with pytest.raises(InferenceServerException, match="The models here: model"):
        made.get_model_metadata("other")


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
@pytest.mark.parametrize("packed", [None, "gzip", "deflate"])
def test_tritons_client_scores(remote, client, binary, packed):
    made = remote(client(lambda data, params: data).application)
    for dtype in ("bool", "uint8", "int16", "int64", "float32", "float64"):
        array = np.arange(6).reshape(2, 3).astype(dtype)
        answer = made.infer(
            "model",
            [given("x", array, binary)],
            outputs=[triton.InferRequestedOutput("output-0", binary_data=binary)],
            request_id="7",
            request_compression_algorithm=packed,
        )
        assert answer.get_response()["id"] == "7"
        result = answer.as_numpy("output-0")
        assert result.dtype == array.dtype and (result == array).all()


def test_tritons_client_sends_half_floats_and_texts(remote, client, people):
    made = remote(client(lambda data, params: data).application)
    half = np.array([[0.5, 1.5]], np.float16)
    assert (made.infer("model", [given("x", half)]).as_numpy("output-0") == half).all()
    people_app = client(
        lambda data, params: [f"{c} {params['threshold']}" for c in data.column("city")], people
    )
    made = remote(people_app.application)
    inputs = [
        given("age", np.array([40, 41])),
        given("income", np.array([1.5, 2.5])),
        given("city", np.array(["Rome", "Zürich"], dtype=object)),
    ]
    answer = made.infer("model", inputs, parameters={"threshold": 2})
    assert [t.decode() for t in answer.as_numpy("output-0")] == ["Rome 2.0", "Zürich 2.0"]


def test_tritons_client_reads_our_errors(remote, client, people):
    made = remote(client(lambda data, params: [0], people).application)
    with pytest.raises(InferenceServerException, match="missing columns"):
        made.infer("model", [given("age", np.array([40])), given("x", np.array([1]))])


# --- SageMaker -----------------------------------------------------------------------------------


def test_sagemakers_headers(fake_model):
    scorers = {
        name: Scorer(fake_model(lambda d, p, name=name: [name]), name) for name in ("a", "b")
    }
    app = create_app(Service(scorers, ServeSettings())).test_client()
    body = {"inputs": [1]}
    for path, target, answered in (
        ("/invocations", None, "a"),
        ("/invocations", "b", "b"),
        ("/invocations", "/b.tar.gz", "b"),
        ("/models/b/invoke", "b", "b"),
    ):
        headers = {"X-Amzn-SageMaker-Custom-Attributes": "trace-id=7"}
        headers |= {} if target is None else {"X-Amzn-SageMaker-Target-Model": target}
        answer = app.post(path, json=body, headers=headers)
        assert answer.json == {"predictions": [answered]}
        assert answer.headers["X-Amzn-SageMaker-Custom-Attributes"] == "trace-id=7"
    answer = app.post("/invocations", json=body, headers={"X-Amzn-SageMaker-Target-Model": "c"})
    assert answer.status_code == 404 and "there are a, b" in answer.json["message"]
    for value in ("x" * 1025, "ü"):
        headers = {"X-Amzn-SageMaker-Custom-Attributes": value}
        answer = app.post("/invocations", json=body, headers=headers)
        assert "X-Amzn-SageMaker-Custom-Attributes" not in answer.headers
