"""How long `import` and `--help` take, beside bare Python and beside the peer.

    python benchmarks/imports.py --peer-python PATH

Every figure is a whole process, from start to end. The import alone is that minus a process of
the same Python that does nothing. Ours is installed into a fresh environment, as a user would.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from functools import partial
from pathlib import Path

from harness import Row, install_ours, interleave, parser, peer_python, report, run_time

LIMIT_IMPORT, LIMIT_HELP, LIMIT_RATIO = 0.030, 0.100, 20
_COUNT = "import sys; before = set(sys.modules); import {}; print(len(set(sys.modules) - before))"


def main() -> None:
    arguments = parser(__doc__, rounds=7).parse_args()
    peer = peer_python(arguments)
    with tempfile.TemporaryDirectory() as folder:
        ours = install_ours(Path(folder))
        measure(ours, peer, arguments)


def measure(ours: Path, peer: Path, arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as empty:
        run = partial(run_time, cwd=Path(empty))
        medians = interleave(
            {
                "bare": lambda: run([ours, "-c", "pass"]),
                "peer bare": lambda: run([peer, "-c", "pass"]),
                "import": lambda: run([ours, "-c", "import mlpack"]),
                "peer import": lambda: run([peer, "-c", "import mlflow"]),
                "help": lambda: run([ours.with_name("mlpack"), "--help"]),
                "peer help": lambda: run([peer.with_name("mlflow"), "--help"]),
                "serve help": lambda: run([ours.with_name("mlpack"), "serve", "--help"]),
                "peer serve help": lambda: run(
                    [peer.with_name("mlflow"), "models", "serve", "--help"]
                ),
            },
            arguments.rounds,
        )
    # below a millisecond the difference of two processes is noise
    over_bare = max(medians["import"] - medians["bare"], 0.001)
    peer_over_bare = medians["peer import"] - medians["peer bare"]
    rows = [
        Row("bare Python", medians["bare"], medians["peer bare"]),
        Row(
            "import, over bare Python",
            over_bare,
            peer_over_bare,
            target=f"under {LIMIT_IMPORT * 1000:.0f} ms, {LIMIT_RATIO} x faster",
            met=over_bare < LIMIT_IMPORT and peer_over_bare / over_bare >= LIMIT_RATIO,
        ),
        Row(
            "--help",
            medians["help"],
            medians["peer help"],
            target=f"under {LIMIT_HELP * 1000:.0f} ms, {LIMIT_RATIO} x faster",
            met=medians["help"] < LIMIT_HELP
            and medians["peer help"] / medians["help"] >= LIMIT_RATIO,
        ),
        Row("serve --help", medians["serve help"], medians["peer serve help"]),
        Row("modules that an import loads", _modules(ours, "mlpack"), _modules(peer, "mlflow"), ""),
    ]
    report("Import and command line", rows, arguments)


def _modules(python: Path, name: str) -> float:
    command = [str(python), "-c", _COUNT.format(name)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


if __name__ == "__main__":
    main()
