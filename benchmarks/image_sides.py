"""What image.py measures: our two builders, the peer's build, the yardstick, a local registry."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from harness import ENVIRONMENT, HERE, run_time

DOCKER, OCI, YARDSTICK, PEER = (f"mlpack-bench-{n}" for n in ("docker", "oci", "yardstick", "peer"))
NAMES = (DOCKER, OCI, YARDSTICK, PEER)


def save(product: str, python: str | Path, work: Path, C: float) -> Path:
    """The pipeline, saved by a process of the product's own environment."""
    folder = work / f"{product}-{C}"
    script = [str(HERE / "log_model_worker.py"), product, "save", str(folder), str(C)]
    subprocess.run([str(python), *script], check=True, cwd=work, capture_output=True)
    return folder


def build_in_process(
    builder: str, model: Path, base: str, where: Sequence[str] = (), *, cold: bool = False
) -> float:
    """Seconds of one build, without the start of Python."""
    from mlpack.builders.base import BuildSpec
    from mlpack.builders.choose import get_builder
    from mlpack.cli.build import parse_output

    outputs = tuple(parse_output(each) for each in where)
    name = DOCKER if builder == "docker" else OCI
    spec = BuildSpec(
        model=model, name=name, base_image=base, trust=True, no_cache=cold, outputs=outputs
    )
    begin = time.perf_counter()
    get_builder(builder, spec).build(spec)
    return time.perf_counter() - begin


def push_in_process(model: Path, name: str, base: str) -> float:
    """Seconds of one build straight into a registry."""
    from mlpack.builders.base import BuildSpec, Output
    from mlpack.builders.choose import get_builder

    spec = BuildSpec(
        model=model, name=name, base_image=base, trust=True, outputs=(Output("registry"),)
    )
    begin = time.perf_counter()
    get_builder("oci", spec).build(spec)
    return time.perf_counter() - begin


def process(
    mlpack: Path, model: Path, base: str, where: str, environment: dict[str, str] | None = None
) -> float:
    """Seconds of the whole command, from its start to its end."""
    command = [
        mlpack, "build-docker", "-m", model, "-n", OCI, "--builder", "oci", "--base-image", base,
        "--output", where, "--trust",
    ]  # fmt: skip
    kept = dict(ENVIRONMENT)
    ENVIRONMENT.update(environment or {})
    try:
        return run_time(command)
    finally:
        ENVIRONMENT.clear()
        ENVIRONMENT.update(kept)


def build_yardstick(client: Any, context: Path, model: Path, base: str) -> None:
    """The base with what the model cannot do without, installed by pip, and nothing else."""
    context.mkdir()
    needed = re.compile(r"^(numpy|scipy|scikit-learn|pandas)\b")
    lines = (model / "requirements.txt").read_text().splitlines()
    chosen = "".join(f"{line}\n" for line in lines if needed.match(line))
    (context / "requirements.txt").write_text(chosen)
    (context / "Dockerfile").write_text(
        f"FROM {base}\n"
        "COPY requirements.txt /requirements.txt\n"
        "RUN python3 -m pip install --no-cache-dir -r /requirements.txt\n"
    )
    build(client, context, YARDSTICK, cold=True)


