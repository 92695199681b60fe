"""Several models behind one port: by name, by weight, by a header, and a shadow."""

import json
from collections import Counter
from threading import Event

import pytest

from mlpack.errors import InvalidInput
from mlpack.serve.app import create_app
from mlpack.serve.exchange import Exchange
from mlpack.serve.gunicorn_app import ModelSource, _names
from mlpack.serve.routing import Router, Shadow, as_name, name_and_uri, parse_route
from mlpack.serve.scoring import Scorer
from mlpack.serve.service import Service
from mlpack.serve.settings import ServeSettings
from mlpack.tests.serve.real import Server, eventually, save_obedient

BODY = json.dumps({"inputs": [1.5]})
PATIENCE = 60


@pytest.fixture
def models(fake_model):
    """``models(a=function, b=function)`` as scorers; versions count from 1."""

    def make(**functions):
        return {
            name: Scorer(fake_model(function), name, str(i))
            for i, (name, function) in enumerate(functions.items(), 1)
        }

    return make


@pytest.fixture
def two(models):
    return models(a=lambda data, params: ["a"], b=lambda data, params: ["b"])


def client(scorers, **settings):
    return create_app(Service(scorers, ServeSettings(**settings))).test_client()


def ask(client, path="/invocations", **headers):
    response = client.post(path, data=BODY, content_type="application/json", headers=headers)
    assert response.status_code == 200, response.text
    return response.json["predictions"][0], response.headers.get("X-Mlpack-Model")


def test_each_has_an_address_and_the_first_is_the_default(two):
    app = client(two)
    assert ask(app, "/models/a/invocations") == ("a", "a/1")
    assert ask(app, "/models/b/invocations") == ("b", "b/2")
    assert ask(app) == ("a", "a/1")
    assert app.post("/models/c/invocations", data=BODY).status_code == 404
    assert app.get("/models/a/invocations").status_code == 405
    listed = app.get("/models").json["models"]
    assert [(m["name"], m["version"], m["share"]) for m in listed] == [("a", "1", 1), ("b", "2", 0)]


def test_a_single_model_without_a_version_needs_no_header(client_of_one):
    assert ask(client_of_one) == ("x", None)
    assert ask(client_of_one, "/models/model/invocations") == ("x", None)


@pytest.fixture
def client_of_one(fake_model):
    return create_app(fake_model(lambda data, params: ["x"])).test_client()


def test_shares_by_weight_and_the_choice_is_told(two):
    app = client(two, route="a=75,b=25")
    counts = Counter(ask(app) for _ in range(2000))
    assert set(counts) == {("a", "a/1"), ("b", "b/2")}
    assert 1350 < counts["a", "a/1"] < 1650  # 1,500 give or take seven standard deviations
    assert [m["share"] for m in app.get("/models").json["models"]] == [0.75, 0.25]


def test_the_model_that_fails_is_told_too(models):
    def fails(data, params):
        raise ValueError

    app = client(models(a=fails, b=fails), route="b=1")
    response = app.post("/invocations", data=BODY, content_type="application/json")
    assert (response.status_code, response.headers["X-Mlpack-Model"]) == (500, "b/2")


def test_the_same_header_goes_to_the_same_model(two):
    app = client(two, route="a=50,b=50", route_by="X-User")
    chosen = {user: ask(app, **{"X-User": f"user {user}"}) for user in range(200)}
    assert len(set(chosen.values())) == 2
    for user, model in chosen.items():
        assert ask(app, **{"X-User": f"user {user}"}) == model
    assert len({ask(app) for _ in range(100)}) == 2  # without it: chance


def test_a_header_without_a_route_is_refused_as_it_would_do_nothing(two, client):
    with pytest.raises(InvalidInput, match="--route-by"):
        client(two, route_by="X-User")


def test_where_it_is_always_the_same_model_that_answers(two):
    service, routed = Service(two, ServeSettings()), Service(two, ServeSettings(route="b=1"))
    assert service.path_of(two["a"]) == "/invocations"
    assert service.path_of(two["b"]) == "/models/b/invocations"
    assert routed.path_of(two["a"]) == "/models/a/invocations"


