"""Journeys through the registry in a browser, as people make them."""

import re

import pytest

from mlpack.registry.client import MlpackClient
from mlpack.registry.entities import By
from mlpack.registry.sql.store import SqlRegistry
from mlpack.tests.ui.conftest import ui_server
from mlpack.tracking.sql.store import SqlStore

pytestmark = pytest.mark.server
ME = By("ci", "first")


class Visit:
    """What a person does on a page of the registry."""

    def __init__(self, page, address):
        self.page, self.address = page, address
        self.asked = page.locator("#ask")

    def goto(self, path):
        self.page.goto(self.address + path)

    def press(self, name):
        self.page.get_by_role("button", name=name).first.click()

    def answer(self, button, note="", **fields):
        """Fill what is asked for and agree."""
        for name, value in {**fields, "note": note}.items():
            field = self.asked.locator(f"#ask-{name}")
            if field.evaluate("it => it.tagName") == "SELECT":
                field.select_option(value)
            else:
                field.fill(value)
        self.asked.get_by_role("button", name=button, exact=True).click()

    def told(self, text):
        self.page.locator("#notices").get_by_text(text).wait_for()

    def history(self):
        rows = self.page.locator("table.history tbody tr").all_inner_texts()
        return [" ".join(row.split()) for row in rows]


@pytest.fixture
def client(tmp_path):
    """Of a store with two versions of iris."""
    registry = SqlRegistry(SqlStore(tmp_path / "mlruns").database)
    registry.create_registered_model("iris", {}, "Classifies **irises**.", ME)
    for _ in range(2):
        registry.create_model_version("iris", "s3://bucket/model", tags={}, description="", by=ME)
    registry.set_alias("iris", "champion", 1, ME)
    registry.transition_stage("iris", 1, "Staging", False, ME)
    return MlpackClient(str(tmp_path / "mlruns"))


@pytest.fixture
def visit(client, tmp_path, watched):
    """Of a server over that store, which a test may change."""
    with ui_server(tmp_path) as (address, _):
        yield Visit(watched.page, address)


def test_stages_aliases_and_texts_change_with_a_note(visit, client, watched, look_at):
    page = watched.page
    visit.goto("/registry/iris/2")

    # a stage, with a note and a name that the browser keeps
    visit.press("Change the stage")
    assert "Staging has version 1" in page.locator("#ask-text").inner_text()
    look_at(page, "registry-stage")
    visit.answer("Change the stage", "won the test", stage="Staging", who="anna")
    visit.told("Version 2 is in Staging.")
    assert re.search(r"anna stage None → Staging won the test", visit.history()[0])
    assert client.get_model_version("iris", 1).current_stage == "Archived"

    # a stage that somebody else fills meanwhile
    visit.press("Change the stage")
    client.transition_model_version_stage("iris", 1, "Production")
    client.transition_model_version_stage("iris", 2, "Archived")
    watched.expected.append("409")
    visit.answer("Change the stage", "mine is better", stage="Production")
    assert "version 1 is now, not none" in visit.asked.get_by_role("alert").inner_text()
    told = page.locator("#ask-text").inner_text()
    assert "It is in Archived now" in told and "Production has version 1" in told
    visit.asked.get_by_role("button", name="Change the stage", exact=True).click()
    visit.told("Version 2 is in Production.")
    assert client.get_model_version("iris", 1).current_stage == "Archived"

    # an alias that somebody else moves meanwhile: told, and moved only when asked again
    visit.goto("/registry/iris")
    visit.press("Move the alias champion")
    client.delete_registered_model_alias("iris", "champion")
    watched.expected.append("409")
    visit.answer("Move", "the better one", version="2")
    failed = visit.asked.get_by_role("alert")
    assert "points at no version now, not at 1" in failed.inner_text()
    assert page.locator("#ask-note").input_value() == "the better one"
    assert "points at no version now" in page.locator("#ask-text").inner_text()
    visit.asked.get_by_role("button", name="Move", exact=True).click()
    visit.told("@champion points at version 2.")
    assert "@champion set the better one" in visit.history()[0]

    # a description, previewed; somebody else wrote one meanwhile
    visit.press("Edit the description")
    page.locator("#ask-description").fill("# Iris\n\n<b>raw</b> and **strong**")
    visit.press("Preview")
    assert page.locator("#ask .preview strong").inner_text() == "strong"
    visit.press("Preview")
    client.update_registered_model("iris", "theirs")
    visit.asked.get_by_role("button", name="Save", exact=True).click()
    assert "theirs" in visit.asked.get_by_role("alert").inner_text()
    visit.answer("Save", "said better")
    visit.told("The description is saved.")
    assert page.locator(".main-column .markdown strong").inner_text() == "strong"
    assert client.get_registered_model("iris").description.startswith("# Iris")

    # tags
    visit.press("Add a tag")
    visit.answer("Save", key="team", value="blue")
    visit.told("The tag team is set.")
    visit.press("Remove the tag team")
    visit.answer("Remove")
    visit.told("The tag team is removed.")
    assert client.get_registered_model("iris").tags == {}


