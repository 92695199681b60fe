"""/invocations and its neighbours through the app: formats, refusals, answers."""

import json
import math

import numpy as np
import pytest

from mlpack.errors import InvalidInput
from mlpack.flavors.table import Table

ROW = {"age": 40, "income": 1.5, "city": "Rome", "member": True}
JSON = "application/json"


def post(client, payload, content_type=JSON):
    body = payload if isinstance(payload, str | bytes) else json.dumps(payload)
    return client.post("/invocations", data=body, content_type=content_type)


def refused(response, status=400):
    assert response.status_code == status, response.data
    assert response.mimetype == JSON
    assert set(response.json) == {"error_code", "message"}
    assert "Traceback" not in response.json["message"]
    return response.json["message"]


def seen(client, people, payload, content_type=JSON):
    """What the model gets: records and params."""
    got = {}

    def model(data, params):
        got.update(records=data.to_records(), params=params)
        return np.zeros(len(data))

    response = post(client(model, people), payload, content_type)
    assert response.status_code == 200, response.data
    return got["records"], got["params"]


# --- the four JSON forms --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [
        {"dataframe_split": {"columns": list(ROW), "data": [list(ROW.values())]}},
        {"dataframe_split": {"columns": list(ROW), "index": [7], "data": [list(ROW.values())]}},
        {"dataframe_split": {"data": [list(ROW.values())]}},
        {"dataframe_records": [ROW]},
        {"instances": [ROW]},
        {"inputs": {name: [value] for name, value in ROW.items()}},
        {"inputs": ROW},
        {"inputs": [ROW]},
    ],
    ids=lambda p: json.dumps(p)[:40],
)
def test_every_form_brings_the_same_row(client, people, payload):
    assert seen(client, people, payload) == ([ROW], {"threshold": 0.5})


def test_columns_are_put_in_the_signatures_order_and_strangers_are_named(client, people):
    records = [{"extra, column": 1, **dict(reversed(ROW.items()))}]
    order = []
    app = client(lambda data, params: order.extend(data.names) or [1], people)
    response = post(app, {"dataframe_records": records})
    assert order == list(ROW)
    assert response.headers["X-Mlpack-Ignored-Columns"] == "extra%2C column"


def test_params_reach_the_model(client, people):
    payload = {"dataframe_records": [ROW], "params": {"threshold": 1}}
    assert seen(client, people, payload)[1] == {"threshold": 1.0}


def test_an_optional_column_may_be_missing_or_null(client, people):
    row = {k: v for k, v in ROW.items() if k != "member"}
    assert seen(client, people, {"dataframe_records": [row]})[0] == [row]
    null = {**row, "member": None}
    assert seen(client, people, {"dataframe_records": [null]})[0] == [null]


def test_the_floats_that_python_writes_are_read_though_they_are_no_json(client, people):
    rows = [ROW | {"income": value} for value in (math.nan, math.inf, -math.inf)]
    rows[0]["member"] = math.nan  # optional: a missing value
    assert "NaN" in json.dumps(rows)
    for payload in ({"dataframe_records": rows}, {"inputs": rows}):
        records, _ = seen(client, people, payload)
        assert [str(row["income"]) for row in records] == ["nan", "inf", "-inf"]
        assert [row["member"] for row in records] == [None, True, True]
    answer = post(client(lambda data, params: data.column("income"), people), {"inputs": rows})
    assert answer.data == b'{"predictions":[null,null,null]}'


