"""Whether a container of the target ``local`` answers, and where."""

from __future__ import annotations

import time
from typing import Any

from ..builders.engine import published_host
from ..errors import DeployFailed
from .asking import answers
from .base import Status
from .containers import HANDOVER_LABEL, HOLDER, NAME_LABEL, log_lines, named

PORT = "8080/tcp"
_TAIL = 15


def endpoint(container: Any) -> str | None:
    """The address to send requests to, None while there is none."""
    owner = port_owner(container)
    if container.status != "running" or owner is None or owner.status != "running":
        return None
    bindings = owner.ports.get(PORT)
    if not bindings:
        return None
    host = bindings[0]["HostIp"]
    if host in ("", "0.0.0.0", "127.0.0.1", "::"):  # noqa: S104
        host = published_host()
    return f"http://{f'[{host}]' if ':' in host else host}:{bindings[0]['HostPort']}"


def port_owner(container: Any) -> Any | None:
    """The container whose port leads to this one: itself, or the holder."""
    if not is_handover(container):
        return container
    return named(container.client, container.labels[NAME_LABEL], HOLDER)


def is_handover(container: Any) -> bool:
    """Whether it takes its connections from a holder."""
    return HANDOVER_LABEL in container.labels


def published_port(container: Any) -> int | None:
    """The host port that a container was given, running or not."""
    bindings = (container.attrs["HostConfig"]["PortBindings"] or {}).get(PORT) or [{}]
    port = bindings[0].get("HostPort")
    return int(port) if port else None


def wait_healthy(container: Any, timeout: float) -> None:
    """Return when ``/ping`` answers.

    Raises:
        DeployFailed: the container ended or time is up; with the end of its log.
    """
    deadline = time.monotonic() + timeout
    pause = 0.05
    while True:
        container.reload()
        if container.status in ("exited", "dead"):
            code = container.attrs["State"]["ExitCode"]
            killed = " (out of memory)" if container.attrs["State"].get("OOMKilled") else ""
            raise DeployFailed(
                f"The container ended with code {code}{killed} before it answered.",
                tail(container),
                "Give it more memory: -C memory=…" if killed else "",
            )
        if is_up(container):
            return
        if time.monotonic() > deadline:
            raise DeployFailed(
                f"The container did not answer within {timeout:g} s.",
                tail(container),
                "If it only needs more time: -C timeout=…",
            )
        time.sleep(pause)
        pause = min(pause * 1.5, 0.5)


def is_up(container: Any) -> bool:
    """Whether this very container answers."""
    if not is_handover(container):
        address = endpoint(container)
        return bool(address) and answers(str(address))
    # asked from inside, by what its image brings along: the port leads to the others, too
    from docker.errors import APIError

    if container.status != "running":
        return False
    _, *command = container.attrs["Config"]["Healthcheck"]["Test"]
    try:
        return bool(container.exec_run(command).exit_code == 0)
    except APIError:  # it has ended in this moment
        return False


def status(container: Any, address: str | None) -> Status:
    """How a deployment is, asked where its clients ask."""
    if container.status != "running" or address is None:
        return "unhealthy" if container.status == "restarting" else "stopped"
    if answers(address):
        return "healthy"
    health = (container.attrs["State"].get("Health") or {}).get("Status")
    return "unhealthy" if health == "unhealthy" else "starting"


def tail(container: Any) -> list[str]:
    """The end of its log."""
    return [line for line in log_lines(container, _TAIL) if line.strip()]
