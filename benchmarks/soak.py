"""The scoring server over a long time and through deaths of its workers: prints what it saw.

soak.py MODEL [--requests 1000000] [--kill-seconds 60] [--workers 2]

First as many requests as asked for, by `wrk`, with memory, files and threads of every process
before and after; then workers are killed at random under load. Needs `wrk`; no peer is measured.
"""

from __future__ import annotations

import argparse
import collections
import http.client
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

_JSON = {"Content-Type": "application/json"}
_SCRIPT = Path(__file__).with_name("serving_wrk.lua")


class Server:
    """`mlpack serve` on a free port."""

    def __init__(self, model: str, workers: int, log: Path) -> None:
        command = [sys.executable, "-m", "mlpack.cli.main", "serve", "-m", model, "-p", "0"]
        with log.open("wb") as file:
            self.process = subprocess.Popen([*command, "-w", str(workers)], stderr=file)
        while not (found := re.search(r"serving on http://127.0.0.1:(\d+)", log.read_text())):
            if self.process.poll() is not None:
                raise SystemExit(log.read_text())
            time.sleep(0.05)
        self.port = int(found[1])

    def workers(self) -> list[int]:
        """Their process ids."""
        pid = self.process.pid
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def show(self, when: str) -> None:
        """Memory, open files and threads of each process."""
        for pid in [self.process.pid, *self.workers()]:
            sizes = dict(re.findall(r"\b(Pss|Rss): +(\d+) kB", _read(pid, "smaps_rollup")))
            files, threads = (
                len(list(Path(f"/proc/{pid}/{part}").iterdir())) for part in ("fd", "task")
            )
            kind = "parent" if pid == self.process.pid else "worker"
            shown = ", ".join(f"{name} {int(size) // 1024} MB" for name, size in sizes.items())
            print(f"  {when}: {kind} {shown}, {files} files, {threads} threads", flush=True)

    def answered(self) -> int:
        """Requests to `/invocations`, by the server's own metrics."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        counts = re.findall(r'mlpack_requests_total{route="/invocations".*} (\d+)', text)
        return sum(map(int, counts))


def _read(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text()


def many(server: Server, body: Path, requests: int) -> None:
    """That many requests on 32 connections."""
    environ = {**os.environ, "WRK_BODY": str(body), "WRK_CONTENT_TYPE": "application/json"}
    url = f"http://127.0.0.1:{server.port}/invocations"

    def load(seconds: int) -> None:
        command = ["wrk", "-t2", "-c32", f"-d{seconds}s", "-s", str(_SCRIPT), url]
        out = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
        print(*(line for line in out.stdout.splitlines() if line.startswith(">")), flush=True)

    load(10)
    server.show("before")
    while server.answered() < requests:
        load(60)
    server.show("after")


def killed(server: Server, body: bytes, seconds: float) -> None:
    """Kill a worker every second or two while sixteen clients ask."""
    stop, seen = threading.Event(), collections.Counter[str]()

    def client() -> None:
        while not stop.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
            try:
                for _ in range(20):
                    connection.request("POST", "/invocations", body, _JSON)
                    response = connection.getresponse()
                    response.read()
                    seen[str(response.status)] += 1
            except (OSError, http.client.HTTPException) as error:
                seen[type(error).__name__] += 1
            connection.close()

    clients = [threading.Thread(target=client) for _ in range(16)]
    before, until, kills = server.answered(), time.monotonic() + seconds, 0
    for thread in clients:
        thread.start()
    while time.monotonic() < until:
        time.sleep(random.uniform(0.5, 3))
        if workers := server.workers():
            os.kill(random.choice(workers), signal.SIGKILL)
            kills += 1
    time.sleep(3)
    stop.set()
    for thread in clients:
        thread.join()
    print(f"  {kills} workers killed; clients saw {dict(seen)}")
    print(f"  counted by the server: {server.answered() - before}")
    server.show("in the end")


def main() -> None:
    """Both parts, on one server."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--kill-seconds", type=float, default=60)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    body = Path(options.model, "serving_input_example.json")
    json.loads(body.read_text())
    with tempfile.TemporaryDirectory() as folder:
        server = Server(options.model, options.workers, Path(folder, "log"))
        try:
            many(server, body, options.requests)
            killed(server, body.read_bytes(), options.kill_seconds)
        finally:
            server.process.terminate()
            server.process.wait()


if __name__ == "__main__":
    main()
