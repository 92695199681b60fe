"""Pages of the registry without a browser: what they show, whatever names and texts hold."""

import json
import re
from html import unescape
from urllib.parse import quote

import pytest

from mlpack.registry.entities import By
from mlpack.tracking_server.ui.registry import filter_of

ATTACK = "<img src=x onerror=alert(1)>\"'`{{7*7}}"
NAMES = ["two words", "50% off", "a?b#c", "模型", ATTACK, "%2e%2e", "a'b\"c", "compare"]
ME = By("anna", "because")


@pytest.fixture
def app(make_app):
    return make_app()


@pytest.fixture
def registry(app):
    return app.config["registry"]


@pytest.fixture
def page(app):
    """``page(address, status)``: the HTML at an address."""
    client = app.test_client()

    def get(address, status=200):
        answer = client.get(address)
        assert answer.status_code == status, answer.text
        return answer.text

    return get


def model(registry, name="churn", versions=0, **more):
    registry.create_registered_model(name, {}, "", ME)
    for _ in range(versions):
        version(registry, name, **more)


def version(registry, name="churn", **more):
    given = {"tags": {}, "description": "", "by": ME, **more}
    return registry.create_model_version(name, "s3://bucket/model", **given)


def test_no_models_yet(page):
    assert "registered_model_name=" in page("/registry")
    assert "No model fits" in page("/registry?search=nothing")


def test_lines_to_copy_name_this_server(page, registry):
    model(registry, "churn", 1)
    for where in ("/registry/churn", "/registry/churn/1"):
        copied = [unescape(text) for text in re.findall(r'data-copy="([^"]*)"', page(where))]
        assert (
            "export MLPACK_TRACKING_URI=http://localhost\nmlpack serve -m models:/churn/1 -p 5001"
            in copied
        )
        assert any("set_tracking_uri('http://localhost')" in text for text in copied)


@pytest.mark.parametrize("name", NAMES)
def test_any_name(name, page, registry):
    model(registry, name, 2, description=ATTACK, tags={ATTACK: ATTACK})
    registry.update_registered_model(name, f"{ATTACK} [x](javascript:alert(1))", ME)
    registry.set_registered_model_tag(name, ATTACK, ATTACK, By(ATTACK, ATTACK))
    registry.set_alias(name, "champion", 1, ME)
    whole = page("/registry")
    link = unescape(re.search(r'<th scope="row"><a href="([^"]+)"', whole)[1])
    assert link == f"/registry/{quote(name, safe='')}"
    pages = [whole, page(link)]
    below = ["/1", "/1/lineage", "/history", "/history?version=1", "/compare?left=1&right=2&all=1"]
    pages += [page(link + path) for path in below]
    for html in pages:
        assert "<img src=x" not in html and 'href="javascript' not in html
    assert unescape(pages[1]).count(name) > 3


def test_words_and_filters(page, registry):
    for name in ("churn-model", "churn-old", "spam"):
        model(registry, name)
    shown = lambda html: re.findall(r'<th scope="row"><a href="/registry/([^"]+)"', html)  # noqa: E731
    assert sorted(shown(page("/registry?search=CHURN"))) == ["churn-model", "churn-old"]
    assert shown(page("/registry?search=churn+old")) == ["churn-old"]
    assert shown(page("/registry?search=name+LIKE+'s%25'")) == ["spam"]
    assert shown(page("/registry?order=name")) == ["churn-model", "churn-old", "spam"]
    assert shown(page("/registry?order=-name")) == ["spam", "churn-old", "churn-model"]
    wrong = page("/registry?search=name+%3D%3D+3", 400)
    assert 'role="alert"' in wrong and 'value="name == 3"' in wrong
    assert "name == <mark>3</mark>: expected" in wrong
    assert "sorted by" in page("/registry?order=size", 400)


def test_what_is_typed_is_a_filter_or_words():
    assert filter_of("") == ""
    assert filter_of("name = 'a'") == "name = 'a'"
    assert filter_of("a 'b") == "name ILIKE '%a%' AND name ILIKE \"%'b%\""


