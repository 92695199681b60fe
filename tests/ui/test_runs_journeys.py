"""The table of runs in a browser, as somebody works with it."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import expect

from mlpack.registry.client import MlpackClient
from mlpack.tests.ui.conftest import held, ui_server
from mlpack.tracking.entities import Metric
from mlpack.tracking.sql.store import SqlStore

pytestmark = pytest.mark.server

ROWS = "#runs tr[data-run]"
NAMES = f"[...document.querySelectorAll('{ROWS} th a')].map(link => link.textContent)"
HEADS = (
    "[...document.querySelectorAll('#runs th[data-column]')].slice(1).map(e => e.dataset.column)"
)


def names(page):
    return page.evaluate(NAMES)


def until(page, condition, seconds=15):
    """Wait; over the debugger, which the page's policy does not hold up."""
    ends = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < ends, condition
        page.wait_for_timeout(50)


def open_table(page, story, query=""):
    page.goto(f"{story.address}/experiments/{story.names['experiment']}{query}")
    page.wait_for_selector("#more-actions:not([hidden])")


def test_sort_filter_and_back(story, browser_page):
    page = browser_page
    open_table(page, story)
    newest = names(page)
    assert len(newest) == 25 and newest[0] == "still-running"
    page.get_by_role("link", name="accuracy").click()
    page.wait_for_selector("th[data-column='metrics.accuracy'][aria-sort=descending]")
    assert page.evaluate("document.activeElement.textContent") == "accuracy"
    sorted_names = names(page)
    assert sorted_names != newest and "order_by=metrics.%60accuracy%60+DESC" in page.url
    page.get_by_label("Filter", exact=True).fill("metrics.accuracy > 0.99")
    page.keyboard.press("Enter")
    until(page, f"document.querySelectorAll('{ROWS}').length < 20")
    few = names(page)
    assert page.locator("#count").inner_text() == f"{len(few)} runs"
    assert sorted_names[: len(few)] == few
    page.reload()
    assert names(page) == few  # the address says it all
    page.go_back()
    until(page, f"document.querySelectorAll('{ROWS}').length == 25")
    assert (
        names(page) == sorted_names and page.get_by_label("Filter", exact=True).input_value() == ""
    )
    page.go_back()
    page.wait_for_selector("th[data-column='start_time'][aria-sort=descending]")
    assert names(page) == newest
    page.get_by_label("Filter", exact=True).fill("metrics.accuracy > 7")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="No run fits").wait_for()
    page.get_by_role("link", name="Clear the filter").click()
    until(page, f"document.querySelectorAll('{ROWS}').length == 25")


def test_what_is_done_while_a_table_is_on_its_way(story, browser_page):
    """Each of it counts, and whoever goes on typing keeps the text."""
    page = browser_page
    open_table(page, story)
    box = page.get_by_label("Filter", exact=True)
    table, check = "**/ui/runs/table", "**/ui/filter*"
    with held(page, table), page.expect_request(table) as first, held(page, check):
        box.fill("metrics.accuracy > 0.5")
        with page.expect_request(check):
            box.press("Enter")
        page.keyboard.type(" AND ")
    assert first.value.post_data_json["filter"] == "metrics.accuracy > 0.5"
    page.wait_for_url("**filter=*")
    expect(box).to_have_value("metrics.accuracy > 0.5 AND ")
    # a filter, an order, two moves of a column
    before = page.evaluate(HEADS)
    with held(page, table):
        box.fill("metrics.accuracy > 0.9")
        with page.expect_request(table):
            box.press("Enter")
        with page.expect_request(table) as second:
            page.get_by_role("link", name="f1", exact=True).press("Enter")
        for _ in range(2):
            with page.expect_request(table) as third:
                page.keyboard.press("Alt+ArrowLeft")
    asked = second.value.post_data_json
    assert (asked["filter"], asked["order_by"]) == ("metrics.accuracy > 0.9", "metrics.`f1` DESC")
    last = third.value.post_data_json
    assert (last["filter"], last["order_by"]) == (asked["filter"], asked["order_by"])
    assert last["columns"].index("metrics.f1") == before.index("metrics.f1") - 2
    page.wait_for_url("**column=*")
    assert page.evaluate(HEADS) == last["columns"]
    expect(box).to_have_value("metrics.accuracy > 0.9")


