"""The target `local` on a real engine: the whole cycle, and what goes wrong on the way."""

import io
import json
import shutil
import socket
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker.models.containers import Container

from mlpack.builders.base import BuildSpec, BuiltImage, Progress
from mlpack.deploy_targets.base import DeployRequest
from mlpack.deploy_targets.local import LocalTarget
from mlpack.errors import (
    AlreadyExists,
    DeployFailed,
    EngineUnavailable,
    InvalidInput,
    ModelFailed,
    NotFound,
)

pytestmark = pytest.mark.docker

# A server that starts in no time and misbehaves on request; the target sees no difference.
SERVER = """
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
from http.server import BaseHTTPRequestHandler, HTTPServer
print("starting", os.environ.get("VERSION", "1"), flush=True)
if os.environ.get("CRASH"):
    sys.exit("cannot load the model")
class Handler(BaseHTTPRequestHandler):
    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.answer(503 if os.environ.get("SICK") else 200, b"{}")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if body == b"bad":
            self.answer(400, b'{"error_code": "BAD_REQUEST", "message": "column a is missing"}')
        elif body == b"raise":
            self.answer(500, b'{"error_code": "INTERNAL_ERROR", "message": "division by zero"}')
        else:
            self.answer(200, os.environ.get("VERSION", "1").encode())
HTTPServer(("", 8080), Handler).serve_forever()
"""
DOCKERFILE = (
    'FROM python:3.11-slim\nCOPY server.py /\nUSER 1\nENTRYPOINT ["python3", "/server.py"]\n'
)


@pytest.fixture(scope="session")
def quick_image(docker_engine: Any) -> str:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in (("Dockerfile", DOCKERFILE), ("server.py", SERVER)):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    buffer.seek(0)
    name = "mlpack-test/quick:1"
    docker_engine.images.build(fileobj=buffer, custom_context=True, tag=name, rm=True)
    return name