@pytest.mark.parametrize("column", ["age", "city"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_they_are_refused_where_no_floats_belong(client, people, column, value):
    message = refused(post(client(None, people), {"inputs": [ROW, ROW | {column: value}]}))
    got = "NaN in row 1 (the signature requires a value" if value != value else "double inf in row"
    assert f"column {column!r}" in message and got in message


def test_they_are_read_for_tensors_and_without_a_signature(client, grid):
    got = []

    def model(data, params):
        got.append(data)
        return [1]

    for signature in (grid, None):
        answer = post(client(model, signature), '{"instances": [[NaN, -Infinity, 1]]}')
        assert answer.status_code == 200
        np.testing.assert_array_equal(got.pop(), [[np.nan, -np.inf, 1]])


def test_tensors(client, grid):
    got = []
    app = client(lambda data, params: got.append(data) or data.sum(axis=1), grid)
    for form in ("instances", "inputs"):
        response = post(app, {form: [[1, 2, 3], [4, 5, 6.5]]})
        assert response.json == {"predictions": [6.0, 15.5]}
    assert got[0].dtype == np.float64


def test_without_a_signature_numbers_become_arrays_and_records_a_table(client):
    got = []
    app = client(lambda data, params: got.append(data) or [0])
    for payload in (
        {"inputs": [[1, 2]]},
        {"inputs": {"a": [1.5]}},
        {"instances": [{"a": 1}]},
        {"inputs": ["x", "y"]},
        {"inputs": [[1], [1, 2]]},
        {"dataframe_split": {"columns": ["a"], "data": [[1]]}},
    ):
        assert post(app, payload).status_code == 200
    assert isinstance(got[0], np.ndarray) and got[0].shape == (1, 2)
    assert got[1]["a"].tolist() == [1.5]
    assert isinstance(got[2], Table) and got[2].names == ("a",)
    assert got[3] == ["x", "y"]
    assert got[4] == [[1], [1, 2]]
    assert isinstance(got[5], Table)


def test_a_byte_order_mark_is_no_error(client, people):
    body = b"\xef\xbb\xbf" + json.dumps({"dataframe_records": [ROW]}).encode()
    assert seen(client, people, body)[0] == [ROW]


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b"{", "not valid JSON"),
        (b"nonsense", "not valid JSON"),
        (b"\xff\xfe{}", "not UTF-8"),
        ('{"inputs": 1}'.encode("utf-16"), "not UTF-8"),
        (b"[1, 2]", "a list"),
        (b'"text"', "a string"),
        (b"null", "null"),
        (b"{}", "no rows"),
        (b'{"params": {}}', "no rows"),
        (b'{"inputs": [1], "instances": [1]}', "instances and inputs"),
        (b'{"inputs": [1], "columns": ["a"]}', "Unknown key 'columns'"),
        (b'{"dataframe_recrods": []}', "Did you mean 'dataframe_records'?"),
        (b'{"inputs": null}', "null"),
        (b'{"inputs": nan}', "not valid JSON"),
        (b'{"inputs": [+Infinity]}', "not valid JSON"),
        (b'{"inputs": 1, "inputs": 2}', "'inputs' twice"),
        (b'{"inputs": {"a": [1], "b": [2], "a": [3]}}', "'a' twice"),
        (b'{"inputs": ' + b"9" * 5000 + b"}", "too many digits"),
        (b"[" * 200_000, "nested too deep"),
        (b'{"a":' * 100_000, "nested too deep"),
        (b'{"inputs": 1, "params": [1]}', "'params' must be an object"),
        (b'{"dataframe_split": [1]}', "'columns' and 'data'"),
        (b'{"dataframe_split": {"columns": ["a"]}}', "lacks 'data'"),
        (b'{"dataframe_split": {"data": [], "column": []}}', "'column'"),
        (b'{"dataframe_split": {"columns": ["age"], "data": []}}', "no rows"),
        (b'{"dataframe_split": {"columns": ["age"], "data": [[1, 2]]}}', "Row 0 has 2 values"),
        (b'{"dataframe_split": {"columns": ["age", "age"], "data": [[1, 2]]}}', "twice"),
        (b'{"dataframe_split": {"columns": ["age"], "data": ["x"]}}', "must be a list"),
        (b'{"dataframe_split": {"columns": ["age"], "data": [[1]], "index": [1, 2]}}', "index"),
        (b'{"dataframe_split": {"columns": "age", "data": [[1]]}}', "names must be a list"),
        (b'{"dataframe_records": {"age": 1}}', "one object a row"),
        (b'{"dataframe_records": [1]}', "must be an object"),
        (b'{"dataframe_records": []}', "no rows"),
        (b'{"instances": []}', "no rows"),
        (b'{"instances": 5}', "one item a row"),
    ],
    ids=lambda value: str(value[:50]),
)
def test_malformed_json_is_refused_in_words(client, people, body, says):
    app = client(lambda data, params: pytest.fail("the model was called"), people)
    assert says in refused(post(app, body))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"age": "x"}, "column 'age': expected long, got string 'x' in row 1"),
        ({"age": 1.5}, "column 'age': expected long, got double 1.5 in row 1"),
        ({"age": None}, "column 'age': expected long, got null in row 1"),
        ({"age": 10**30}, "column 'age'"),
        ({"age": [1]}, "column 'age'"),
        ({"income": True}, "column 'income'"),
        ({"income": int("9" * 400)}, "column 'income'"),
        ({"city": 5}, "column 'city'"),
        ({"member": "yes"}, "column 'member'"),
    ],
    ids=str,
)
def test_a_wrong_value_is_named_with_column_and_row(client, people, change, says):
    app = client(lambda data, params: pytest.fail("the model was called"), people)
    assert says in refused(post(app, {"dataframe_records": [ROW, {**ROW, **change}]}))


