"""Time of `mlpack deploy` that is ours, not the cloud's: help, plan, and the same deploy again.

    python benchmarks/deploy.py

The clouds are the emulators of the tests on this machine (deploy_clouds.py), so what is measured is
what we do and ask, with nobody's network between. Whole processes, Python's start included, of a
fresh environment as a user has it: among the tests' packages is one that the client of Kubernetes
imports when it is there, and that takes a second. The peer has nothing like it: no plan, and a
deploy of what is there already is an error.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import HERE, Row, install_ours, interleave, parser, report, run_time

HELP_LIMIT, PLAN_LIMIT, AGAIN_LIMIT = 0.3, 1.0, 2.0
PACKAGES = ("scikit-learn", "skops", "boto3", "azure-ai-ml", "azure-identity", "kubernetes")
PLUGINS = (
    "mlpack.tests.conftest",
    "mlpack.tests.deploy.sagemaker.conftest",
    "mlpack.tests.deploy.azureml.conftest",
    "mlpack.tests.deploy.kubernetes.conftest",
)


def main() -> None:
    arguments = parser(__doc__, peer=False, rounds=5).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        python = install_ours(Path(folder), *PACKAGES)
        measure(python.with_name("mlpack"), arguments)


def measure(mlpack: Path, arguments: argparse.Namespace) -> None:
    help_ = interleave({"help": lambda: run_time([mlpack, "deploy", "--help"])}, arguments.rounds)
    rows = [_row("mlpack deploy --help", help_["help"], HELP_LIMIT)]
    for target, found in clouds(mlpack, arguments.rounds).items():
        rows.append(_row(f"{target}: plan", found["plan"], PLAN_LIMIT))
        rows.append(_row(f"{target}: the same again", found["again"], AGAIN_LIMIT))
    report("mlpack deploy", rows, arguments)


def clouds(mlpack: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Seconds of plan and re-deploy by target."""
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder, "figures.json")
        command = [sys.executable, "-m", "pytest", "-q", "-n", "0", str(HERE / "deploy_clouds.py")]
        command += ["--import-mode=importlib", *(f"-p{name}" for name in PLUGINS)]
        environment = {
            "MLPACK_BENCH_COMMAND": str(mlpack),
            "MLPACK_BENCH_FIGURES": str(figures),
            "MLPACK_BENCH_ROUNDS": str(rounds),
        }
        done = subprocess.run(command, env={**os.environ, **environment}, cwd=HERE.parent)
        if done.returncode:
            sys.exit("deploy_clouds.py failed.")
        found: dict[str, dict[str, float]] = json.loads(figures.read_text())
        return found


def _row(what: str, seconds: float, limit: float) -> Row:
    return Row(what, seconds, target=f"under {limit:g} s", met=seconds < limit)


if __name__ == "__main__":
    main()
