"""What the benchmarks share: interleaved measuring, one table, one JSON form.

Machines are noisy, so nothing here is an absolute claim. Both sides are measured in the same
run, one after the other in every round, and what counts is the ratio of their medians.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent

# A user's Python keeps bytecode; a shell that forbids it would make us compile ourselves anew
# in every process, and not the peer, which an installer has compiled.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True)
class Row:
    """One measured thing.

    Attributes:
        what: what was measured.
        ours: our figure.
        peer: the peer's; None where there is nothing to compare with.
        unit: of both.
        target: what is promised, in words; '' where nothing is.
        met: whether it is kept; None where nothing is promised.
        more_is_better: of rates, where the ratio is the other way round.
    """

    what: str
    ours: float
    peer: float | None = None
    unit: str = "s"
    target: str = ""
    met: bool | None = None
    more_is_better: bool = False

    @property
    def ratio(self) -> float | None:
        """How many times better than the peer's figure ours is."""
        if self.peer is None or self.ours <= 0 or self.peer <= 0:
            return None
        return self.ours / self.peer if self.more_is_better else self.peer / self.ours


def parser(
    description: str | None, *, peer: bool = True, rounds: int = 5
) -> argparse.ArgumentParser:
    """The command line that all benchmarks share."""
    made = argparse.ArgumentParser(description=(description or "").partition("\n\n")[0])
    if peer:
        made.add_argument(
            "--peer-python",
            type=Path,
            default=os.environ.get("MLPACK_PEER_PYTHON"),
            help="Python of a virtual environment with mlflow (or MLPACK_PEER_PYTHON)",
        )
    made.add_argument("--rounds", type=int, default=rounds, help="rounds to take medians of")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the rows there, too")
    return made


def peer_python(arguments: argparse.Namespace) -> Path:
    """The peer's Python, or an end with a line that says how to name it."""
    python = arguments.peer_python
    if python is None or not python.exists():
        sys.exit("Name a Python that has mlflow: --peer-python PATH (`make bench` makes one).")
    return python.absolute()


def interleave(
    cases: Mapping[str, Callable[[], float]], rounds: int, *, warm_up: int = 1
) -> dict[str, float]:
    """Medians of cases that are measured in turn.

    Args:
        cases: each measures once and returns its figure.
        rounds: how many times each is measured.
        warm_up: rounds before those, which fill caches and do not count.
    """
    figures: dict[str, list[float]] = {name: [] for name in cases}
    for round_ in range(-warm_up, rounds):
        for name, measure in cases.items():
            figure = measure()
            if round_ >= 0:
                figures[name].append(figure)
    return {name: median(values) for name, values in figures.items()}


def run_time(command: Sequence[str | Path], *, cwd: Path | None = None) -> float:
    """Seconds from start to end of a process, its output thrown away."""
    start = time.perf_counter()
    done = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=ENVIRONMENT,
        check=False,
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stderr[-2000:]}")
    return seconds


def install_ours(folder: Path, *extras: str) -> Path:
    """Install this checkout as a user would, in a fresh virtual environment.

    An editable install would not do: its import hook alone costs 20 ms at every start of Python.

    Args:
        folder: an existing empty folder, outside the checkout.
        extras: further requirements.

    Returns:
        the environment's Python.
    """
    uv, checkout = Path(sys.executable).with_name("uv"), folder / "checkout"
    # a build in place would leave its traces in the checkout
    left_out = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "mlruns", "*.egg-info")
    shutil.copytree(HERE.parent, checkout, ignore=left_out)
    environment = folder / "environment"
    python = environment / "bin" / "python"
    for command in (
        [uv, "venv", "-q", "--python", sys.executable, environment],
        [uv, "pip", "install", "-q", "--compile-bytecode", "--python", python, checkout, *extras],
    ):
        subprocess.run([str(part) for part in command], check=True)
    return python


class Worker:
    """A process that sets itself up once and measures when it is told to.

    The script prints ``ready`` and then, for every line that it reads, one number.

    Args:
        python: which interpreter.
        script: a file beside this one, and its arguments.
        cwd: where it runs.
    """

    def __init__(self, python: str | Path, script: Sequence[str], cwd: Path) -> None:
        self._script = script[0]
        self._process = subprocess.Popen(
            [str(python), str(HERE / script[0]), *script[1:]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
            env=ENVIRONMENT,
        )
        self._answer()

    def measure(self) -> float:
        """One figure."""
        assert self._process.stdin
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return float(self._answer())

    def close(self) -> None:
        """End it."""
        self._process.stdin.close()  # type: ignore[union-attr]
        self._process.wait()

    def _answer(self) -> str:
        """The next line that is an answer; libraries print all sorts of things besides."""
        assert self._process.stdout and self._process.stderr
        for line in self._process.stdout:
            if line.startswith("> "):
                return line[2:].strip()
        sys.exit(f"{self._script} ended early:\n{self._process.stderr.read()[-2000:]}")


def serve_measurements(measure: Callable[[], float]) -> None:
    """The other side of `Worker`."""
    print("> ready", flush=True)
    for _ in sys.stdin:
        print(f"> {measure()}", flush=True)


def report(title: str, rows: Sequence[Row], arguments: argparse.Namespace) -> None:
    """Print a table and write the JSON if it was asked for."""
    print(f"\n{title}")
    header = ("", "ours", "peer", "ratio", "target", "")
    lines = [header, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        aligned = [
            cell.ljust(width) if column in (0, 4, 5) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("  " + "  ".join(aligned).rstrip())
    if arguments.json:
        content = {"title": title, "rows": [asdict(row) | {"ratio": row.ratio} for row in rows]}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n")


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.what,
        _figure(row.ours, row.unit),
        "-" if row.peer is None else _figure(row.peer, row.unit),
        "-" if row.ratio is None else f"{row.ratio:.1f} x",
        row.target,
        {True: "kept", False: "MISSED", None: ""}[row.met],
    )


def _figure(value: float, unit: str) -> str:
    if unit == "s":
        return f"{value * 1000:.1f} ms" if abs(value) < 1 else f"{value:.2f} s"
    return f"{value:,.1f} {unit}" if value < 100 else f"{value:,.0f} {unit}"
