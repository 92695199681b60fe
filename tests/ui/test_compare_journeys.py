"""Comparing runs in a browser: the table, each chart, what is chosen there, a server that fails."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from mlpack.tests.ui.conftest import held

pytestmark = pytest.mark.server

DRAWN = "#answer[data-drawn]"
# how many colours the chart's canvas has: 1 or 2 where nothing is drawn
COLOURS = """() => {
  const canvas = document.querySelector('.drawing canvas');
  const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const seen = new Set();
  for (let i = 0; i < data.length; i += 4) seen.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
  return seen.size;
}"""


def opened(page, story, view, count=None, **query):
    runs = ",".join(story.names["runs"][:count])
    more = "".join(f"&{name}={value}" for name, value in query.items())
    page.goto(f"{story.address}/compare?runs={runs}&view={view}{more}")
    if view != "table":
        page.wait_for_selector(DRAWN)


def asked(page):
    return parse_qs(urlsplit(page.url).query)


def row(page, key):
    return page.get_by_role("row").filter(has=page.locator(".key", has_text=re.compile(f"^{key}$")))


def test_the_table(story, browser_page, look_at):
    page, runs = browser_page, story.names["runs"]
    opened(page, story, "table", 5)
    page.get_by_label("Only differences").check()
    page.wait_for_url("**differing=1*")
    assert row(page, "C").is_visible()
    row(page, "branch").wait_for(state="detached")
    page.get_by_role("searchbox", name="Find a key").fill("loss")
    page.wait_for_url("**words=loss*")
    row(page, "C").wait_for(state="detached")
    best = row(page, "loss").locator("td.is-best").inner_text()
    page.get_by_role("button", name="loss: lower is better; change").click()
    page.get_by_role("button", name="loss: higher is better; change").wait_for()
    assert asked(page)["flip"] == ["loss"]
    assert row(page, "loss").locator("td.is-best").inner_text() != best
    page.get_by_role("button", name="loss: higher is better; change").click()
    page.get_by_role("button", name="loss: lower is better; change").wait_for()
    assert "flip" not in asked(page)
    # the keyboard stays where it was
    assert page.evaluate("document.activeElement.value") == "loss"

    page.get_by_role("button", name="trial-0-1 as baseline").click()
    page.get_by_role("button", name="baseline ×").wait_for()
    assert row(page, "loss").locator(".delta").count() == 4
    assert asked(page)["baseline"] == [runs[1]]
    page.get_by_role("button", name="baseline ×").click()
    page.get_by_role("button", name="trial-0-1 as baseline").wait_for()
    assert "baseline" not in asked(page)

    page.get_by_role("searchbox", name="Find a key").fill("note")
    unfold = page.get_by_role("link", name="All of note of trial-0-3")
    with held(page, "**/ui/compare/value*"):
        unfold.dblclick()
    page.locator(".whole", has_text="x" * 300).wait_for()
    unfold.click()
    page.locator(".whole").wait_for(state="detached")
    assert len(page.locator(".long").inner_text()) == 60

    page.get_by_label("Runs as rows").check()
    page.wait_for_selector(".across")
    page.reload()
    assert page.get_by_label("Runs as rows").is_checked() and page.locator(".across").is_visible()

    page.get_by_role("button", name="Leave trial-0-0 out").click()
    page.get_by_role("heading", name="Compare 4 runs").wait_for()
    assert asked(page)["runs"] == [",".join(runs[1:5])] and "remove" not in asked(page)
    page.get_by_role("combobox", name="Add a run").fill("still")
    page.locator("#found-runs option").wait_for(state="attached")
    page.keyboard.press("Enter")  # which must not press the first of the buttons that remove
    page.get_by_role("heading", name="Compare 5 runs").wait_for()
    assert asked(page)["runs"][0].endswith(story.names["running"])
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    assert "loss" in download.value.path().read_text()


def test_parallel_coordinates(story, browser_page):
    page = browser_page
    opened(page, story, "parallel")
    assert page.locator(DRAWN).get_attribute("data-drawn") == "22"
    assert page.evaluate(COLOURS) > 50
    chips = page.locator("#axes .key")
    assert chips.all_inner_texts() == ["C", "depth", "note", "solver", "loss"]
    page.get_by_role("button", name="Without note").click()
    page.get_by_role("button", name="Move loss to the left").click()
    page.get_by_label("Add an axis").select_option("metrics.f1")
    page.wait_for_url("**axis=metrics.f1*")
    shown = ["params.C", "params.depth", "metrics.loss", "params.solver", "metrics.f1"]
    assert asked(page)["axis"] == shown and asked(page)["log"] == ["none", "params.C"]
    page.reload()
    page.wait_for_selector(DRAWN)
    assert chips.all_inner_texts() == [name.partition(".")[2] for name in shown]
    assert page.get_by_text("Missing in still-running: C, depth, solver, f1").is_visible()

    # a stretch of the first axis, C, marked with the mouse
    area = page.locator(".drawing").bounding_box()
    page.mouse.move(area["x"] + 60, area["y"] + 60)
    page.mouse.down()
    page.mouse.move(area["x"] + 60, area["y"] + 120, steps=4)
    page.mouse.move(area["x"] + 60, area["y"] + area["height"] / 2, steps=4)
    page.mouse.up()
    only = page.get_by_role("link", name="Compare these only")
    only.wait_for()
    count = int(page.locator(".selected [role=status]").inner_text().split()[0])
    assert 0 < count < 22
    page.get_by_text("The same as a table").click()
    boxes = page.locator("details input[type=checkbox]")
    assert boxes.count() == 22 and page.locator("details input:checked").count() == count
    page.get_by_role("button", name="Choose none").click()
    boxes.nth(2).focus()
    page.keyboard.press("Space")
    boxes.nth(4).check()
    only.click()
    page.get_by_role("heading", name="Compare 2 runs").wait_for()
    assert asked(page)["axis"] == shown


def test_choices_that_were_asked_for_in_vain(story, browser_page):
    """The page stays, as after the browser's Stop, and asks again."""
    page, asking, came = browser_page, "**/compare?*words=f1*", []

    def second(route):
        came.append(route)
        route.fulfill(status=204) if len(came) == 1 else route.continue_()

    opened(page, story, "parallel", 3, words="f")
    page.route(asking, second)
    page.get_by_role("searchbox", name="Find fields").focus()
    page.keyboard.press("End")
    page.keyboard.type("1")
    with page.expect_response(asking):
        page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.wait_for_url(asking)
    page.wait_for_selector(DRAWN)


