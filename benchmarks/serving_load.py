"""Load on a server, and what it costs there: wrk, and the kernel's account of the processes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from harness import ENVIRONMENT, HERE

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Load:
    """What a number of connections got out of a server.

    Attributes:
        rate: answers a second.
        p50, p99: seconds to an answer.
        cpu: seconds of all the server's processes for one answer.
        failed: requests without a good answer.
    """

    rate: float
    p50: float
    p99: float
    cpu: float
    failed: int


def load(
    url: str, body: bytes, content_type: str, connections: int, seconds: int, root: int
) -> Load:
    """Send one request over and over.

    Args:
        url: where to.
        body: of the request.
        content_type: likewise.
        connections: each sends its next request when it has its answer.
        seconds: how long.
        root: the server's first process.
    """
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        before = cpu_seconds(root)
        # one thread of wrk: it needs little, and the cores are for the server
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s"]
        done = subprocess.run(
            [*command, "-s", str(HERE / "serving_wrk.lua"), url],
            env={**ENVIRONMENT, "WRK_BODY": file.name, "WRK_CONTENT_TYPE": content_type},
            capture_output=True,
            text=True,
            check=True,
        )
        spent = cpu_seconds(root) - before
    line = next(line for line in done.stdout.splitlines() if line.startswith("> "))
    found = json.loads(line[2:])
    answers = max(1, found["requests"])
    return Load(
        found["requests"] / found["seconds"],
        found["p50"],
        found["p99"],
        spent / answers,
        found["failed"],
    )


def middle(loads: list[Load]) -> Load:
    """The median of each figure."""
    figures = {
        name: median(getattr(x, name) for x in loads) for name in ("rate", "p50", "p99", "cpu")
    }
    return Load(**figures, failed=sum(x.failed for x in loads))


def processes(root: int) -> list[int]:
    """A process and all that it started, sessions of their own included."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError):
                stat = (folder / "stat").read_text().rpartition(")")[2].split()
                parents[int(folder.name)] = int(stat[1])
    found = {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found)


def cpu_seconds(root: int) -> float:
    """Processor time that a process and its descendants took so far, in user and kernel mode."""
    ticks = 0
    for pid in processes(root):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS


def memory(root: int) -> float:
    """Megabytes of a process and its descendants; pages that they share count once (PSS)."""
    total = 0
    for pid in processes(root):
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            if match := re.search(r"^Pss:\s+(\d+)", text, re.M):
                total += int(match[1])
    return total / 1024
