"""The dict of routes in front of Flask: who is asked, who is told, what goes out."""

import gc
import weakref

import pytest
from flask import Flask

from mlpack.errors import Busy, InvalidInput, Unauthenticated
from mlpack.serve.exchange import Answer
from mlpack.serve.hot import HotRoutes


@pytest.fixture
def app():
    return Flask("test", static_folder=None)


@pytest.fixture
def hot(app):
    return HotRoutes(app)


@pytest.fixture
def told(hot):
    seen = []
    hot.observers.append(lambda exchange, answer: seen.append((exchange, answer)))
    return seen


def test_a_known_address_never_reaches_flask(app, hot, told):
    @app.before_request
    def no():
        raise AssertionError("Flask was asked")

    hot.add("GET", "/x/a b", lambda exchange: Answer(b"1", "text/plain", headers=[("X-A", "b")]))
    answer = app.test_client().get("/x/a b")
    assert (answer.status_code, answer.data, answer.headers["X-A"]) == (200, b"1", "b")
    assert answer.headers["Content-Length"] == "1"
    ((exchange, _),) = told
    assert exchange.route == "/x/a b"


def test_other_methods_and_addresses_are_flasks(app, hot, told):
    hot.add("POST", "/x", lambda exchange: Answer(b"1"), "/{name}")
    client = app.test_client()
    refused = client.get("/x")
    assert refused.status_code == 405 and "POST" in refused.headers["Allow"]
    assert client.get("/y").status_code == 404
    assert [(exchange.route, answer.status) for exchange, answer in told] == [("", 405), ("", 404)]
    client.post("/x")
    assert told[-1][0].route == "/{name}"


def test_head_is_get_without_a_body(app, hot):
    hot.add("GET", "/x", lambda exchange: Answer(b"123", "text/plain", status=203))
    answer = app.test_client().head("/x")
    assert (answer.status_code, answer.data, answer.mimetype) == (203, b"", "text/plain")


@pytest.mark.parametrize(
    ("error", "status", "header"),
    [
        (InvalidInput("no"), 400, None),
        (Busy("later"), 429, ("Retry-After", "1")),
        (Unauthenticated("who?"), 401, ("WWW-Authenticate", "Bearer")),
        (ZeroDivisionError("secret"), 500, None),
    ],
    ids=repr,
)
def test_what_a_handler_raises_is_answered_in_json(app, hot, told, error, status, header):
    def handler(exchange):
        raise error

    hot.add("POST", "/x", handler)
    answer = app.test_client().post("/x")
    assert answer.status_code == status and set(answer.json) == {"error_code", "message"}
    assert "secret" not in answer.text
    assert header is None or header in list(answer.headers)
    assert told[0][0].error is error


def test_guards_come_first_for_pages_too_and_may_answer(app, hot, told):
    def guard(exchange):
        exchange.headers.append(("X-Request-Id", "7"))
        if exchange.header("HTTP_X_STOP"):
            raise Busy("no")
        return Answer(b"", status=204) if exchange.header("HTTP_X_SHORT") else None

    hot.guards.append(guard)
    hot.add("GET", "/x", lambda exchange: Answer(b"1"))
    app.add_url_rule("/page", view_func=lambda: "page")
    client = app.test_client()
    for path in ("/x", "/page"):
        answers = [client.get(path, headers=h) for h in ({}, {"X-Stop": "1"}, {"X-Short": "1"})]
        assert [a.status_code for a in answers] == [200, 429, 204]
        assert all(a.headers["X-Request-Id"] == "7" for a in answers)
    assert len(told) == 6


def test_a_stream_is_told_of_when_it_ends_even_if_the_client_leaves(app, hot, told):
    closed = []

    def pieces():
        try:
            yield b"a"
            assert not told
            yield b"b"
        finally:
            closed.append(True)

    hot.add("GET", "/x", lambda exchange: Answer(pieces(), "text/event-stream"))
    client = app.test_client()
    whole = client.get("/x")
    assert whole.data == b"ab"
    whole.close()  # as every WSGI server does
    assert len(told) == 1 and closed == [True]
    told.clear()
    response = client.get("/x", buffered=False)
    assert next(response.iter_encoded()) == b"a" and not told
    response.close()
    assert len(told) == 1 and len(closed) == 2


def test_an_observer_that_fails_harms_nobody(app, hot, told):
    def fails(exchange, answer):
        raise ValueError

    hot.observers.insert(0, fails)
    hot.add("GET", "/x", lambda exchange: Answer(b"1"))
    assert app.test_client().get("/x").status_code == 200
    assert len(told) == 1


def test_a_failed_request_leaves_nothing_for_the_collector(app, hot):
    """Its body may be of a hundred megabytes, and the collector comes by when it likes."""

    class Large:
        pass

    seen = []

    def fail(exchange):
        large = exchange.facts["rows"] = Large()
        seen.append(weakref.ref(large))
        try:
            raise ValueError("inner")
        except ValueError:
            raise InvalidInput("outer") from None

    hot.add("GET", "/x", fail)
    client = app.test_client()
    gc.disable()
    try:
        assert client.get("/x").status_code == 400
        assert seen[0]() is None
    finally:
        gc.enable()