def test_scatter_and_contour(story, browser_page):
    page = browser_page
    opened(page, story, "scatter", 12)
    assert page.locator(DRAWN).get_attribute("data-drawn") == "12"
    page.get_by_label("Colour by").select_option("params.solver")
    page.get_by_role("list", name="Colours").get_by_text("saga").wait_for()
    page.get_by_label("Colour by").select_option("metrics.loss")
    page.get_by_label("Up (y)").select_option("params.depth")
    page.wait_for_url("**y=params.depth*")
    before = page.evaluate(COLOURS)
    page.get_by_label("Contour").check()
    page.get_by_text("The bands are interpolated").wait_for()
    assert page.evaluate(COLOURS) > before
    light = page.locator(".drawing canvas").first.screenshot()
    page.get_by_role("button", name="Colours: as the system").click()
    page.wait_for_timeout(100)
    assert page.locator(".drawing canvas").first.screenshot() != light
    with page.expect_download() as download:
        page.get_by_role("button", name="Download PNG").click()
    assert download.value.path().read_bytes().startswith(b"\x89PNG")
    assert download.value.suggested_filename == "comparison-scatter.png"
    page.get_by_label("Across (x)").select_option("params.solver")
    page.get_by_text("A contour needs numbers").wait_for()

    # a click on the point of the second run
    opened(page, story, "scatter", 2, x="params.C", y="metrics.loss", log="none")
    point = page.evaluate("""() => {
      const {width, height} = document.querySelector('.drawing canvas');
      const context = document.querySelector('.drawing canvas').getContext('2d');
      const {data} = context.getImageData(0, 0, width, height);
      const [r, g, b] = getComputedStyle(document.querySelector('.series-2')).color.match(/\\d+/g);
      for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
        const i = (y * width + x) * 4;
        const far = [r, g, b].map((part, at) => Math.abs(data[i + at] - part));
        if (far.every((each) => each < 5)) return [x, y];
      }
    }""")
    area = page.locator(".drawing").bounding_box()
    page.mouse.move(area["x"] + point[0], area["y"] + point[1] + 4)
    page.mouse.click(area["x"] + point[0], area["y"] + point[1] + 4)
    page.wait_for_url(f"**/runs/{story.names['runs'][1]}")


