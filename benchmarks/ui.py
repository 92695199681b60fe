"""How long people wait for pages: a headless Chromium, the peer's pages beside ours, the same runs.

    python benchmarks/ui.py --peer-python PATH [--runs 10000] [--many 100000] [--chromium PATH]

Every measurement is a fresh browser profile, as at somebody's first visit. "Painted" is when the
first row of runs has been drawn; "transfer" is what came over the wire until some seconds after.
The filter is typed into a page that shows runs already, and "new rows" is when other rows have been
drawn, on our side. "Curves" are of 100,000 points each, from the address to the last one drawn;
buckets of them were kept when their runs ended, so the same is measured of runs that go on. The
promises on 100,000 runs are measured on our side alone: the peer takes minutes.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from harness import ENVIRONMENT, HERE, Row, interleave, parser, peer_python, report
from ui_worker import CURVES, LOSS, POINTS, curve_id

NAMES = 10_000
PAINTED = 0.3
FASTER = 5
TRANSFER = 1_000_000
FILTERED = 0.2
DRAWN = 0.5
LONG_TASK = 0.1
SETTLE = 2500  # milliseconds after the rows; the peer's page is never quiet
PATIENCE = 120_000  # milliseconds; the peer needs them

# Both products' tables link each run's name to an address with /runs/ in it.
PAINT_SCRIPT = """
(() => {
  const look = () => {
    const link = document.querySelector('a[href*="/runs/"]');
    // after the frame in which it is drawn
    if (link) requestAnimationFrame(() => setTimeout(tell));
    else requestAnimationFrame(look);
  };
  const tell = () => { window.painted = performance.now(); };
  requestAnimationFrame(look);
  window.longest = 0;
  new PerformanceObserver((list) => {
    for (const task of list.getEntries()) window.longest = Math.max(window.longest, task.duration);
  }).observe({type: 'longtask'});
})();
"""
FILTER_SCRIPT = """
() => {
  const first = () => document.querySelector('a[href*="/runs/"]')?.getAttribute('href');
  const before = first();
  window.changed = undefined;
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') return;
    const start = performance.now();
    const tell = () => { window.changed = performance.now() - start; };
    const look = () => {
      const now = first();
      if (now && now !== before) {
        requestAnimationFrame(() => setTimeout(tell));
      } else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }, {capture: true});
}
"""
FILTER = "metrics.metric_0 > 0.98"
FILTER_BOX = 'input[name="filter"]'
PAGE = {"ours": "/experiments/1", "peer": "/#/experiments/1/runs"}


def main() -> None:
    options = parser(__doc__, rounds=5)
    options.add_argument("--runs", type=int, default=10_000, help="runs that both sides have")
    options.add_argument("--many", type=int, default=100_000, help="runs on our side alone")
    options.add_argument("--chromium", default="/usr/bin/chromium", help="the browser")
    arguments = options.parse_args()
    with tempfile.TemporaryDirectory() as name, browser(arguments.chromium) as chromium:
        rows = measure(Path(name), chromium, arguments)
    report(f"Pages, {arguments.runs:,} runs, headless Chromium", rows, arguments)


def measure(folder: Path, chromium: Any, arguments: Any) -> list[Row]:
    """All rows of the table."""
    pythons = {"ours": sys.executable, "peer": peer_python(arguments)}
    products = {"ours": "mlpack", "peer": "mlflow"}
    for side, python in pythons.items():
        fill(python, products[side], folder / f"{side}.db", arguments.runs)
    found: list[Row] = []
    with (
        server(folder, "ours", pythons["ours"]) as ours,
        server(folder, "peer", pythons["peer"]) as peer,
    ):
        sides = {"ours": ours, "peer": peer}
        visits: dict[str, list[int]] = {side: [] for side in sides}

        def visit(side: str) -> float:
            seconds, transferred = first_visit(chromium, sides[side] + PAGE[side])
            visits[side].append(transferred)
            return seconds

        painted = interleave(
            {side: lambda side=side: visit(side) for side in sides}, arguments.rounds
        )
        least = painted["peer"] / painted["ours"]
        found.append(
            Row(
                *("table of runs painted", painted["ours"], painted["peer"], "s"),
                f"under {PAINTED * 1000:.0f} ms, {FASTER} x",
                painted["ours"] < PAINTED and least >= FASTER,
            )
        )
        sizes = {side: median(each) / 1000 for side, each in visits.items()}
        found.append(
            Row(
                *("  transfer, first visit", sizes["ours"], sizes["peer"], "kB"),
                "under 1 MB",
                sizes["ours"] * 1000 < TRANSFER,
            )
        )
        rows = interleave({"ours": lambda: new_rows(chromium, ours)}, arguments.rounds)["ours"]
        found.append(Row("filter to new rows", rows))
        drawn = interleave({"ours": lambda: curves(chromium, ours)}, arguments.rounds)["ours"]
        what = f"{CURVES} curves of {POINTS:,} points drawn"
        found.append(Row(what, drawn, target=f"under {DRAWN * 1000:.0f} ms", met=drawn < DRAWN))
        go_on(ours)
        drawn = interleave({"ours": lambda: curves(chromium, ours)}, arguments.rounds)["ours"]
        found.append(Row("  of runs that still go on", drawn))
    fill(pythons["ours"], "mlpack", folder / "many.db", arguments.many)
    with server(folder, "many", pythons["ours"]) as many:
        found += among_many(chromium, many, arguments)
    return found


def among_many(chromium: Any, address: str, arguments: Any) -> list[Row]:
    """What is promised for a large store."""
    of = f"{arguments.many:,} runs"
    first = interleave(
        {"ours": lambda: first_visit(chromium, address + PAGE["ours"])[0]}, arguments.rounds
    )["ours"]
    rows = interleave({"ours": lambda: new_rows(chromium, address)}, arguments.rounds)["ours"]
    longest = interleave({"ours": lambda: scroll(chromium, address)}, min(3, arguments.rounds))[
        "ours"
    ]
    return [
        Row(f"table painted, {of}", first),
        Row(
            *(f"filter to new rows, {of}", rows),
            target=f"under {FILTERED * 1000:.0f} ms",
            met=rows < FILTERED,
        ),
        Row(
            *("longest task while scrolling", longest),
            target=f"under {LONG_TASK * 1000:.0f} ms",
            met=longest < LONG_TASK,
        ),
    ]


def fill(python: str | Path, product: str, file: Path, runs: int) -> None:
    """Make a side's store."""
    command = [str(python), str(HERE / "ui_worker.py"), product, str(file), str(runs), str(NAMES)]
    subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True)


