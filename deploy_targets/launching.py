"""What the engine is asked to run for the target ``local``: servers, and the holder of a port."""

from __future__ import annotations

import hashlib
import json
import socket
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..builders.base import BuildSpec
from ..builders.engine import published_host
from ..builders.labels import HANDOVER
from ..errors import EngineUnavailable, InvalidInput
from . import networks
from .base import DeployRequest
from .containers import (
    HANDOVER_LABEL,
    IMAGE_LABEL,
    NAME_LABEL,
    PORT_HOLDER,
    REQUEST_LABEL,
    RESTART_LABEL,
    ROLE_LABEL,
    SERVER,
    URI_LABEL,
    container_name,
    discard,
)
from .health import PORT

if TYPE_CHECKING:
    from .local import LocalOptions

LOOPBACK = "127.0.0.1"
_FOLDER = "/run/mlpack"
_SOCKET = f"{_FOLDER}/listener"


@dataclass(frozen=True)
class Launch:
    """A container to be: what was asked for, and of which image.

    Attributes:
        request: what was asked for.
        options: of it, read.
        image: the id of the image: a name may be given to another image at any moment.
        handover: whether the image's server can take its connections from a holder.
    """

    request: DeployRequest
    options: LocalOptions
    image: str
    handover: bool

    @property
    def name(self) -> str:
        """Of the deployment."""
        return self.request.name

    @property
    def plain(self) -> Launch:
        """The same with a port of its own."""
        return replace(self, handover=False)


def can_hand_over(image: Any) -> bool:
    """Whether an image of the engine has our server, and one that knows how."""
    config = image.attrs["Config"]
    test = (config.get("Healthcheck") or {}).get("Test") or [""]
    return HANDOVER in (config.get("Labels") or {}) and test[0] == "CMD"


def settings(launch: Launch, port: int | None) -> dict[str, Any]:
    """Of a server, published on ``port`` of this machine unless a holder has the port."""
    from docker.types import DeviceRequest

    options, request = launch.options, launch.request
    environment = dict(options.env)
    if options.workers is not None:
        environment.setdefault("MLPACK_WORKERS", str(options.workers))
    gpus = [DeviceRequest(count=options.gpus, capabilities=[["gpu"]])] if options.gpus else None
    found = {
        **_without_rights(launch),
        "command": ["serve"],
        "environment": environment,
        "mem_limit": options.memory,
        "nano_cpus": int(options.cpus * 1e9) if options.cpus else None,
        "device_requests": gpus,
    }
    found["labels"] |= {
        ROLE_LABEL: SERVER,
        URI_LABEL: request.model_uri,
        IMAGE_LABEL: request.image if isinstance(request.image, str) else request.image.name,
        RESTART_LABEL: options.restart,
        REQUEST_LABEL: fingerprint(launch) or "",
    }
    if launch.handover:
        environment["MLPACK_LISTENER"] = _SOCKET
        found["labels"][HANDOVER_LABEL] = "1"
        found["volumes"] = {_volume(launch.name): {"bind": _FOLDER, "mode": "rw"}}
    else:
        found["ports"] = {PORT: (options.host, port)}
    return found


def holder_settings(launch: Launch, port: int | None) -> dict[str, Any]:
    """Of the container that holds the port: it listens, and its servers take the connections."""
    return {
        **_without_rights(launch),
        "entrypoint": ["python", "-m", "mlpack.serve.handover"],
        "command": [_SOCKET],
        "environment": {"MLPACK_PORT": "8080"},
        "healthcheck": {"test": ["NONE"]},
        "ports": {PORT: (launch.options.host, port)},
        "volumes": {_volume(launch.name): {"bind": _FOLDER, "mode": "rw"}},
        "labels": {NAME_LABEL: launch.name, ROLE_LABEL: PORT_HOLDER},
        "restart_policy": _policy(launch.options.restart),
    }


def start_server(client: Any, launch: Launch, suffix: str = "", port: int | None = None) -> Any:
    """Start a server; nothing is left of it when it does not start.

    Args:
        client: of the engine.
        launch: what to run.
        suffix: of the container's name.
        port: the port to publish on, if a holder does not; by default the option's, or a free one.

    Raises:
        EngineUnavailable: the port is in use.
    """
    alias = not suffix and not launch.handover
    if launch.handover:
        volume(client, launch.name)
        return _start(client, launch, suffix, settings(launch, None), alias)
    wanted = port if suffix else port or launch.options.port
    return _with_port(client, launch, suffix, settings, alias, wanted)


