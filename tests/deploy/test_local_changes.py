"""Updates and rollbacks of the target `local`, and what goes wrong on the way."""

import socket
from typing import Any

import pytest
import requests
from docker.models.containers import Container

from mlpack.builders.base import Progress
from mlpack.deploy_targets import replacing
from mlpack.deploy_targets.local import LocalTarget
from mlpack.errors import (
    DeployFailed,
    EngineUnavailable,
    InvalidState,
)
from mlpack.tests.deploy.conftest import Named

pytestmark = pytest.mark.docker


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
    for version in (2, 3):
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
