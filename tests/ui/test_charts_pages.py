"""Charts as people use them: axes, smoothing, zoom, values, large ones, points that come in."""

import csv
import math
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

import mlpack
from mlpack.tests.ui.conftest import held, ui_server
from mlpack.tracking.entities import Metric
from mlpack.tracking_server.ui import static_files

pytestmark = pytest.mark.server


@pytest.fixture
def client(tmp_path):
    """Of a store with nothing in it; ``ui_server(tmp_path)`` shows it."""
    return mlpack.MlpackClient(str(tmp_path / "mlruns"))


def running(client):
    run = client.create_run("0", run_name="still-running").info.run_id
    for step in range(30):
        client.log_metric(run, "loss", 2 / (step + 1), step=step)
    return run


def open_charts(page, address, drawn=True):
    page.goto(address)
    if drawn:
        page.wait_for_selector("#charts[data-drawn]")


def fields(page):
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def chart(page, name):
    return page.get_by_role("figure", name=name, exact=True)


def value(page, name):
    return chart(page, name).locator(".chart-value").inner_text()


def words(page, name):
    """The chart told to those who do not see it."""
    return chart(page, name).locator("p.unseen").last.text_content()


def test_charts_of_a_run(story, browser_page):
    page = browser_page
    address = f"{story.address}/runs/{story.names['best']}/charts"
    open_charts(page, address)
    assert page.get_by_role("heading", level=2).all_inner_texts() == ["Metrics\n3", "System\n2"]
    assert "200 points" in words(page, "loss") and "1 not a number" in words(page, "loss")
    assert "1 value is NaN" in chart(page, "loss").inner_text()
    assert "at step 0" in chart(page, "f1").inner_text()
    assert "its steps are its own" in chart(page, "cpu_utilization_percentage").inner_text()

    page.get_by_label("Horizontal axis").select_option("elapsed")
    page.get_by_label("log y").check()
    page.get_by_label("Smoothing").fill("0.8")
    assert fields(page) == {"x": "elapsed", "y": "log", "smooth": "0.8"}
    page.get_by_label("Find metrics").fill("los")
    page.wait_for_url("**q=los*")
    assert page.get_by_role("figure").count() == 1
    page.reload()
    page.wait_for_selector("#charts[data-drawn]")
    assert page.get_by_label("log y").is_checked() and page.get_by_role("figure").count() == 1
    assert page.get_by_label("Horizontal axis").input_value() == "elapsed"
    page.get_by_label("Find metrics").fill("nothing like it")
    page.get_by_text("No metric has “nothing like it”").wait_for()
    page.get_by_text("How to read").click()
    assert page.get_by_text("exponential moving average").is_visible()


def test_what_is_computed_in_the_browser(story, browser_page):
    page = browser_page
    open_charts(page, f"{story.address}/runs/{story.names['best']}/charts")
    found = page.evaluate(
        """async (address) => {
            const module = await import(address);
            const { elapsedText, figure, nearest, smoothed } = module;
            const tens = [0, 10, 20];
            return {
                flat: smoothed([2, null, 2, 2], 0.9),
                step: smoothed([0, 1], 0.5),
                nearest: [nearest([], 1), nearest([5], 9), nearest(tens, 14), nearest(tens, 16)],
                figures: [null, 0, 123456.789, 1.5e-9, 0.1 + 0.2].map((each) => figure(each)),
                times: [0, 1500, 61_000, -3_600_000, 90_000_000].map(elapsedText),
            };
        }""",
        static_files.address("js/curve_series.js"),
    )
    # the begin does not lean towards zero: the weights so far sum up to one
    assert found["flat"] == [2, None, pytest.approx(2), pytest.approx(2)]
    assert found["step"] == [0, pytest.approx(2 / 3)]
    assert found["nearest"] == [-1, 0, 1, 2]
    assert found["figures"] == ["NaN", "0", "123460", "1.5e-9", "0.3"]
    assert found["times"] == ["0 s", "1.5 s", "1 min 1 s", "-1 h", "1 d 1 h"]