def start_holder(client: Any, launch: Launch, suffix: str, port: int | None) -> Any:
    """Start the holder of a port; see `start_server`."""
    volume(client, launch.name)
    return _with_port(client, launch, suffix, holder_settings, True, port or launch.options.port)


def keep(container: Any, restart: str | None = None) -> None:
    """It answers: from now on the engine starts it again when it ends."""
    restart = restart or container.labels.get(RESTART_LABEL, "unless-stopped")
    if restart != "no":
        container.update(restart_policy={"Name": restart})


def fingerprint(launch: Launch) -> str | None:
    """The same for two requests that lead to the same container; None where that is not known.

    Of an image that is yet to be built it is what goes into it that counts, if the store vouches
    for the model.
    """
    from .. import __version__

    spec, options = launch.request.image, launch.options
    content: Any = launch.image
    if isinstance(spec, BuildSpec):
        if not spec.expected_digest or spec.pull or spec.no_cache or spec.requirements or spec.lock:
            return None
        content = repr(replace(spec, model=spec.model.__class__(), expected_files={}))
    told = [content, repr(sorted(vars(options).items(), key=str)), __version__]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def _without_rights(launch: Launch) -> dict[str, Any]:
    from docker.types import LogConfig

    return {
        "image": launch.image,
        "read_only": True,
        "tmpfs": {"/tmp": "mode=1777"},  # noqa: S108
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "network": launch.options.network,
        "log_config": LogConfig(type="json-file", config={"max-size": "10m", "max-file": "3"}),
        "labels": {NAME_LABEL: launch.name},
    }


def _policy(restart: str) -> dict[str, Any] | None:
    return None if restart == "no" else {"Name": restart}


def _volume(name: str) -> str:
    return f"{container_name(name)}_port"


def volume(client: Any, name: str) -> None:
    """The folder, in memory, where the servers of a deployment find its holder."""
    client.volumes.create(
        _volume(name),
        driver="local",
        driver_opts={"type": "tmpfs", "device": "tmpfs", "o": "mode=1777,size=64k"},
        labels={NAME_LABEL: name},
    )


def remove_volume(client: Any, name: str) -> None:
    """Once no container uses it."""
    from docker.errors import NotFound as Missing

    try:
        found = client.volumes.get(_volume(name))
    except Missing:
        return
    if (found.attrs.get("Labels") or {}).get(NAME_LABEL) == name:
        found.remove()


def _with_port(
    client: Any, launch: Launch, suffix: str, make: Any, alias: bool, port: int | None
) -> Any:
    host = launch.options.host
    for attempts_left in (2, 1, 0):
        # a port of our own choice stays the same when the engine starts the container again
        publish = port or _free_port(host)
        try:
            return _start(client, launch, suffix, make(launch, publish), alias)
        except Exception as error:
            if not _port_in_use(error):
                raise
            if port or not attempts_left:
                raise EngineUnavailable(
                    f"The port {publish} of {host} is in use. Choose another one with "
                    "-C port=…, or leave it out for a free one."
                ) from None
    raise AssertionError("unreachable")


def _start(client: Any, launch: Launch, suffix: str, arguments: dict[str, Any], alias: bool) -> Any:
    network = launch.options.network
    if network:
        networks.ensure(client, network)
        if alias:
            arguments = networks.known_as(client, arguments, network, launch.name)
    container = client.containers.create(name=container_name(launch.name) + suffix, **arguments)
    try:
        container.start()
    except BaseException:
        discard(container)
        raise
    return container


def _port_in_use(error: BaseException) -> bool:
    text = str(getattr(error, "explanation", ""))
    return "port is already allocated" in text or "address already in use" in text


def _free_port(host: str) -> int | None:
    """A port that nothing uses now; None, which lets the engine choose, if it is elsewhere."""
    if published_host() != LOOPBACK:
        if host == LOOPBACK:
            raise InvalidInput(
                f"The Docker engine is on {published_host()}, where 127.0.0.1 cannot be reached "
                "from here. Publish it on a network that you trust: -C host=0.0.0.0"
            )
        return None
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.bind((host, 0))
            port: int = probe.getsockname()[1]
            return port
    except OSError as error:
        raise InvalidInput(
            f"The option 'host' is {host!r}, where this machine cannot listen ({error.strerror})."
        ) from None
