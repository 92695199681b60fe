"""Deployments on record: read from every database, shown whatever a client wrote."""

from __future__ import annotations

import html
import json
import time
from datetime import UTC, datetime

import pytest

from mlpack.registry.entities import By
from mlpack.registry.sql.store import SqlRegistry
from mlpack.registry.uses import DEPLOYMENT, Model, Note, record_deployment
from mlpack.tests.stores import SQL_KINDS, empty
from mlpack.tests.ui.conftest import PHONE
from mlpack.tests.ui.story import ATTACK
from mlpack.tracking.entities import RunTag
from mlpack.tracking.sql.store import SqlStore
from mlpack.tracking_server.ui.deployed import deployed, is_web_address


@pytest.fixture(params=SQL_KINDS)
def stores(request, tmp_path, shared_database):
    """A store and a registry in one database of each kind."""
    if request.param == "sqlite":
        store = SqlStore(tmp_path / "store")
    else:
        store = empty(SqlStore(shared_database(request.param), artifact_root=str(tmp_path / "a")))
    return store, SqlRegistry(store.database)


def test_notes_of_all_models(stores):
    store, registry = stores
    ids = [store.create_logged_model("0", f"m{i}").model_id for i in range(3)]
    for number, model_id in enumerate(ids):
        tags = [RunTag(f"{DEPLOYMENT}{number:012x}", f'{{"name": "d{number}"}}')]
        # keys that are nearly of the kind
        tags += [RunTag(key, "x") for key in ("MLPACK.DEPLOYMENT.1", "mlpackXdeployment.1", "a")]
        store.set_logged_model_tags(model_id, tags)
    store.delete_logged_model(ids[1])
    registry.create_registered_model("churn", {}, "", By())
    registry.create_model_version("churn", "s3://b/m", tags={}, description="", by=By())
    registry.set_model_version_tag("churn", 1, f"{DEPLOYMENT}f", "7", By())
    found = registry.list_notes(DEPLOYMENT)
    assert [(note.key[-1], note.model) for note in found] == [
        ("2", Model(ids[2])),
        ("1", Model(ids[1])),
        ("0", Model(ids[0])),
        ("f", Model(None, "churn", 1)),
    ]
    assert found[0].value == '{"name": "d2"}'
    assert [note.model.model_id for note in registry.list_notes(DEPLOYMENT, 1)] == [ids[2], None]
    assert registry.list_notes("mlpack.image.") == []


# --- what notes mean ---


def _note(model_id="m-1", **told):
    return Note(
        f"{DEPLOYMENT}1", json.dumps({"target": "local", "name": "churn", **told}), Model(model_id)
    )


def _at(hour):
    return datetime(2026, 1, 1, hour, tzinfo=UTC).isoformat()


def test_one_name_in_one_place_is_one_deployment():
    found = deployed(
        [
            _note("m-1", state="replaced", when=_at(3), place="here", of="churn/1"),
            _note(
                "m-2", state="updated", status="healthy", when=_at(3), place="here", of="churn/2"
            ),
            _note("m-0", state="replaced", when=_at(1), place="here"),
            _note("m-3", state="deployed", when=_at(2), place="there"),
        ]
    )
    [here, there] = found
    assert (here.model_id, here.registered, here.version, here.shown) == (
        "m-2",
        "churn",
        2,
        "healthy",
    )
    assert [old.model_id for old in here.former] == ["m-1", "m-0"]
    assert here.runs
    assert (there.place, there.former) == ("there", [])


def test_commands_find_the_place():
    [one] = deployed([_note(target="sagemaker", place="eu-west-1", name="a b")])
    lines = dict(one.commands("http://ml.example"))
    assert lines["Ask how it is now"] == (
        "export MLPACK_TRACKING_URI=http://ml.example\n"
        "mlpack deployments get --target sagemaker -n 'a b' -C region=eu-west-1"
    )
    [one] = deployed([_note(target="kubernetes", place="prod/ml", name="x'; rm -rf /\n\x1b[201~")])
    line = dict(one.commands("http://ml.example"))["Remove it"].splitlines()[-1]
    assert line.isprintable()
    assert line == (
        "mlpack deployments delete --target kubernetes -n $'x\\'; rm -rf /\\x0a\\x1b[201~' "
        "-C context=prod -C namespace=ml"
    )


