"""A browser, servers with real data behind it, and what every page must keep to.

``browser_page`` is a page of Debian's Chromium. It fails its test when a script breaks, when the
browser blocks something by the Content-Security-Policy, or when a request goes to another host.
``look_at`` checks a page's accessibility and keeps screenshots of it.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

import mlpack
from mlpack.tests.ports import free_port

# clients of an application without a network: `client`, `api`, `make_app`
from mlpack.tests.tracking_server.conftest import api, client, make_app  # noqa: F401
from mlpack.tests.workers import made_once

ROOT = Path(mlpack.__file__).parent
AXE = ROOT / ".cache" / "axe.min.js"
# rules of axe that depend on colours; all else is alike in both schemes
COLOURS = ["color-contrast", "link-in-text-block"]
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
# where screenshots are kept for people to look at; nowhere by default
SCREENSHOTS = os.environ.get("MLPACK_TEST_SCREENSHOTS")
_TIMEOUT = 15_000  # milliseconds
# milliseconds by which every answer is late, and how many times slower scripts are: both find
# tests that do not wait for what they look at
LATENCY = float(os.environ.get("MLPACK_TEST_LATENCY", 0))
SLOWNESS = float(os.environ.get("MLPACK_TEST_SLOWNESS", 1))


@contextmanager
def ui_server(folder: Path, *options: str, port: int = 0) -> Iterator[tuple[str, Any]]:
    """A real server (gunicorn) over ``folder/mlruns``: its address and its process."""
    port = port or free_port()
    command = [sys.executable, "-m", "mlpack", "server", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", str(folder / "mlruns"), *options]
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/health", timeout=2).close()
                break
            except OSError:
                if process.poll() is not None:
                    pytest.fail((folder / "server.log").read_text()[-3000:])
                time.sleep(0.1)
        yield address, process
    finally:
        process.terminate()
        process.wait(30)


@dataclass(frozen=True)
class Story:
    """A server with the data of `story.py` behind it.

    Attributes:
        address: of the server, without a slash at its end.
        names: what `story.py` wrote into ``story.json``: ids of runs, models, experiments.
        folder: in which ``mlruns`` is; a client of it can write while the server runs.
    """

    address: str
    names: dict[str, Any]
    folder: Path


@pytest.fixture(scope="session")
def told_story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Told once; stories are copies of it."""
    script = Path(__file__).with_name("story.py")

    def tell(folder: Path) -> None:
        subprocess.run([sys.executable, str(script), str(folder)], check=True, cwd=folder)

    return made_once("told", tell, tmp_path_factory)


def copy_story(told: Path, folder: Path) -> dict[str, Any]:
    """The same data in another folder; what is where in it."""
    shutil.copytree(told, folder, dirs_exist_ok=True)
    with closing(sqlite3.connect(folder / "mlruns" / "mlpack.db")) as database, database:
        # all that is on record with the folder's own name
        moved = "UPDATE model_versions SET location = replace(location, ?, ?)"
        database.execute(moved, (str(told), str(folder)))
    found: dict[str, Any] = json.loads((folder / "story.json").read_text())
    return found


