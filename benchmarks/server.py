"""What a tracking server costs: its start, its memory, calls through it, a large file through it.

    python benchmarks/server.py --peer-python PATH [--gigabytes 2]

The peer's server runs with one worker and with its default of four. MLflow's client also talks to
our server: what a user gains who changes an address and nothing else. Memory is the proportional
share (PSS) summed over all processes of a server, as pages that workers share count once.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from harness import ENVIRONMENT, Row, Worker, interleave, parser, peer_python, report

LIMIT_START = 1.5
LIMIT_MEMORY = 150.0
LIMIT_RATIO = 10
LIMIT_FILE_MEMORY = 100.0
_MEGABYTE = 1024 * 1024
_SIDES = ("ours", "peer, 1 worker", "peer, default")


class Server:
    """A server of one side in a folder of its own; ``url`` answers when this is made.

    Attributes:
        seconds: from the start of the process to its first answer.
    """

    def __init__(self, side: str, peer: Path, folder: Path) -> None:
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        folder.mkdir(parents=True)
        if side == "ours":
            command = [sys.executable, "-m", "mlpack", "server", "--port", str(port)]
        else:
            command = [str(peer), "-m", "mlflow", "server", "--port", str(port)]
            command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
            command += ["--workers", "1"] if side == "peer, 1 worker" else []
        start = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while not self._answers():
            if self._process.poll() is not None or time.perf_counter() - start > 180:
                sys.exit(f"The server did not come up: {' '.join(command)}")
            time.sleep(0.005)
        self.seconds = time.perf_counter() - start

    @property
    def memory(self) -> float:
        """Megabytes of all its processes."""
        return sum(_field(pid, "smaps_rollup", "Pss") for pid in self._processes()) / 1024

    @property
    def peak(self) -> float:
        """Megabytes of its largest process at its largest."""
        return max(_field(pid, "status", "VmHWM") for pid in self._processes()) / 1024

    def close(self) -> None:
        """End it and all its processes."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(15)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _processes(self) -> list[int]:
        """Those of its session, however they were started."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal():
                with contextlib.suppress(OSError, ProcessLookupError):
                    if os.getsid(int(folder.name)) == self._process.pid:
                        found.append(int(folder.name))
        return found


def _field(pid: int, file: str, name: str) -> int:
    """Kilobytes that the kernel tells of a process; 0 when it ended meanwhile."""
    try:
        match = re.search(rf"^{name}:\s+(\d+)", Path(f"/proc/{pid}/{file}").read_text(), re.M)
    except OSError:
        return 0
    return int(match[1]) if match else 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(side: str, peer: Path, folder: Path) -> Iterator[Server]:
    """A server for a while."""
    server = Server(side, peer, folder)
    try:
        yield server
    finally:
        server.close()


def main() -> None:
    options = parser(__doc__, rounds=5)
    options.add_argument("--gigabytes", type=float, default=2.0, help="size of the large file")
    arguments = options.parse_args()
    peer = peer_python(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = start_rows(folder, peer, min(arguments.rounds, 3))
        rows += call_rows(folder, peer, arguments.rounds)
        rows += file_rows(folder, peer, arguments.gigabytes)
    report("Tracking server", rows, arguments)


def start_rows(folder: Path, peer: Path, rounds: int) -> list[Row]:
    """From the start of the process to the first answer, and the memory a second later."""
    memory: dict[str, float] = {}
    count = iter(range(1000))

    def start(side: str) -> float:
        with running(side, peer, folder / f"start {next(count)}") as server:
            time.sleep(1)
            memory[side] = server.memory
            return server.seconds

    seconds = interleave({side: lambda s=side: start(s) for side in _SIDES}, rounds)  # type: ignore[misc]
    rows = []
    for side in _SIDES[1:]:
        rows.append(
            Row(
                f"start to first answer ({side})",
                seconds["ours"],
                seconds[side],
                target=f"under {LIMIT_START} s",
                met=seconds["ours"] < LIMIT_START,
            )
        )
        rows.append(
            Row(
                f"memory of all processes ({side})",
                memory["ours"],
                memory[side],
                "MB",
                target=f"under {LIMIT_MEMORY:.0f} MB",
                met=memory["ours"] < LIMIT_MEMORY,
            )
        )
    return rows


def call_rows(folder: Path, peer: Path, rounds: int) -> list[Row]:
    """Calls through the server, by our client and by MLflow's."""
    rows = []
    with contextlib.ExitStack() as stack:
        urls = {
            side: stack.enter_context(running(side, peer, folder / f"calls {side}")).url
            for side in _SIDES
        }
        for what in ("log_metric", "log_batch"):
            cases = {
                "ours": (sys.executable, "mlpack", urls["ours"]),
                "mlflow's client": (peer, "mlflow", urls["ours"]),
                **{side: (peer, "mlflow", urls[side]) for side in _SIDES[1:]},
            }
            workers = {
                name: Worker(python, ["server_worker.py", product, url, what], folder)
                for name, (python, product, url) in cases.items()
            }
            times = interleave({name: w.measure for name, w in workers.items()}, rounds)
            for worker in workers.values():
                worker.close()
            for side in _SIDES[1:]:
                promise = side == "peer, 1 worker"
                rows.append(
                    Row(
                        f"{_NAMES[what]} ({side})",
                        times["ours"],
                        times[side],
                        target=f"{LIMIT_RATIO} x faster" if promise else "",
                        met=times[side] / times["ours"] >= LIMIT_RATIO if promise else None,
                    )
                )
                name = f"  the same by mlflow's client ({side})"
                rows.append(Row(name, times["mlflow's client"], times[side]))
    return rows


_NAMES = {"log_metric": "log_metric", "log_batch": "log_batch of 1,000 metrics"}


def file_rows(folder: Path, peer: Path, gigabytes: float) -> list[Row]:
    """A large file up and down through the server, once, and the server's memory at its peak."""
    large, size = folder / "large.bin", int(gigabytes * 1024)
    block = os.urandom(16 * _MEGABYTE)
    with large.open("wb") as file:
        for _ in range(size // 16):
            file.write(block)
    copied = _copy_time(large)
    found: dict[str, tuple[float, float, float]] = {}
    for side in ("ours", "peer, default"):
        python, product = (sys.executable, "mlpack") if side == "ours" else (peer, "mlflow")
        with running(side, peer, folder / f"files {side}") as server:
            seconds = []
            for what in ("upload", "download"):
                script = ["server_worker.py", product, server.url, what, str(large)]
                worker = Worker(python, script, folder)
                seconds.append(worker.measure())
                worker.close()
            found[side] = (*seconds, server.peak)
    large.unlink()
    (up, down, peak), (peer_up, peer_down, peer_peak) = found["ours"], found["peer, default"]
    return [
        Row(f"{gigabytes:g} GB up through the server", up, peer_up),
        Row(f"{gigabytes:g} GB down through the server", down, peer_down),
        Row("  the same file copied on this disk", copied),
        Row(
            "  the largest process of the server",
            peak,
            peer_peak,
            "MB",
            target=f"under {LIMIT_FILE_MEMORY:.0f} MB",
            met=peak < LIMIT_FILE_MEMORY,
        ),
    ]


def _copy_time(file: Path) -> float:
    copy = file.with_suffix(".copy")
    start = time.perf_counter()
    subprocess.run(["cp", str(file), str(copy)], check=True)
    seconds = time.perf_counter() - start
    copy.unlink()
    return seconds


if __name__ == "__main__":
    main()
