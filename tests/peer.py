"""Where the real MLflow package lives, and a server of it.

Tests get the Python of the newest generation as the fixture `peer_python`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mlpack.tests.ports import free_port

_NAMES = {1: ("MLPACK_PEER1_PYTHON", ".venv-peer-1"), 2: ("MLPACK_PEER2_PYTHON", ".venv-peer-2")}
_NEWEST = ("MLPACK_PEER_PYTHON", ".venv-peer")
_PATIENCE = 180  # seconds; its server takes half a minute on a busy machine


def peer_python(generation: int = 3) -> str:
    """The Python of the environment that holds that generation of MLflow and nothing of ours.

    Raises:
        RuntimeError: there is none; says how to make it.
    """
    root = Path(__file__).resolve().parent.parent
    variable, folder = _NAMES.get(generation, _NEWEST)
    named = os.environ.get(variable)
    python = Path(named) if named else root / folder / "bin" / "python"
    if python.is_file():
        return str(python)
    raise RuntimeError(
        f"The tests marked 'peer' need the mlflow package in an environment of its own; {python} "
        f"does not exist. `make test` makes it, or set {variable} to a Python that has "
        f"mlflow {generation} and scikit-learn."
    )


def answer_of(python: str, script: str, asked: Any, folder: Path) -> Any:
    """What a script in the peer's Python prints last, as JSON, when it is asked something in JSON.

    Args:
        python: of the peer.
        script: its text; reads standard input.
        asked: what it reads.
        folder: where it works.
    """
    done = subprocess.run(
        [python, "-c", script],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def peer_server(folder: Path, generation: int = 3) -> Iterator[str]:
    """The address of a server of that generation of MLflow; runs and files are in a folder."""
    port = free_port()
    program = Path(peer_python(generation)).with_name("mlflow")
    command = [str(program), "server", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1"]
    # the second cannot do with the SQLAlchemy beside it, the first keeps models in databases only
    store = str(folder / "mlruns") if generation == 2 else f"sqlite:///{folder}/mlflow.db"
    command += ["--backend-store-uri", store]
    command += ["--artifacts-destination", str(folder / "artifacts"), "--serve-artifacts"]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")},
        "DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "PATH": f"{program.parent}{os.pathsep}{os.environ.get('PATH', '')}",  # older ones' gunicorn
    }
    log = folder / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + _PATIENCE
        while not _answers(f"http://127.0.0.1:{port}/health"):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        with suppress(ProcessLookupError):  # it did not start
            os.killpg(process.pid, signal.SIGKILL)  # SIGTERM leaves it running for minutes
        process.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
