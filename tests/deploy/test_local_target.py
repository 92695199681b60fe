"""The target `local` on a real engine: the whole cycle, and what goes wrong on the way."""

import json
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError
from docker.models.containers import Container

from mlpack.builders.base import BuildSpec, BuiltImage, Progress
from mlpack.deploy_targets import containers
from mlpack.errors import (
    AlreadyExists,
    DeployFailed,
    EngineUnavailable,
    InvalidInput,
    ModelFailed,
    NotFound,
    StorageFailed,
)
from mlpack.tests.deploy.conftest import Named

pytestmark = pytest.mark.docker


def test_the_whole_cycle_with_a_real_model(
    named: Named, iris_image: BuiltImage, iris_model: Path, tmp_path: Path, docker_engine: Any
) -> None:
    target = named.target
    spec = BuildSpec(iris_model, f"mlpack-test/{named.name}", trust=True)
    seen: list[Progress] = []
    assert target.plan(named.request(spec, workers=1)).action == "create"
    made = target.create(named.request(spec, workers=1), seen.append)
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
    plan = target.plan(named.request(second, workers=1))
    assert plan.action == "update"
    assert json.dumps(plan.to_dict())
    updated = target.update(named.request(second, workers=1))
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


def test_a_list_goes_on_when_one_goes_away_meanwhile(
    named: Named, quick_image: str, docker_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = named.target.create(named.request(quick_image))
    gone = docker_engine.containers.create(quick_image)
    gone.remove()
    find_all = containers.find_all
    monkeypatch.setattr(containers, "find_all", lambda client: [gone, *find_all(client)])
    assert made in named.target.list()


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
    with pytest.raises(DeployFailed, match=r"not answer within 8 s(.|\n)*starting 1"):
        named.target.create(named.request(quick_image, env="SICK=1", timeout="8"))
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


def test_a_port_in_use(named: Named, quick_image: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with pytest.raises(EngineUnavailable, match="in use"):
            named.target.create(named.request(quick_image, port=port))
    assert named.names() == []


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
