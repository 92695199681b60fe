"""The servers that are compared, each in an environment of its own and set up as it recommends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness import ENVIRONMENT, HERE
from serving_load import processes
from serving_models import as_split, as_tensor

_CPUS = len(os.sched_getaffinity(0))
_PATIENCE = 120.0  # seconds until a server has to answer
_BATCH = 64  # of the peers' batching, for the model that gains from it

_MODEL = "predictions"
OURS, FLASK, WSGI = "mlpack", "Flask floor", "raw WSGI floor"
MLFLOW_1, MLFLOW = "MLflow, 1 worker", "MLflow, default"
MLSERVER, LITSERVE, BENTOML = "MLServer", "LitServe", "BentoML"
ALL = (OURS, WSGI, FLASK, MLFLOW_1, MLFLOW, MLSERVER, LITSERVE, BENTOML)
BATCHED = (MLSERVER, LITSERVE, BENTOML)

_PEERS = {
    MLSERVER: (
        "mlserver==1.7.1",
        "mlserver-sklearn==1.7.1",
        "uvloop==0.21.0",
    ),  # later ones break it
    LITSERVE: ("litserve==0.2.19",),
    BENTOML: ("bentoml==1.4.39",),
}
_SAME = ("scikit-learn", "numpy", "scipy", "joblib", "pandas")


@dataclass
class Started:
    """A server that answers.

    Attributes:
        url: where predictions are asked for.
        root: its first process.
        seconds: from the start of its first process to its first answer.
    """

    url: str
    root: int
    seconds: float


@dataclass
class Side:
    """How one server is started and asked.

    Attributes:
        name: for people.
        command: from the port, the model's name and the folder of models.
        path: of predictions.
        ready: of a route that answers 200 once it takes requests.
        body: one request for so many rows.
        read: the predictions in an answer.
        environ: more variables, from the folder and the model's name.
    """

    name: str
    command: Callable[[int, str, Path], list[str]]
    path: str = "/invocations"
    ready: str = "/ping"
    body: Callable[[Path, str, int], bytes] = as_split
    read: Callable[[Any], Any] = lambda answer: answer[_MODEL]
    environ: dict[str, str] = field(default_factory=dict)

    def ask(self, url: str, body: bytes, content_type: str = "application/json") -> Any:
        """One answer."""
        headers = {"Content-Type": content_type}
        request = urllib.request.Request(url, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return self.read(json.load(response))
        except urllib.error.HTTPError as error:
            sys.exit(f"{self.name} answered {error.code}: {error.read()[:2000]!r}")

    @contextlib.contextmanager
    def running(self, folder: Path, model: str) -> Iterator[Started]:
        """The server, for a while, serving one of the models."""
        port = _free_port()
        environ = {
            **{k: v for k, v in ENVIRONMENT.items() if not k.startswith(("MLPACK_", "MLFLOW_"))},
            "ESTIMATOR": str(folder / f"{model}.plain.joblib"),
            "BATCH": str(_BATCH if model == "forest" else 1),
            "DO_NOT_TRACK": "true",
            "BENTOML_DO_NOT_TRACK": "true",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "true",
            "PYTHONPATH": str(HERE),
            "PYTHONWARNINGS": "ignore",
            **self.environ,
        }
        with tempfile.TemporaryFile() as log:
            start = time.perf_counter()
            process = subprocess.Popen(
                self.command(port, model, folder),
                cwd=folder,
                env=environ,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                while not _answers(f"http://127.0.0.1:{port}{self.ready}"):
                    if process.poll() is not None or time.perf_counter() - start > _PATIENCE:
                        log.seek(0)
                        raise CannotStart(log.read()[-3000:].decode(errors="replace"))
                    time.sleep(0.005)
                seconds = time.perf_counter() - start
                yield Started(f"http://127.0.0.1:{port}{self.path}", process.pid, seconds)
            finally:
                _end(process)


class CannotStart(Exception):
    """A server ended, or did not answer in time; the text is the end of its log."""


def versions() -> str:
    """What is compared, on what."""
    pins = [pin for name in _PEERS for pin in _PEERS[name][:1]]
    python = ".".join(map(str, sys.version_info[:3]))
    return f"{_CPUS} CPUs, Python {python}, gunicorn {version('gunicorn')}, {', '.join(pins)}"


def sides(names: list[str], peer: Path | None, cache: Path) -> dict[str, Side]:
    """Those of the servers that can run here; says which cannot, and why.

    Args:
        names: of the servers.
        peer: a Python that has mlflow.
        cache: a folder where environments are kept.
    """
    found: dict[str, Side] = {}
    for name in names:
        if name in _PEERS:
            python = _environment(name, cache)
        else:
            python = peer if name in (MLFLOW, MLFLOW_1) else Path(sys.executable)
        if python is None:
            print(f"Left out: {name}, which cannot be installed here.", flush=True)
            continue
        found[name] = _side(name, python)
    return found


def _side(name: str, python: Path) -> Side:
    if name == OURS:
        return Side(
            name,
            lambda port, model, folder: [*_ours(python, port), str(folder / "by-mlpack" / model)],
            environ={"MLPACK_TRUST_MODEL": "1"},
        )
    if name in (FLASK, WSGI):
        module = "serving_flask:app" if name == FLASK else "serving_wsgi:app"
        options = ["-k", "gthread", "-w", str(_CPUS), "--threads", "8", "--log-level", "error"]
        return Side(
            name,
            lambda port, model, folder: [
                str(python),
                "-m",
                "gunicorn",
                *options,
                "-b",
                f"127.0.0.1:{port}",
                module,
            ],
        )
    if name in (MLFLOW, MLFLOW_1):
        workers = ["--workers", "1"] if name == MLFLOW_1 else []
        return Side(
            name,
            lambda port, model, folder: [
                *(str(python), "-m", "mlflow", "models", "serve", "--env-manager", "local"),
                *("--port", str(port), "-m", str(folder / "by-mlflow" / model), *workers),
            ],
            environ={"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"},
        )
    if name == MLSERVER:
        return Side(
            name,
            lambda port, model, folder: [
                str(python.with_name("mlserver")),
                "start",
                str(_mlserver_folder(port, model, folder)),
            ],
            path="/v2/models/model/infer",
            ready="/v2/models/model/ready",
            body=as_tensor,
            read=lambda answer: answer["outputs"][0]["data"],
        )
    if name == LITSERVE:
        return Side(
            name,
            lambda port, model, folder: [str(python), str(HERE / "serving_litserve.py"), str(port)],
            ready="/health",
        )
    return Side(
        name,
        lambda port, model, folder: [
            *(str(python), "-m", "bentoml", "serve", "serving_bentoml:Scorer"),
            *("--host", "127.0.0.1", "--port", str(port), "--working-dir", str(HERE)),
        ],
        ready="/readyz",
        body=_as_rows,
        read=lambda answer: answer,
    )


def _ours(python: Path, port: int) -> list[str]:
    return [
        str(python),
        "-m",
        "mlpack.serve",
        "serve",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--model",
    ]


def _as_rows(folder: Path, name: str, count: int) -> bytes:
    return json.dumps(
        {"rows": json.loads(as_split(folder, name, count))["dataframe_split"]["data"]}
    ).encode()


def _mlserver_folder(port: int, model: str, folder: Path) -> Path:
    """Its settings; it batches what gains from it."""
    place = folder / f"mlserver {port}"
    place.mkdir()
    server = {
        "host": "127.0.0.1",
        "http_port": port,
        "grpc_port": _free_port(),
        "metrics_port": _free_port(),
        "debug": False,
    }
    one = {
        "name": "model",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": str(folder / f"{model}.plain.joblib")},
        **({"max_batch_size": _BATCH, "max_batch_time": 0.005} if model == "forest" else {}),
    }
    (place / "settings.json").write_text(json.dumps(server))
    (place / "model-settings.json").write_text(json.dumps(one))
    return place


def _environment(name: str, cache: Path) -> Path | None:
    """The Python of a peer's environment, made on first use; None where that fails."""
    folder = cache / name.lower()
    python, done = folder / "bin" / "python", folder / ".done"
    wanted = [*_PEERS[name], *(f"{package}=={version(package)}" for package in _SAME)]
    if done.is_file() and done.read_text() == "\n".join(wanted):
        return python
    uv = Path(sys.executable).with_name("uv")
    print(f"Making an environment for {name} …", flush=True)
    made = [uv, "venv", "-q", "--clear", "--python", sys.executable, folder]
    install = [uv, "pip", "install", "-q", "--compile-bytecode", "--python", python, *wanted]
    for command in (made, install):
        ended = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        if ended.returncode:
            print(ended.stderr.strip()[-1000:], file=sys.stderr)
            return None
    done.write_text("\n".join(wanted))
    return python


def _end(process: subprocess.Popen[bytes]) -> None:
    """With all that it started, some of it in sessions of its own."""
    everything = processes(process.pid)
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)
    for pid in everything:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
