"""One run in a browser: what is changed in place, a run that goes on, a server that is gone."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from mlpack.registry.client import MlpackClient
from mlpack.tests.ui.conftest import copy_story, held, ui_server

pytestmark = pytest.mark.server


def client_of(story):
    return MlpackClient(tracking_uri=story.address)


def test_editing_a_run(own_story, watched, look_at):
    page, names = watched.page, own_story.names
    client = client_of(own_story)
    page.goto(f"{own_story.address}/runs/{names['best']}")

    # the name
    page.get_by_role("button", name="Rename the run").click()
    field = page.get_by_role("textbox", name="The run's name")
    field.fill("the best")
    field.press("Escape")
    expect(page.get_by_role("heading", level=1)).to_have_text("trial-0-0")
    page.get_by_role("button", name="Rename the run").click()
    field.fill("the best")
    field.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("the best")
    expect(page).to_have_title(re.compile("the best"))
    assert client.get_run(names["best"]).info.run_name == "the best"

    # the notes: preview, calling off, saving by keys
    notes = page.get_by_role("region", name="Notes")
    expect(notes.get_by_role("heading", name="Baseline")).to_be_visible()
    expect(notes.get_by_role("checkbox", name="to do")).not_to_be_checked()
    notes.get_by_role("button", name="Edit: notes").click()
    area = notes.get_by_role("textbox")
    assert area.input_value().startswith("# Baseline\n")
    area.fill("dropped")
    area.press("Escape")
    page.get_by_role("button", name="Take it back").click()
    expect(area).to_have_value("dropped")
    area.fill("## Forest\n\n**Better** <script>alert(1)</script>\n\n- [x] tried")
    notes.get_by_role("button", name="Preview").click()
    expect(notes.get_by_text("Better")).to_be_visible()
    look_at(page, "run-editing")
    notes.get_by_role("button", name="Preview").click()
    area.press("Control+Enter")
    expect(notes.get_by_role("heading", name="Forest")).to_be_visible()
    expect(area).to_be_hidden()
    assert client.get_run(names["best"]).data.tags["mlflow.note.content"].startswith("## Forest")

    # somebody else writes meanwhile
    notes.get_by_role("button", name="Edit: notes").click()
    client.set_tag(names["best"], "mlflow.note.content", "of others")
    area.fill("my own")
    notes.get_by_role("button", name="Save").click()
    expect(notes.get_by_role("alert")).to_contain_text("Somebody changed this text")
    expect(notes.get_by_text("of others")).to_be_visible()
    notes.get_by_role("button", name="Overwrite with mine").click()
    expect(notes.get_by_role("paragraph").filter(has_text="my own")).to_be_visible()
    page.reload()
    expect(notes.get_by_role("paragraph").filter(has_text="my own")).to_be_visible()

    # tags
    tags = page.locator("#tags")
    tags.get_by_label("Key of the tag").fill("a/state")
    tags.get_by_label("Value of the tag").fill("good")
    tags.get_by_label("Value of the tag").press("Enter")
    expect(tags.get_by_role("row", name="a/state good")).to_be_visible()
    tags.get_by_role("button", name="Edit the tag a/state").click()
    page.keyboard.type("better")
    page.keyboard.press("Enter")
    expect(tags.get_by_role("row", name="a/state better")).to_be_visible()
    page.reload()
    expect(tags.get_by_role("row", name="a/state better")).to_be_visible()
    tags.get_by_role("button", name="Remove the tag a/state").click()
    expect(tags.get_by_role("row", name="a/state")).to_have_count(0)
    assert "a/state" not in client.get_run(names["best"]).data.tags
    page.get_by_role("button", name="Undo").click()
    expect(tags.get_by_role("row", name="a/state better")).to_be_visible()

    # a model into the registry
    page.get_by_role("button", name="Register the model").click()
    page.get_by_label("Name of the registered model").fill("forest")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="forest v1")).to_be_visible()
    assert client.get_model_version("forest", 1).run_id == names["best"]

    # away, and back
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("This run is deleted")).to_be_visible()
    assert client.get_run(names["best"]).info.lifecycle_stage == "deleted"
    look_at(page, "run-deleted")
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("button", name="Delete…")).to_be_visible()


def test_texts_that_are_on_their_way(own_story, browser_page):
    """They are sent once; keys that come before the answer neither change nor drop them."""
    page = browser_page
    page.goto(f"{own_story.address}/runs/{own_story.names['best']}")
    notes = page.get_by_role("region", name="Notes")
    notes.get_by_role("button", name="Edit: notes").click()
    area = notes.get_by_role("textbox")
    area.fill("first")
    with held(page, "**/note") as came:
        with page.expect_request("**/note"):
            area.press("Control+Enter")
        page.keyboard.type(" and more")
        for key in ("Control+Enter", "Escape"):
            area.press(key)
        expect(area).to_have_value("first")
    expect(notes.get_by_role("paragraph").filter(has_text="first")).to_be_visible()
    assert len(came) == 1
    expect(page.locator("#notices")).to_be_empty()
    notes.get_by_role("button", name="Edit: notes").click()
    area.fill("second")
    area.press("Control+Enter")
    expect(notes.get_by_role("paragraph").filter(has_text="second")).to_be_visible()

    page.get_by_role("button", name="Rename the run").click()
    field = page.get_by_role("textbox", name="The run's name")
    field.fill("the best")
    with held(page, "**/runs/update") as came:
        with page.expect_request("**/runs/update"):
            field.press("Enter")
        for key in ("s", "Enter", "Escape"):
            field.press(key)
    expect(page.get_by_role("heading", level=1)).to_have_text("the best")
    assert len(came) == 1


def test_tags_that_are_on_their_way(own_story, browser_page):
    """What is typed before the answer is of the next tag, and a second click of nothing."""
    page = browser_page
    page.goto(f"{own_story.address}/runs/{own_story.names['best']}")
    tags = page.locator("#tags")
    key, value = (tags.get_by_label(f"{what} of the tag") for what in ("Key", "Value"))
    with held(page, "**/runs/set-tag"):
        key.fill("state")
        value.fill("good")
        with page.expect_request("**/runs/set-tag"):
            value.press("Enter")
        key.fill("owner")
        value.fill("Ada")
    expect(tags.get_by_role("row", name="state good")).to_be_visible()
    expect(key).to_have_value("owner")
    value.press("Enter")
    expect(tags.get_by_role("row", name="owner Ada")).to_be_visible()
    expect(key).to_have_value("")
    with held(page, "**/runs/delete-tag") as came:
        tags.get_by_role("button", name="Remove the tag state").dblclick()
    expect(tags.get_by_role("row", name="state")).to_have_count(0)
    assert len(came) == 1  # another would be told that there is no such tag
    page.get_by_role("button", name="Undo").click()
    expect(tags.get_by_role("row", name="state good")).to_be_visible()


def test_a_note_outlives_the_server(told_story, tmp_path, watched):
    names, page = copy_story(told_story, tmp_path), watched.page
    with ui_server(tmp_path) as (address, _):
        page.goto(f"{address}/runs/{names['running']}")
        notes = page.get_by_role("region", name="Notes")
        notes.get_by_role("button", name="Edit: notes").click()
        notes.get_by_role("textbox").fill("An hour's **work**")
    watched.expected.append("ERR_CONNECTION_REFUSED")
    expect(page.locator("#connection")).to_contain_text("not connected")
    notes.get_by_role("button", name="Save").click()
    expect(notes.get_by_role("alert")).to_contain_text("The server does not answer")
    expect(notes.get_by_role("textbox")).to_have_value("An hour's **work**")
    expect(page.get_by_role("link", name="loss", exact=True)).to_be_visible()
    with ui_server(tmp_path, port=urlsplit(address).port):
        page.reload()  # what was typed is still there
        expect(notes.get_by_role("textbox")).to_have_value("An hour's **work**")
        notes.get_by_role("button", name="Save").click()
        expect(notes.get_by_role("paragraph").filter(has_text="An hour's work")).to_be_visible()
        page.reload()
        expect(notes.get_by_role("paragraph").filter(has_text="An hour's work")).to_be_visible()


def test_a_run_that_goes_on(own_story, browser_page):
    page, run_id = browser_page, own_story.names["running"]
    client = client_of(own_story)
    page.goto(f"{own_story.address}/runs/{run_id}")
    metrics = page.get_by_role("region", name="Metrics")
    expect(metrics.get_by_role("row", name="loss")).to_contain_text("0.0666667")
    expect(page.locator("#connection")).to_have_text("live")
    client.log_metric(run_id, "loss", 0.03125, step=30)
    expect(metrics.get_by_role("row", name="loss")).to_contain_text("0.03125")
    client.log_metric(run_id, "auc", 0.75)
    expect(metrics.get_by_role("row", name="auc")).to_contain_text("0.75")
    client.set_terminated(run_id, "FAILED")
    expect(page.locator("#status")).to_have_text("failed")
    expect(page.locator("#ended")).to_contain_text(":")
    expect(page.locator("#connection")).to_be_empty()


def test_filtering_and_comparing(own_story, browser_page, look_at):
    page, client = browser_page, client_of(own_story)
    run_id = own_story.names["runs"][2]
    for start in range(0, 800, 100):
        client.log_batch(run_id, params=[], metrics=metrics_of(start, start + 100))
    for number in range(20):
        client.log_param(run_id, f"opt/p{number}", f"value-{number}")
    page.goto(f"{own_story.address}/runs/{run_id}")
    metrics, params = (page.get_by_role("region", name=name) for name in ("Metrics", "Params"))
    params.get_by_label("Filter params").fill("VALUE-7")
    expect(params.locator("tr[data-key]:visible")).to_have_count(1)
    expect(params.locator("[data-count]")).to_have_text("1 of 24")
    metrics.get_by_label("Filter metrics").fill("m77")  # beyond the first page
    expect(metrics.locator("tr[data-key]")).to_have_count(11)
    assert "metrics=m77" in page.url and "params=VALUE-7" in page.url
    page.reload()
    expect(metrics.locator("tr[data-key]")).to_have_count(11)
    expect(params.locator("[data-count]")).to_have_text("1 of 24")
    params.get_by_label("Filter params").fill("")
    expect(params.locator("tr[data-key]")).to_have_count(24)
    fold = metrics.locator("[data-fold]")
    fold.click()
    expect(fold).to_have_attribute("aria-expanded", "false")
    expect(metrics.get_by_role("row", name="m77", exact=True)).to_be_hidden()
    look_at(page, "run-many")

    page.get_by_role("button", name="Compare with…").click()
    page.get_by_label("Runs whose name holds").fill("trial-1-")
    dialog = page.get_by_role("dialog", name="Compare with")
    expect(dialog.locator(".pick")).to_have_count(7)
    dialog.get_by_label("trial-1-0").check()
    page.get_by_label("Runs whose name holds").fill("trial-2-1")
    dialog.get_by_label("trial-2-1").check()
    look_at(page, "run-compare-with")
    dialog.get_by_role("button", name="Compare", exact=True).click()
    page.wait_for_url("**/compare?runs=*")
    assert page.url.split("runs=")[1].count(",") == 2


def metrics_of(start, stop):
    from mlpack.entities import Metric

    return [Metric(f"train/m{number}", float(number), 1, 0) for number in range(start, stop)]


def test_folded_parts_and_hostile_texts(story, browser_page, look_at):
    page = browser_page
    page.goto(f"{story.address}/runs/{story.names['best']}")
    page.get_by_text("Environment").click()
    expect(page.get_by_text("scikit-learn==")).to_be_visible()
    page.locator("details.dataset summary").click()
    expect(page.get_by_role("row", name="petal width (cm) double")).to_be_visible()
    page.locator("#tags summary").click()
    look_at(page, "run-open")
    page.goto(f"{story.address}/runs/{story.names['attack_run']}")
    expect(page.get_by_role("heading", level=1)).to_have_text(story.names["attack"])
    expect(page.get_by_role("region", name="Notes")).to_contain_text("<svg onload=alert(6)>")
    look_at(page, "run-attack")


def test_a_search_that_fails_takes_no_choice_away(story, watched):
    page = watched.page
    watched.expected.append("status of 503")
    page.goto(f"{story.address}/runs/{story.names['best']}")
    page.get_by_role("button", name="Compare with…").click()
    dialog = page.get_by_role("dialog", name="Compare with")
    dialog.get_by_label("trial-1-0").check()
    page.route("**/siblings*", lambda route: route.fulfill(status=503, body=""))
    page.get_by_label("Runs whose name holds").fill("trial-2")
    expect(dialog.get_by_role("alert")).to_contain_text("busy or restarting")
    expect(dialog.get_by_label("trial-1-0")).to_be_checked()
    page.unroute("**/siblings*")
    dialog.get_by_role("button", name="Try again").click()
    expect(dialog.locator(".pick")).to_have_count(8)
    expect(dialog.get_by_label("trial-1-0")).to_be_checked()
    expect(dialog.get_by_role("alert")).to_have_count(0)
