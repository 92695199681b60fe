"""What Azure's machines do, on this machine's Docker engine: pull an image, run it, probe it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlpack.tests.ports import free_port

MARK = "mlpack-test-h-azureml"
_PATIENCE = 60


class Failed(Exception):
    """What Azure says of a deployment that does not come up: a code and a message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass
class Machine:
    """One running copy of a deployment.

    Attributes:
        port: on the loopback.
        scoring: path of requests.
        pulled: the image, if it came from the registry.
        requests: that it got.
    """

    port: int
    scoring: str
    container: Any = None
    process: subprocess.Popen[bytes] | None = None
    log_file: Path | None = None
    pulled: str | None = None
    requests: list[str] = field(default_factory=list)

    def logs(self, tail: int) -> str:
        if self.container is not None:
            return str(self.container.logs(tail=tail).decode(errors="replace"))
        assert self.log_file is not None
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-tail:])

    def ended(self) -> int | None:
        """The exit code of what ended by itself."""
        if self.process is not None:
            return self.process.poll()
        self.container.reload()
        if self.container.status in ("exited", "dead"):
            return int(self.container.attrs["State"]["ExitCode"])
        return None

    def stop(self) -> None:
        if self.container is not None:
            with contextlib.suppress(Exception):
                self.container.remove(force=True, v=True)
                if self.pulled:
                    self.container.client.images.remove(self.pulled)
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def ask(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes, str]:
        """``(status, body, content type)`` of the container's own answer."""
        kept = {k: v for k, v in headers.items() if k.lower() in ("content-type", "accept")}
        url = f"http://127.0.0.1:{self.port}{self.scoring}"
        request = urllib.request.Request(url, body, kept, method="POST")
        self.requests.append(url)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read(), answer.headers.get("Content-Type", "")
        except urllib.error.HTTPError as error:
            return error.code, error.read(), error.headers.get("Content-Type", "")


def run_image(
    engine: Any,
    environment: Mapping[str, Any],
    deployment: Mapping[str, Any],
    login: Mapping[str, str] | None,
    started: Any,
    there: str | None = None,
) -> Machine:
    """Pull and run the image of an environment until its readiness route answers.

    Args:
        engine: a client of the Docker engine.
        environment: its properties as they were sent.
        deployment: likewise.
        login: of the registry; None when the endpoint's identity may not pull.
        started: called with the machine as soon as it runs, so that its log can be read.
        there: of the small image, which need not be pulled: its server runs as a process.
    """
    image = environment["image"]
    if login is None:
        raise Failed(
            "BadArgument",
            f"Image pull failed for {image}: unauthorized. The endpoint identity needs the AcrPull "
            "role on the container registry.",
        )
    routes = environment["inferenceConfig"]
    variables = dict(deployment.get("environmentVariables") or {})
    if there:
        machine = _process(there, routes["scoringRoute"]["path"], variables)
    else:
        _pull(engine, image, login)
        machine = _container(engine, image, routes["scoringRoute"], variables)
    started(machine)
    _wait(machine, routes["readinessRoute"]["path"], deployment["readinessProbe"])
    return machine


def _container(
    engine: Any, image: str, route: Mapping[str, Any], variables: Mapping[str, str]
) -> Machine:
    container = engine.containers.run(
        image,
        detach=True,
        name=f"{MARK}-{uuid.uuid4().hex[:12]}",
        ports={f"{route['port']}/tcp": ("127.0.0.1", None)},
        environment=variables,
    )
    container.reload()
    host = int(container.ports[f"{route['port']}/tcp"][0]["HostPort"])
    return Machine(host, route["path"], container, pulled=image)


def _process(image: str, path: str, variables: Mapping[str, str]) -> Machine:
    """The small image's server without the image, which takes a tenth of the time."""
    port = free_port()
    log = Path(tempfile.mkdtemp()) / "log"
    env = {"VERSION": image.rpartition(":")[2], **variables, "PORT": str(port)}
    command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("quick_server.py"))]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=env, stdout=out, stderr=out)
    return Machine(port, path, process=process, log_file=log)


def _pull(engine: Any, image: str, login: Mapping[str, str]) -> None:
    try:
        repository, _, digest = image.partition("@")
        engine.images.pull(repository, tag=digest or None, auth_config=dict(login))
    except Exception as error:
        raise Failed("BadArgument", f"Failed to pull image {image}: {error}") from None


def run_no_code(python: str, model: Path, started: Any) -> Machine:
    """Azure's server for MLflow models: the folder, loaded by the real MLflow."""
    folder = Path(tempfile.mkdtemp())
    log = folder / "log"
    script = Path(__file__).with_name("no_code_server.py")
    with log.open("wb") as out:
        process = subprocess.Popen([python, str(script), str(model)], stdout=out, stderr=out)
    machine = Machine(0, "/score", process=process, log_file=log)
    started(machine)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        for line in log.read_text().splitlines():
            if line.startswith('{"port"'):
                machine.port = json.loads(line)["port"]
                return machine
        time.sleep(0.1)
    raise Failed("ResourceNotReady", "User container has crashed or terminated.")


def _wait(machine: Machine, path: str, probe: Mapping[str, Any]) -> None:
    deadline = time.monotonic() + _PATIENCE
    failures = 0
    while time.monotonic() < deadline:
        code = machine.ended()
        if code is not None:
            raise Failed(
                "ResourceNotReady",
                f"User container has crashed or terminated: exit code {code}. Please see the "
                "container log.",
            )
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{machine.port}{path}", timeout=5):
                return
        except urllib.error.HTTPError as error:
            failures += 1
            if failures >= probe["failureThreshold"]:
                raise Failed(
                    "ResourceNotReady",
                    f"Readiness probe failed: {path} answered {error.code}",
                ) from None
        except OSError:
            pass
        time.sleep(0.03)
    raise Failed("DeploymentTimedOut", "The container did not become ready.")
