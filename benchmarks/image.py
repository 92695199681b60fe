"""Size of the quickstart model's image, time to build it, and time from start to ready.

    python benchmarks/image.py --peer-python PATH [--no-peer]

Three images from the same base image and the same pipeline:

- ours, as `mlpack build-docker` makes it;
- the yardstick: the base image with `pip install --no-cache-dir` of the model's own requirements
  and nothing else, so that what ours adds can be told from what the model needs;
- the peer's: its `mlflow models generate-dockerfile` writes what its `build-docker` builds. The
  `FROM` line, which names an exact patch release of Python, is replaced with our base image, and
  the context goes to the same engine through the same call. It installs nginx by apt and mlflow
  by pip, so the build needs a network and takes minutes; `--no-peer` leaves it out.

"Cold" is a build without any cache. "New model" is the build that follows when the pipeline was
fitted anew and nothing else changed.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from harness import HERE, Row, interleave, parser, peer_python, report

OVER_BASE_LIMIT_MB = 30
STOP_LIMIT = 1.0
NAMES = ("mlpack-bench-ours", "mlpack-bench-yardstick", "mlpack-bench-peer")


def main() -> None:
    options = parser(__doc__, rounds=3)
    options.add_argument("--no-peer", action="store_true", help="leave the peer's image out")
    options.add_argument("--base-image", default="python:3.11-slim")
    arguments = options.parse_args()
    peer = None if arguments.no_peer else peer_python(arguments)

    import docker

    client = docker.from_env(timeout=3600)
    try:
        with tempfile.TemporaryDirectory() as folder:
            rows = measure(client, Path(folder), arguments.base_image, peer, arguments.rounds)
    finally:
        for name in NAMES:
            remove(client, name)
    report("Image of the quickstart's model", rows, arguments)


def measure(client: Any, work: Path, base: str, peer: Path | None, rounds: int) -> list[Row]:
    first, second = (
        save("mlpack", sys.executable, work, 0.5),
        save("mlpack", sys.executable, work, 2),
    )
    ours = {"cold": build_ours(first, base, cold=True), "new model": build_ours(second, base)}
    build_yardstick(client, work / "yardstick", first, base)
    theirs: dict[str, float] = {}
    if peer:
        for kind, C in (("cold", 0.5), ("new model", 2.0)):
            model = save("mlflow", peer, work, C)
            context = peer_context(peer, model, work / f"context-{C}", base)
            theirs[kind] = build(client, context, NAMES[2], cold=kind == "cold")

    measured = [NAMES[0], NAMES[2]] if peer else [NAMES[0]]
    stops: dict[str, list[float]] = {name: [] for name in measured}
    starts = interleave(
        {name: lambda name=name: start(client, name, stops[name]) for name in measured}, rounds
    )
    sizes = {name: size(client, name) for name in (*measured, NAMES[1], base)}
    over = sizes[NAMES[0]] - sizes[NAMES[1]]
    return [
        Row("image", sizes[NAMES[0]], sizes.get(NAMES[2]), "MB"),
        Row("  base image", sizes[base], sizes[base] if peer else None, "MB"),
        Row(
            "  over base + the model's own requirements",
            over,
            sizes[NAMES[2]] - sizes[NAMES[1]] if peer else None,
            "MB",
            target=f"at most {OVER_BASE_LIMIT_MB} MB",
            met=over <= OVER_BASE_LIMIT_MB,
        ),
        Row("build, cold", ours["cold"], theirs.get("cold")),
        Row("build, new model", ours["new model"], theirs.get("new model")),
        Row("start to ready", starts[NAMES[0]], starts.get(NAMES[2])),
        Row(
            "SIGTERM to end",
            max(stops[NAMES[0]]),
            max(stops[NAMES[2]]) if peer else None,
            target=f"under {STOP_LIMIT:.0f} s",
            met=max(stops[NAMES[0]]) < STOP_LIMIT,
        ),
    ]


def save(product: str, python: str | Path, work: Path, C: float) -> Path:
    """The pipeline, saved by a process of the product's own environment."""
    folder = work / f"{product}-{C}"
    script = [str(HERE / "log_model_worker.py"), product, "save", str(folder), str(C)]
    subprocess.run([str(python), *script], check=True, cwd=work, capture_output=True)
    return folder


def build_ours(model: Path, base: str, *, cold: bool = False) -> float:
    """Seconds of `mlpack build-docker`, without the start of Python."""
    from mlpack.builders.base import BuildSpec
    from mlpack.builders.docker import DockerBuilder

    begin = time.perf_counter()
    DockerBuilder().build(
        BuildSpec(model=model, name=NAMES[0], base_image=base, trust=True, no_cache=cold)
    )
    return time.perf_counter() - begin


def build_yardstick(client: Any, context: Path, model: Path, base: str) -> None:
    context.mkdir()
    lines = (model / "requirements.txt").read_text()
    (context / "requirements.txt").write_text(lines)
    (context / "Dockerfile").write_text(
        f"FROM {base}\n"
        "COPY requirements.txt /requirements.txt\n"
        "RUN python3 -m pip install --no-cache-dir -r /requirements.txt\n"
    )
    build(client, context, NAMES[1], cold=True)


def peer_context(peer: Path, model: Path, context: Path, base: str) -> Path:
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
    import docker

    begin = time.perf_counter()
    try:
        client.images.build(path=str(context), tag=name, nocache=cold, rm=True, forcerm=True)
    except docker.errors.BuildError as error:
        log = "".join(str(entry.get("stream", "")) for entry in error.build_log)
        sys.exit(f"{name} could not be built: {error}\n{log[-2000:]}")
    return time.perf_counter() - begin


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
    try:
        with urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (URLError, OSError):
        return False


def size(client: Any, name: str) -> float:
    return float(client.images.get(name).attrs["Size"]) / 1e6


def remove(client: Any, name: str) -> None:
    import docker

    with suppress(docker.errors.ImageNotFound):
        client.images.remove(name, force=True)


if __name__ == "__main__":
    main()
