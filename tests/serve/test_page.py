"""The page at ``/``: what it says, and a real browser that uses it."""

import html
import json
import shutil
import sys
import threading
from datetime import date

import cloudpickle
import pandas as pd
import pytest
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import make_server

from mlpack.flavors import PythonModel, infer_signature, load_model, save_model
from mlpack.flavors.base import Trust
from mlpack.flavors.schema import ColSpec, ParamSchema, ParamSpec, Schema
from mlpack.flavors.signature import ModelSignature
from mlpack.serve.app import create_app
from mlpack.serve.browsers import wants_html
from mlpack.serve.page import form_fields, param_fields
from mlpack.serve.scoring import Scorer
from mlpack.serve.service import Service
from mlpack.serve.settings import ServeSettings
from mlpack.tests.serve.real import Server

cloudpickle.register_pickle_by_value(sys.modules[__name__])

EVIL = (
    "\"'><img src=x onerror=\"document.title='owned'\"></textarea>"
    "<script>document.title='owned'</script>"
)
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
TOKEN = "a-token-of-good-length-0123456789"


class Loans(PythonModel):
    def predict(self, context, model_input, params=None):
        if params["threshold"] > 1:
            raise ValueError(f"too high {EVIL}")
        return pd.DataFrame(
            {
                "decision": [EVIL for _ in range(len(model_input))],
                "limit": [9007199254740993 for _ in range(len(model_input))],
                EVIL: model_input.iloc[:, 0],
            }
        )


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    root = tmp_path_factory.mktemp("models")
    X, y = load_iris(return_X_y=True, as_frame=True)
    save_model(LogisticRegression(max_iter=500).fit(X, y), root / "iris", input_example=X.head(3))
    rows = pd.DataFrame(
        {
            EVIL: [9007199254740993, 2],
            "city": ["Reykjavík", EVIL],
            "member": [True, None],
            "tags": [["a"], ["b", "c"]],
        }
    )
    save_model(
        Loans(),
        root / "loans",
        signature=infer_signature(rows, None, {"threshold": 0.5, "labels": ["x"]}),
        input_example=rows,
        metadata={EVIL: EVIL, "team": "credit"},
    )
    return root


def _load(models, name):
    return load_model(models / name, trust=Trust(everything=True))


# --- what the server sends -----------------------------------------------------------------------
def test_programs_get_json(models):
    app = create_app(_load(models, "iris")).test_client()
    facts = app.get("/").json
    assert facts["flavors"]["sklearn"] and facts["digest"].startswith("sha256:")
    assert facts["signature"]["inputs"][0]["name"] == "sepal length (cm)"
    assert any(line.startswith("scikit-learn==") for line in facts["requirements"])
    assert app.get("/", headers={"Accept": "*/*"}).is_json
    assert str(models) not in json.dumps(facts)  # nothing of this machine's disk


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("text/html", True),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("application/json, text/html;q=0.5", False),
        ("text/html;q=0", False),
        ("text/html;q=x", False),
    ],
)
def test_who_gets_html(accept, html):
    assert wants_html(accept) is html


def test_hostile_text_is_escaped_and_no_script_may_run_but_ours(models):
    answer = create_app(_load(models, "loans")).test_client().get("/", headers=HTML)
    assert EVIL not in answer.text and "<script>" not in answer.text
    assert html.escape("<img src=x", quote=False) in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy
    assert "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_requirements_keep_their_secrets(models, tmp_path):
    shutil.copytree(models / "iris", tmp_path / "iris")
    lines = "--extra-index-url https://user:secret@host/simple\n# note\nfoo @ git+https://user:secret@host/x\nbar==1\n"
    model = _load(models, "iris")
    model.folder = tmp_path / "iris"
    (model.folder / "requirements.txt").write_text(lines)
    assert create_app(model).test_client().get("/").json["requirements"] == [
        "foo @ git+https://host/x",
        "bar==1",
    ]


