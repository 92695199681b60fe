"""The first page and the jump box."""

import pytest

from mlpack.tracking_server.ui import experiments


def test_what_the_list_tells(api):
    api.post("experiments/create", name="quiet & small")
    number = api.post("experiments/create", name="busy")["experiment_id"]
    for _ in range(3):
        api.run(number)
    page = api.client.get("/").text
    assert "quiet &amp; small" in page and f'href="/experiments/{number}"' in page
    assert '<td class="number">3</td>' in page
    assert "Log the first run" not in page


def test_the_very_first_visit(client):
    page = client.get("/").text
    assert "Log the first run" in page and "http://localhost" in page


def test_search_order_and_pages(api, monkeypatch):
    monkeypatch.setattr(experiments, "_PAGE", 2)
    for name in ("pear", "Apple pie", "apple", "50% apple_x"):
        api.post("experiments/create", name=name)

    def names(**query):
        page = api.client.get("/", query_string=query).text
        return [part.partition('"')[0] for part in page.split('data-name="')[1:]]

    assert names(words="apple", order="name") == ["50% apple_x", "Apple pie"]
    assert names(words="PEAR") == ["pear"]
    assert "Further experiments" in api.client.get("/?words=apple&order=name").text
    assert names(words="nothing") == []
    assert "has “nothing”" in api.client.get("/?words=nothing").text
    for wrong in ({"order": "x"}, {"stage": "x"}, {"words": "'\""}, {"page_token": "x"}):
        answer = api.client.get("/", query_string=wrong)
        assert answer.status_code == 400 and 'role="alert"' in answer.text


def test_jump(api):
    number = api.post("experiments/create", name="find me")["experiment_id"]
    run = api.run(number, run_name="Find that, too")
    gone = api.run(number, run_name="find gone")
    api.post("runs/delete", run_id=gone)
    api.post("registered-models/create", name="findable")
    found = api.client.get("/ui/jump?words=FIND").json["found"]
    assert [each["path"] for each in found] == [
        f"/experiments/{number}",
        "/registry/findable",
        f"/runs/{run}",
    ]
    assert api.client.get(f"/ui/jump?words={run[:6]}").json["found"][0]["path"] == f"/runs/{run}"
    model = api.post("logged-models", experiment_id="0", name="m", source_run_id=run)
    model_id = model["model"]["info"]["model_id"]
    assert api.client.get(f"/ui/jump?words={model_id}").json["found"][0]["name"] == "m"
    for nothing in ("", "  ", "'\"", "m-none", "%", "zzz", "\0", "x" * 5000):
        assert api.client.get("/ui/jump", query_string={"words": nothing}).status_code == 200


@pytest.mark.server
def test_make_rename_delete_restore(own_story, watched, look_at):
    page = watched.page
    page.goto(own_story.address)
    page.get_by_role("button", name="New experiment").click()
    page.get_by_label("Name", exact=True).fill("pears <b>")
    page.get_by_role("button", name="Make it").click()
    page.wait_for_url("**/experiments/*")
    page.goto(own_story.address)
    page.get_by_role("button", name="Rename pears <b>").click()
    page.get_by_label("Name", exact=True).fill("iris/classifiers")
    watched.expected.append("400")
    page.get_by_role("button", name="Rename", exact=True).click()
    assert page.get_by_text("exists (id").first.inner_text()
    page.get_by_role("button", name="Close the message").click()
    page.get_by_role("button", name="Delete pears <b>").click()
    look_at(page, "delete-experiment")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete pears <b>").wait_for(state="detached")
    page.get_by_label("Which experiments").select_option("deleted")
    page.get_by_role("button", name="Search", exact=True).click()
    page.get_by_role("button", name="Restore pears <b>").click()
    page.get_by_text("No deleted experiment").wait_for()


@pytest.mark.server
def test_by_keyboard(story, browser_page):
    page = browser_page
    page.goto(story.address)
    page.keyboard.press("/")
    page.keyboard.type("trial-0-0")
    page.get_by_role("option", name="trial-0-0").wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/runs/{story.names['best']}")
    page.keyboard.press("g")
    page.keyboard.press("m")
    page.wait_for_url("**/registry")
    page.keyboard.press("?")
    assert page.get_by_role("dialog", name="Keyboard").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type("zzzz")
    page.get_by_text("Nothing has zzzz").wait_for()
    page.keyboard.press("Escape")


@pytest.mark.server
def test_several_experiments_together(story, watched):
    watched.expected.append("404")
    page = watched.page
    page.goto(story.address)
    page.get_by_label("Choose iris/classifiers").check()
    page.get_by_label("Choose Default").check()
    page.get_by_role("button", name="Open 2 together").click()
    page.wait_for_url("**/experiments/*,*")


@pytest.mark.server
def test_colours_are_chosen_and_kept(story, browser_page):
    page = browser_page
    page.goto(story.address)
    back = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(back)
    page.get_by_role("button", name="Colours: as the system").click()
    dark = page.evaluate(back)
    assert light != dark
    page.reload()
    assert page.evaluate(back) == dark
    page.get_by_role("button", name="Colours: dark").click()
    assert page.evaluate(back) == light


@pytest.mark.server
@pytest.mark.parametrize(
    ("link", "path"),
    [
        ("/#/experiments/{experiment}/runs/{best}", "/runs/{best}"),
        ("/#/experiments/{experiment}", "/experiments/{experiment}"),
        ("/#/models/iris/versions/1", "/registry/iris/1"),
        ("/#/models/iris", "/registry/iris"),
        ("/#/experiments/{experiment}/models/{model}", "/models/{model}"),
    ],
)
def test_addresses_that_mlflow_prints(link, path, story, watched):
    """The part after # never reaches a server; a script maps it."""
    watched.expected.append("404")  # pages that are still to come
    watched.page.goto(story.address + link.format(**story.names))
    watched.page.wait_for_url("**" + path.format(**story.names))
