"""The target `local` on a real engine: the whole cycle, and what goes wrong on the way."""

import json
import shutil
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from docker.errors import APIError
from docker.models.containers import Container

from mlpack.builders.base import BuildSpec, BuiltImage, Progress
from mlpack.deploy_targets import replacing
from mlpack.deploy_targets.base import DeployRequest
from mlpack.deploy_targets.local import LocalTarget
from mlpack.errors import (
    AlreadyExists,
    DeployFailed,
    EngineUnavailable,
    InvalidInput,
    InvalidState,
    ModelFailed,
    NotFound,
    StorageFailed,
)

pytestmark = pytest.mark.docker


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
    for volume in docker_engine.volumes.list(filters={"name": f"mlpack-{made.name}"}):
        volume.remove()


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
    assert named.names() == ["", "_port", "_previous"]
    assert updated.details["previous"]["model_digest"] == made.model_digest

    back = target.rollback(named.name)
    assert (back.model_digest, back.endpoint) == (made.model_digest, made.endpoint)
    assert back.details["previous"]["model_digest"] == updated.model_digest
    assert len([line for line in target.logs(named.name) if "mlpack is serving" in line]) > 1

    target.delete(named.name)
    assert named.names() == []
    assert docker_engine.volumes.list(filters={"name": f"mlpack-{named.name}"}) == []
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
    named.target.delete(named.name, force=True)
    assert named.containers() == []


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
    old.rename(f"mlpack-{named.name}_former")
    labels = {"mlpack.deployment": named.name, "mlpack.role": "server"}
    named.engine.containers.create(quick_image, name=f"mlpack-{named.name}_trial-1", labels=labels)
    assert target.plan(named.request(quick_image)).action == "update"
    target.update(named.request(quick_image, env="VERSION=2"))
    assert named.answer() == 2
    assert named.names() == ["", "_previous"]

    # killed when the new one answered already
    named.engine.containers.create(quick_image, name=f"mlpack-{named.name}_former", labels=labels)
    target.update(named.request(quick_image, env="VERSION=3"))
    assert named.answer() == 3
    assert named.names() == ["", "_previous"]

    # killed during a rollback
    _, previous = named.containers()
    previous.rename(f"mlpack-{named.name}_returning")
    target.rollback(named.name)
    assert named.answer() == 2

    # somebody removed what served: the one before is there to be replaced
    current, _ = named.containers()
    current.remove(force=True)
    assert target.plan(named.request(quick_image)).action == "update"
    target.update(named.request(quick_image, env="VERSION=4"))
    assert named.answer() == 4
    target.delete(named.name)
    assert named.names() == []


def test_a_rollback_goes_back_and_forth(named: Named, quick_image: str) -> None:
    made = named.target.create(named.request(quick_image, env="VERSION=1", restart="on-failure"))
    with pytest.raises(InvalidState, match="nothing before"):
        named.target.rollback(named.name)
    named.target.update(named.request(quick_image, env="VERSION=2"))
    named.target.update(named.request(quick_image, env="VERSION=3"))
    for version in (2, 3, 2):
        assert named.target.rollback(named.name).endpoint == made.endpoint
        assert named.answer() == version
        assert named.names() == ["", "_previous"]
    current, previous = named.containers()
    assert current.attrs["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert previous.attrs["HostConfig"]["RestartPolicy"]["Name"] == "no"
    assert previous.status == "exited"


def test_a_rollback_that_fails_leaves_what_ran(
    named: Named, quick_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    named.target.create(named.request(quick_image, env="VERSION=1"))
    named.target.update(named.request(quick_image, env="VERSION=2"))

    wait, failures = replacing.wait_healthy, iter([DeployFailed("It is not well.")])

    def fail(container: Any, timeout: float) -> None:
        for failure in failures:
            raise failure
        wait(container, timeout)

    with monkeypatch.context() as patch:
        patch.setattr(replacing, "wait_healthy", fail)
        with pytest.raises(DeployFailed, match="not well"):
            named.target.rollback(named.name)
    assert named.answer() == 2
    assert named.names() == ["", "_previous"]


def test_the_same_again_is_nothing_to_do(named: Named, quick_image: str) -> None:
    request = named.request(quick_image, env="A=1")
    named.target.create(request)
    assert named.target.plan(request).action == "none"
    assert named.target.plan(named.request(quick_image, env="A=2")).action == "update"
    (container,) = named.containers()
    container.stop(timeout=0)
    assert named.target.plan(request).action == "update"


def test_models_on_one_network_reach_each_other(named: Named, quick_image: str) -> None:
    network = f"mlpack-test-{named.name}"
    made = named.target.create(named.request(quick_image, network=network, env="VERSION=5"))
    assert made.status == "healthy"
    code = f"from urllib.request import urlopen as u; print(u('http://{named.name}:8080/').status)"
    said = named.engine.containers.run(
        "python:3.11-slim", ["python", "-c", code], network=network, remove=True
    )
    assert said == b"200\n"
    named.target.delete(named.name)
    assert named.engine.networks.list(names=[network]) == []


def test_no_gpu(named: Named, quick_image: str) -> None:
    with pytest.raises(InvalidInput, match="no GPU to give"):
        named.target.create(named.request(quick_image, gpus=1))
    assert named.names() == []


@pytest.mark.parametrize(
    ("said", "error", "told"),
    [
        ("write /x: no space left on device", StorageFailed, "docker system df"),
        ("something else", DeployFailed, "something else"),
    ],
)
def test_what_the_engine_refuses(
    named: Named,
    quick_image: str,
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    error: type[Exception],
    told: str,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise APIError("500", explanation=said)

    monkeypatch.setattr(Container, "start", refuse)
    with pytest.raises(error, match=told):
        named.target.create(named.request(quick_image))
    assert named.names() == []


def test_no_engine(named: Named, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    for call in (named.target.list, lambda: named.target.plan(named.request("x"))):
        with pytest.raises(EngineUnavailable, match="no such socket"):
            call()


def test_the_connection_breaks_in_the_middle(
    named: Named, quick_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    named.target.create(named.request(quick_image, env="VERSION=1"))
    with monkeypatch.context() as patch:
        patch.setattr(Container, "rename", _lose_the_connection)
        with pytest.raises(EngineUnavailable, match="connection to the Docker engine broke"):
            named.target.update(named.request(quick_image, env="VERSION=2"))
    named.target.update(named.request(quick_image, env="VERSION=3"))
    assert named.answer() == 3
    assert named.names() == ["", "_previous"]


def test_two_at_once(named: Named, quick_image: str) -> None:
    refused = []

    def meanwhile(event: Progress) -> None:
        if "Waiting" in event.message:
            with pytest.raises(InvalidState, match="Another mlpack is changing") as error:
                LocalTarget().create(named.request(quick_image))
            refused.append(error)

    assert named.target.create(named.request(quick_image), meanwhile).status == "healthy"
    assert len(refused) == 1
    assert named.names() == [""]


def _lose_the_connection(*_: object) -> None:
    raise requests.exceptions.ConnectionError


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
