"""Every page and everything below ``/ui/`` over a store whose every text is an attack or nonsense:
no script runs, no fault of ours, no request to elsewhere, and a clear answer each time."""

import sqlite3
from contextlib import closing
from html.parser import HTMLParser

import pytest
from flask import url_for

from mlpack.tests.ui import hostile
from mlpack.tests.ui.conftest import ui_server

# what a page may hold that loads or runs something
_ADDRESSES = {"href", "src", "action", "formaction", "data", "xlink:href", "srcset", "ping"}
_OURS = {"base": "", "object": "", "embed": "", "iframe": "/ui/artifacts/", "script": "/static/"}


class Faults(HTMLParser):
    """What would run or load something that is not ours."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        start = _OURS.get(tag)
        is_data = tag == "script" and given.get("type") == "application/json"
        if (
            start is not None
            and not is_data
            and not (given.get("src") or "").startswith(start or "?")
        ):
            self.found.append((tag, attrs))
        for name, value in attrs:
            scheme = (value or "").strip().partition(":")[0].lower()
            runs = name.startswith("on") or name in ("style", "srcdoc", "http-equiv")
            leads = name in _ADDRESSES and scheme in ("javascript", "vbscript", "data")
            is_picture = tag == "img" and (value or "").startswith("data:image/")
            loads = name == "src" and not (value or "").startswith(("/", "data:image/"))
            if runs or loads or (leads and not is_picture):
                self.found.append((tag, name, value))


@pytest.fixture
def hostile_store(make_app, tmp_path):
    """``hostile_store(texts)``: an application over a poisoned store, and its ids."""

    def make(texts):
        app = make_app()
        known = hostile.fill(app, tmp_path / "mlruns", hostile.DESCRIPTORS[0])
        hostile.poison(tmp_path / "mlruns", texts, known)
        return app, known

    return make


def every_address(app, known, start=""):
    with app.test_request_context():
        given = [url_for(endpoint, **v) for endpoint, v in hostile.addresses(app, known)]
    return list(dict.fromkeys(each for each in given if each.startswith(start)))


def content(folder):
    with closing(sqlite3.connect(folder / "mlruns" / "mlpack.db")) as database:
        return list(database.iterdump())


@pytest.mark.parametrize(
    "texts",
    [[hostile.MARKUP], [hostile.ODD, "x" * 100_000], hostile.SHAPES],
    ids=["markup", "odd", "shapes"],
)
def test_every_page_over_hostile_texts(hostile_store, tmp_path, texts):
    app, known = hostile_store(texts)
    client, bad, before = app.test_client(), [], content(tmp_path)
    for address in every_address(app, known):
        answer = client.get(address)
        is_file = address.startswith("/ui/artifacts/") and (
            "/raw?" in address or "/show?" in address
        )
        if answer.status_code >= 500 or "Set-Cookie" in answer.headers:
            bad.append((address, answer.status_code, answer.text[-200:]))
        elif answer.mimetype == "text/html" and not is_file:
            bad += [(address, *each) for each in Faults(answer.text).found]
        policy = answer.headers["Content-Security-Policy"]
        if "'unsafe-inline'" in policy.partition("script-src")[2] and "sandbox" not in policy:
            bad.append((address, policy))
    assert not bad, bad[:5]
    assert content(tmp_path) == before  # what is asked by GET changes nothing


def test_pages_of_a_model_over_any_descriptor(hostile_store, tmp_path):
    app, known = hostile_store(hostile.SHAPES)
    client = app.test_client()
    parts = ("/models/", "/registry/", "MLmodel", "/environment", "/changes")
    pages = [
        each
        for each in every_address(app, known)
        if any(part in each for part in parts) and "page.html" not in each
    ]
    for descriptor in hostile.DESCRIPTORS[1:]:
        for file in (tmp_path / "mlruns").rglob("MLmodel"):
            file.write_text(descriptor)
        for each in pages:
            assert client.get(each).status_code < 500, (each, descriptor[:80])


@pytest.mark.server
def test_every_page_over_markup_in_a_browser(hostile_store, tmp_path, watched):
    app, known = hostile_store([hostile.MARKUP])
    page = watched.page
    page.on("dialog", lambda dialog: watched.faults.append(f"dialog: {dialog.message}"))
    # what a page among the artifacts tries in its sandbox
    watched.expected += ["show?path=page.html", 'Blocked a frame with origin "null"']
    with ui_server(tmp_path) as (address, _):
        for each in every_address(app, known, "/"):
            is_file = "/artifacts" in each
            if each.startswith("/ui/") or "%0A" in each or (is_file and "/runs/" not in each):
                continue
            page.goto(address + each, wait_until="load" if is_file else "networkidle")
            assert page.title() != "owned" and page.url.startswith(address), each
            assert page.locator("h1").first.is_visible(), each
            watched.faults[:] = [f"{each}: {f}" if f[0] != "/" else f for f in watched.faults]