def test_missing_columns_are_named(client, people):
    app = client(lambda data, params: [0], people)
    message = refused(post(app, {"dataframe_records": [{"age": 1, "cyti": "x"}]}))
    assert "'income'" in message and "'city'" in message


def test_unknown_and_wrong_params_are_refused(client, people, grid):
    app = client(lambda data, params: [0], people)
    message = refused(post(app, {"dataframe_records": [ROW], "params": {"treshold": 1}}))
    assert "'treshold'" in message and "'threshold'" in message
    message = refused(post(app, {"dataframe_records": [ROW], "params": {"threshold": "high"}}))
    assert "'threshold'" in message
    app = client(lambda data, params: [0], grid)
    message = refused(post(app, {"inputs": [[1, 2, 3]], "params": {"k": 1}}))
    assert "declares no params" in message


@pytest.mark.parametrize(
    "rows",
    [[[1, 2]], [[1, 2, "x"]], [[1, 2], [1, 2, 3]], [1, 2, 3], "abc", {"a": [1]}],
    ids=str,
)
def test_wrong_tensors_are_refused(client, grid, rows):
    refused(post(client(lambda data, params: [0], grid), {"inputs": rows}))


# --- content types --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type",
    [
        JSON,
        "application/json; charset=utf-8",
        'application/json; charset="UTF-8"',
        "Application/JSON;charset=utf8",
        "application/json; charset=us-ascii",
        "application/json; profile=x",
        "application/json;",
    ],
)
def test_json_by_any_spelling(client, people, content_type):
    assert seen(client, people, {"dataframe_records": [ROW]}, content_type)[0] == [ROW]


@pytest.mark.parametrize(
    ("content_type", "says"),
    [
        (None, "no Content-Type"),
        ("  ", "no Content-Type"),
        ("text/plain", "'text/plain' is not supported"),
        ("application/jsonx", "not supported"),
        ("application/x-www-form-urlencoded", "not supported"),
        ("multipart/form-data; boundary=x", "not supported"),
        ("application/json; charset=latin-1", "charset 'latin-1'"),
        ("application/x-www-form-urlencoded", "-H 'Content-Type: application/json'"),
        ("application/json; format=pandas-split", "'format'"),
        ("text/csv; header=maybe", "'header'"),
    ],
)
def test_other_content_types_are_415(client, people, content_type, says):
    app = client(lambda data, params: [0], people)
    assert says in refused(post(app, {"dataframe_records": [ROW]}, content_type), 415)