def test_one_change_at_a_time(visit, client, watched):
    """What agrees to one question agrees to no other that was asked meanwhile."""
    page, came = watched.page, []
    watched.expected.append("ERR_FAILED")
    page.route("**/model-versions/set-tag", lambda route: came.append(route))
    visit.goto("/registry/iris/2")
    visit.press("Add a tag")
    with page.expect_request("**/model-versions/set-tag"):
        visit.answer("Save", key="team", value="blue")
    visit.press("Delete")
    visit.told("still on its way")
    assert not visit.asked.is_visible()
    came[0].abort()
    assert "does not answer" in visit.asked.get_by_role("alert").inner_text()
    page.unroute("**/model-versions/set-tag")
    visit.asked.get_by_role("button", name="Save", exact=True).click()
    visit.told("The tag team is set.")
    assert client.get_model_version("iris", 2).tags == {"team": "blue"}


def test_names_come_change_and_go(visit, client, watched):
    page = watched.page

    # what is in use is not deleted, and the page says why
    visit.goto("/registry/iris")
    visit.press("Delete")
    watched.expected += ["409", "400"]
    visit.answer("Delete")
    assert "is in Staging" in visit.asked.get_by_role("alert").inner_text()
    page.keyboard.press("Escape")

    # a new name, and Enter in a field agrees
    visit.goto("/registry")
    visit.press("New model")
    page.locator("#ask-name").fill("50% off? #1 <img src=x>")
    page.locator("#ask-name").press("Enter")
    visit.told("50% off? #1 <img src=x> is made.")
    assert page.get_by_role("heading", level=1).inner_text() == "50% off? #1 <img src=x>"
    visit.press("Rename")
    visit.answer("Rename", "a better name", name="iris")
    assert "exists" in visit.asked.get_by_role("alert").inner_text()
    visit.answer("Rename", "a better name", name="it's new")
    visit.told("It is called it's new now.")
    assert "renamed 50% off? #1 <img src=x> → it's new a better name" in visit.history()[0]
    visit.press("Delete")
    visit.answer("Delete", "not needed")
    visit.told("it's new is deleted.")
    assert [model.name for model in client.search_registered_models()] == ["iris"]


def test_a_server_that_is_down_takes_no_text_away(story, watched):
    page = watched.page
    visit = Visit(page, story.address)
    visit.goto("/registry/iris")
    page.route("**/ui/registry/description", lambda route: route.abort())
    watched.expected.append("ERR_FAILED")
    visit.press("Edit the description")
    visit.answer("Save", "why not", description="long words")
    assert "does not answer" in visit.asked.get_by_role("alert").inner_text()
    assert page.locator("#ask-description").input_value() == "long words"
    page.keyboard.press("Escape")
    assert not visit.asked.is_visible() and visit.history()
    visit.press("Go on writing")  # Esc by mistake takes nothing away, either
    assert page.locator("#ask-description").input_value() == "long words"


def test_two_versions_side_by_side(story, browser_page, look_at):
    page = browser_page
    page.goto(f"{story.address}/registry/iris")
    compare = page.get_by_role("button", name="Compare two versions")
    assert compare.is_disabled()
    page.get_by_label("Choose version 1").check()
    page.get_by_label("Choose version 2").check()
    compare.click()
    page.wait_for_url("**/compare?left=1&right=2")
    metrics = page.get_by_role("table", name=re.compile("^Metrics"))
    row = " ".join(metrics.get_by_role("row", name=re.compile("accuracy")).inner_text().split())
    assert "differs" in row and re.search(r"[▲▼] [+−]", row)
    assert page.get_by_role("heading", name=re.compile("^Signature")).count() == 0
    look_at(page, "registry-diff")
    page.get_by_role("link", name="Show what is the same").click()
    page.get_by_role("heading", name=re.compile("^Signature")).wait_for()
    page.get_by_role("link", name="Swap").click()
    page.wait_for_url("**left=2&right=1**")
    assert page.get_by_role("heading", level=1).inner_text() == "iris/2 and iris/1"


def test_from_a_version_along_its_lineage(story, browser_page, look_at):
    page = browser_page
    page.goto(f"{story.address}/registry")
    page.get_by_role("link", name="iris, version 2").click()
    page.goto(f"{story.address}/registry/iris/1")
    graph = page.locator("svg.lineage")
    columns = graph.locator(".column-title").all_text_contents()
    assert columns == ["Read", "Run", "Logged model", "Versions", "Images", "Deployments"]
    links = graph.locator("a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    best, model = story.names["best"], story.names["model"]
    assert f"/runs/{best}" in links and f"/models/{model}" in links
    assert any(link.startswith("/experiments/") and "datasets.name" in link for link in links)
    assert graph.locator(".box.gone .box-title").all_text_contents() == ["iris-old"]
    graph.locator(f"a[href='/runs/{best}']").focus()  # by keyboard, too
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/runs/{best}")
    page.goto(f"{story.address}/registry/iris/1/lineage?all=1")
    assert page.get_by_text("scikit-learn==").is_visible()
    look_at(page, "registry-lineage")
