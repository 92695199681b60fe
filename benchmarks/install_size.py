"""How much room a base install takes in site-packages, and what takes it.

    python benchmarks/install_size.py --peer-python PATH

Ours is really installed, from this checkout, into a fresh virtual environment (with compiled
bytecode, as pip leaves it). The peer is measured in the environment it is in: its distribution
and everything that this one requires, what else is installed there left out. `uv`, which is an
extra of ours, is counted apart.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import HERE, Row, install_ours, parser, peer_python, report

LIMIT_MB = 60
SHOWN = 8


def main() -> None:
    arguments = parser(__doc__).parse_args()
    peer = measure(peer_python(arguments), "mlflow")
    with tempfile.TemporaryDirectory() as folder:
        python = install_ours(Path(folder), "uv")
        ours = measure(python, "mlpack-toolkit")
        uv = measure(python, "uv", everywhere=True)
    total, peer_total = sum(ours.values()), sum(peer.values())
    rows = [
        Row(
            "base install",
            total,
            peer_total,
            "MB",
            target=f"under {LIMIT_MB} MB",
            met=total < LIMIT_MB,
        ),
        Row("distributions", len(ours), len(peer), ""),
        Row("extra `uv`, counted apart (all of it)", sum(uv.values()), None, "MB"),
    ]
    largest = sorted(ours.items(), key=lambda item: -item[1])
    rows += [
        Row(f"  of which {name}", size, peer.get(name), "MB") for name, size in largest[:SHOWN]
    ]
    rows.append(Row("  of which the rest", sum(size for _, size in largest[SHOWN:]), None, "MB"))
    report("Size of an install", rows, arguments)


def measure(python: Path, distribution: str, *, everywhere: bool = False) -> dict[str, float]:
    """Megabytes by distribution, for one and everything that it requires.

    Args:
        everywhere: count what lies outside of site-packages, too (the binary of `uv`).
    """
    script = HERE / "install_size_worker.py"
    command = [str(python), str(script), distribution, "everywhere" if everywhere else ""]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{distribution} cannot be measured with {python}:\n{done.stderr[-1000:]}")
    return {name: size / 1e6 for name, size in json.loads(done.stdout).items()}


if __name__ == "__main__":
    main()