def test_bodies_of_unknown_compression_are_refused_not_misread(client, people):
    app = client(lambda data, params: [0], people)
    response = app.post(
        "/invocations", data=b"\x1f\x8b", content_type=JSON, headers={"Content-Encoding": "br"}
    )
    assert "'br'" in refused(response, 415)


def test_a_body_over_the_limit_is_413(client, people):
    app = client(lambda data, params: [0], people, max_body=1000)
    message = refused(post(app, b"x" * 1001), 413)
    assert "1000 bytes" in message


# --- other routes ---------------------------------------------------------------------------------


def test_health_and_version(client):
    import mlpack

    app = client(lambda data, params: [0])
    for route in ("/ping", "/health"):
        assert (app.get(route).status_code, app.get(route).data) == (200, b"\n")
        assert app.head(route).status_code == 200
    assert app.get("/version").text == mlpack.__version__


def test_unknown_routes_and_methods_answer_in_json(client):
    app = client(lambda data, params: [0])
    assert "POST /invocations" in refused(app.get("/nothing"), 404)
    refused(app.post("/invocations/"), 404)
    assert "The models here: model." in refused(app.post("/models/other/invocations"), 404)
    response = app.get("/invocations")
    assert "not allowed" in refused(response, 405)
    assert "POST" in response.headers["Allow"]
    refused(app.delete("/ping"), 405)
    assert app.open("/invocations", method="HEAD").status_code == 405


# --- the model's own failures ---------------------------------------------------------------------


class Odd(Exception):
    pass


@pytest.mark.parametrize(
    "error", [ValueError("no such city: Oz"), Odd(), SystemExit(3), MemoryError(), KeyError("x")]
)
def test_a_raising_model_is_a_500_with_its_words_and_the_trace_in_the_log(
    client, grid, error, caplog
):
    def model(data, params):
        secret_local = "do not show"  # noqa: F841
        raise error

    message = refused(post(client(model, grid), {"inputs": [[1, 2, 3]]}), 500)
    assert type(error).__name__ in message
    assert str(error) in message
    assert "test_invocations.py" not in message and "do not show" not in message
    assert "test_invocations.py" in caplog.text  # the trace


def test_keyboard_interrupt_from_a_model_ends_no_server_thread(client, grid):
    from threading import Thread

    def model(data, params):
        raise KeyboardInterrupt

    app, statuses = client(model, grid), []
    thread = Thread(target=lambda: statuses.append(post(app, {"inputs": [[1, 2, 3]]}).status_code))
    thread.start()
    thread.join()
    assert statuses == [500]


def test_a_model_may_refuse_its_input_in_our_words(client, grid):
    def model(data, params):
        raise InvalidInput("The city is not served.")

    assert refused(post(client(model, grid), {"inputs": [[1, 2, 3]]})) == "The city is not served."


def test_an_answer_without_a_json_form_is_the_models_failure(client, grid):
    message = refused(post(client(lambda d, p: object(), grid), {"inputs": [[1, 2, 3]]}), 500)
    assert "builtins.object" in message


def test_a_generator_that_fails_halfway_is_the_models_failure(client, grid):
    def model(data, params):
        yield 1
        raise ValueError("half way")

    assert "half way" in refused(post(client(model, grid), {"inputs": [[1, 2, 3]]}), 500)


def test_sklearn_models_are_called_by_one_thread_at_a_time(fake_model):
    from threading import Barrier, Thread

    from mlpack.serve.exchange import Exchange
    from mlpack.serve.scoring import Scorer

    running, most = [], []
    start = Barrier(4)

    def model(data, params):
        running.append(1)
        most.append(len(running))
        sum(range(20_000))
        running.pop()
        return [0]

    scorer = Scorer(fake_model(model, flavors=("python_function", "sklearn")))

    def ask():
        start.wait()
        for _ in range(50):
            scorer.score(Exchange({"CONTENT_TYPE": JSON}, b'{"inputs": [1]}'))

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
