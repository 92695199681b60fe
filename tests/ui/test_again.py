"""What goes on is asked for again and again: seen pages alone, through failures, until it ends."""

import pytest

from mlpack.tracking_server.ui import static_files

pytestmark = pytest.mark.server

# a page that is hidden as far as its scripts can tell, and something to look at
_BEGIN = """async (address) => {
  const { again } = await import(address);
  let isHidden = false;
  Object.defineProperty(document, "hidden", { get: () => isHidden });
  window.hide = (value) => {
    isHidden = value;
    document.dispatchEvent(new Event("visibilitychange"));
  };
  window.stop = new AbortController();
  window.log = [];
  window.answer = () => true;
  const look = async () => {
    log.push("look");
    return answer();
  };
  const failed = (error) => log.push(error.message);
  window.asking = again(look, { every: 20, longest: 100, failed, signal: stop.signal });
}"""
_LOOKS = "log.filter(each => each === 'look').length"
_LONG = 300  # milliseconds, in which it would have looked a few times


@pytest.fixture
def page(story, browser_page):
    """A page on which something goes on."""
    browser_page.goto(story.address)
    browser_page.evaluate(_BEGIN, static_files.address("js/again.js"))
    return browser_page


def looks(page):
    """How many times it looked."""
    return page.evaluate(_LOOKS)


def until(page, condition):
    for _ in range(500):
        if condition():
            return
        page.wait_for_timeout(20)
    pytest.fail(f"never; it logged {page.evaluate('log')}")


def goes_on(page):
    """It looks twice more."""
    before = looks(page)
    until(page, lambda: looks(page) >= before + 2)


def test_it_rests_while_nobody_sees_the_page(page):
    goes_on(page)
    page.evaluate("hide(true)")
    page.wait_for_timeout(_LONG)  # what was under way is over
    seen = looks(page)
    page.wait_for_timeout(_LONG)
    assert looks(page) == seen
    page.evaluate("asking.now()")
    assert looks(page) == seen
    # told in one go, before it can look once more
    assert page.evaluate(f"hide(false), {_LOOKS}") == seen + 1  # at once
    goes_on(page)


def test_failures_are_told_and_outlived(page):
    page.evaluate("answer = () => { throw new Error('down'); }, null")
    until(page, lambda: page.evaluate("log.filter(each => each === 'down').length") >= 2)
    page.evaluate("answer = () => true")
    goes_on(page)
    assert page.evaluate("log.at(-1)") == "look"


def test_one_look_at_a_time(page):
    page.evaluate("answer = () => new Promise(done => { window.done = done; }), null")
    until(page, lambda: page.evaluate("'done' in window"))
    seen = looks(page)
    page.evaluate("asking.now()")
    page.wait_for_timeout(_LONG)
    assert looks(page) == seen
    page.evaluate("answer = () => true; done(true)")
    goes_on(page)


@pytest.mark.parametrize("end", ["answer = () => false", "stop.abort()"])
def test_it_ends(page, end):
    page.evaluate(f"{end}, null")
    page.wait_for_timeout(_LONG)
    seen = looks(page)
    page.evaluate("asking.now(), hide(false)")
    page.wait_for_timeout(_LONG)
    assert looks(page) == seen