def test_zoom_by_mouse_and_keyboard(story, browser_page):
    page = browser_page
    open_charts(page, f"{story.address}/runs/{story.names['best']}/charts")
    box = chart(page, "loss").locator(".u-over").bounding_box()
    with page.expect_response(lambda answer: "from=" in answer.url) as asked:
        page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 40)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50, steps=4)
        page.mouse.up()
    loss = next(c for c in asked.value.json()["curves"] if c["key"] == "loss")
    assert 48 <= loss["steps"][0] <= 51 and 98 <= loss["steps"][-1] <= 101
    assert fields(page)["zoom"].startswith("step:")
    page.get_by_role("button", name="Show all instead of step").click()
    assert fields(page) == {}
    # keys go along the points that are there, and all of them have yet to come
    page.wait_for_selector("#charts:not(:has([aria-busy]))")

    plot = page.get_by_role("group", name="Chart of loss")
    plot.focus()
    plot.press("ArrowRight")
    plot.press("ArrowRight")
    assert "at step 1" in value(page, "loss") and "at step 1" in value(page, "accuracy")
    assert "at step 1" in chart(page, "loss").get_by_role("status").text_content()
    plot.press("+")
    first = fields(page)["zoom"]
    plot.press("Shift+ArrowRight")
    assert fields(page)["zoom"] != first
    plot.press("-")
    page.reload()
    page.wait_for_selector("#charts[data-drawn]")
    assert page.locator(".chart-zoom").is_visible()
    plot.focus()
    plot.press("Escape")
    assert fields(page) == {}
    plot.press("Enter")
    page.wait_for_url("**key=loss*")
    assert page.get_by_role("figure").count() == 1
    page.go_back()
    page.get_by_role("figure").nth(4).wait_for()
    assert page.get_by_role("figure").count() == 5


def test_a_zoom_that_is_taken_back_before_its_points_come(story, browser_page):
    page = browser_page
    open_charts(page, f"{story.address}/runs/{story.names['best']}/charts?key=loss")
    plot = page.get_by_role("group", name="Chart of loss")
    with page.expect_response("**/ui/curves?*from=*"), held(page, "**/ui/curves?*from=*"):
        plot.focus()
        with page.expect_request("**/ui/curves?*from=*"):
            plot.press("+")
        plot.press("0")
        expect(page.locator("[aria-busy]")).to_have_count(0)
    page.wait_for_timeout(100)
    chart(page, "loss").get_by_role("button", name="Data of loss").click()
    assert "200 entries are drawn" in page.get_by_role("dialog").inner_text()


def test_several_runs(story, browser_page, look_at, tmp_path):
    page = browser_page
    ids = story.names["runs"][:6]
    open_charts(page, f"{story.address}/charts?runs={','.join(ids)}")
    assert "trial-0-0: 200 points" in words(page, "accuracy")
    assert chart(page, "f1").get_by_role("listitem").count() == 6

    plot = chart(page, "accuracy").locator(".u-over")
    plot.hover()
    tip = chart(page, "accuracy").locator(".chart-tip")
    found = [float(text) for text in tip.locator(".number").all_inner_texts()]
    assert len(found) == 6 and found == sorted(found, reverse=True)
    page.get_by_role("checkbox", name="trial-0-1").uncheck()
    assert fields(page)["hide"] == ids[1]
    assert chart(page, "f1").get_by_role("listitem").count() == 5
    page.get_by_role("button", name="Only trial-0-2").focus()
    page.keyboard.press("Enter")
    assert chart(page, "f1").get_by_role("listitem").count() == 1

    page.get_by_role("button", name="all", exact=True).click()
    chart(page, "loss").get_by_role("button", name="loss", exact=True).click()
    page.wait_for_url("**key=loss*")
    page.get_by_label("Smoothing").fill("0.6")
    look_at(page, "chart-large")
    chart(page, "loss").get_by_role("button", name="Data of loss").click()
    dialog = page.get_by_role("dialog", name="Data of loss")
    assert "1,200 entries are drawn; the first 500" in dialog.inner_text()
    assert dialog.get_by_role("row").count() == 501
    rows = {}
    for name in ("Every logged point (CSV)", "What is drawn (CSV)", "Picture (PNG)"):
        with page.expect_download() as download:
            dialog.get_by_text(name).click()
        file = tmp_path / download.value.suggested_filename
        download.value.save_as(file)
        if name.endswith("(CSV)"):
            rows[name] = list(csv.reader(file.open()))
        else:
            assert file.read_bytes().startswith(b"\x89PNG") and file.name == "loss.png"
    assert [len(each) for each in rows.values()] == [1201, 1201]