def test_box_plots_and_importance(story, browser_page):
    page = browser_page
    opened(page, story, "box", by="params.solver")
    assert page.locator(DRAWN).get_attribute("data-drawn") == "21"
    page.get_by_text("The same as a table").click()
    table = page.get_by_role("table", name="What the chart shows")
    assert table.get_by_role("row").count() == 3
    page.get_by_label("In groups by").select_option("params.C")
    page.get_by_text("the groups are its quantiles").wait_for()
    page.get_by_label("log scale").check()
    page.wait_for_url("**log=metric*")
    assert page.evaluate(COLOURS) > 20
    page.get_by_role("link", name="Importance").click()
    page.wait_for_selector(DRAWN)
    assert page.get_by_text("22 runs are few").is_visible()
    page.get_by_text("The same as a table").click()
    names = table.locator("tbody td:first-child").all_inner_texts()
    assert sorted(names) == ["C", "depth", "note", "solver"]


def test_curves(story, browser_page):
    runs = ",".join(story.names["runs"][:3])
    browser_page.goto(f"{story.address}/compare?runs={runs}&view=curves")
    browser_page.wait_for_selector("#charts[data-drawn]")
    assert asked(browser_page)["view"] == ["curves"]


def test_a_server_that_does_not_answer(story, watched):
    page = watched.page
    watched.expected.append("ERR_FAILED")
    page.route("**/ui/compare/**", lambda route: route.abort())
    runs = ",".join(story.names["runs"][:4])
    page.goto(f"{story.address}/compare?runs={runs}&view=box")
    page.get_by_text("The server does not answer").wait_for()
    page.unroute("**/ui/compare/**")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector(DRAWN)
    page.route("**/ui/compare/**", lambda route: route.abort())
    page.get_by_label("In groups by").select_option("params.depth")
    page.get_by_role("button", name="Try again").wait_for()
    assert page.locator(".drawing canvas").is_visible()  # what is shown stays
    page.unroute("**/ui/compare/**")
    page.get_by_role("button", name="Try again").click()
    page.locator(".drawing[aria-label*='by depth']").wait_for()


def test_hostile_names(story, browser_page):
    page, names = browser_page, story.names
    both = f"{names['attack_run']},{names['best']}"
    page.goto(f"{story.address}/compare?runs={both}")
    assert page.get_by_text(names["attack"]).first.is_visible()
    for view, more in (
        ("parallel", "&axis=params.p&axis=params.C"),
        ("scatter", "&x=params.p&y=metrics.m&colour=params.p"),
        ("box", "&by=params.p&metric=metrics.m"),
    ):
        page.goto(f"{story.address}/compare?runs={both}&view={view}{more}")
        page.wait_for_selector(DRAWN)
        area = page.locator(".drawing").bounding_box()
        for part in (0.25, 0.5, 0.75):
            page.mouse.move(area["x"] + area["width"] * part, area["y"] + area["height"] / 2)
        page.get_by_text("The same as a table").click()
    assert page.evaluate("document.images.length") == 1  # the icon alone
