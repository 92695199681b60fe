"""Whatever comes in, the answer is the contract's JSON."""

import json

import pytest

from mlpack.errors import StorageUnavailable
from mlpack.tracking_server.requests import MAX_BODY

BAD = "INVALID_PARAMETER_VALUE"
CREATE = "/api/2.0/mlflow/experiments/create"
JSON = {"Content-Type": "application/json"}


def _error(response):
    assert response.mimetype == "application/json"
    assert response.json.keys() == {"error_code", "message"}
    assert "Traceback" not in response.json["message"]
    return response.status_code, response.json["error_code"], response.json["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"name": "a"',
        b"[]",
        b"1",
        b"null",
        b'"text"',
        b"\xff\xfe{}",
        b'{"name": "\xc3\x28"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"name": ' + b"9" * 5000 + b"}",
        b'{"name": "a\\u0000b"}',
        b'{"name": "\\ud800"}',
        b'{"name": {}}',
        b'{"name": NaN}',
        b'{"name": ""}',
        b'{"name": null}',
        b"",
        b"{}",
    ],
    ids=lambda body: repr(body[:24]),
)
def test_bodies_that_are_wrong(client, body):
    status, code, message = _error(client.post(CREATE, data=body, headers=JSON))
    assert (status, code) == (400, BAD)
    assert len(message) < 500


def test_the_last_of_doubled_keys_counts(client):
    response = client.post(CREATE, data=b'{"name": "a", "name": "b"}', headers=JSON)
    assert response.status_code == 200
    found = client.get("/api/2.0/mlflow/experiments/get-by-name?experiment_name=b")
    assert found.status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_only_json_is_read(client, kind):
    """A form of a web page can send the others anywhere without asking."""
    response = client.post(CREATE, data=b'{"name": "a"}', headers={"Content-Type": kind})
    status, code, message = _error(response)
    assert (status, code) == (400, BAD) and "Content-Type" in message


def test_a_body_that_is_too_large(client):
    huge = b'{"name": "' + b"a" * MAX_BODY + b'"}'
    status, code, message = _error(client.post(CREATE, data=huge, headers=JSON))
    assert (status, code) == (413, "BAD_REQUEST") and "16 MB" in message


def test_a_compressed_body(client):
    headers = {**JSON, "Content-Encoding": "gzip"}
    assert _error(client.post(CREATE, data=b"x", headers=headers))[:2] == (415, "BAD_REQUEST")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("get", "/api/2.0/mlflow/no/such/call", 404, "ENDPOINT_NOT_FOUND"),
        ("post", "/api/2.0/mlflow/webhooks", 404, "ENDPOINT_NOT_FOUND"),
        ("get", "/api/2.0/mlflow/model-versions/nothing", 404, "ENDPOINT_NOT_FOUND"),
        ("post", "/api/3.0/mlflow/traces", 404, "ENDPOINT_NOT_FOUND"),
        ("get", "/favicon.ico", 404, "ENDPOINT_NOT_FOUND"),
        ("get", CREATE, 405, "BAD_REQUEST"),
        ("delete", "/api/2.0/mlflow/runs/get", 405, "BAD_REQUEST"),
    ],
)
def test_addresses_that_are_not_there(client, method, path, status, code):
    assert _error(getattr(client, method)(path))[:2] == (status, code)


def test_a_fault_of_ours_tells_a_number_and_no_more(make_app, monkeypatch, caplog):
    app = make_app()

    def fail(*args):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(app.config["store"], "get_run", fail)
    response = app.test_client().get("/api/2.0/mlflow/runs/get?run_id=a")
    status, code, message = _error(response)
    assert (status, code) == (500, "INTERNAL_ERROR") and "secret" not in message
    number = message.partition("request ")[2].partition(")")[0]
    assert number in caplog.text and "secret detail" in caplog.text


def test_a_database_that_is_gone_is_told_as_such(make_app, monkeypatch):
    app = make_app()

    def fail(*args):
        raise StorageUnavailable("The database does not answer.")

    monkeypatch.setattr(app.config["store"], "get_run", fail)
    response = app.test_client().get("/api/2.0/mlflow/runs/get?run_id=a")
    assert _error(response)[:2] == (503, "TEMPORARILY_UNAVAILABLE")
    assert response.headers["Retry-After"] == "1"


def test_long_values_are_not_quoted_in_full(api):
    message = api.refused("get", "runs/get", 404, "RESOURCE_DOES_NOT_EXIST", run_id="x" * 100_000)
    assert len(json.dumps(message)) < 2100