def test_files_of_the_page_are_asked_for_once(models):
    app = create_app(_load(models, "iris")).test_client()
    first = app.get("/web/page.js")
    assert first.status_code == 200 and first.content_type.startswith("text/javascript")
    again = app.get("/web/page.js", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304 and not again.data
    assert app.get("/web/../page.py").status_code == 404
    assert app.get("/web/page.html").status_code == 404


def test_a_registered_version_is_named(models):
    scorer = Scorer(_load(models, "iris"), "churn", "7")
    app = create_app(Service({"churn": scorer}, ServeSettings())).test_client()
    assert (app.get("/").json["name"], app.get("/").json["version"]) == ("churn", "7")
    assert ">version 7<" in app.get("/", headers=HTML).text


def test_an_unknown_model_is_told(models):
    answer = create_app(_load(models, "iris")).test_client().get("/?model=%3Cb%3E", headers=HTML)
    assert answer.status_code == 404 and answer.is_json


def test_the_form_holds_the_first_row_of_the_example(models):
    fields = form_fields(_load(models, "loans"))
    assert [(f.kind, f.value, f.required) for f in fields] == [
        ("integer", "9007199254740993", True),
        ("text", "Reykjavík", True),
        ("boolean", "true", False),
        ("json", '["a"]', True),
    ]
    params = param_fields(_load(models, "loans"))
    assert [(f.name, f.kind, f.value) for f in params] == [
        ("threshold", "number", "0.5"),
        ("labels", "json", '["x"]'),
    ]


def test_models_without_columns_get_json_alone(fake_model, grid):
    for signature in (None, grid):
        model = fake_model(lambda data, params: [0], signature)
        assert form_fields(model) == []
        page = create_app(model).test_client().get("/", headers=HTML).text
        assert 'id="json"' in page and 'id="mode-fields"' not in page


def test_numbers_that_are_no_json(fake_model, tmp_path):
    (tmp_path / "serving_input_example.json").write_text('{"inputs": [NaN, 1.0]}')
    params = ParamSchema([ParamSpec("limit", "double", float("inf"))])
    signature = ModelSignature(Schema([ColSpec("double")]), params=params)
    model = fake_model(lambda data, params: [0], signature, folder=tmp_path)
    model.metadata.metadata = {"best": float("nan"), "day": date(2024, 1, 31)}
    model.metadata.saved_input_example_info = {"artifact_path": "input_example.json"}
    app = create_app(model).test_client()
    for path in ("/", "/openapi.json"):
        content = app.get(path).text
        json.loads(content, parse_constant=pytest.fail)
    page = app.get("/", headers=HTML)
    assert "2024-01-31" in page.text and "[null, 1.0]" in page.text and "NaN" not in page.text


# --- a browser -----------------------------------------------------------------------------------
@pytest.fixture
def open_page(chromium):
    """``open_page(url)``: a page that must not complain or reach out, in a context of its own."""
    contexts, problems = [], []

    def open_(url, **options):
        context = chromium.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        origin = "/".join(url.split("/")[:3])
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", lambda dialog: problems.append(dialog.message))
        page.on("request", lambda r: r.url.startswith(origin) or problems.append(r.url))
        page.on("console", lambda m: "Content Security" in m.text and problems.append(m.text))
        page.goto(url)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture(scope="module")
def server(models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    more = ["--model", f"loans={models / 'loans'}", "--workers", "1"]
    with Server(f"iris={models / 'iris'}", folder, *more) as running:
        yield f"http://127.0.0.1:{running.port}/"


def _predict(page):
    page.get_by_role("button", name="Predict").click()
    page.locator("#sent:not([hidden])").wait_for()


@pytest.mark.server
def test_a_person_reads_a_prediction(server, open_page):
    page = open_page(server)
    assert page.title() == "iris · mlpack"
    assert page.get_by_label("sepal length (cm)").input_value() == "5.1"
    _predict(page)
    assert page.locator(".answer").inner_text() == "0"
    page.get_by_label("petal length (cm)").fill("6,1")
    page.keyboard.press("Control+Enter")
    page.get_by_text("A number is needed here").wait_for()
    assert page.get_by_label("petal length (cm)").get_attribute("aria-invalid") == "true"
    page.get_by_label("petal length (cm)").fill("6.1")
    page.get_by_label("petal width (cm)").fill("2")
    page.keyboard.press("Control+Enter")
    page.get_by_text("2", exact=True).and_(page.locator(".answer")).wait_for()
    assert "'http://127.0.0.1" in page.locator("#curl").text_content()


@pytest.mark.server
def test_json_and_the_other_model(server, open_page):
    page = open_page(server)
    page.get_by_label("sepal length (cm)").fill("7.7")
    page.locator("label[for=mode-json]").click()
    assert json.loads(page.locator("#json").input_value())["dataframe_split"]["data"][0][0] == 7.7
    page.locator("#json").fill('{"inputs": ')
    page.get_by_role("button", name="Predict").click()
    page.get_by_text("This is no JSON").wait_for()
    page.get_by_role("button", name="Reset").click()
    _predict(page)
    assert page.locator("#result tbody tr").count() == 3  # all rows of the example
    page.get_by_role("link", name="loans").click()
    page.get_by_role("heading", name="loans").wait_for()
    assert page.get_by_role("link", name="loans").get_attribute("aria-current") == "page"


@pytest.mark.server
def test_hostile_models_stay_text(server, open_page):
    page = open_page(server + "?model=loans")
    assert page.get_by_label(EVIL).first.input_value() == "9007199254740993"
    _predict(page)
    shown = page.locator("#result dd").all_inner_texts()
    assert shown == [EVIL, "9007199254740993", "9007199254740993"]  # no digit lost
    page.get_by_label("threshold").fill("2")
    page.get_by_role("button", name="Predict").click()
    page.get_by_text("too high").wait_for()
    assert EVIL in page.get_by_role("alert").inner_text()
    assert page.title() == "loans · mlpack"
    assert page.locator("main img").count() == 0


@pytest.mark.server
def test_it_is_used_by_keyboard_and_fits_a_phone(server, open_page):
    page = open_page(server, viewport={"width": 360, "height": 740}, color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    labels = page.evaluate(
        "[...document.querySelectorAll('input,select,textarea')].map(e => e.labels.length)"
    )
    assert labels and all(labels)
    reached = set()
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id"))
    assert {"c0", "c3", "go", "mode-fields"} <= reached
    page.get_by_label("petal width (cm)").press("Enter")
    page.locator(".answer").wait_for()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"


@pytest.mark.server
def test_behind_a_prefix(models, open_page):
    app = DispatcherMiddleware(create_app(_load(models, "iris")), {})
    app.mounts["/models/iris"] = create_app(_load(models, "iris"))
    app.app = lambda environ, start: (start("404 Not Found", []), [b""])[1]
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        page = open_page(f"http://127.0.0.1:{server.port}/models/iris/")
        _predict(page)
        assert page.locator(".answer").inner_text() == "0"
    finally:
        server.shutdown()


@pytest.mark.server
def test_with_tokens_the_page_asks_for_one(models, tmp_path, open_page):
    more = ["--model", f"loans={models / 'loans'}", "--workers", "1"]
    with Server(f"iris={models / 'iris'}", tmp_path, *more, MLPACK_AUTH_TOKENS=TOKEN) as running:
        status, _, content = running.ask("GET", "/", headers=HTML)
        assert status == 200 and b"sepal" not in content  # nothing about the model
        status, content = running.request("GET", "/", headers={})
        assert status == 200 and content == {"status": "ok"}  # a probe
        page = open_page(f"http://127.0.0.1:{running.port}/")
        page.get_by_label("Token").fill("a wrong one, of no use")
        page.keyboard.press("Enter")
        page.get_by_text("does not know this token").wait_for()
        page.get_by_label("Token").fill(TOKEN)
        page.keyboard.press("Enter")
        page.get_by_label("sepal length (cm)").wait_for()
        _predict(page)
        assert page.locator(".answer").inner_text() == "0"
        assert TOKEN not in page.content()
        page.get_by_role("link", name="loans").click()
        page.get_by_label("city").wait_for()
        _predict(page)
        assert page.locator("#result dd").count() == 3
        kept = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
        assert page.evaluate(kept) == '[{},{},""]'
        page.reload()
        page.get_by_label("Token").wait_for()
