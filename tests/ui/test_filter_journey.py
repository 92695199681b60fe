"""A filter typed, completed by keys and by the mouse, wrong, and marked."""

import pytest
from playwright.sync_api import expect

from mlpack.tests.ui.conftest import slow_down
from mlpack.tracking_server.ui import static_files

pytestmark = pytest.mark.server


@pytest.fixture
def box(story, browser_page):
    """The filter's box on the page of runs."""
    browser_page.goto(f"{story.address}/experiments/{story.names['experiment']}")
    found = browser_page.get_by_role("combobox", name="Filter")
    found.wait_for()
    return found


PLACES = {
    "|": "field",
    "  met|": "field met",
    "metrics.acc|uracy > 1": "key metrics.acc metric",
    "metrics.`val l|": "key metrics.`val l metric",
    "metrics.acc |": "operator",
    "params.C NOT I|": "operator NOT I",
    "params.C IS |": "operator IS ",
    "params.C IS NULL|": "operator IS NULL",
    "params.C IS NULL |": "and",
    "metrics.acc > |": "number",
    "metrics.acc > 0.5 a|": "and a",
    "params.C = 'x'|": "and",
    "params.C = x|": "value x",
    "params.C LIKE 'x AND |": "value 'x AND ",
    "tags.`a b`=|": "value",
    "status IN (|": "value",
    "status IN ('a'|": "list",
    "status IN ('a', 'b|": "value 'b",
    "status IN ('a') |": "and",
    "`run name` = |": "value",
    "datasets.|": "key datasets. dataset",
    "attributes.st|": "key attributes.st attribute",
    "a = 1 AND metrics.b > 1 AND |": None,
    "metrics.b > 1 AND |": "field",
    "metrics.b > 1 OR |": None,
    "nothing.x|": None,
    "(|": None,
    "params.C = 'it''s' |": None,
}


def test_what_may_come_next(box, browser_page):
    found = browser_page.evaluate(
        """async ([folder, texts]) => {
          const { RUNS } = await import(`${folder}/filter_subjects.js`);
          const { expected } = await import(`${folder}/filter_words.js`);
          return texts.map(text => {
            const found = expected(text.replace("|", ""), text.indexOf("|"), RUNS);
            return found && [found.want, found.typed, found.kind].filter(Boolean).join(" ");
          });
        }""",
        [static_files.address("js"), list(PLACES)],
    )
    assert dict(zip(PLACES, found, strict=True)) == PLACES


def option(page, text):
    return page.get_by_role("listbox", name="How the filter can go on").get_by_role(
        "option", name=text
    )


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def rows(page):
    return page.locator("tr[data-run]")


def test_a_filter_by_keyboard_alone(box, browser_page, look_at):
    page = browser_page
    box.focus()
    option(page, "metrics.accuracy > 0.9 example").wait_for()  # of the experiment's own names
    box.type("acc")
    option(page, "metrics.accuracy metric").wait_for()
    press(page, "ArrowDown", "Enter")
    assert box.input_value() == "metrics.accuracy "
    option(page, "> greater").first.wait_for()
    assert option(page, "LIKE").count() == 0  # no metric is compared so
    box.type("> 0 ")
    option(page, "AND").wait_for()
    press(page, "ArrowUp", "Tab")
    box.type("params.sol")
    option(page, "params.solver param").wait_for()
    press(page, "ArrowDown", "Enter")
    option(page, "IS NOT NULL there").wait_for()
    look_at(page, "filter-options")
    box.type("= ")
    option(page, "'saga' param").wait_for()
    box.type("sa")
    option(page, "'lbfgs' param").wait_for(state="detached")
    press(page, "ArrowDown", "Enter")
    assert box.input_value() == "metrics.accuracy > 0 AND params.solver = 'saga' "
    before = rows(page).count()
    press(page, "Escape", "Enter")
    page.wait_for_url("**/experiments/*filter=*")
    expect(rows(page)).not_to_have_count(before)
    assert 0 < rows(page).count() < before
    assert box.get_attribute("aria-expanded") == "false"


def test_keys_wait_for_the_options_of_what_was_typed(box, browser_page):
    """Whoever types faster than the server answers gets what was meant."""
    page = browser_page
    box.focus()
    option(page, "metrics.accuracy > 0.9 example").wait_for()
    slow_down(page, 400)
    box.type("acc")
    press(page, "ArrowDown", "Enter")
    expect(box).to_have_value("metrics.accuracy ")
    box.type("> 0 AND params.sol")
    press(page, "ArrowDown", "ArrowDown", "ArrowUp", "Tab")
    expect(box).to_have_value("metrics.accuracy > 0 AND params.solver ")
    expect(box).to_be_focused()
    box.type("= ")
    option(page, "'saga' param").wait_for()
    box.type("'sa")  # a click on what is still there of before
    option(page, "'saga' param").click()
    expect(box).to_have_value("metrics.accuracy > 0 AND params.solver = 'saga' ")
    box.type("AND nothing.like.this")
    press(page, "ArrowDown", "Enter")  # there are no options to choose from
    box.type(" ")
    press(page, "Enter")  # searches at once, and says what is wrong
    page.get_by_role("alert").wait_for()
    assert "before the dot" in page.locator("#filter-error").text_content()