def test_many_models_and_versions_come_in_pages(page, registry):
    for number in range(51):
        model(registry, f"m{number:02}")
    first = page("/registry?order=name")
    more = unescape(re.search(r'<a href="([^"]+)" rel="next"', first)[1])
    rest = page(more)
    assert "m49" in first and "m50" not in first and "m50" in rest and 'rel="next"' not in rest
    for _ in range(51):
        version(registry, "m00")
    registry.transition_stage("m00", 3, "Production", False, ME)
    first = page("/registry/m00")
    assert "Version 51" in first and "Version 1<" not in first and "50 in no stage" in first
    rest = page(unescape(re.search(r'<a href="([^"]+)" rel="next"', first)[1]))
    assert "Version 1<" in rest and "Newest versions" in rest
    chosen = page("/registry/m00?stage=production")
    assert re.findall(r">Version (\d+)</a>", chosen) == ["3"]
    assert "no stage" in page("/registry/m00?stage=nowhere", 400)
    assert "page token" in page("/registry/m00?page_token=x", 400)


def test_a_model_without_versions(page, registry):
    model(registry, "a'b")
    html = unescape(page("/registry/a'b"))
    assert (
        "No versions yet" in html
        and """mlpack.register_model("runs:/<run_id>/model", "a'b")""" in html
    )


def test_versions_tell_a_metric_of_their_runs(api, app):
    registry = app.config["registry"]
    registry.create_registered_model("churn", {}, "", ME)
    for value in (0.25, 0.5):
        run_id = api.run(run_name=f"run-{value}")
        api.post("runs/log-metric", run_id=run_id, key="auc", value=value, timestamp=1)
        api.post("runs/log-metric", run_id=run_id, key="loss", value=value * 3, timestamp=1)
        version(registry, run_id=run_id)
    version(registry, run_id="0" * 32)
    shown = lambda html: re.findall(r'<td class="number">([\d.]*)</td>', html)  # noqa: E731
    html = app.test_client().get("/registry/churn").text
    assert shown(html) == ["", "0.5", "0.25"] and "run-0.25" in html and ">gone<" in html
    assert shown(app.test_client().get("/registry/churn?metric=loss").text) == ["", "1.5", "0.75"]
    assert shown(app.test_client().get("/registry/churn?metric=none").text) == ["", "", ""]


def test_history_is_told_and_outlives_the_model(page, registry):
    model(registry, versions=2)
    registry.set_alias("churn", "champion", 1, ME)
    registry.set_alias("churn", "champion", 2, By("", "<b>won</b>"))
    registry.transition_stage("churn", 1, "Staging", False, ME)
    html = page("/registry/churn")
    assert "&lt;b&gt;won" in html and "somebody" in html and "moved 1 → <b>2</b>" in html
    assert "stage None → <b>Staging</b>" in page("/registry/churn/history?version=1")
    registry.transition_stage("churn", 1, "Archived", False, ME)
    registry.delete_registered_model("churn", ME)
    assert "deleted" in page("/registry/churn/history")
    assert "There is no registered model" in page("/registry/churn", 404)


def test_history_comes_in_pages(page, registry):
    model(registry)
    for number in range(60):
        registry.set_registered_model_tag("churn", "n", str(number), ME)
    first = page("/registry/churn/history")
    rest = page(unescape(re.search(r'<a href="([^"]+)" rel="next"', first)[1]))
    assert "58 → 59" in first and "set to 0" in rest and "made" in rest


def test_what_is_not_there(page, registry):
    model(registry, versions=1)
    assert "no version 2" in page("/registry/churn/2", 404)
    for path in ("/registry/none", "/registry/churn/0", "/registry/churn/99999999999999999999"):
        assert 'role="alert"' in page(path, 404 if path.endswith("none") else 400)
    for query, told in (
        ("left=1&right=2", "no version 2"),
        ("left=1&right=other/1", "no registered model"),
        ("left=1&right=@x", "no alias"),
        ("left=1&right=what", "names no version"),
    ):
        assert told in page(f"/registry/churn/compare?{query}", 404)
    assert "is missing" in page("/registry/churn/compare?left=1", 400)
    assert "Choose two" in page("/registry/churn/compare?version=1", 400)
    assert 'role="alert"' in page("/registry/churn/compare?version=1&version=x", 400)


