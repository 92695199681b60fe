"""Servers to spend a day with: ours, by its command, and the original."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from mlpack.tests.artifacts import servers
from mlpack.tests.databases import Server, fresh_database
from mlpack.tests.peer import peer_python, peer_server

HERE = Path(__file__).parent

_PATIENCE = 60  # seconds


@contextmanager
def _serve(folder: Path, *options: str, **environment: str) -> Iterator[str]:
    log = folder / "log.txt"
    command = [sys.executable, "-m", "mlpack.cli.main", "server", "--port", "0", *options]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=output, env=os.environ | environment
        )
    try:
        until = time.monotonic() + _PATIENCE
        while not (found := re.search(r"tracking on (http://127.0.0.1:\d+)", log.read_text())):
            assert process.poll() is None and time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        yield found[1]
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture(scope="session")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of ``mlpack server`` with its defaults."""
    with _serve(tmp_path_factory.mktemp("ours")) as address:
        yield address


@pytest.fixture(scope="session")
def elsewhere(postgresql_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of ``mlpack server`` over PostgreSQL and S3."""
    with ExitStack() as up:
        database = up.enter_context(fresh_database(postgresql_server))
        store = up.enter_context(servers.s3(tmp_path_factory.mktemp("s3")))
        servers.make_bucket(store, "s3", "bucket")
        options = ["--backend-store-uri", database, "--artifacts-destination", "s3://bucket/runs"]
        folder = tmp_path_factory.mktemp("elsewhere")
        yield up.enter_context(_serve(folder, *options, **store.environment))


@pytest.fixture(scope="session")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of MLflow itself."""
    with peer_server(tmp_path_factory.mktemp("theirs")) as address:
        yield address


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the machine's user reach a client."""
    for name in list(os.environ):
        if name.startswith(("MLFLOW_", "MLPACK_")) and not name.endswith("_PYTHON"):
            monkeypatch.delenv(name)


def _live(day: str, generation: int, server: str, folder: Path) -> dict[str, Any]:
    """What that generation saw on that day, chapter by chapter."""
    environment = {
        "MLFLOW_TRACKING_URI": server,
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT": "1",  # else it loads each model anew
        "DO_NOT_TRACK": "true",
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(
        [peer_python(generation), HERE / f"{day}.py"],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    diary: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    for chapter, seen in diary.items():
        assert "crashed" not in seen, f"{chapter} on {server}: {seen['crashed']}"
    return diary


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int, str], dict[str, Any]]:
    """``live(day, generation, server)``: what was seen, chapter by chapter; each day once."""
    lived: dict[tuple[str, int, str], dict[str, Any]] = {}

    def once(day: str, generation: int, server: str) -> dict[str, Any]:
        key = day, generation, server
        if key not in lived:
            lived[key] = _live(day, generation, server, tmp_path_factory.mktemp(day))
        return lived[key]

    return once
