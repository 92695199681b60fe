"""Arbitrary requests: never a 500 (the model here cannot fail), always JSON, never a trace."""

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlpack.flavors.schema import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec
from mlpack.flavors.signature import ModelSignature

SIGNATURES = {
    "none": None,
    "columns": ModelSignature(
        Schema(
            [
                ColSpec("long", "a"),
                ColSpec("float", "b", required=False),
                ColSpec("string", "c"),
                ColSpec("datetime", "d", required=False),
                ColSpec("binary", "e", required=False),
                ColSpec("boolean", "f", required=False),
            ]
        ),
        params=ParamSchema([ParamSpec("k", "long", 3), ParamSpec("s", "string", "x")]),
    ),
    "numbers": ModelSignature(Schema([ColSpec("double", "a"), ColSpec("double", "b")])),
    "unnamed": ModelSignature(Schema([ColSpec("string")])),
    "tensor": ModelSignature(Schema([TensorSpec("float32", (-1, 2))])),
    "tensors": ModelSignature(
        Schema([TensorSpec("int64", (-1,), "a"), TensorSpec("str", (-1, 2), "b")])
    ),
}
MANY = settings(
    max_examples=60,
    derandomize=True,  # the same in every run; raise the number to explore
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

names = st.sampled_from(["a", "b", "c", "d", "e", "f", "k", "columns", "data", "index", ""])
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["2024-01-02", "YWI=", "1", "nan", "\ud800", "9" * 30])
)
values = st.recursive(
    scalars,
    lambda v: st.lists(v, max_size=4) | st.dictionaries(names, v, max_size=4),
    max_leaves=15,
)
rows = st.fixed_dictionaries(
    {"a": scalars, "c": scalars}, optional=dict.fromkeys(("b", "d", "e", "f", "z"), scalars)
)
splits = st.fixed_dictionaries(
    {"data": values | st.lists(st.lists(scalars, min_size=2, max_size=2), max_size=3)},
    optional={"columns": values | st.just(["a", "b"]), "index": values},
)
forms = st.one_of(
    st.fixed_dictionaries({"dataframe_split": splits | values}, optional={"params": values}),
    st.fixed_dictionaries({"dataframe_records": st.lists(rows, max_size=3) | values}),
    st.fixed_dictionaries({"instances": st.lists(rows) | values}, optional={"params": values}),
    st.fixed_dictionaries({"inputs": values | rows}),
    st.dictionaries(st.sampled_from(["inputs", "instances", "params", "x"]), values),
    values,
)


@pytest.fixture(params=SIGNATURES)
def app(request, client):
    return client(lambda data, params: [data, params], SIGNATURES[request.param])


def sound(response):
    """The contract of every answer."""

    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    assert response.status_code in (200, 400, 413, 415), response.data
    assert response.mimetype == "application/json"
    content = json.loads(response.data, parse_constant=refuse)
    if response.status_code == 200:
        assert set(content) == {"predictions"}
    else:
        assert set(content) == {"error_code", "message"}
        assert content["message"] and len(content["message"]) < 3000
        assert not re.search(r'Traceback \(most|File ".*", line \d', content["message"])


@MANY
@given(payload=forms, ascii_only=st.booleans())
def test_json_of_any_shape(app, payload, ascii_only):
    text = json.dumps(payload, ensure_ascii=ascii_only)
    body = text.encode("utf-8", "surrogatepass")
    sound(app.post("/invocations", data=body, content_type="application/json"))


@MANY
@given(
    body=st.binary(max_size=200)
    | st.text(alphabet='{}[]":,0123456789.eE+-nulltrfas \\"ab', max_size=60).map(str.encode),
    content_type=st.sampled_from(
        ["application/json", "text/csv", "text/csv; header=absent", "application/x-parquet"]
    ),
)
def test_bytes_of_any_kind(app, body, content_type):
    sound(app.post("/invocations", data=body, content_type=content_type))


@MANY
@given(
    header=st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f", "z", " a", "0"]), max_size=6),
    cells=st.lists(
        st.lists(
            st.sampled_from(["", "1", "-1.5", "x", "true", "NaN", "1e999", "9" * 5000, '"q"'])
            | st.text(max_size=5),
            max_size=6,
        ),
        max_size=4,
    ),
)
def test_csv_of_any_shape(app, header, cells):
    text = "\n".join(",".join(line) for line in [header, *cells])
    body = text.encode("utf-8", "surrogatepass")
    sound(app.post("/invocations", data=body, content_type="text/csv"))


@MANY
@given(
    content_type=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)
    | st.builds(
        "{};{}={}".format,
        st.sampled_from(["application/json", "text/csv", "", "a/b"]),
        st.sampled_from(["charset", "format", "header", "", "q"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
    )
)
def test_any_content_type(app, content_type):
    sound(app.post("/invocations", data=b'{"inputs": 1}', content_type=content_type))