def test_select_by_keys_and_compare(story, browser_page):
    page = browser_page
    open_table(page, story)
    ids = page.evaluate(f"[...document.querySelectorAll('{ROWS}')].map(row => row.dataset.run)")
    for key in ("j", "ArrowDown", "x", "ArrowDown", "ArrowDown", "Shift+Space", "k"):
        page.keyboard.press(key)
    selected = page.get_by_role("region", name="Selected runs")
    assert selected.get_by_text("3 selected").is_visible()
    page.keyboard.press("Escape")
    assert selected.is_hidden()
    page.keyboard.press("a")
    assert selected.get_by_text("25 selected").is_visible()
    page.get_by_label("Select all runs that are loaded").uncheck()
    assert selected.is_hidden()
    page.locator(f"{ROWS} input").nth(4).click()
    page.locator(f"{ROWS} input").nth(1).click(modifiers=["Shift"])
    assert selected.get_by_text("4 selected").is_visible()
    link = selected.get_by_role("link", name="Compare").get_attribute("href")
    assert sorted(link.removeprefix("/compare?runs=").split(",")) == sorted(ids[1:5])
    page.keyboard.press("j")
    page.keyboard.press("c")
    page.wait_for_url("**/compare?runs=*")
    page.go_back()
    page.wait_for_selector("#more-actions:not([hidden])")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/runs/{ids[1]}*")


def test_children_by_keys(story, browser_page, look_at):
    page = browser_page
    open_table(page, story, "?group=1")
    assert names(page) == ["still-running", "sweep-2", "sweep-1", "sweep-0"]
    for key in ("j", "x", "j", "ArrowRight"):
        page.keyboard.press(key)
    until(page, f"document.querySelectorAll('{ROWS}').length == 11")
    assert names(page)[1:4] == ["sweep-2", "trial-2-6", "trial-2-5"]
    look_at(page, "runs-grouped")
    page.keyboard.press("ArrowLeft")
    assert len(names(page)) == 4
    page.get_by_role("button", name="7 runs below sweep-0").click()
    until(page, f"document.querySelectorAll('{ROWS}').length == 11")
    assert names(page)[4] == "trial-0-6"


def test_widths_and_columns(story, browser_page):
    page = browser_page
    open_table(page, story)
    grip = page.get_by_role("separator", name="Width of accuracy")
    grip.focus()
    before = int(grip.get_attribute("aria-valuenow"))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    assert int(grip.get_attribute("aria-valuenow")) == before + 60
    place = page.get_by_role("separator", name="Width of Run").bounding_box()
    page.mouse.move(place["x"] + 3, place["y"] + 10)
    page.mouse.down()
    page.mouse.move(place["x"] + 83, place["y"] + 10, steps=4)
    page.mouse.up()
    page.reload()
    page.wait_for_selector("#more-actions:not([hidden])")
    widths = page.evaluate(
        "[...document.querySelectorAll('#runs thead th')].map(head => head.offsetWidth)"
    )
    heads = page.locator("#runs thead th").all_inner_texts()
    assert widths[[text.strip() for text in heads].index("accuracy")] == before + 60
    assert abs(widths[1] - 310) <= 2
    # the run's name stays in sight when the table is scrolled to the side
    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate("document.getElementById('runs').scrollLeft = 500")
    assert page.locator(f"{ROWS} th").first.bounding_box()["x"] < 60