def test_no_weight_no_request(two):
    router = Router(two, {"a": 0.0, "b": 1.0})
    assert {router.choose(Exchange({})).name for _ in range(500)} == {"b"}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"route": "a=1,c=1"}, "no model 'c' to route to; served are a, b"),
        ({"route": "a,b"}, "not of the form"),
        ({"route": "a=x"}, "not of the form"),
        ({"route": "a=0,b=0"}, "positive"),
        ({"route": "a=-1,b=2"}, "positive"),
        ({"route": "a=nan"}, "positive"),
        ({"route": "a=inf"}, "positive"),
        ({"shadow": "c"}, "no model 'c'"),
    ],
)
def test_wrong_routes_are_refused(two, settings, says):
    with pytest.raises(InvalidInput, match=says):
        Service(two, ServeSettings(**settings))


def test_names():
    assert name_and_uri("champion=models:/churn/3") == ("champion", "models:/churn/3")
    for whole in ("./a=b", "runs:/x/a=b", "s3://b/k=v", "a b=c", "=x", "a=", "model"):
        assert name_and_uri(whole) == ("", whole)
    assert parse_route(" a=90 , b=10") == {"a": 90, "b": 10}
    assert as_name("Größe des Kunden/3!") == "Gr-e-des-Kunden-3" and as_name("///") == "model"
    with pytest.raises(InvalidInput, match="need a name each"):
        _names([ModelSource("x"), ModelSource("y")])


# --- shadow ---------------------------------------------------------------------------------------


def test_a_shadow_gets_copies_and_its_answers_go_to_observers_only(models):
    got, told = [], Event()
    app = create_app(
        service := Service(
            models(a=lambda d, p: ["a"], b=lambda d, p: got.append(d) or ["b"]),
            ServeSettings(shadow="b"),
        )
    )
    seen = []
    tell = service.tell

    def watch(exchange, answer):
        seen.append((exchange.model, exchange.facts["shadow"], answer.body))
        told.set()
        tell(exchange, answer)

    service.tell = watch
    test_client = app.test_client()
    assert ask(test_client) == ("a", "a/1")
    assert told.wait(PATIENCE)
    assert len(got) == 1 and seen == [("b", True, b'{"predictions":["b"]}')]
    ask(test_client, "/models/a/invocations")  # asked for by name: nothing to compare
    assert len(got) == 1


def test_a_shadow_that_is_busy_or_fails_delays_nobody(models):
    free, told = Event(), []

    def stands_still(data, params):
        assert free.wait(PATIENCE)
        raise ValueError("never mind")

    scorers = models(a=lambda d, p: ["a"], b=stands_still)
    shadow = Shadow(scorers["b"], lambda exchange, answer: told.append(answer.status))
    exchange = Exchange({"CONTENT_TYPE": "application/json"}, BODY.encode())
    taken = [shadow.offer(exchange) for _ in range(100)]
    assert taken[:30] == [True] * 30 and taken.count(False) > 50
    free.set()
    eventually(lambda: len(told) == taken.count(True))
    assert set(told) == {500}
    big = Exchange({}, b"x" * (65 * 1024 * 1024))
    assert not shadow.offer(big)


# --- real processes -------------------------------------------------------------------------------


@pytest.mark.server
def test_a_real_server_of_two_models(tmp_path):
    folder = save_obedient(tmp_path / "obedient")
    options = ["--model", f"second={folder}", "--route", "second=1", "--workers", "1"]
    with Server(f"first={folder}", tmp_path, *options) as server:
        for path, name in [
            ("/invocations", "second"),
            ("/models/first/invocations", "first"),
            ("/models/second/invocations", "second"),
        ]:
            status, headers, body = server.ask("POST", path, json.dumps({"inputs": ["x"]}))
            assert (status, headers["X-Mlpack-Model"]) == (200, name)
            assert json.loads(body) == {"predictions": ["x"]}
        names = [m["name"] for m in server.request("GET", "/models")[1]["models"]]
        assert names == ["first", "second"]


@pytest.mark.server
@pytest.mark.parametrize(
    ("models", "options", "says"),
    [
        (["a", "b"], [], "need a name each"),
        (["x=a", "y=b"], ["--route", "z=1"], "no model 'z'"),
        (["x=a"], ["--batching", "maybe"], "invalid choice"),
        (["x=a", "y=nothing"], [], "nothing"),
    ],
)
def test_mistakes_end_the_start_in_one_line(tmp_path, models, options, says):
    for name in ("a", "b"):
        save_obedient(tmp_path / name)
    first, *rest = (
        f"{name}{equals}{tmp_path / folder}"
        for name, equals, folder in (m.rpartition("=") for m in models)
    )
    more = [word for model in rest for word in ("--model", model)]
    server = Server(first, tmp_path, *more, *options)
    assert server.process.wait(60) != 0
    assert says in server.text and "Traceback" not in server.text