def test_the_mouse_and_escape(box, browser_page):
    page = browser_page
    box.click()
    option(page, "attributes.status = 'FAILED' example").click()
    assert box.input_value() == "attributes.status = 'FAILED'"
    press(page, "Control+ ")
    option(page, "AND").wait_for()
    press(page, "Escape")
    assert not option(page, "AND").is_visible()
    assert box.input_value() == "attributes.status = 'FAILED'"  # Escape clears nothing
    box.fill("status IN ('FIN")
    option(page, "'FINISHED' status").click()
    option(page, ") ends").click()
    assert box.input_value() == "status IN ('FINISHED')"
    box.fill("tags.mlflow.u")
    option(page, "tags.mlflow.user tag").wait_for()
    box.fill("start_time > ")
    option(page, "a week ago").click()  # nobody knows milliseconds by heart
    assert box.input_value().removeprefix("start_time > ").strip().isdecimal()


def test_keys_of_a_combobox(box, browser_page):
    page, said = browser_page, browser_page.locator(".filter-box").get_by_role("status")
    options = page.get_by_role("listbox", name="How the filter can go on").get_by_role("option")
    box.type("status = ")
    expect(said).to_contain_text("5 to choose from")  # which is read out
    expect(box).to_have_attribute("aria-expanded", "true")
    assert box.get_attribute("aria-activedescendant") is None  # Enter searches
    press(page, "ArrowUp")
    expect(options.last).to_have_attribute("aria-selected", "true")
    press(page, "ArrowDown")
    chosen = options.first.get_attribute("id")
    expect(box).to_have_attribute("aria-activedescendant", chosen)
    press(page, "Alt+ArrowUp")
    expect(box).to_have_attribute("aria-expanded", "false")
    expect(said).to_be_empty()
    assert box.get_attribute("aria-activedescendant") is None
    press(page, "ArrowDown")
    expect(options).to_have_count(5)
    press(page, "Tab")  # nothing is chosen, so it leads on
    expect(box).not_to_be_focused()
    expect(box).to_have_attribute("aria-expanded", "false")


def test_the_wrong_word_is_marked(box, browser_page, look_at):
    page, mark = browser_page, browser_page.locator(".filter-mirror mark")
    box.fill("metrcs.accuracy > 0.5 AND params.depth = '8'")
    mark.wait_for()  # after a pause
    assert mark.text_content() == "metrcs.accuracy"
    message = page.locator("#filter-error")
    assert "did you mean metrics?" in message.text_content().lower()
    assert message.get_attribute("aria-live") == "polite"
    assert page.get_by_role("alert").count() == 0
    press(page, "Enter")
    page.get_by_role("alert").wait_for()
    assert box.evaluate("i => i.value.slice(i.selectionStart, i.selectionEnd)") == "metrcs.accuracy"
    assert box.get_attribute("aria-invalid") == "true"
    press(page, "Escape")
    look_at(page, "filter-wrong")
    box.type("metrics.acuracy")
    page.get_by_text("did you mean 'accuracy'?").wait_for()  # a hint, no error
    assert mark.count() == 0 and box.get_attribute("aria-invalid") is None
    box.fill("metrics.accuracy >")
    page.wait_for_timeout(800)
    assert mark.count() == 0  # it only is not finished
    press(page, "Enter")
    page.get_by_role("alert").wait_for()
    assert "expected a number" in message.text_content().lower()


def test_hostile_names_are_text(story, browser_page):
    page, attack = browser_page, story.names["attack"]
    page.goto(f"{story.address}/experiments/{story.names['attack_experiment']}")
    box = page.get_by_role("combobox", name="Filter")
    box.type("params.p = ")
    page.wait_for_timeout(300)
    assert option(page, "<").count() == 0  # it has both kinds of quotes, which no filter can name
    box.fill("metrics.`<img src=x onerror=alert(1)>` > 1")
    page.get_by_text("No run here has the metric '<img src=x onerror=alert(1)>'").wait_for()
    box.fill("<b>x</b> > 1")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    assert page.locator(".filter-mirror mark").text_content() == "<"
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("searchbox", name="Find a column").fill(attack)
    page.get_by_text(f"No column has {attack}").wait_for()
    assert page.locator("dialog img, .filter-box img, #filter-error img").count() == 0


def test_help(box, browser_page, look_at):
    browser_page.get_by_role("button", name="How filters are written").click()
    browser_page.get_by_role("dialog", name="Filters").wait_for()
    look_at(browser_page, "filter-help")


def test_a_server_that_is_down_keeps_nobody_from_typing(story, watched):
    page = watched.page
    watched.expected.append("Failed to load resource")
    page.goto(f"{story.address}/experiments/{story.names['experiment']}")
    box = page.get_by_role("combobox", name="Filter")
    page.route("**/ui/**", lambda route: route.abort())
    box.type("metrics.acc")
    page.get_by_text("Nothing to choose from now").wait_for()
    box.type(" > 0.5")
    assert box.input_value() == "metrics.acc > 0.5"
    page.keyboard.press("Enter")
    page.locator("#filter-error").get_by_text("The server does not answer").wait_for()
