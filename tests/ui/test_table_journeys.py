"""The table of runs: menus of its heads, values in full, a phone, and what Back finds."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from mlpack.tests.ui.conftest import PHONE, held, ui_server
from mlpack.tracking.entities import Metric, Param, RunTag
from mlpack.tracking.sql.store import SqlStore

pytestmark = pytest.mark.server

ROWS = "#runs tr[data-run]"


def heads(page):
    found = page.locator("#runs thead [data-column]:visible")
    return found.evaluate_all("all => all.map(head => head.dataset.column)")


def opened(page, story):
    page.goto(f"{story.address}/experiments/{story.names['experiment']}")
    page.wait_for_selector("#more-actions:not([hidden])")


def test_menu_of_a_head(story, browser_page, look_at):
    page = browser_page
    opened(page, story)
    before = heads(page)
    page.locator("[data-column='metrics.f1']").hover()
    page.get_by_role("button", name="Menu of column f1").click()
    menu = page.get_by_role("menu", name="Column f1")
    menu.get_by_role("menuitem", name="Sort ascending").click()
    page.wait_for_selector("[data-column='metrics.f1'][aria-sort=ascending]")
    # the same by keyboard: the menu key, and back to where the focus was
    page.keyboard.press("Shift+F10")
    look_at(page, "runs-menu")
    page.keyboard.press("End")
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(page.get_by_role("link", name="f1", exact=True)).to_be_focused()
    page.keyboard.press("Shift+F10")
    menu.get_by_role("menuitem", name="Move left").press("Enter")
    page.wait_for_url("**column=*")
    at = before.index("metrics.f1")
    moved = [name for name in before if name != "metrics.f1"]
    moved.insert(at - 1, "metrics.f1")
    assert heads(page) == moved
    page.keyboard.press("Shift+F10")
    menu.get_by_role("menuitem", name="Hide").press("Enter")
    expect(page.locator("[data-column='metrics.f1']")).to_have_count(0)
    expect(page.get_by_role("link", name="accuracy", exact=True)).to_be_focused()
    # nothing sorts by how long runs took, and its column moves all the same
    page.get_by_text("Duration", exact=True).focus()
    page.keyboard.press("Alt+ArrowLeft")
    page.wait_for_url("**column=status&column=duration*")


def test_a_phone_shows_names_states_and_metrics(story, browser_page):
    page = browser_page
    page.set_viewport_size(PHONE)
    opened(page, story)
    assert heads(page)[:4] == ["name", "status", "metrics.accuracy", "metrics.f1"]
    assert page.locator("[data-column='metrics.accuracy']").bounding_box()["x"] < 240
    row = page.locator(ROWS).filter(has_text="trial-1-5")
    assert row.locator(".status").inner_text() == "failed"  # a sign for eyes, a word for ears
    row.locator("th").click(position={"x": 3, "y": 3})
    row.focus()
    page.keyboard.press("v")
    dialog = page.get_by_role("dialog", name="trial-1-5")
    assert dialog.locator("dt").first.inner_text() == "Status"
    page.keyboard.press("Escape")
    expect(row).to_be_focused()


def test_back_finds_the_table_as_it_was(tmp_path, browser_page):
    page = browser_page
    store = SqlStore(tmp_path / "mlruns")
    for number in range(260):
        run = store.create_run("0", f"run {number}", "u", number + 1, []).info.run_id
        store.log_batch(run, [Metric("m", number, 1)], [Param("text", "word " * 30)])
        store.update_run(run, status="FINISHED", end_time=number + 2)
    with ui_server(tmp_path) as (address, _):
        page.goto(f"{address}/experiments/0")
        page.wait_for_selector("#more-actions:not([hidden])")
        page.locator(f"{ROWS} input").nth(3).check()
        for place in range(1, 5):
            page.locator("#runs").evaluate("box => box.scrollTop = 1e7")
            page.locator("#runs tbody").nth(place).wait_for(state="attached")
        page.locator("#runs").evaluate("box => box.scrollTop = 3200")
        page.get_by_role("link", name="run 150", exact=True).click()
        page.wait_for_url("**/runs/*")
        page.go_back()
        link = page.get_by_role("link", name="run 150", exact=True)
        expect(link).to_be_in_viewport()
        expect(page.get_by_text("1 selected")).to_be_visible()
        assert page.locator("#runs").evaluate("box => box.scrollTop") == 3200
        # a cut value is read in full by a click on it
        page.locator(ROWS).filter(has=link).get_by_text("word").click()
        expect(page.get_by_role("dialog").get_by_text("word " * 29)).to_be_visible()
        page.get_by_role("dialog").get_by_role("button", name="Close").click()


def test_runs_below_go_on_when_their_page_was_far_away(tmp_path, browser_page):
    page = browser_page
    store = SqlStore(tmp_path / "mlruns")
    for number in range(260):
        store.create_run("0", f"run {number}", "u", number + 1, [])
    parents = [store.create_run("0", name, "u", 1000, []).info.run_id for name in ("a", "b")]
    for number in range(60):
        for parent in parents:
            tags = [RunTag("mlflow.parentRunId", parent)]
            store.create_run("0", f"below {number}", "u", number + 1, tags)
    children = "**/ui/runs/children"
    with ui_server(tmp_path) as (address, _):
        page.goto(f"{address}/experiments/0?group=1")
        page.wait_for_selector("#more-actions:not([hidden])")
        box = page.locator("#runs")
        page.get_by_role("button", name="60 runs below a").click()
        more = page.get_by_role("button", name="More runs below")
        more.wait_for()
        with held(page, children):
            with page.expect_request(children):
                page.get_by_role("button", name="60 runs below b").click()
            page.evaluate("document.activeElement.blur()")
            for place in range(1, 5):
                box.evaluate("box => box.scrollTop = 1e7")
                page.locator("#runs tbody").nth(place).wait_for(state="attached")
            box.evaluate("box => box.scrollTop = 1e7")
            page.locator("#runs tbody").nth(1).locator(".gap").wait_for(state="attached")
        box.evaluate("box => box.scrollTop = 0")
        expect(more).to_have_count(2)
        expect(page.get_by_text("Runs below…")).to_have_count(0)
        for _ in range(2):
            more.first.click()
        expect(more).to_have_count(0)
        expect(page.locator("#runs tr[data-depth]")).to_have_count(120)