def test_runs_that_go_on(own_story, browser_page):
    page = browser_page
    client = MlpackClient(str(own_story.folder / "mlruns"))
    open_table(page, own_story)
    page.keyboard.press("j")
    page.keyboard.press("x")
    row = page.locator(f"{ROWS}").first
    client.log_metric(own_story.names["running"], "loss", 0.00125, step=99)
    row.get_by_text("0.00125").wait_for()
    assert row.get_attribute("data-selected") is not None
    assert page.evaluate("document.activeElement.dataset.run") == own_story.names["running"]
    client.log_metric(own_story.names["running"], "auc", 0.5)
    page.get_by_role("button", name="new columns – show").click()
    page.wait_for_selector("th[data-column='metrics.auc']")
    page.locator("tr[data-selected]").focus()
    client.create_run(own_story.names["experiment"], run_name="new")
    page.get_by_role("button", name="1 new run – show").focus()
    fresh = client.create_run(own_story.names["experiment"], run_name="fresh").info.run_id
    client.set_terminated(own_story.names["running"])
    shown = page.get_by_role("button", name="2 new runs – show")
    expect(shown).to_be_focused()
    row.get_by_text("finished").wait_for()
    assert names(page)[0] == "still-running"  # nothing moved under the reader
    shown.click()
    until(page, f"document.querySelector('{ROWS}').dataset.run == '{fresh}'")
    assert page.get_by_text("1 selected").is_visible()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete 1 run").click()
    until(page, f"document.querySelectorAll('{ROWS}').length == 26")
    assert "still-running" not in names(page)


def test_thousands_of_runs_and_a_server_that_goes_away(tmp_path, watched):
    page = watched.page
    store = SqlStore(tmp_path / "mlruns")
    for number in range(1200):
        run = store.create_run("0", f"run {number}", "u", number + 1, []).info.run_id
        store.log_batch(run, [Metric("m", number, 1)])
    with ui_server(tmp_path) as (address, process):
        port = int(address.rpartition(":")[2])
        page.goto(f"{address}/experiments/0")
        page.wait_for_selector("#more-actions:not([hidden])")
        scroll_to(page, "run 600")
        rows = page.locator(ROWS).count()
        assert rows <= 600 and page.locator("#runs tbody").count() >= 6
        page.evaluate("document.getElementById('runs').scrollTop = 0")
        page.get_by_role("link", name="run 1199", exact=True).wait_for()
        watched.expected += ["ERR_CONNECTION_REFUSED", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET"]
        process.terminate()
        process.wait(30)
        page.evaluate("document.getElementById('runs').scrollTop = 1e7")
        page.locator(".further .error").wait_for()
        page.get_by_label("Filter", exact=True).fill("metrics.m < 5")
        page.keyboard.press("Enter")
        page.locator("#filter-error .error").wait_for()
        assert page.locator(ROWS).count() > 50  # what was shown stays
        page.get_by_text("not connected").wait_for()
    with ui_server(tmp_path, port=port):
        page.locator(".further").get_by_role("button", name="Try again").click()
        until(page, "!document.querySelector('.further .error')")
        page.locator("#filter-error").get_by_role("button", name="Try again").click()
        until(page, f"document.querySelectorAll('{ROWS}').length == 5")
        assert re.search(r"5 runs", page.locator("#count").inner_text())
        page.locator("#live").get_by_text("5 running").wait_for()


def scroll_to(page, name):
    box = "document.getElementById('runs')"
    for _ in range(200):
        if page.get_by_role("link", name=name, exact=True).count():
            return
        page.evaluate(f"{box}.scrollTop += 1500")
        page.wait_for_timeout(80)
    pytest.fail(f"{name} was not found by scrolling; {time.ctime()}")


def test_hostile_names(story, browser_page, look_at):
    page = browser_page
    page.goto(f"{story.address}/experiments/{story.names['attack_experiment']}")
    assert page.locator(f"{ROWS} th a").inner_text() == story.names["attack"]
    page.keyboard.press("j")
    page.keyboard.press("x")
    look_at(page, "runs-attack")
