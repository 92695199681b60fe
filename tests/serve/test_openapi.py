"""The OpenAPI document: valid, complete, and as strict as the server itself."""

import json

import jsonschema_rs
import numpy as np
import pandas as pd
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from mlpack.flavors import infer_signature, load_model, save_model
from mlpack.flavors.schema import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec
from mlpack.flavors.signature import ModelSignature
from mlpack.serve.app import create_app
from mlpack.serve.json_schemas import answer_schema, request_schema
from mlpack.serve.openapi import document
from mlpack.serve.scoring import Scorer
from mlpack.serve.service import Service
from mlpack.serve.settings import ServeSettings

NESTED = infer_signature(
    [{"ids": [1, 2], "who": {"name": "a", "age": 3}, "extra": {"k": 1.5}}],
    pd.DataFrame({"score": [0.5]}),
)
NUMBERS = ModelSignature(
    Schema([ColSpec("integer", "small"), ColSpec("float", "x"), ColSpec("boolean", "m", False)]),
    params=ParamSchema([ParamSpec("threshold", "double", 0.5), ParamSpec("name", "string", "a")]),
)
TYPES = ModelSignature(
    Schema(
        [
            ColSpec("integer", "small"),
            ColSpec("long", "age"),
            ColSpec("double", "income"),
            ColSpec("string", "city"),
            ColSpec("datetime", "since"),
            ColSpec("binary", "photo"),
            ColSpec("boolean", "member", required=False),
        ]
    ),
    params=ParamSchema(
        [ParamSpec("threshold", "double", 0.5), ParamSpec("ids", "long", [1], (-1,))]
    ),
)
ROW = [1, 2, 3.5, "x", "2024-01-01T00:00:00", "AAEC", True]
TENSOR = ModelSignature(Schema([TensorSpec("float32", (-1, 2, 2))]))
TENSORS = ModelSignature(Schema([TensorSpec("int64", (-1,), "a"), TensorSpec("str", (-1, 2), "b")]))


@pytest.fixture(scope="module")
def iris(tmp_path_factory):
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    X, y = load_iris(return_X_y=True, as_frame=True)
    folder = tmp_path_factory.mktemp("models") / "iris"
    save_model(LogisticRegression(max_iter=500).fit(X, y), folder, input_example=X.head(2))
    return load_model(folder)


def _read(client, path="/openapi.json"):
    response = client.get(path)
    assert response.status_code == 200, response.text
    return response.json


