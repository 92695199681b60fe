"""Columns chosen by keyboard, runs changed together, and exported."""

import csv
import io
import json

import pytest
from playwright.sync_api import expect

from mlpack.tests.ui.conftest import held

pytestmark = pytest.mark.server


def heads(page):
    found = page.locator("#runs thead [data-column]")
    return found.evaluate_all("all => all.map(head => head.dataset.column)")


def opened(page, story):
    page.goto(f"{story.address}/experiments/{story.names['experiment']}")
    page.get_by_role("button", name="Columns").wait_for()
    return page.locator("tr[data-run]")


def select(page, *indexes):
    for index in indexes:
        page.locator("tr[data-run] input[type=checkbox]").nth(index).check()


def test_columns_by_keyboard(story, browser_page, look_at):
    page = browser_page
    opened(page, story)
    before = heads(page)
    page.get_by_role("button", name="Columns").press("Enter")
    dialog = page.get_by_role("dialog", name="Columns")
    dialog.get_by_role("group", name="Metrics").wait_for()
    look_at(page, "columns")
    words = dialog.get_by_role("searchbox", name="Find a column")
    with held(page, "**/ui/names*"):
        words.type("cpu_util")
        words.press("Enter")  # takes what is found, not what is there still
    dialog.get_by_role("status").get_by_text("is shown").wait_for()
    shown = dialog.get_by_role("list", name="Columns that are shown, in their order")
    last = shown.get_by_role("listitem").last
    assert "system/cpu_utilization_percentage metric" in last.get_by_role("checkbox").get_attribute(
        "aria-label"
    )
    last.get_by_role("checkbox").focus()
    for _ in range(2):
        page.keyboard.press("Alt+ArrowUp")
    place = len(before) - 2
    dialog.get_by_text(f"is column {place} of {place + 2}").wait_for()
    page.keyboard.press("ArrowUp")  # to the line above, and it goes
    gone = before[place - 1]
    page.keyboard.press(" ")
    page.keyboard.press("Enter")
    dialog.wait_for(state="detached")
    page.wait_for_url("**column=*")
    wanted = [name for name in before if name != gone]
    wanted.insert(place - 1, "metrics.system/cpu_utilization_percentage")
    expect(page.locator("#runs thead [data-column]")).to_have_count(len(wanted))
    assert heads(page) == wanted
    page.reload()  # the address has them
    assert heads(page) == wanted
    page.get_by_role("button", name="Columns").click()
    dialog.get_by_role("button", name="None").click()
    assert dialog.get_by_role("button", name="Show these").is_disabled()
    dialog.get_by_role("button", name="Default").click()
    page.wait_for_url(lambda url: "column=" not in url)
    page.get_by_role("button", name="Columns").click()
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")


def test_bulk_changes(own_story, watched, look_at):
    page = watched.page
    rows = opened(page, own_story)
    before = rows.count()
    select(page, 2, 4)
    bar = page.get_by_role("region", name="Selected runs")
    bar.get_by_role("button", name="Tag", exact=True).click()
    ask = page.locator("#ask")
    ask.get_by_label("Key", exact=True).fill("reviewed")
    ask.get_by_label("Value").fill("yes")
    ask.get_by_role("button", name="Tag").click()
    page.get_by_text("2 runs tagged.").wait_for()
    expect(bar.get_by_role("button", name="Tag", exact=True)).to_be_focused()
    page.goto(page.url + "?filter=tags.reviewed%3D'yes'")
    assert rows.count() == 2
    select(page, 1)
    bar.get_by_role("button", name="Tag", exact=True).click()
    ask.get_by_label("Key", exact=True).fill("reviewed")
    ask.get_by_label("Remove the tag").check()
    page.keyboard.press("Enter")
    page.get_by_text("1 run freed of the tag.").wait_for()
    expect(rows).to_have_count(1)
    opened(page, own_story)
    select(page, 0, 1, 2)
    bar.get_by_role("button", name="Delete").click()
    ask.get_by_role("heading", name="Delete 3 runs?").wait_for()
    assert "mlpack gc" in ask.text_content()
    look_at(page, "bulk-delete")
    ask.get_by_role("button", name="Delete 3 runs").click()
    page.get_by_text("3 runs deleted.").wait_for()
    expect(rows).to_have_count(before - 3)
    expect(page.get_by_role("region", name="Table of runs")).to_be_focused()
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("3 runs restored.").wait_for()
    expect(rows).to_have_count(before)
    some_fail(page, watched, bar)


def some_fail(page, watched, bar):
    """What one run refuses, and a server that is down, are told; the rest is done."""
    select(page, 0, 1)
    ids = page.locator("tr[data-run]").evaluate_all("all => all.map(row => row.dataset.run)")
    page.evaluate(
        """id => fetch("/ui/runs/delete", {method: "POST", body: JSON.stringify({run_ids: [id]}),
           headers: {"Content-Type": "application/json"}})""",
        ids[0],
    )
    bar.get_by_role("button", name="Tag", exact=True).click()
    page.locator("#ask").get_by_label("Key", exact=True).fill("k")
    page.keyboard.press("Enter")
    page.get_by_text("1 run not tagged. The run").wait_for()
    page.get_by_text("1 run tagged.").wait_for()
    watched.expected.append("Failed to load resource")
    page.route("**/ui/runs/delete", lambda route: route.abort())
    bar.get_by_role("button", name="Delete").click()
    page.locator("#ask").get_by_role("button", name="Delete 2 runs").click()
    page.get_by_text("The server does not answer").first.wait_for()
    page.unroute("**/ui/runs/delete")
    page.get_by_role("button", name="Try again").last.click()
    page.get_by_text("2 runs deleted.").wait_for()  # that one was already is no failure
    page.goto(page.url + "?stage=deleted")
    select(page, 0)
    assert not bar.get_by_role("button", name="Delete").is_visible()
    bar.get_by_role("button", name="Restore").click()
    page.locator("#ask").get_by_role("button", name="Restore").click()
    page.get_by_text("1 run restored.").wait_for()
    expect(page.locator("tr[data-run]")).to_have_count(1)


def export(page, kind, columns):
    page.get_by_role("button", name="Export").click()
    ask = page.locator("#ask")
    ask.get_by_label("Format").select_option(kind)
    ask.get_by_label("Columns").select_option(columns)
    with page.expect_download() as found:
        ask.get_by_role("button", name="Download").click()
    download = found.value
    return download.suggested_filename, download.path().read_text()


def test_export(story, browser_page, look_at):
    page = browser_page
    page.goto(
        f"{story.address}/experiments/{story.names['experiment']}"
        "?filter=metrics.accuracy > 0&order_by=metrics.accuracy DESC"
    )
    shown = heads(page)
    name, text = export(page, "CSV", "Those of the table")
    assert name == "iris-classifiers-runs.csv"
    found = list(csv.DictReader(io.StringIO(text)))
    assert len(found) == 21
    values = [float(row["metrics.accuracy"]) for row in found]
    assert values == sorted(values, reverse=True)
    assert {head for head in shown if "." in head} == {head for head in found[0] if "." in head}
    select(page, 0, 2)
    name, text = export(page, "JSON", "All that were logged")
    assert name == "iris-classifiers-runs.json"
    chosen = json.loads(text)
    assert [run["run_id"] for run in chosen] == [found[0]["run_id"], found[2]["run_id"]]
    assert "system/cpu_utilization_percentage" in chosen[0]["metrics"]
    page.get_by_role("button", name="Export").click()
    look_at(page, "export")