def test_an_alias_leads_to_its_version(app, registry):
    model(registry, "two words", 2)
    registry.set_alias("two words", "champion", 2, ME)
    client = app.test_client()
    assert client.get("/registry/two words/@champion").location == "/registry/two%20words/2"
    assert client.get("/registry/two words/@other").status_code == 404


def test_two_versions_are_chosen_in_a_list(app, registry):
    model(registry, versions=2)
    answer = app.test_client().get("/registry/churn/compare?version=2&version=1")
    assert answer.location == "/registry/churn/compare?left=1&right=2"


def test_versions_whose_files_are_gone_compare_all_the_same(page, registry):
    model(registry, versions=1, tags={"a": "1"})
    model(registry, "other", 1, tags={"a": "2", "b": "new"})
    html = page("/registry/churn/compare?left=1&right=other/1")
    assert "tag a" in html and 'class="right-only"' in html and "Left: files" in html
    registry.set_alias("other", "best", 1, ME)
    assert "other/1" in page("/registry/churn/compare?left=other@best&right=1")
    same = page("/registry/churn/compare?left=1&right=1")
    assert "Nothing differs" in same


def test_gone_runs_and_models_are_told(api, app):
    run_id = api.run()
    made = api.post("logged-models", experiment_id="0", name="forest", source_run_id=run_id)
    model_id = made["model"]["info"]["model_id"]
    registry = app.config["registry"]
    model(registry, versions=1, run_id="0" * 32, model_id="m-" + "0" * 32)
    version(registry, run_id=run_id, model_id=model_id)
    api.post("runs/delete", run_id=run_id)
    client = app.test_client()
    html = client.get("/registry/churn/1").text
    assert "gone (" in html and html.count("box run gone") == 1
    assert html.count("box model gone") == 1
    html = client.get("/registry/churn/2").text
    assert "deleted; it can be restored" in html and f'href="/runs/{run_id}"' in html
    html = client.get("/registry/churn/2/lineage").text
    assert "What is not as it was" in html


def test_uses_that_are_no_uses(page, registry):
    uses = {
        "mlpack.image.1": json.dumps({"reference": ["x"], "when": {"a": 1}}),
        "mlpack.image.2": json.dumps({"reference": ATTACK, "digest": 5, "when": "9" * 40}),
        "mlpack.deployment.1": json.dumps({"name": None, "endpoint": "javascript:alert(1)"}),
        "mlpack.deployment.2": "[1]",
        "mlpack.deployment.3": "{",
    }
    model(registry, versions=1, tags=uses)
    html = page("/registry/churn/1")
    assert "a deployment" in html and 'href="javascript' not in html and "<img src=x" not in html


def test_a_link_that_is_none(page, registry):
    model(registry, versions=1, run_link="javascript:alert(1)")
    assert 'href="javascript' not in page("/registry/churn/1")


def test_a_description_that_somebody_else_changed_stays(app, registry):
    model(registry, versions=1)
    client = app.test_client()

    def send(**message):
        return client.post("/ui/registry/description", json={"name": "churn", **message})

    first = send(text="*one*", before="", user_id="me", note="first").json
    assert first["conflict"] is False and "<em>one</em>" in first["html"]
    assert send(text="two", before="").json == {
        "conflict": True,
        "text": "*one*",
        "html": first["html"],
    }
    assert registry.get_registered_model("churn").description == "*one*"
    assert registry.get_history("churn")[0].note == "first"
    assert send(version="1", text="v", before="").json["text"] == "v"
    assert registry.get_model_version("churn", 1).description == "v"
    assert send(version="7", text="v", before="").status_code == 404
    assert send(text="x" * 100_001, before="*one*").status_code == 400
    assert send(text=3, before="").status_code == 400
