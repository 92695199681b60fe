"""Servers to record to: ours in a thread, and the original."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlpack.tests.ports import free_port
from mlpack.tests.rest_server import tracking_server
from mlpack.tracking.rest.store import RestStore

_PATIENCE = 180  # seconds; the original takes half a minute on a busy machine


@pytest.fixture(scope="session")
def our_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of our server."""
    with tracking_server(tmp_path_factory.mktemp("ours")) as uri:
        yield uri


@pytest.fixture(scope="session")
def mlflow_server(peer_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of MLflow itself."""
    folder = tmp_path_factory.mktemp("mlflow")
    port = free_port()
    command = [str(Path(peer_python).with_name("mlflow")), "server", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    quiet = {"DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
    log = folder / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=output,
            stderr=output,
            env=os.environ | quiet,
            start_new_session=True,
        )
    try:
        uri = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + _PATIENCE
        while not _answers(f"{uri}/health"):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield uri
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # SIGTERM leaves it running for minutes
        process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(
    params=["ours", pytest.param("mlflow", marks=[pytest.mark.peer, pytest.mark.server])]
)
def server(request: pytest.FixtureRequest) -> str:
    """The address of a server, ours and the original in turn."""
    kind = "our" if request.param == "ours" else "mlflow"
    return str(request.getfixturevalue(f"{kind}_server"))


@pytest.fixture
def store(server: str) -> RestStore:
    """A store behind the server."""
    return RestStore(server)


@pytest.fixture
def experiment(store: RestStore) -> str:
    """The id of an experiment of the test's own; servers live for the whole session."""
    return store.create_experiment(uuid.uuid4().hex)
