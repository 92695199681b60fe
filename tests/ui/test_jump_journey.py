"""The jump box in a browser: anything by a part of its name, by keys and by the mouse."""

import pytest
from playwright.sync_api import expect

from mlpack.tests.ui.conftest import slow_down

pytestmark = pytest.mark.server


@pytest.fixture
def box(story, browser_page):
    """The box, opened by its key."""
    browser_page.goto(f"{story.address}/registry")
    browser_page.keyboard.press("/")
    return browser_page.get_by_role("combobox", name="Jump to")


def test_by_keys(box, story, browser_page, look_at):
    page = browser_page
    hint = page.get_by_role("dialog", name="Jump to").get_by_role("status")
    expect(box).to_be_focused()
    expect(box).to_have_attribute("aria-expanded", "false")
    page.keyboard.type("trial-0-")
    options = page.get_by_role("listbox", name="Found").get_by_role("option")
    expect(options.first).to_have_attribute("aria-selected", "true")
    expect(hint).to_contain_text("found")  # which is read out
    chosen = options.first.get_attribute("id")
    expect(box).to_have_attribute("aria-activedescendant", chosen)
    look_at(page, "jump-found")
    page.keyboard.press("ArrowUp")
    expect(options.last).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    second = options.nth(1)
    expect(box).to_have_attribute("aria-activedescendant", second.get_attribute("id"))
    name = second.text_content()
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/*")
    assert page.get_by_role("heading", level=1).text_content() in name


def test_enter_waits_for_what_was_typed(box, browser_page):
    page = browser_page
    page.keyboard.type("trial-0-")
    options = page.get_by_role("listbox", name="Found").get_by_role("option")
    expect(options.first).to_contain_text("trial-0-")
    slow_down(page, 400)
    box.press("ControlOrMeta+a")
    page.keyboard.type("trial-1-5")
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/*")
    assert page.get_by_role("heading", level=1).text_content() == "trial-1-5"


def test_nothing_found_and_escape(box, browser_page):
    page = browser_page
    page.keyboard.type("<b>nothing</b>")
    page.get_by_text("Nothing has <b>nothing</b> in its name.").wait_for()
    page.keyboard.press("Enter")  # neither goes anywhere nor closes the box
    expect(box).to_be_focused()
    box.fill("")
    page.get_by_text("Type a part of a name.").wait_for()
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()


def test_by_the_mouse(box, browser_page):
    page = browser_page
    page.keyboard.type("iris")
    page.get_by_role("option", name="model").first.click()
    page.wait_for_url("**/registry/*")


def test_a_server_that_is_down(story, watched):
    page = watched.page
    watched.expected.append("Failed to load resource")
    page.goto(story.address)
    page.route("**/ui/**", lambda route: route.abort())
    page.keyboard.press("Control+k")
    page.keyboard.type("x")
    page.get_by_role("dialog").get_by_text("The server does not answer").wait_for()
