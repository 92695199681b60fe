"""Models that answer in pieces: events, lines, errors in the middle, clients that go away."""

import json
from contextlib import contextmanager

import pytest

from mlpack.errors import InvalidInput, InvalidState, ModelFailed
from mlpack.flavors import PythonModel, load_model, save_model
from mlpack.flavors.base import Trust
from mlpack.serve.app import create_app

EVENTS, LINES = "text/event-stream", "application/x-ndjson"


@pytest.fixture
def streaming(fake_model):
    """``streaming(function, signature)``: a test client of a model that streams."""

    class Streaming(fake_model):
        streams = True

        def stream_enforced(self, data, params):
            yield from self.function(data, params)

    return lambda function, signature=None: create_app(Streaming(function, signature)).test_client()


def ask(client, accept, payload=None, **options):
    payload = {"inputs": ["a b c"]} if payload is None else payload
    return client.post("/invocations", json=payload, headers={"Accept": accept}, **options)


def events(text):
    """(event, data) of server-sent events, read as the standard says."""
    assert text.endswith("\n\n")
    found = []
    for block in text[:-2].split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((fields.get("event", "message"), json.loads(fields["data"])))
    return found


def words(data, params):
    yield from data[0].split()


def test_events(streaming):
    answer = ask(streaming(words), EVENTS)
    assert answer.content_type == EVENTS and answer.headers["Cache-Control"] == "no-cache"
    assert "Content-Length" not in answer.headers
    pieces = [("message", {"prediction": word}) for word in "abc"]
    assert events(answer.text) == [*pieces, ("end", {})]


def test_lines(streaming):
    answer = ask(streaming(words), LINES)
    assert answer.content_type == LINES
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert lines == [{"prediction": word} for word in "abc"]


def test_a_piece_may_be_anything_that_an_answer_may_be(streaming):
    odd = ["line\nbreak \u2028", float("nan"), {"a": [1, None]}, "\ud800", b"x"]
    answer = ask(streaming(lambda data, params: iter(odd)), EVENTS)
    got = [data["prediction"] for kind, data in events(answer.text) if kind == "message"]
    assert got == ["line\nbreak \u2028", None, {"a": [1, None]}, "\ud800", "eA=="]
    answer = ask(streaming(lambda data, params: iter(odd)), LINES)
    assert len(answer.data.splitlines()) == len(odd)


def test_pieces_leave_one_by_one(streaming):
    made = []

    def counting(data, params):
        for i in range(3):
            made.append(i)
            yield i

    answer = ask(streaming(counting), LINES, buffered=False)
    pieces = answer.iter_encoded()
    assert json.loads(next(pieces)) == {"prediction": 0} and made == [0]
    assert json.loads(next(pieces)) == {"prediction": 1} and made == [0, 1]


def test_a_client_that_goes_away_closes_the_models_generator(streaming):
    closed = []

    def endless(data, params):
        try:
            while True:
                yield "more"
        finally:
            closed.append(True)

    for accept in (EVENTS, LINES):
        answer = ask(streaming(endless), accept, buffered=False)
        next(answer.iter_encoded())
        answer.close()
        assert closed.pop() is True


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (ValueError("boom"), "INTERNAL_ERROR", "The model raised ValueError: boom"),
        (InvalidInput("too long"), "INVALID_PARAMETER_VALUE", "too long"),
        (SystemExit(3), "INTERNAL_ERROR", "SystemExit"),
    ],
    ids=repr,
)
def test_an_error_in_the_middle_is_the_last_thing_that_comes(streaming, error, code, says):
    def failing(data, params):
        yield "fine"
        raise error

    first, last = events(ask(streaming(failing), EVENTS).text)
    assert first == ("message", {"prediction": "fine"})
    assert last[0] == "error" and last[1]["error_code"] == code and says in last[1]["message"]
    first, last = map(json.loads, ask(streaming(failing), LINES).text.splitlines())
    assert first == {"prediction": "fine"}
    assert last["error_code"] == code and "Traceback" not in last["message"]


def test_observers_learn_of_an_error_in_the_middle(fake_model):
    class Failing(fake_model):
        streams = True

        def stream_enforced(self, data, params):
            yield "fine"
            raise ValueError("boom")

    seen = []
    app = create_app(Failing(None))
    app.wsgi_app.observers.append(lambda exchange, answer: seen.append(exchange.error))
    answer = ask(app.test_client(), LINES)
    assert len(answer.data.splitlines()) == 2
    answer.close()
    assert [type(error) for error in seen] == [ModelFailed]


def test_a_piece_without_a_form_is_an_error_too(streaming):
    *_, last = events(ask(streaming(lambda d, p: iter([1, object()])), EVENTS).text)
    assert last[0] == "error" and "no JSON form" in last[1]["message"]


def test_an_error_before_the_first_piece_has_its_status(streaming, people):
    def failing(data, params):
        raise InvalidInput("no such word")
        yield

    answer = ask(streaming(failing), EVENTS)
    assert answer.status_code == 400 and answer.json["message"] == "no such word"
    answer = ask(streaming(failing, people), EVENTS, {"dataframe_records": [{"age": "x"}]})
    assert answer.status_code == 400 and "missing column" in answer.json["message"]


def test_a_stream_of_nothing_is_no_error(streaming):
    assert events(ask(streaming(lambda d, p: iter(())), EVENTS).text) == [("end", {})]
    assert ask(streaming(lambda d, p: iter(())), LINES).data == b""


def test_params_reach_a_stream(streaming, people):
    def model(data, params):
        yield params["threshold"]

    row = {"age": 40, "income": 1.5, "city": "Rome"}
    payload = {"dataframe_records": [row], "params": {"threshold": 0.75}}
    assert json.loads(ask(streaming(model, people), LINES, payload).data) == {"prediction": 0.75}


def test_who_does_not_ask_for_a_stream_gets_none(fake_model):
    class Both(fake_model):
        streams = True

        def stream_enforced(self, data, params):
            pytest.fail("nobody asked")

    client = create_app(Both(lambda data, params: "whole")).test_client()
    for accept in ("application/json", "*/*", "application/json, text/event-stream;q=0.5"):
        assert ask(client, accept).json == {"predictions": "whole"}


# --- models on disk ------------------------------------------------------------------------------


class Words(PythonModel):
    def predict(self, context, model_input, params=None):
        return list(self.predict_stream(context, model_input, params))

    def predict_stream(self, context, model_input, params=None):
        for word in str(model_input).split():
            if word == "raise":
                raise KeyError(word)
            yield word


class Plain(PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input


@contextmanager
def saved(model, folder):
    save_model(model, folder / "model", signature=False)
    yield load_model(folder / "model", trust=Trust(everything=True))


def test_a_loaded_model_streams(tmp_path):
    with saved(Words(), tmp_path) as model:
        assert model.streams
        assert list(model.predict_stream("a b")) == ["a", "b"]
        pieces = model.predict_stream("a raise b")
        assert next(pieces) == "a"
        with pytest.raises(ModelFailed, match="KeyError"):
            next(pieces)
        answer = ask(create_app(model).test_client(), LINES, {"inputs": "x y"})
        assert answer.data == b'{"prediction":"x"}\n{"prediction":"y"}\n'


def test_a_loaded_model_that_does_not_stream_says_so(tmp_path):
    with saved(Plain(), tmp_path) as model:
        assert not model.streams
        with pytest.raises(InvalidState, match="does not stream"):
            model.predict_stream("a")
        answer = ask(create_app(model).test_client(), EVENTS)
        assert answer.status_code == 406 and "predict_stream" in answer.json["message"]