@pytest.mark.parametrize(
    "value",
    [
        "",
        "{",
        "7",
        "null",
        '"text"',
        "[{}]",
        "[" * 7900,
        '{"name": {"a": [1, null]}, "target": 5, "place": [], "when": {}, "state": true}',
        '{"when": "9999-99-99", "of": "a/b/99999999999999999999"}',
        '{"when": 1e400, "of": 7, "by": NaN}',
        '{"when": "0001-01-01T00:00:00+23:59", "name": "x"}',
        '{"name": "\\ud800", "endpoint": "\\u202e", "of": "x/²"}',
        '{"name": "' + "x" * 7900 + '"}',
        '{"name": ' + "[" * 900 + "]" * 900 + "}",
    ],
)
def test_notes_of_any_shape(client, api, value):
    given = {"experiment_id": "0", "name": "m", "tags": [{"key": f"{DEPLOYMENT}1", "value": value}]}
    model = api.post("logged-models", **given)["model"]["info"]["model_id"]
    for page in ("/deployments?all=1", f"/models/{model}"):
        answer = client.get(page)
        assert answer.status_code == 200
        assert len(answer.text) < 100_000


@pytest.mark.parametrize(
    "endpoint",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "//evil.example",
        "http:evil",
        "http://user:pw@evil.example/",
        "http://\\evil.example",
        'http://a"onmouseover="alert(1)',
        "http://[::1",
        ATTACK,
    ],
)
def test_endpoints_that_are_no_links(client, api, endpoint):
    assert not is_web_address(endpoint)
    told = {"name": "d", "target": "local", "state": "deployed", "endpoint": endpoint}
    tags = [{"key": f"{DEPLOYMENT}1", "value": json.dumps(told)}]
    api.post("logged-models", experiment_id="0", name="m", tags=tags)
    page = client.get("/deployments").text
    assert 'target="_blank"' not in page
    assert "<script>alert" not in page


def test_every_field_may_be_an_attack(client, api):
    names = ("target", "name", "place", "state", "status", "endpoint", "model_uri", "image")
    names += ("model_digest", "image_digest", "by", "of", "when")
    tags = [{"key": f"{DEPLOYMENT}1", "value": json.dumps(dict.fromkeys(names, ATTACK))}]
    api.post("logged-models", experiment_id="0", name="m", tags=tags)
    for query in ({}, {"words": ATTACK}, {"target": ATTACK, "words": ATTACK}):
        page = client.get("/deployments", query_string={"all": "1", **query}).text
        assert "<img src=x" not in page
        assert "<script>alert" not in page
        assert html.escape(ATTACK, quote=False)[:20] in page


# --- the page ---


@pytest.fixture
def many(api, client):
    """Sixty deployments of one model on two targets, twenty of them over."""
    tags = []
    for number in range(60):
        told = {
            "target": "local" if number % 2 else "kubernetes",
            "name": f"d{number}",
            "place": f"place-{number % 7}",
            "state": "deleted" if number % 3 == 0 else "deployed",
            "status": "healthy",
            "when": datetime.fromtimestamp(1_700_000_000 + number, UTC).isoformat(),
            "endpoint": f"http://10.0.0.{number}:8080",
        }
        tags.append({"key": f"{DEPLOYMENT}{number}", "value": json.dumps(told)})
    api.post("logged-models", experiment_id="0", name="m", tags=tags)
    return lambda **query: client.get("/deployments", query_string=query)


def test_filters_and_pages(many):
    first = many().text
    assert "40 of 60" in first
    assert "d59" in first
    assert ">d57<" not in first  # deleted
    assert first.index(">d59<") < first.index(">d58<")
    assert "60 of 60" in many(all="1").text
    assert "Page 1 of 2" in many(all="1").text
    assert ">d0<" in many(all="1", page="2").text
    assert "page=2" in html.unescape(many(all="1", target="", words="place").text)
    assert "20 of 60" in many(target="local").text
    assert "1 of 60" in many(words="PLACE-1 10.0.0.1:").text
    assert "Nothing fits" in many(words="nowhere").text
    assert many(page="x").status_code == 400
    assert many(page="99").status_code == 200


