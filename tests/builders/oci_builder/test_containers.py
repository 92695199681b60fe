"""The same model through both builders, run as careful operators and SageMaker run it."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mlpack.builders.base import BuildSpec, BuiltImage, Output
from mlpack.builders.oci.archive import manifest_of
from mlpack.builders.oci.build import OciBuilder
from mlpack.builders.oci.cache import Cache
from mlpack.builders.oci.engine import read_engine
from mlpack.builders.oci.image import Image
from mlpack.builders.oci.layers import make_layer
from mlpack.builders.oci.spec import OCI_MANIFEST, Descriptor, canonical
from mlpack.tests.builders.oci_builder.bases import entry, write_base

pytestmark = pytest.mark.docker
PATIENCE = 120


@pytest.fixture(scope="session")
def oci_image(
    iris_model: Path, docker_engine: Any, runtime_as_it_is: None, shared_cache: Path
) -> Iterator[BuiltImage]:
    """The image of `iris_model`, made without the engine and loaded into it."""
    spec = BuildSpec(iris_model, "mlpack-test/iris:oci", trust=True, outputs=(Output("engine"),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLPACK_CACHE_DIR", str(shared_cache))
        yield OciBuilder().build(spec)
    docker_engine.images.remove("mlpack-test/iris:oci", force=True)


@contextmanager
def running(engine: Any, image: str) -> Iterator[Any]:
    container = engine.containers.run(
        image,
        ["serve"],
        detach=True,
        read_only=True,
        cap_drop=["ALL"],
        user="12345",
        tmpfs={"/tmp": ""},
        ports={"8080/tcp": ("127.0.0.1", None)},
    )
    try:
        # each worker says 503 until it has called the model
        wait_until(container, lambda: all(ask(container, "/ping")[0] == 200 for _ in range(10)))
        yield container
    finally:
        container.remove(force=True)


def wait_until(container: Any, is_so: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        container.reload()
        assert container.status == "running", container.logs().decode()
        try:
            if is_so():
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError(container.logs().decode())


def ask(container: Any, path: str, body: bytes | None = None) -> tuple[int, str, bytes]:
    address = f"http://127.0.0.1:{container.ports['8080/tcp'][0]['HostPort']}{path}"
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read()


def test_both_answer_the_same_and_end_well(
    docker_engine: Any, oci_image: BuiltImage, iris_image: BuiltImage, iris_model: Path
) -> None:
    example = (iris_model / "serving_input_example.json").read_bytes()
    questions: list[tuple[str, bytes | None]] = [
        ("/ping", None),
        ("/health", None),
        ("/version", None),
        ("/invocations", example),
        ("/invocations", b"{"),
        ("/v2/health/ready", None),
        ("/nothing", None),
    ]
    answers = []
    for image in (oci_image, iris_image):
        with running(docker_engine, image.id) as container:
            answers.append([ask(container, path, body) for path, body in questions])
            check = container.image.attrs["Config"]["Healthcheck"]["Test"][1:]
            assert container.exec_run(check).exit_code == 0
            assert_reaps(container)
            # SageMaker and `docker stop` send SIGTERM; one that had to be killed would say 137
            container.stop(timeout=60)
            container.reload()
            assert container.attrs["State"]["ExitCode"] == 0
    assert answers[0] == answers[1]
    assert json.loads(answers[0][3][2]) == {"predictions": [0, 0]}


def assert_reaps(container: Any) -> None:
    """Processes whose parents are gone come to the first one; none stays a zombie."""
    orphan = "import os; os.fork() or (os.fork() or os._exit(0)) and os._exit(0)"
    assert container.exec_run(["python", "-S", "-c", orphan]).exit_code == 0
    zombies = (
        "import glob; print(sum(open(f).read().rpartition(')')[2].split()[0] == 'Z' "
        "for f in glob.glob('/proc/[0-9]*/stat')))"
    )
    wait_until(
        container,
        lambda: container.exec_run(["python", "-S", "-c", zombies]).output.strip() == b"0",
    )


def test_both_say_the_same_of_themselves(
    docker_engine: Any, oci_image: BuiltImage, iris_image: BuiltImage
) -> None:
    ours, theirs = (
        docker_engine.images.get(image.id).attrs["Config"] for image in (oci_image, iris_image)
    )
    for key in ("Entrypoint", "Cmd", "User", "WorkingDir", "StopSignal", "ExposedPorts"):
        assert ours[key] == theirs[key], key
    assert ours["Healthcheck"] == theirs["Healthcheck"]
    assert sorted(ours["Env"]) == sorted(theirs["Env"])
    # the engine does not know where its base image came from
    digest = "org.opencontainers.image.base.digest"
    assert {**ours["Labels"], digest: ""} == {**theirs["Labels"], digest: ""}


def test_it_is_light(oci_image: BuiltImage, iris_image: BuiltImage) -> None:
    sizes = [
        sum(layer.size for layer in image.layers if layer.part != "base")
        for image in (oci_image, iris_image)
    ]
    assert sizes[0] < 1.1 * sizes[1]


def test_on_a_base_without_a_shell(
    docker_engine: Any, iris_model: Path, oci_image: BuiltImage, tmp_path: Path, shared_cache: Path
) -> None:
    """As distroless images are; nothing in ours needs one."""
    cache = Cache(shared_cache)
    slim = read_engine(docker_engine, "python:3.11-slim", cache)
    shells = [entry(f"usr/bin/.wh.{name}") for name in ("sh", "bash", "dash", "env", "apt-get")]
    without = make_layer(shells, cache)
    diff_ids = [*slim.diff_ids, without.diff_id]
    settings = {**slim.settings, "rootfs": {"type": "layers", "diff_ids": diff_ids}, "history": []}
    config = canonical(settings)
    manifest = manifest_of(config, [*slim.layers, without.descriptor])
    described = Descriptor.of(OCI_MANIFEST, manifest, platform=slim.platform)
    base = write_base(tmp_path / "base", Image(described, manifest, config, cache))
    name = "mlpack-test/iris:no-shell"
    spec = BuildSpec(iris_model, name, base_image=base, trust=True, outputs=(Output("engine"),))
    made = OciBuilder().build(spec)
    assert all(layer.cached for layer in made.layers if layer.part == "dependencies")
    try:
        with running(docker_engine, name) as container:
            example = (iris_model / "serving_input_example.json").read_bytes()
            assert ask(container, "/invocations", example)[0] == 200
            assert container.exec_run(["sh", "-c", "true"]).exit_code != 0
    finally:
        docker_engine.images.remove(name, force=True)
