"""Docker networks on which the models of the target ``local`` reach each other by name."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

_LABEL = "mlpack.network"
# these the engine has, and they know no names
_BUILT_IN = ("bridge", "host", "none")


def ensure(client: Any, name: str) -> None:
    """Make a network unless it is there."""
    from docker.errors import NotFound as Missing

    try:
        client.networks.get(name)
    except Missing:
        client.networks.create(name, driver="bridge", labels={_LABEL: "1"}, check_duplicate=True)


def known_as(client: Any, arguments: dict[str, Any], network: str, alias: str) -> dict[str, Any]:
    """What a container is made with, so that others on the network reach it by a name."""
    if network in _BUILT_IN:
        return arguments
    there = client.api.create_endpoint_config(aliases=[alias])
    return {**arguments, "networking_config": {network: there}}


def tidy(client: Any, name: str | None) -> None:
    """Remove a network that we made and that nothing is on any more."""
    from docker.errors import DockerException

    if not name or name in _BUILT_IN:
        return
    with suppress(DockerException):
        network = client.networks.get(name)
        network.reload()
        if _LABEL in (network.attrs.get("Labels") or {}) and not network.attrs.get("Containers"):
            network.remove()