@pytest.mark.parametrize(
    "query", ["key=loss", "key=system/cpu_utilization_percentage", "key=loss&x=time"]
)
def test_points_are_asked_for_before_scripts_are_read(story, browser_page, query):
    """And not once more by the script."""
    asked = []
    on_request = lambda request: "/ui/curves?" in request.url and asked.append(request)  # noqa: E731
    browser_page.on("request", on_request)
    ids = ",".join(story.names["runs"][:3])
    open_charts(browser_page, f"{story.address}/charts?runs={ids}&{query}")
    browser_page.wait_for_timeout(200)
    times = browser_page.evaluate(
        "performance.getEntriesByType('resource')"
        ".filter(({ name }) => name.includes('/ui/curves?')).map((entry) => entry.initiatorType)"
    )
    assert len(asked) == 1 and times == ["link"]


def test_an_early_answer_that_never_comes(story, watched):
    """The script asks again, and tells what is wrong then."""
    page = watched.page
    watched.expected += ["ERR_FAILED", "status of 503", "preloaded using link preload"]
    page.route("**/ui/curves?*", lambda route: route.abort())
    ids = ",".join(story.names["runs"][:3])
    page.goto(f"{story.address}/charts?runs={ids}&key=loss")
    chart(page, "loss").get_by_text("The server does not answer").wait_for()
    page.unroute("**/ui/curves?*")
    chart(page, "loss").get_by_role("button", name="Try again").click()
    chart(page, "loss").locator("canvas").wait_for()

    answer = {"status": 503, "body": '{"message": "Too much at once."}'}
    page.route("**/ui/curves?*", lambda route: route.fulfill(**answer))
    page.reload()
    chart(page, "loss").get_by_text("Too much at once.").wait_for()


def test_names_that_attack(story, browser_page):
    names = story.names
    open_charts(browser_page, f"{story.address}/charts?runs={names['attack_run']},{names['best']}")
    assert browser_page.get_by_role("checkbox", name=names["attack"]).is_checked()
    chart(browser_page, "loss").locator(".u-over").hover()
    chart(browser_page, "m").get_by_role("button", name="Data of m").click()
    assert names["attack"] in browser_page.get_by_role("dialog", name="Data of m").inner_text()


def test_a_run_that_goes_on(client, browser_page, tmp_path):
    page, run = browser_page, running(client)
    with ui_server(tmp_path) as (address, _):
        open_charts(page, f"{address}/runs/{run}/charts?zoom=step:5:200")
        page.get_by_text("Live", exact=True).wait_for()
        plot = page.get_by_role("group", name="Chart of loss")
        plot.focus()
        client.log_metric(run, "loss", 0.0123, step=30)
        client.log_metric(run, "val/new", 1.0, step=0)
        page.get_by_role("heading", name="val").wait_for()
        expect(plot).to_be_focused()  # the chart is the same, and new ones stand beside it
        page.get_by_text("0.0123").first.wait_for()
        assert fields(page)["zoom"] == "step:5:200"
        client.set_terminated(run)
        page.locator(".chart-message", has_text="Live").wait_for(state="hidden")


def test_a_server_that_goes_away(client, watched, tmp_path):
    watched.expected += ["ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE"]
    page, run = watched.page, running(client)
    with ui_server(tmp_path) as (address, process):
        open_charts(page, f"{address}/runs/{run}/charts")
        process.terminate()
        process.wait(30)
        page.get_by_text("The server does not answer").first.wait_for()
        assert chart(page, "loss").locator("canvas").is_visible()
        page.get_by_label("Horizontal axis").select_option("time")
        chart(page, "loss").get_by_role("button", name="Try again").wait_for()
        assert chart(page, "loss").locator("canvas").is_visible()
        port = urlsplit(address).port
    with ui_server(tmp_path, port=port):
        # a page that asks by itself may have been faster
        again = chart(page, "loss").get_by_role("button", name="Try again")
        again.evaluate_all("found => found.forEach((button) => button.click())")
        again.wait_for(state="detached")
        page.locator(".chart-message", has_text="Live").wait_for(timeout=40_000)