def test_nothing_was_deployed(client):
    page = html.unescape(client.get("/deployments").text)
    assert "Nothing was deployed yet" in page
    assert "export MLPACK_TRACKING_URI=http://localhost\nmlpack deploy -m models:/NAME/1" in page


def test_ten_thousand_models_with_tags(client, api, make_app):
    """What is read through grows with the tags; it has to stay quick."""
    store = make_app().config["store"]
    from mlpack.tracking.sql.tables import logged_model_tags, logged_models

    first = api.post("logged-models", experiment_id="0", name="m")["model"]["info"]["model_id"]
    with store.database.write() as connection:
        row = connection.execute(
            logged_models.select().where(logged_models.c.model_id == first)
        ).one()
        models = [
            {**row._mapping, "id": row.id + i, "model_id": f"m-{i}"} for i in range(1, 10_000)
        ]
        connection.execute(logged_models.insert(), models)
        tags = [
            {"model": each["id"], "key": key, "value": "x"}
            for each in models
            for key in ("a", "mlflow.user", "z")
        ]
        note = json.dumps({"name": "the-one", "target": "local", "state": "deployed"})
        tags.append({"model": models[5000]["id"], "key": f"{DEPLOYMENT}1", "value": note})
        connection.execute(logged_model_tags.insert(), tags)
    client.get("/deployments")
    started = time.thread_time()
    page = client.get("/deployments").text
    assert time.thread_time() - started < 1
    assert "the-one" in page


@pytest.mark.server
def test_looking_for_a_deployment(own_story, browser_page, look_at):
    page, names = browser_page, own_story.names
    uri = str(own_story.folder / "mlruns")
    # the deployment moves on to the second model, as an update does
    use = {"state": "replaced", "status": "replaced", "endpoint": "http://127.0.0.1:9"}
    record_deployment(Model(names["model"], "iris", 1), "local", "iris-prod", use, tracking_uri=uri)
    use = {"state": "updated", "status": "healthy", "endpoint": "http://127.0.0.1:9"}
    second = Model(names["second_model"], "iris", 2)
    record_deployment(second, "local", "iris-prod", use, tracking_uri=uri)
    page.goto(f"{own_story.address}/deployments")
    rows = page.locator("table.deployments tbody tr")
    assert rows.count() == 1
    assert "iris version 2" in rows.inner_text()
    page.get_by_role("button", name="More of iris-prod").click()
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_text("replaced").is_visible()
    assert dialog.get_by_role("link", name="iris version 1").is_visible()
    assert dialog.get_by_text(
        "mlpack deployments rollback --target local -n iris-prod"
    ).is_visible()
    look_at(page, "deployment-more")
    page.keyboard.press("Escape")
    page.get_by_label("Show replaced and deleted").check()
    page.wait_for_url("**all=1**")
    assert rows.count() == 2
    page.get_by_label("Target", exact=True).select_option("kubernetes")
    page.wait_for_url("**target=kubernetes**")
    assert "iris-old" in rows.inner_text()
    page.get_by_label("Words").fill("nothing like it")
    page.get_by_label("Words").press("Enter")
    page.get_by_role("heading", name="Nothing fits").wait_for()
    page.get_by_role("link", name="Show all of them").click()
    page.get_by_role("link", name="iris version 2").click()
    page.wait_for_url("**/registry/iris/2")
    # texts of any length stay within the page, also on a phone
    names = ("target", "place", "state", "status", "endpoint", "image", "by", "of")
    evil = {"name": ATTACK, **dict.fromkeys(names, "y" * 400 + ATTACK)}
    record_deployment(second, evil.pop("target"), evil.pop("name"), evil, tracking_uri=uri)
    page.set_viewport_size(PHONE)
    for path in ("/deployments", f"/models/{second.model_id}"):
        page.goto(own_story.address + path)
        page.get_by_role("button", name="More of <img").click()
        assert page.get_by_role("dialog").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