@contextmanager
def server(folder: Path, name: str, python: str | Path) -> Iterator[str]:
    """The address of a side's tracking server, which has answered its pages once."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    product = "mlflow" if name == "peer" else "mlpack"
    command = [str(python), "-m", product, "server", "--port", str(port), "--host", "127.0.0.1"]
    command += ["--backend-store-uri", f"sqlite:///{folder / name}.db", "--workers", "2"]
    process = subprocess.Popen(
        command, cwd=folder, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/", timeout=5).close()
                break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait()


@contextmanager
def browser(program: str) -> Iterator[Any]:
    """A Chromium without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        # requests to elsewhere fail at once: the peer's must not be held up by a missing network
        options.append("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
        started = playwright.chromium.launch(executable_path=program, args=options)
        yield started
        started.close()


@contextmanager
def page_of(chromium: Any) -> Iterator[Any]:
    """A page in a profile that has seen nothing."""
    # the pages' policy would forbid what this script waits by
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, bypass_csp=True)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.add_init_script(PAINT_SCRIPT)
    yield page
    context.close()


def first_visit(chromium: Any, address: str) -> tuple[float, int]:
    """Seconds until the first row is drawn, and bytes over the wire until it has settled."""
    with page_of(chromium) as page:
        wire = page.context.new_cdp_session(page)
        wire.send("Network.enable")
        sizes: list[int] = []
        wire.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
        page.goto(address)
        page.wait_for_function("window.painted")
        seconds = page.evaluate("window.painted") / 1000
        page.wait_for_timeout(SETTLE)
        return seconds, int(sum(sizes))


def new_rows(chromium: Any, address: str) -> float:
    """Seconds from Enter in the filter box to other rows."""
    with page_of(chromium) as page:
        page.goto(address + PAGE["ours"])
        page.wait_for_function("window.painted")
        page.wait_for_timeout(SETTLE)
        box = page.locator(FILTER_BOX)
        box.click()
        page.evaluate(FILTER_SCRIPT)
        box.fill(FILTER)
        page.wait_for_timeout(500)  # completion and the like have their say
        page.keyboard.press("Escape")  # no completion is chosen
        page.keyboard.press("Enter")
        page.wait_for_function("window.changed")
        return float(page.evaluate("window.changed")) / 1000


def curves(chromium: Any, address: str) -> float:
    """Seconds from the address to all curves drawn, from all points."""
    ids = ",".join(curve_id(number) for number in range(1, CURVES + 1))
    with page_of(chromium) as page:
        page.goto(f"{address}/charts?runs={ids}&key={LOSS}")
        page.wait_for_function("performance.getEntriesByName('charts-drawn').length")
        script = "performance.getEntriesByName('charts-drawn').at(-1).startTime"
        return float(page.evaluate(script)) / 1000


def go_on(address: str) -> None:
    """Let the runs with curves go on, so that what is kept of ended ones is gone."""
    for number in range(1, CURVES + 1):
        body = json.dumps({"run_id": curve_id(number), "status": "RUNNING"}).encode()
        request = urllib.request.Request(
            f"{address}/api/2.0/mlflow/runs/update", body, {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=60).close()


def scroll(chromium: Any, address: str) -> float:
    """The longest task in seconds while a person turns the wheel through thousands of runs."""
    with page_of(chromium) as page:
        page.goto(address + PAGE["ours"])
        page.wait_for_function("window.painted")
        page.wait_for_timeout(SETTLE)
        page.evaluate("window.longest = 0")
        page.mouse.move(700, 600)
        for _ in range(300):
            page.mouse.wheel(0, 700)
            page.wait_for_timeout(16)
        page.wait_for_timeout(500)
        rows = page.evaluate("document.querySelectorAll('a[href*=\"/runs/\"]').length")
        assert rows, "The table is empty after scrolling."
        return float(page.evaluate("window.longest")) / 1000


if __name__ == "__main__":
    main()
