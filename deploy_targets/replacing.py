"""One container takes the place of another: how an update changes over, also after a kill."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .base import DeployRequest
from .containers import (
    NAME_LABEL,
    ROLE_LABEL,
    STOP_SECONDS,
    TRIAL,
    answers,
    container_name,
    discard,
    endpoint,
    find,
    keep,
    published_port,
    start,
    wait_healthy,
)

if TYPE_CHECKING:
    from .local import LocalOptions


def replace(
    client: Any, old: Any, request: DeployRequest, options: LocalOptions, image: str
) -> Any:
    """Let a new container take the place and, unless told otherwise, the port of an old one."""
    port = options.port or published_port(old)
    was_running = old.status == "running"
    try:
        old.stop(timeout=STOP_SECONDS)
        old.rename(_previous(request.name))
        container = start(client, request, options, image, port=port)
        try:
            wait_healthy(container, options.timeout)
            keep(container, options)
        except BaseException:
            discard(container)
            raise
    except BaseException:
        _bring_back(old, container_name(request.name), was_running)
        raise
    former = old.attrs["Image"]
    discard(old)
    _remove_unnamed_image(client, former)
    return container


def _bring_back(old: Any, name: str, was_running: bool) -> None:
    """Undo as much as was done: stopping and renaming."""
    old.reload()
    if old.name != name:
        old.rename(name)
    if was_running:
        old.stop(timeout=STOP_SECONDS)  # a stop that was cut short goes on in the engine
        old.start()


def put_right(client: Any, name: str) -> None:
    """Undo or finish what an update that was killed left behind.

    The caller holds the deployment's `lock`, so no update is under way.
    """
    from docker.errors import NotFound as Missing

    trial = {"label": [f"{NAME_LABEL}={name}", f"{ROLE_LABEL}={TRIAL}"]}
    for container in client.containers.list(all=True, filters=trial, ignore_removed=True):
        discard(container)
    try:
        previous = client.containers.get(_previous(name))
    except Missing:
        return
    if previous.labels.get(NAME_LABEL) != name:
        return
    current = find(client, name)
    if current is not None:
        address = endpoint(current)
        if address and answers(address):
            discard(previous)
            return
        discard(current)
    previous.rename(container_name(name))
    previous.start()


def _previous(name: str) -> str:
    # no deployment can have a name with an underscore
    return f"{container_name(name)}_previous"


def _remove_unnamed_image(client: Any, image: str) -> None:
    """The image of the former version, unless it has a name or something else runs it."""
    from docker.errors import DockerException

    with suppress(DockerException):
        if not client.images.get(image).tags:
            client.images.remove(image)