def test_the_document_is_valid_openapi(iris, fake_model):
    several = {
        "iris": Scorer(iris, "iris"),
        "types": Scorer(fake_model(lambda d, p: [0], TYPES), "types"),
        "nested": Scorer(fake_model(lambda d, p: [0], NESTED), "nested"),
        "tensors": Scorer(fake_model(lambda d, p: [0], TENSORS), "tensors"),
        "none": Scorer(fake_model(lambda d, p: [0]), "none"),
    }
    made = document(several, bearer=True)
    schemathesis.openapi.from_dict(json.loads(json.dumps(made))).validate()
    for schema in made["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)
    assert made["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert made["paths"]["/invocations"]["post"]["security"] == [{"token": []}]
    assert "security" not in made["paths"]["/ping"]["get"]
    assert made["servers"] == [{"url": "./"}]  # right behind any prefix
    names = [o["operationId"] for methods in made["paths"].values() for o in methods.values()]
    assert len(names) == len(set(names))


def test_it_names_every_route_and_no_other(iris):
    service = Service({"iris": Scorer(iris, "iris"), "b": Scorer(iris, "b")}, ServeSettings())
    app = create_app(service)
    named = {
        (method.upper(), path)
        for path, methods in _read(app.test_client())["paths"].items()
        for method in methods
    }
    served = {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if not rule.rule.startswith("/web/")
    }
    assert named == served


def test_examples_are_answered(iris):
    client = create_app(iris).test_client()
    content = _read(client)["paths"]["/invocations"]["post"]["requestBody"]["content"]
    sent = content["application/json"]["example"]
    by_json = client.post("/invocations", json=sent)
    assert by_json.status_code == 200 and len(by_json.json["predictions"]) == 2
    text = content["text/csv"]["example"]
    by_csv = client.post("/invocations", data=text, content_type="text/csv")
    assert by_csv.json == by_json.json
    document = _read(client)["components"]["schemas"]
    assert jsonschema_rs.is_valid(document["Request"], sent)
    assert jsonschema_rs.is_valid(document["Answer"], by_json.json)


def _agrees(app, signature, payload):
    """Whether the schema and the server are of one mind about a request; and their mind."""
    valid = jsonschema_rs.is_valid(request_schema(signature), payload)
    answer = app.post("/invocations", json=payload)
    assert valid == (answer.status_code == 200), (payload, answer.text)
    return valid


@pytest.mark.parametrize(
    ("position", "value", "good"),
    [
        (0, 2**31, False),
        (0, 5.0, True),
        (0, 5.5, False),
        (0, None, False),
        (1, 2**63 - 1, True),
        (1, 2**63, False),
        (1, "1", False),
        (2, 7, True),
        (2, None, True),  # NaN
        (2, "7", False),
        (3, "", True),
        (3, None, False),
        (6, None, True),
        (6, "true", False),
        (6, 1, False),
    ],
)
def test_cells_are_judged_as_the_server_judges_them(client, position, value, good):
    app = client(lambda data, params: [0], TYPES)
    row = [*ROW[:position], value, *ROW[position + 1 :]]
    names = list(TYPES.inputs.names)
    split = {"dataframe_split": {"columns": names, "data": [row]}}
    records = [dict(zip(names, row, strict=True))]
    assert _agrees(app, TYPES, split) is good
    assert _agrees(app, TYPES, {"dataframe_records": records}) is good
    assert _agrees(app, TYPES, {"instances": records}) is good
    assert _agrees(app, TYPES, {"inputs": {n: [v] for n, v in records[0].items()}}) is good


@pytest.mark.parametrize(
    ("payload", "good"),
    [
        ({"params": {"threshold": 1}}, True),
        ({"params": {"threshold": None}}, True),
        ({"params": {"ids": [1, 2]}}, True),
        ({"params": {"ids": 1}}, False),
        ({"params": {"threshold": "1"}}, False),
        ({"params": {"unknown": 1}}, False),
        ({"other": 1}, False),
        ({"inputs": {}}, False),
    ],
)
def test_what_stands_beside_the_rows(client, payload, good):
    app = client(lambda data, params: [0], TYPES)
    records = [dict(zip(TYPES.inputs.names, ROW, strict=True))]
    assert _agrees(app, TYPES, {"dataframe_records": records, **payload}) is good


@pytest.mark.parametrize(
    ("name", "good"), [("member", True), ("age", False), ("new", True)], ids=str
)
def test_columns_that_are_missing_or_more(client, name, good):
    app = client(lambda data, params: [0], TYPES)
    record = dict(zip(TYPES.inputs.names, ROW, strict=True))
    if record.pop(name, None) is None:
        record[name] = 1
    assert _agrees(app, TYPES, {"dataframe_records": [record]}) is good


@pytest.mark.parametrize(
    ("signature", "payload", "good"),
    [
        (TENSOR, {"inputs": [[[1, 2], [3, 4]]]}, True),
        (TENSOR, {"instances": [[[1, None], [3, 4]]]}, True),
        (TENSOR, {"inputs": [[[1, 2, 3], [3, 4, 5]]]}, False),
        (TENSOR, {"inputs": [[1, 2], [3, 4]]}, False),
        (TENSOR, {"inputs": [[["1", 2], [3, 4]]]}, False),
        (TENSOR, {"inputs": []}, False),
        (TENSORS, {"inputs": {"a": [1], "b": [["x", "y"]]}}, True),
        (TENSORS, {"instances": [{"a": 1, "b": ["x", "y"]}]}, True),
        (TENSORS, {"inputs": {"a": [1]}}, False),
        (TENSORS, {"inputs": {"a": [1.5], "b": [["x", "y"]]}}, False),
        (
            NESTED,
            {"inputs": {"ids": [[1]], "who": [{"name": "a", "age": 1}], "extra": [{"k": 1}]}},
            True,
        ),
        (
            NESTED,
            {"inputs": {"ids": [["1"]], "who": [{"name": "a", "age": 1}], "extra": [{"k": 1}]}},
            False,
        ),
        (NESTED, {"inputs": {"ids": [[1]], "who": [{"name": "a"}], "extra": [{"k": 1}]}}, False),
        (
            NESTED,
            {
                "inputs": {
                    "ids": [[1]],
                    "who": [{"name": "a", "age": 1, "x": 1}],
                    "extra": [{"k": 1}],
                }
            },
            False,
        ),
        (None, {"inputs": "anything"}, True),
        (None, {"instances": []}, False),
        (None, {"dataframe_split": {"data": [[1]]}}, True),
        (None, {"dataframe_split": {"data": [[1]], "more": 1}}, False),
    ],
)
def test_tensors_and_nested_values(client, signature, payload, good):
    assert _agrees(client(lambda data, params: [0], signature), signature, payload) is good


@pytest.mark.parametrize(
    "output",
    [
        np.array([1.5, np.nan]),
        np.array([[1, 2], [3, 4]]),
        pd.DataFrame({"a": [1], "b": ["x"]}),
        pd.Series([1.0, 2.0]),
        pd.Series([1.0], name="score"),
        ["a", "b"],
        {"a": np.array([1]), "b": np.array([2.0])},
        [{"label": "x", "score": 0.5}],
        "text",
    ],
    ids=lambda value: type(value).__name__,
)
def test_answers_fit_the_schema_of_what_was_inferred_from_them(client, output):
    signature = infer_signature(model_output=output)
    answer = client(lambda data, params: output, signature).post(
        "/invocations", json={"inputs": [1]}
    )
    jsonschema_rs.validate(answer_schema(signature), answer.json)


def test_a_huge_example_is_left_out(tmp_path, fake_model):
    wide = ModelSignature(Schema([ColSpec("string", f"column {i}" * 20) for i in range(500)]))
    made = document({"wide": Scorer(fake_model(lambda d, p: [0], wide), "wide")})
    content = made["paths"]["/invocations"]["post"]["requestBody"]["content"]
    assert "example" not in content["application/json"]


# what no schema can say: things that have to be of one length; integers beside gaps are doubles
UNSAID = ("The index has", "Columns differ in length", "cannot hold it exactly")


@pytest.mark.parametrize(
    "signature", [NUMBERS, NESTED, TENSOR, TENSORS], ids=["numbers", "nested", "tensor", "tensors"]
)
def test_whatever_fits_the_schema_is_accepted(client, signature):
    app = client(lambda data, params: [0], signature)
    api = schemathesis.openapi.from_wsgi("/openapi.json", app.application)

    @settings(
        max_examples=60,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(api["/invocations"]["POST"].as_strategy(generation_mode=GenerationMode.POSITIVE))
    def check(case):
        if case.media_type == "application/json":
            answer = app.post("/invocations", json=case.body)
            unsaid = any(text in answer.text for text in UNSAID)
            assert answer.status_code == 200 or unsaid, (case.body, answer.text)

    check()
