"""What Azure ML's endpoints send and look for."""

import gzip
import json

import pytest

TABLE = {"columns": ["age", "income", "city"], "index": [0], "data": [[41, 1.5, "Oslo"]]}


@pytest.fixture
def app(client, people):
    """Says what it was given."""
    return client(
        lambda table, params: [
            [*row, params["threshold"]] for row in zip(*table.columns, strict=True)
        ],
        people,
    )


def test_score_is_invocations_by_another_name(app):
    sent = {"dataframe_split": TABLE}
    assert app.post("/score", json=sent).json == app.post("/invocations", json=sent).json
    text = "age,income,city\n41,1.5,Oslo\n"
    answer = app.post("/score", data=text, content_type="text/csv")
    assert answer.json == {"predictions": [[41, 1.5, "Oslo", 0.5]]}


def test_input_data_gets_bare_predictions(app):
    answer = app.post("/score", json={"input_data": TABLE, "params": {"threshold": 0.9}})
    assert answer.json == [[41, 1.5, "Oslo", 0.9]]
    columns = {"age": [41], "income": [1.5], "city": ["Oslo"]}
    answer = app.post("/score", json={"input_data": columns}, headers={"Accept": "text/csv"})
    assert answer.json == [[41, 1.5, "Oslo", 0.5]]
    assert answer.content_type == "application/json"


def test_input_data_may_be_a_tensor(client, grid):
    app = client(lambda array, params: array.sum(axis=1), grid)
    assert app.post("/score", json={"input_data": [[1, 2, 3]]}).json == [6.0]


def test_a_packed_body_is_unpacked_once(app):
    body = gzip.compress(json.dumps({"input_data": TABLE}).encode())
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    assert app.post("/score", data=body, headers=headers).json == [[41, 1.5, "Oslo", 0.5]]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"input_data": ', "not valid JSON"),
        (b'{"input_data": {"columns": ["age"], "data": [[1]]}}', "income"),
        (b'{"input_data": [], "inputs": []}', "Beside 'input_data'"),
        (b'{"input_data": null}', "null"),
        (b"", "empty"),
    ],
)
def test_damaged_bodies_are_refused(app, body, text):
    answer = app.post("/score", data=body, content_type="application/json")
    assert answer.status_code == 400 and text in answer.json["message"]


def test_the_limit_on_bodies_holds_here_too(client):
    app = client(lambda data, params: data, max_body=100)
    answer = app.post(
        "/score", data=b'{"input_data": [' + b"1," * 100, content_type="application/json"
    )
    assert answer.status_code == 413


def test_ids_of_requests_come_back(app):
    headers = {"x-ms-request-id": "7", "x-ms-client-request-id": "a\tb" * 50}
    answer = app.post("/score", json={"input_data": TABLE}, headers=headers)
    assert answer.headers["x-ms-request-id"] == "7"
    assert "x-ms-client-request-id" not in answer.headers  # no text of any kind


def test_probes_find_something_alive(app):
    assert app.get("/").status_code == 200
    assert app.get("/health").status_code == 200