def peer_context(peer: Path, model: Path, context: Path, base: str) -> Path:
    """What the peer's `build-docker` builds, on our base."""
    command = [
        str(peer.with_name("mlflow")), "models", "generate-dockerfile",
        "-m", str(model), "-d", str(context),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    dockerfile = context / "Dockerfile"
    # its step for gunicorn runs a pip that ignores the certificates which a base image may bring
    start = f"FROM {base}\nENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt"
    text = re.sub(r"(?m)^FROM .*$", start, dockerfile.read_text(), count=1)
    # a model's folder has a name of its own; under one name the engine's cache can compare
    inside = next((context / "model_dir").iterdir())
    inside.rename(inside.with_name("model"))
    dockerfile.write_text(text.replace(f"model_dir/{inside.name}", "model_dir/model"))
    return context


def build(client: Any, context: Path, name: str, *, cold: bool) -> float:
    """Seconds of the engine's build of a folder."""
    import docker

    begin = time.perf_counter()
    try:
        client.images.build(path=str(context), tag=name, nocache=cold, rm=True, forcerm=True)
    except docker.errors.BuildError as error:
        log = "".join(str(entry.get("stream", "")) for entry in error.build_log)
        sys.exit(f"{name} could not be built: {error}\n{log[-2000:]}")
    return time.perf_counter() - begin


class Registry:
    """Debian's docker-registry over an empty folder."""

    def __init__(self, port: int, folder: Path) -> None:
        self.address, self._folder = f"localhost:{port}", folder

    def size(self) -> int:
        """Bytes of all that it holds."""
        blobs = self._folder.rglob("data")
        return sum(path.stat().st_size for path in blobs if path.is_file())

    def push_from_engine(self, client: Any, name: str, tag: str) -> float:
        """Seconds of `docker push`."""
        repository = f"{self.address}/{name}"
        client.images.get(name).tag(repository, tag)
        begin = time.perf_counter()
        try:
            for line in client.api.push(repository, tag, stream=True, decode=True):
                if "error" in line:
                    sys.exit(f"{repository} could not be pushed: {line['error']}")
            return time.perf_counter() - begin
        finally:
            client.images.remove(f"{repository}:{tag}")


@contextmanager
def registry(work: Path) -> Iterator[Registry | None]:
    """A registry on a free port; None where docker-registry is not installed."""
    program = shutil.which("docker-registry")
    if program is None:
        print("docker-registry is not installed: nothing is pushed", file=sys.stderr)
        yield None
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder, settings = work / "registry", work / "registry.yml"
    settings.write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder}}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n"
    )
    log = (work / "registry.log").open("wb")
    server = subprocess.Popen([program, "serve", str(settings)], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 30
        while not answers(f"http://127.0.0.1:{port}/v2/") and time.monotonic() < deadline:
            time.sleep(0.05)
        yield Registry(port, folder)
    finally:
        server.terminate()
        server.wait()
        log.close()


@contextmanager
def empty_caches(folder: Path) -> Iterator[dict[str, str]]:
    """Caches of ours and of uv as on a new machine; gives the variables that lead there."""
    variables = {
        "MLPACK_CACHE_DIR": str(folder / "mlpack"),
        "XDG_CACHE_HOME": str(folder / "xdg"),
        "UV_CACHE_DIR": str(folder / "uv"),
    }
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield variables
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def start(client: Any, name: str, stops: list[float]) -> float:
    """Seconds from `docker run` to an answer on /ping; how long the stop takes is noted, too."""
    begin = time.perf_counter()
    container = client.containers.run(name, detach=True, ports={"8080/tcp": ("127.0.0.1", None)})
    try:
        while time.perf_counter() - begin < 120:
            container.reload()
            if container.status == "exited":
                sys.exit(f"{name} ended:\n{container.logs(tail=30).decode()}")
            bound = container.ports.get("8080/tcp")
            if bound and answers(f"http://127.0.0.1:{bound[0]['HostPort']}/ping"):
                break
            time.sleep(0.02)
        else:
            sys.exit(f"{name} is not ready after 120 s:\n{container.logs(tail=30).decode()}")
        seconds = time.perf_counter() - begin
        begin = time.perf_counter()
        container.stop(timeout=30)
        stops.append(time.perf_counter() - begin)
        return seconds
    finally:
        container.remove(force=True)


def answers(url: str) -> bool:
    """Does it say that it is well?"""
    try:
        with urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (URLError, OSError):
        return False


def size(client: Any, name: str) -> float:
    """Megabytes, unpacked."""
    return float(client.images.get(name).attrs["Size"]) / 1e6


def remove(client: Any, name: str) -> None:
    """If it is there."""
    import docker

    with suppress(docker.errors.ImageNotFound):
        client.images.remove(name, force=True)
