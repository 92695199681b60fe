"""Answers that are not this server's: proxies, logins, a connection that breaks in the middle."""

import pytest

pytestmark = pytest.mark.server

LOGIN = "<!doctype html><title>Log in</title><img src=x onerror=\"document.title='owned'\">"
ANSWERS = {
    "502 of a proxy": (
        {"status": 502, "body": LOGIN, "content_type": "text/html"},
        "A proxy answers",
    ),
    "login of a proxy": ({"body": LOGIN, "content_type": "text/html"}, "Something else answers"),
    "too large": ({"status": 413, "body": "no"}, "larger than the server"),
    "busy": ({"status": 503, "body": ""}, "busy or restarting"),
    "odd error": ({"status": 418, "body": '{"message": {"a": 1}}'}, "The server answered 418"),
    "nothing at all": ({"status": 200, "body": ""}, "Something else answers"),
}


def others(page, answer):
    for path in ("**/ui/**", "**/ajax-api/**"):
        page.route(path, lambda route: route.fulfill(**answer))


def ours(page):
    for path in ("**/ui/**", "**/ajax-api/**"):
        page.unroute(path)


def test_answers_that_are_not_ours(story, watched):
    page = watched.page
    watched.expected.append("Failed to load resource")
    page.goto(f"{story.address}/experiments/{story.names['experiment']}")
    fault = page.locator("#filter-error")
    for number, (answer, words) in enumerate(ANSWERS.values()):
        others(page, answer)
        page.get_by_label("Filter", exact=True).fill(f"metrics.f1 > 0.{number}1")
        page.keyboard.press("Enter")
        fault.get_by_text(words).wait_for()
        assert page.get_by_role("link", name="sweep-0").is_visible()  # what was shown stays
        ours(page)
    page.route("**/ui/runs/table", lambda route: route.fulfill(status=503, body=""))
    # that the filter is found good meanwhile is no answer to what was searched for
    with page.expect_response(lambda found: "/ui/filter?" in found.url and "hints" in found.url):
        page.get_by_label("Filter", exact=True).fill("metrics.f1 > 0.5")
        page.keyboard.press("Enter")
        fault.get_by_text("busy or restarting").wait_for()
    page.wait_for_timeout(100)
    page.unroute("**/ui/runs/table")
    fault.get_by_role("button", name="Try again").click()
    fault.get_by_role("alert").wait_for(state="detached")


def test_a_login_in_the_place_of_parts_and_calls(story, watched):
    page, (answer, words) = watched.page, ANSWERS["login of a proxy"]
    page.goto(f"{story.address}/runs/{story.names['best']}/artifacts/files")
    others(page, answer)
    page.get_by_role("tree").get_by_role("treeitem", name="log.txt").click()
    page.get_by_role("alert").get_by_text(words).wait_for()
    ours(page)
    page.get_by_role("button", name="Try again").click()
    page.get_by_text("line 499").wait_for()
    page.goto(f"{story.address}/models/{story.names['model']}")
    others(page, answer)
    page.get_by_role("button", name="Score").first.click()
    page.get_by_text(words).first.wait_for()
    assert page.title() != "owned"


def test_an_answer_that_does_not_come(story, watched):
    page = watched.page
    watched.expected.append("Failed to load resource")
    # the clock of a call is the browser's; here it is a short one
    page.add_init_script(
        "AbortSignal.timeout = ((real) => () => real.call(AbortSignal, 300))(AbortSignal.timeout)"
    )
    page.goto(f"{story.address}/models/{story.names['model']}")
    page.route("**/ui/score", lambda route: None)
    button = page.get_by_role("button", name="Score").first
    button.click()
    page.get_by_text("has not answered for a long time").wait_for()
    assert button.is_enabled()