@pytest.fixture(scope="session")
def story(told_story: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """For tests that only look; whoever changes things takes `own_story`."""
    folder = tmp_path_factory.mktemp("story")
    names = copy_story(told_story, folder)
    with ui_server(folder) as (address, _):
        yield Story(address, names, folder)


@pytest.fixture
def own_story(told_story: Path, tmp_path: Path) -> Iterator[Story]:
    """The same data for one test alone, which may change them."""
    names = copy_story(told_story, tmp_path)
    with ui_server(tmp_path) as (address, _):
        yield Story(address, names, tmp_path)


class Watched:
    """A page, and what went wrong on it.

    Attributes:
        page: of Playwright.
        expected: parts of messages that a test provokes on purpose.
    """

    def __init__(self, page: Any) -> None:
        self.page = page
        self.expected: list[str] = []
        self.faults: list[str] = []
        page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        page.on("console", self._console)
        page.on("request", self._request)

    def _console(self, message: Any) -> None:
        if message.type == "error":
            self.faults.append(f"console: {message.text} {message.location.get('url', '')}")

    def _request(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws") and parts.hostname != "127.0.0.1":
            self.faults.append(f"request to elsewhere: {request.url}")

    def check(self) -> None:
        """Nothing went wrong but what was expected."""
        left = [f for f in self.faults if not any(part in f for part in self.expected)]
        assert not left, "\n".join(left)


@pytest.fixture
def watched(chromium: Any) -> Iterator[Watched]:
    """A fresh browser profile with one page; see `Watched`."""
    context = chromium.new_context(viewport=DESKTOP)
    context.set_default_timeout(_TIMEOUT)
    expect.set_options(timeout=_TIMEOUT)
    found = Watched(context.new_page())
    if LATENCY or SLOWNESS > 1:
        slow_down(found.page, LATENCY, SLOWNESS)
    yield found
    context.close()
    found.check()


def slow_down(page: Any, latency: float, slowness: float = 1) -> None:
    """Answers come ``latency`` milliseconds later, scripts run ``slowness`` times slower."""
    session = page.context.new_cdp_session(page)
    late = {"offline": False, "latency": latency, "downloadThroughput": -1, "uploadThroughput": -1}
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", late)
    session.send("Emulation.setCPUThrottlingRate", {"rate": slowness})


@contextmanager
def held(page: Any, pattern: str) -> Iterator[list[Any]]:
    """Requests to addresses that fit wait until the block ends; those that came so far."""
    came: list[Any] = []
    page.route(pattern, lambda route: came.append(route))
    yield came
    for route in came:
        route.continue_()
    page.unroute(pattern)


@pytest.fixture
def browser_page(watched: Watched) -> Any:
    """The page of `watched`, for tests that provoke nothing."""
    return watched.page


@pytest.fixture
def look_at(request: pytest.FixtureRequest) -> Callable[..., None]:
    """``look_at(page, name)``: axe finds no fault in either colour scheme, at both widths, and the
    page is no wider than the screen; screenshots go to MLPACK_TEST_SCREENSHOTS."""

    def look(page: Any, name: str) -> None:
        page.wait_for_load_state("networkidle")
        for theme, rules in (("light", None), ("dark", COLOURS)):
            for label, size in (("desktop", DESKTOP), ("phone", PHONE)):
                page.emulate_media(color_scheme=theme, reduced_motion="reduce")
                page.set_viewport_size(size)
                # scrolled anywhere else, the head of the page covers what happens to be there
                page.evaluate("scrollTo(0, 0)")
                page.evaluate(_DRAWN)
                if SCREENSHOTS:
                    page.wait_for_timeout(300)
                    Path(SCREENSHOTS).mkdir(parents=True, exist_ok=True)
                    file = Path(SCREENSHOTS) / f"{name}-{theme}-{label}.png"
                    page.screenshot(path=file)
                wide = page.evaluate("document.documentElement.scrollWidth")
                assert wide <= size["width"], f"{name} is {wide} px wide on {size['width']}"
                faults = axe(page, rules)
                assert not faults, f"{name}, {theme}, {label}:\n" + "\n".join(faults)
        page.set_viewport_size(DESKTOP)

    return look


# what follows from a change of size or colours is drawn within a few frames
_DRAWN = "new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))"


def axe(page: Any, rules: list[str] | None = None) -> list[str]:
    """What axe finds wrong by some rules, or else by WCAG 2.2 A and AA and its best practices."""
    # evaluated over the debugger, which the page's policy does not hold up
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": tags}
    found = page.evaluate("only => axe.run(document, {runOnly: only, iframes: false})", only)
    return [
        f"{each['id']}: {node['html'][:200]} ({node['failureSummary'][:300]})"
        for each in found["violations"]
        for node in each["nodes"][:3]
    ]
