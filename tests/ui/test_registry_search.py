"""The box above the list of models: what completes it, what is wrong with it; and in a browser."""

import pytest
from playwright.sync_api import expect

from mlpack.registry.client import MlpackClient


@pytest.fixture
def models(api):
    """Three of them, with tags."""
    for name, team in (("churn-model", "blue"), ("churn-old", "Grün"), ("spam", "blue")):
        tags = [{"key": "team", "value": team}, {"key": "ticket id", "value": f"T-{name}"}]
        api.post("registered-models/create", name=name, tags=tags)


def get(api, path, status=200, **query):
    answer = api.client.get(f"/ui/registry/{path}", query_string=query)
    assert answer.status_code == status, answer.text
    return answer.json


def test_names_and_values(api, models):
    assert get(api, "names", words="CHURN")["names"] == {
        "name": ["churn-model", "churn-old"],
        "tag": [],
    }
    assert get(api, "names", kind="tag", words="t")["names"] == {"tag": ["team", "ticket id"]}
    assert get(api, "values", kind="tag", key="team")["values"] == ["Grün", "blue"]
    assert get(api, "values", kind="name", key="name", words="sp")["values"] == ["spam"]
    assert "one of name, tag" in get(api, "names", 400, kind="alias")["message"]
    assert "one of name, tag" in get(api, "values", 400, kind="metric")["message"]


def test_filters_and_words(api, models):
    for good in ("", "churn old", "name LIKE 'c%' AND tags.team = 'blue'", "name IN ('a')"):
        assert get(api, "filter", text=good)["ok"]
    for text, word in [
        ("nmae = 'x'", "nmae"),
        ("name LIKE 'a%' AND teams.x = 'b'", "teams"),
        ("metrics.x IN ('a')", "metrics"),
        ("name > 'x'", ">"),
    ]:
        wrong = get(api, "filter", text=text)
        assert text[wrong["start"] : wrong["stop"]].startswith(word), wrong
    assert "at most 10 words" in get(api, "filter", text="word " * 11)["message"]
    assert "not completed" in get(api, "filter", 400, text="x" * 30_000)["message"]


def test_hints(api, models):
    def hints(text):
        return get(api, "filter", text=text, hints="1")["hints"]

    assert hints("name = 'spam' AND tags.team != 'x' AND tags.none IS NULL") == []
    assert hints("name = 'span'") == ["No model is called 'span'; did you mean 'spam'?"]
    assert hints("tags.taem = 'blue'") == ["No model has the tag 'taem'; did you mean 'team'?"]
    assert hints("tags.`<b>` = 'x'") == ["No model has the tag '<b>'."]
    assert hints("tags.`mlflow.prompt.is_prompt` != 'true'") == []


@pytest.mark.server
def test_in_a_browser(own_story, watched, look_at):
    page = watched.page
    client = MlpackClient(own_story.address)
    for name in ("churn-model", "churn-old"):
        client.create_registered_model(name, {"team": "blue"})
    page.goto(f"{own_story.address}/registry")
    box = page.get_by_role("combobox", name="Search models")
    options = page.get_by_role("listbox", name="How the filter can go on")
    names = page.locator("table.registry th a.name")

    # words find as they did, and complete to a model
    box.focus()
    options.get_by_role("option", name="tags.team = 'blue' example").wait_for()
    look_at(page, "registry-examples")
    box.fill("old")
    options.get_by_role("option", name="name = 'churn-old' name").wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url("**/registry?search=old*")
    expect(names).to_have_text(["churn-old"])

    # a filter by keys alone
    box.fill("")
    page.keyboard.type("tags.t")
    options.get_by_role("option", name="tags.team tag").wait_for()
    look_at(page, "registry-options")
    for key in ("ArrowDown", "Enter"):
        page.keyboard.press(key)
    options.get_by_role("option", name="IS NOT NULL there").wait_for()
    page.keyboard.type("= ")
    options.get_by_role("option", name="'blue' tag").wait_for()
    for key in ("ArrowDown", "Tab"):
        page.keyboard.press(key)
    expect(box).to_have_value("tags.team = 'blue' ")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    page.wait_for_url("**search=tags.team*")
    expect(names).to_have_count(2)

    # what is wrong is marked where it stands
    box.fill("nmae = 'churn-old'")
    mark = page.locator(".filter-mirror mark")
    expect(mark).to_have_text("nmae")
    expect(page.locator("#search-error")).to_contain_text("Did you mean name?")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Did you mean name?")
    expect(box).to_have_attribute("aria-invalid", "true")
    assert box.evaluate("i => i.value.slice(i.selectionStart, i.selectionEnd)") == "nmae"
    page.keyboard.press("Escape")
    look_at(page, "registry-wrong")
    page.keyboard.type("name")
    expect(page.locator("#search-error")).to_be_empty()
    page.get_by_role("button", name="How filters are written").click()
    page.get_by_role("dialog", name="Filters").get_by_text("words that the name has").wait_for()
    page.keyboard.press("Escape")

    # without a server nobody is kept from typing
    watched.expected.append("Failed to load resource")
    page.route("**/ui/**", lambda route: route.abort())
    box.fill("name = 'ch")
    page.get_by_text("Nothing to choose from now").wait_for()