def test_numbers_of_any_size(client, browser_page, tmp_path):
    page = browser_page
    run = client.create_run("0", run_name="wild").info.run_id
    for i, odd in enumerate([1e-320, -1.7e308, 1.7e308, math.nan, math.inf, 0.0]):
        client.log_metric(run, "values", odd, step=i, timestamp=1_700_000_000_000 + i)
        client.log_metric(run, "steps", i, step=2 ** (10 * i) - 2**40, timestamp=5 + i)
        client.log_metric(run, "times", i, step=i, timestamp=2 ** (12 * i + 2))
        client.log_metric(run, "never", math.nan, step=i, timestamp=i)
        client.log_metric(run, "no steps", i, timestamp=1_700_000_000_000 + 1000 * i)
    client.set_terminated(run)
    with ui_server(tmp_path) as (address, _):
        for query in ("", "?x=time", "?x=elapsed&y=log", "?logx=1&y=log&smooth=0.99"):
            open_charts(page, f"{address}/runs/{run}/charts{query}")
            for plot in page.locator(".u-over").all():
                plot.hover()
    assert "none of them a number" in words(page, "never")
    assert "no steps were logged" in chart(page, "no steps").inner_text()


def test_hundreds_of_metrics_are_drawn_as_they_are_seen(client, browser_page, tmp_path):
    page = browser_page
    run = client.create_run("0", run_name="many").info.run_id
    for step in range(3):
        points = [Metric(f"layer/{i:03}", float(i + step), 1000 + step, step) for i in range(300)]
        client.log_batch(run, metrics=points)
    client.set_terminated(run)
    asked = []
    page.on("request", lambda request: "/ui/curves?" in request.url and asked.append(request.url))
    with ui_server(tmp_path) as (address, _):
        open_charts(page, f"{address}/runs/{run}/charts")
        assert page.get_by_role("figure").count() == 300
        first = sum(len(parse_qs(urlsplit(url).query)["keys"]) for url in asked)
        assert 3 <= first < 40
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        chart(page, "299").locator("canvas").wait_for()
        assert page.locator("canvas").count() < 60


def test_points_that_no_line_leads_to(client, browser_page, tmp_path):
    page = browser_page
    run = client.create_run("0", run_name="to and fro").info.run_id
    for step in range(60):
        client.log_metric(run, "sign", (step + 1) * (-1) ** step, step=step)
    client.set_terminated(run)
    with ui_server(tmp_path) as (address, _):
        open_charts(page, f"{address}/runs/{run}/charts?y=log")
        assert "not above 0" in chart(page, "sign").inner_text()
        coloured = (
            chart(page, "sign")
            .locator("canvas")
            .evaluate("""canvas => {
            const { width, height } = canvas;
            const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
            let count = 0;
            for (let i = 0; i < data.length; i += 4) count += data[i + 2] - data[i] > 100;
            return count;
        }""")
        )
        assert coloured > 300  # thirty dots


def test_how_far_values_go(story, browser_page):
    """Of what is in the range, and has a place on the axes."""
    page = browser_page
    page.goto(f"{story.address}/")
    found = page.evaluate(
        """async (address) => {
            const { extent } = await import(address);
            const line = { x: [-1, 0, 1, 2], y: [-5, null, 3, 8], low: null, high: null };
            const band = { x: [0, 1, 2], y: [1, 1, 1], low: [-2, null, 0], high: [4, null, 6] };
            return [
              extent([line]), extent([line, band]), extent([line], { from: 0, to: 1 }),
              extent([line, band], { positive: true }), extent([line], { positiveX: true }),
            ].map(({ left, right, low, high }) => [left, right, low, high]);
        }""",
        static_files.address("js/curve_series.js"),
    )
    assert found == [
        *([-1, 2, -5, 8], [-1, 2, -5, 8], [0, 1, 3, 3]),
        *([-1, 2, 3, 8], [1, 2, 3, 8]),
    ]
