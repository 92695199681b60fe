"""What holds for every page: it draws without a fault, is accessible, and stays on this host."""

import pytest

from mlpack.tests.ui.conftest import DESKTOP, PHONE

pytestmark = pytest.mark.server

PAGES = {
    "experiments": "/",
    "runs": "/experiments/{experiment}",
    "run": "/runs/{best}",
    "model": "/models/{model}",
    "deployments": "/deployments?all=1",
    "registry": "/registry",
    "registered-model": "/registry/iris",
    "model-version": "/registry/iris/1",
    "registry-history": "/registry/iris/history",
    "files": "/runs/{best}/artifacts/files",
    "compare": "/compare?runs={runs[0]},{runs[1]},{runs[2]},{running}&baseline={runs[1]}",
    "compare-across": "/compare?runs={best},{attack_run}&transposed=1",
    "compare-parallel": "/compare?view=parallel&runs={runs[0]},{runs[1]},{runs[2]},{runs[3]}",
    "compare-contour": "/compare?view=scatter&contour=1&experiments={experiment}",
    "compare-box": "/compare?view=box&experiments={experiment}",
    "compare-importance": "/compare?view=importance&experiments={experiment}",
    "compare-none": "/compare",
    "charts": "/runs/{best}/charts",
    "charts-of-runs": "/charts?runs={runs[0]},{runs[1]},{runs[2]},{running}",
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page(name, story, browser_page, look_at):
    browser_page.goto(story.address + PAGES[name].format(**story.names))
    look_at(browser_page, name)


def test_a_page_that_is_not_there(story, watched, look_at):
    watched.expected.append("404")
    watched.page.goto(f"{story.address}/nothing/here")
    assert watched.page.get_by_role("heading", name="There is nothing here").is_visible()
    look_at(watched.page, "missing")


# whether the focus is in the content, and what that hangs over the page covers it
FOCUS = """() => {
    const { activeElement: element } = document, box = element.getBoundingClientRect();
    const within = element.closest("main:not(:focus)") !== null;
    const over = document.elementFromPoint(box.left + box.width / 2, box.top + 3);
    const head = over?.closest(".top, .charts-bar");
    return [within, head && !head.contains(element) ? element.outerHTML : ""];
}"""


@pytest.mark.parametrize(
    ("name", "size"), [("run", PHONE), ("charts", DESKTOP)], ids=["phone", "below-a-bar"]
)
def test_focus_that_moves_upwards_is_not_beneath_the_head(name, size, story, browser_page):
    page = browser_page
    page.set_viewport_size(size)
    page.goto(story.address + PAGES[name].format(**story.names), wait_until="networkidle")
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    # the focus goes on from the last element of the page
    page.evaluate("getSelection().collapse(document.getElementById('notices'), 0)")
    within, passed = True, 0
    while within:
        page.keyboard.press("Shift+Tab")
        within, covered = page.evaluate(FOCUS)
        assert not within or not covered
        passed += 1
    assert passed > 10
