"""Plans and re-deploys against the emulators of the tests; run by pytest from deploy.py.

The fixtures are the tests' own, so what is measured talks to what is tested. Each figure is a
whole ``mlpack deploy`` process.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

DIGEST = "registry.example/churn@sha256:" + "1" * 64


def command(folder: Path, *arguments: str) -> float:
    """Seconds of one process."""
    begin = time.perf_counter()
    done = subprocess.run(
        [
            os.environ["MLPACK_BENCH_COMMAND"],
            "deploy",
            "-m",
            str(folder),
            "-n",
            "bench",
            "--yes",
            *arguments,
        ],
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - begin
    if done.returncode:
        pytest.fail(done.stderr)
    return seconds


def measure(target: str, folder: Path, *arguments: str) -> None:
    """The plan, the first deploy, and the same again; medians into the file of figures."""
    asked = ["--target", target, *arguments]
    rounds = int(os.environ["MLPACK_BENCH_ROUNDS"])
    plan = [command(folder, *asked, "--dry-run") for _ in range(rounds)]
    command(folder, *asked)
    again = [command(folder, *asked) for _ in range(rounds)]
    file = Path(os.environ["MLPACK_BENCH_FIGURES"])
    figures = json.loads(file.read_text()) if file.exists() else {}
    figures[target] = {"plan": statistics.median(plan), "again": statistics.median(again)}
    file.write_text(json.dumps(figures))


def test_kubernetes(cluster: Any, iris_model: Path) -> None:
    measure("kubernetes", iris_model, "--image", DIGEST)


def test_kserve(cluster: Any, iris_model: Path) -> None:
    measure("kserve", iris_model, "--image", DIGEST)


def test_sagemaker(aws: Any, small_image: str, iris_model: Path) -> None:
    measure("sagemaker", iris_model, "--image", small_image, "-C", f"role={aws.role}")


def test_azureml(cloud: Any, quick_images: dict[str, str], iris_model: Path) -> None:
    measure("azureml", iris_model, "--image", quick_images["1"])


def test_local(docker_engine: Any, iris_model: Path, iris_image: Any) -> None:
    try:
        measure("local", iris_model, "--image", iris_image.id)
    finally:
        mlpack = os.environ["MLPACK_BENCH_COMMAND"]
        subprocess.run([mlpack, "deployments", "delete", "-t", "local", "-n", "bench"])
