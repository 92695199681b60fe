"""Updates and rollbacks of the target `local` under load: no request is lost."""

import io
import json
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker.models.containers import Container

from mlpack.builders.base import BuiltImage
from mlpack.deploy_targets import replacing
from mlpack.deploy_targets.base import DeployRequest
from mlpack.deploy_targets.local import LocalTarget
from mlpack.deploy_targets.lock import lock
from mlpack.errors import DeployFailed
from mlpack.tests.load import Load
from mlpack.tests.serve.real import eventually

pytestmark = pytest.mark.docker


@pytest.fixture
def name(docker_engine: Any) -> Iterator[str]:
    """A deployment's name that nobody else uses."""
    made = f"u-{uuid.uuid4().hex[:12]}"
    yield made
    for container in docker_engine.containers.list(all=True, filters={"name": f"mlpack-{made}"}):
        container.remove(force=True)
    for volume in docker_engine.volumes.list(filters={"name": f"mlpack-{made}"}):
        volume.remove()


def request(name: str, image: str, **options: Any) -> DeployRequest:
    return DeployRequest(name, "runs:/abc/model", image, {"workers": 1, **options})


def parts(engine: Any, name: str) -> list[str]:
    found = engine.containers.list(all=True, filters={"name": f"mlpack-{name}"})
    return sorted(each.name.removeprefix(f"mlpack-{name}") for each in found)


def test_updates_and_rollbacks_lose_no_request(
    name: str, iris_image: BuiltImage, iris_model: Path, docker_engine: Any
) -> None:
    target = LocalTarget()
    made = target.create(request(name, iris_image.name))
    assert parts(docker_engine, name) == ["", "_port"]
    assert made.endpoint
    body = (iris_model / "serving_input_example.json").read_bytes()
    plan = target.plan(request(name, iris_image.name, env="A=1"))
    assert "no request is lost" in " ".join(plan.steps)
    with Load(made.endpoint, body, keeping=2, opening=2, pause=0.005) as load:
        load.wait_for(100)
        updated = target.update(request(name, iris_image.name, env="A=1"))
        assert updated.details["container_id"] != made.details["container_id"]
        assert updated.endpoint == made.endpoint
        load.wait_for(100)
        back = target.rollback(name)
        assert back.details["container_id"] == made.details["container_id"]
        load.wait_for(100)
    assert load.failures == []
    assert len(load.answers) == 1
    assert parts(docker_engine, name) == ["", "_port", "_previous"]
    target.delete(name)
    assert parts(docker_engine, name) == []


class Killed(BaseException):
    """Nothing is tidied up after it."""


def test_updates_that_are_killed_go_unnoticed_and_are_put_right(
    name: str,
    iris_image: BuiltImage,
    iris_model: Path,
    docker_engine: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = LocalTarget()
    made = target.create(request(name, iris_image.name))
    assert made.endpoint
    body = (iris_model / "serving_input_example.json").read_bytes()
    rename = Container.rename

    def killed_at(renames: int) -> None:
        """Before that many containers have their new names."""
        left = iter(range(renames))

        def counted(self: Container, new: str) -> None:
            if next(left, None) is None:
                raise Killed
            rename(self, new)

        with monkeypatch.context() as patch:
            patch.setattr(Container, "rename", counted)
            patch.setattr(replacing, "_rest", _kill)
            with pytest.raises(Killed):
                target.update(request(name, iris_image.name, env=f"A={renames}"))

    with Load(made.endpoint, body, keeping=1, opening=1, pause=0.005) as load:
        load.wait_for(20)
        for renames, left in (
            (0, ["", "_port", "_trial"]),
            (1, ["_port", "_previous", "_trial"]),
            (2, ["", "_port", "_previous"]),
        ):
            killed_at(renames)
            there = [part.partition("-")[0] for part in parts(docker_engine, name)]
            assert there == left
            with lock(name):
                replacing.put_right(docker_engine, name)
            load.wait_for(20)
            assert target.get(name).status == "healthy"
        assert target.rollback(name).details["container_id"] == made.details["container_id"]
        load.wait_for(20)
    assert load.failures == []


def _kill(*_: object) -> None:
    raise Killed


@pytest.fixture(scope="session")
def broken_image(iris_image: BuiltImage, docker_engine: Any) -> str:
    """An image whose model does not load."""
    text = f"FROM {iris_image.name}\nENV MLPACK_MODEL_PATH=/nowhere\n"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("Dockerfile")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text.encode()))
    buffer.seek(0)
    name = "mlpack-test/iris:broken"
    docker_engine.images.build(fileobj=buffer, custom_context=True, tag=name, rm=True)
    return name


def test_an_update_that_fails_goes_unnoticed_too(
    name: str, iris_image: BuiltImage, iris_model: Path, broken_image: str, docker_engine: Any
) -> None:
    target = LocalTarget()
    made = target.create(request(name, iris_image.name))
    assert made.endpoint
    body = (iris_model / "serving_input_example.json").read_bytes()
    with Load(made.endpoint, body, keeping=1, opening=1, pause=0.005) as load:
        load.wait_for(20)
        with pytest.raises(DeployFailed) as failed:
            target.update(request(name, broken_image))
        load.wait_for(50)
    assert load.failures == []
    assert "ended with code 1" in failed.value.reason
    assert any("/nowhere" in line for line in failed.value.log)
    assert target.get(name) == made
    assert parts(docker_engine, name) == ["", "_port"]


def test_from_a_port_of_its_own_to_a_shared_one_and_back(
    name: str, iris_image: BuiltImage, quick_image: str, docker_engine: Any
) -> None:
    """What an image of an older mlpack, or of another server, gets: one short gap, told before."""
    target = LocalTarget()
    made = target.create(request(name, quick_image))
    plan = target.plan(request(name, iris_image.name))
    assert "does not share its port" in " ".join(plan.steps)
    alone = target.plan(request(name, iris_image.name, seamless=False))
    assert "because seamless=false" in " ".join(alone.steps)
    updated = target.update(request(name, iris_image.name))
    assert updated.endpoint == made.endpoint
    assert parts(docker_engine, name) == ["", "_port", "_previous"]
    target.rollback(name)
    assert parts(docker_engine, name) == ["", "_port_previous", "_previous"]
    assert json.loads(target.predict(name, b"{}", "application/json").body) == 1
    again = target.rollback(name)
    assert (again.endpoint, again.status) == (made.endpoint, "healthy")
    assert parts(docker_engine, name) == ["", "_port", "_previous"]
    target.delete(name)
    assert parts(docker_engine, name) == []


def test_the_engine_starts_both_in_any_order(
    name: str, iris_image: BuiltImage, docker_engine: Any
) -> None:
    target = LocalTarget()
    made = target.create(request(name, iris_image.name))
    server, holder = (
        docker_engine.containers.get(f"mlpack-{name}{suffix}") for suffix in ("", "_port")
    )
    for first, second in ((server, holder), (holder, server)):
        server.stop(timeout=0)
        holder.stop(timeout=0)
        first.start()
        second.start()
        eventually(lambda: target.get(name).status == "healthy", 120)
        assert target.get(name).endpoint == made.endpoint