class Named:
    """A deployment's name that nobody else uses, and what there is of it."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.name = f"t-{uuid.uuid4().hex[:12]}"
        self.target = LocalTarget()

    def request(self, image: Any, wait: bool = True, **options: Any) -> DeployRequest:
        return DeployRequest(self.name, "runs:/abc/model", image, options, wait)

    def containers(self) -> list[Any]:
        found = self.engine.containers.list(all=True, filters={"name": f"mlpack-{self.name}"})
        return sorted(found, key=lambda each: each.name)

    def names(self) -> list[str]:
        return [each.name.removeprefix(f"mlpack-{self.name}") for each in self.containers()]

    def answer(self) -> Any:
        return json.loads(self.target.predict(self.name, b"{}", "application/json").body)


@pytest.fixture
def named(docker_engine: Any) -> Iterator[Named]:
    made = Named(docker_engine)
    yield made
    for container in made.containers():
        container.remove(force=True)


def test_the_whole_cycle_with_a_real_model(
    named: Named, iris_image: BuiltImage, iris_model: Path, tmp_path: Path, docker_engine: Any
) -> None:
    target = named.target
    spec = BuildSpec(iris_model, f"mlpack-test/{named.name}", trust=True)
    seen: list[Progress] = []
    assert target.plan(named.request(spec)).action == "create"
    made = target.create(named.request(spec), seen.append)
    assert made.status == "healthy"
    assert made.model_digest == iris_image.model_digest
    assert made.model_uri == "runs:/abc/model"
    assert any("Waiting" in event.message for event in seen)
    assert target.get(named.name) == made
    assert made in target.list()

    example = (iris_model / "serving_input_example.json").read_bytes()
    answer = target.predict(named.name, example, "application/json")
    assert json.loads(answer.body) == {"predictions": [0, 0]}
    assert answer.content_type.startswith("application/json")
    with pytest.raises(InvalidInput):
        target.predict(named.name, b"{", "application/json")
    assert any("mlpack is serving" in line for line in target.logs(named.name))
    assert len(list(target.logs(named.name, tail=1))) == 1

    other = tmp_path / "other"
    shutil.copytree(iris_model, other)
    (other / "note.txt").write_text("a second version")
    second = BuildSpec(other, spec.name, trust=True)
    plan = target.plan(named.request(second))
    assert plan.action == "update"
    assert json.dumps(plan.to_dict())
    updated = target.update(named.request(second))
    assert updated.status == "healthy"
    assert updated.endpoint == made.endpoint
    assert updated.model_digest != made.model_digest
    assert named.names() == [""]

    target.delete(named.name)
    assert named.names() == []
    with pytest.raises(NotFound):
        target.get(named.name)
    docker_engine.images.remove(spec.name, force=True)


def test_without_rights_and_started_again_by_the_engine(named: Named, quick_image: str) -> None:
    named.target.create(named.request(quick_image, memory="256m", cpus="0.5", env="VERSION=7"))
    (container,) = named.containers()
    host = container.attrs["HostConfig"]
    assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"]
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert (host["Memory"], host["NanoCpus"]) == (256 * 2**20, 500_000_000)
    assert named.answer() == 7
    before = named.target.get(named.name).endpoint
    assert before and before.startswith("http://127.0.0.1:")
    container.restart()
    assert named.target.get(named.name).endpoint == before


def test_taken_by_a_stranger(named: Named, quick_image: str, docker_engine: Any) -> None:
    stranger = docker_engine.containers.create(quick_image, name=f"mlpack-{named.name}")
    request = named.request(quick_image)
    for call in (named.target.plan, named.target.create, named.target.update):
        with pytest.raises(AlreadyExists, match="not made by mlpack"):
            call(request)
    with pytest.raises(AlreadyExists):
        named.target.delete(named.name)
    assert named.containers() == [stranger]


def test_a_name_in_use(named: Named, quick_image: str) -> None:
    named.target.create(named.request(quick_image))
    with pytest.raises(AlreadyExists):
        named.target.create(named.request(quick_image))
    assert named.answer() == 1


def test_unknown_names(named: Named, quick_image: str) -> None:
    calls = (named.target.get, named.target.delete, lambda name: list(named.target.logs(name)))
    for call in calls:
        with pytest.raises(NotFound, match="There is no local deployment"):
            call(named.name)
        with pytest.raises(InvalidInput, match="cannot name a deployment"):
            call("../x")
    with pytest.raises(NotFound):
        named.target.update(named.request(quick_image))
    with pytest.raises(NotFound, match="docker pull"):
        named.target.create(named.request("mlpack-test/nothing:here"))


def test_one_that_ends_at_once_shows_its_log_and_leaves_nothing(
    named: Named, quick_image: str
) -> None:
    with pytest.raises(DeployFailed, match=r"ended with code 1(.|\n)*cannot load the model"):
        named.target.create(named.request(quick_image, env="CRASH=1"))
    assert named.names() == []


def test_one_that_never_answers(named: Named, quick_image: str) -> None:
    with pytest.raises(DeployFailed, match=r"not answer within 1 s(.|\n)*starting 1"):
        named.target.create(named.request(quick_image, env="SICK=1", timeout="1"))
    assert named.names() == []


def test_not_waiting(named: Named, quick_image: str) -> None:
    made = named.target.create(named.request(quick_image, wait=False, env="SICK=1"))
    assert made.status == "starting"


def test_stopped_by_the_user_while_waiting(named: Named, quick_image: str) -> None:
    def stop(event: Progress) -> None:
        if "Waiting" in event.message:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        named.target.create(named.request(quick_image), stop)
    assert named.names() == []


@pytest.mark.parametrize("fault", ["CRASH=1", "SICK=1"])
def test_an_update_that_fails_leaves_the_old_one_answering(
    named: Named, quick_image: str, fault: str
) -> None:
    before = named.target.create(named.request(quick_image, env="VERSION=1"))
    with pytest.raises(DeployFailed):
        named.target.update(named.request(quick_image, env=["VERSION=2", fault], timeout="1"))
    assert named.target.get(named.name) == before
    assert named.answer() == 1
    assert named.names() == [""]


def test_a_change_over_that_fails_starts_the_old_one_again(named: Named, quick_image: str) -> None:
    before = named.target.create(named.request(quick_image, env="VERSION=1"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with pytest.raises(EngineUnavailable, match=f"port {port} of 127.0.0.1 is in use"):
            named.target.update(named.request(quick_image, env="VERSION=2", port=port))
    assert named.names() == [""]
    assert named.target.get(named.name).endpoint == before.endpoint
    (container,) = named.containers()
    assert container.id == before.details["container_id"]


def test_stopped_by_the_user_while_the_old_one_stops(
    named: Named, quick_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = named.target.create(named.request(quick_image, env="VERSION=1"))
    stop = Container.stop
    interrupts = iter([KeyboardInterrupt()])

    def interrupted(self: Container, **options: Any) -> None:
        stop(self, **options)
        for each in interrupts:
            raise each

    monkeypatch.setattr(Container, "stop", interrupted)
    with pytest.raises(KeyboardInterrupt):
        named.target.update(named.request(quick_image, env="VERSION=2"))
    assert named.names() == [""]
    (container,) = named.containers()
    assert (container.id, container.status) == (before.details["container_id"], "running")


def test_a_port_in_use(named: Named, quick_image: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with pytest.raises(EngineUnavailable, match="in use"):
            named.target.create(named.request(quick_image, port=port))
    assert named.names() == []


def test_what_a_killed_update_left_is_put_right(named: Named, quick_image: str) -> None:
    target = named.target
    target.create(named.request(quick_image, env="VERSION=1"))
    (old,) = named.containers()
    # killed after the old one was set aside, with a trial running
    old.stop(timeout=0)
    old.rename(f"mlpack-{named.name}_previous")
    labels = {"mlpack.deployment": named.name, "mlpack.role": "trial"}
    named.engine.containers.create(quick_image, name=f"mlpack-{named.name}_trial-1", labels=labels)
    target.update(named.request(quick_image, env="VERSION=2"))
    assert named.answer() == 2
    assert named.names() == [""]

    # killed when the new one answered already
    labels["mlpack.role"] = "current"
    named.engine.containers.create(quick_image, name=f"mlpack-{named.name}_previous", labels=labels)
    target.delete(named.name)
    assert named.names() == []


def test_errors_of_the_model_come_through(named: Named, quick_image: str) -> None:
    named.target.create(named.request(quick_image))
    with pytest.raises(InvalidInput, match="column a is missing"):
        named.target.predict(named.name, b"bad", "application/json")
    with pytest.raises(ModelFailed, match="division by zero"):
        named.target.predict(named.name, b"raise", "application/json")


@pytest.mark.parametrize(
    "options",
    [
        {"port": "0"},
        {"memory": "lots"},
        {"cpus": "0"},
        {"env": "X"},
        {"restart": "maybe"},
        {"x": "1"},
    ],
)
def test_bad_options_are_refused_before_anything_happens(
    named: Named, options: dict[str, str]
) -> None:
    with pytest.raises(InvalidInput):
        named.target.create(named.request("mlpack-test/nothing:here", **options))
