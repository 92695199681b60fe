"""The containers behind the target ``local``: how they are started, told apart and replaced.

A deployment is a container whose labels say so. While one is replaced there may be others of
the same name: a trial of the new image, and the old one, stopped, under another name. What a
killed update left behind is put right by the next change; both in replacing.py.
"""

from __future__ import annotations

import http.client
import re
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ..builders.engine import connect, published_host
from ..errors import AlreadyExists, DeployFailed, EngineUnavailable, InvalidInput, NotFound
from .base import DeployRequest, Status, check_name

if TYPE_CHECKING:
    from .local import LocalOptions

NAME_LABEL = "mlpack.deployment"
ROLE_LABEL = "mlpack.role"
URI_LABEL = "mlpack.model.uri"
IMAGE_LABEL = "mlpack.image"
CURRENT, TRIAL = "current", "trial"
PORT = "8080/tcp"
LOOPBACK = "127.0.0.1"
STOP_SECONDS = 30
_TAIL = 15
_MEMORY = re.compile(r"\d+(\.\d+)?[bkmg]?", re.IGNORECASE)


@contextmanager
def engine() -> Iterator[Any]:
    """A client of the Docker engine; its errors as ours."""
    from docker.errors import APIError, DockerException
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    client = connect()
    try:
        yield client
    except APIError as error:
        raise DeployFailed(f"The Docker engine says: {error.explanation}") from error
    except (DockerException, RequestException, HTTPError) as error:
        raise EngineUnavailable(
            "The connection to the Docker engine broke. Is it still running?"
        ) from error
    finally:
        client.close()


def container_name(name: str) -> str:
    """The container that runs the deployment ``name``."""
    return f"mlpack-{name}"


def check(options: LocalOptions) -> None:
    """Raises `InvalidInput` for what the engine would refuse with less clear words."""
    if options.port is not None and not 0 < options.port < 65536:
        raise InvalidInput(f"The option 'port' is {options.port}; ports go from 1 to 65535.")
    if options.memory is not None and not _MEMORY.fullmatch(options.memory):
        raise InvalidInput(f"The option 'memory' is {options.memory!r}; write 512m or 2g.")
    for option, value in (("timeout", options.timeout), ("cpus", options.cpus)):
        if value is not None and not 0 < value < 1e6:
            raise InvalidInput(f"The option {option!r} is {value:g}; it must be above 0.")
    for item in options.env:
        if "=" not in item or item.startswith("="):
            raise InvalidInput(f"The option 'env' holds {item!r}; write NAME=VALUE.")


def find(client: Any, name: str) -> Any | None:
    """The container of a deployment, None if there is none.

    Raises:
        InvalidInput: ``name`` cannot name a deployment; as a part of an address it might mean
            something else.
        AlreadyExists: the container's name is in use by something that mlpack did not make.
    """
    from docker.errors import NotFound as Missing

    check_name(name)
    try:
        container = client.containers.get(container_name(name))
    except Missing:
        return None
    if container.labels.get(NAME_LABEL) != name:
        raise AlreadyExists(
            f"The container {container.name!r} was not made by mlpack. Choose another name, or "
            f"remove it yourself: docker rm -f {container.name}"
        )
    return container


def need(client: Any, name: str) -> Any:
    """As `find`, but raises `NotFound`."""
    container = find(client, name)
    if container is None:
        known = ", ".join(sorted(each.labels[NAME_LABEL] for each in find_all(client)))
        hint = f"There are: {known}." if known else "There are none."
        raise NotFound(f"There is no local deployment {name!r}. {hint}")
    return container


def find_all(client: Any) -> list[Any]:
    """The containers of all deployments."""
    found = client.containers.list(
        all=True, filters={"label": [NAME_LABEL, f"{ROLE_LABEL}={CURRENT}"]}, ignore_removed=True
    )
    return [each for each in found if each.name == container_name(each.labels[NAME_LABEL])]


def settings(
    request: DeployRequest, options: LocalOptions, image: str, port: int | None
) -> dict[str, Any]:
    """What the engine is asked to run, published on ``port`` of this machine."""
    from docker.types import DeviceRequest, LogConfig

    environment = dict(item.split("=", 1) for item in options.env)
    if options.workers is not None:
        environment.setdefault("MLPACK_WORKERS", str(options.workers))
    gpus = [DeviceRequest(count=options.gpus, capabilities=[["gpu"]])] if options.gpus else None
    return {
        "image": image,
        "command": ["serve"],
        "environment": environment,
        "ports": {PORT: (options.host, port)},
        "read_only": True,
        "tmpfs": {"/tmp": "mode=1777"},  # noqa: S108
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "mem_limit": options.memory,
        "nano_cpus": int(options.cpus * 1e9) if options.cpus else None,
        "device_requests": gpus,
        "network": options.network,
        "log_config": LogConfig(type="json-file", config={"max-size": "10m", "max-file": "3"}),
        "labels": {
            NAME_LABEL: request.name,
            URI_LABEL: request.model_uri,
            IMAGE_LABEL: request.image if isinstance(request.image, str) else request.image.name,
        },
    }


def start(
    client: Any,
    request: DeployRequest,
    options: LocalOptions,
    image: str,
    *,
    role: str = CURRENT,
    port: int | None = None,
) -> Any:
    """Start a container; nothing is left of it when it does not start.

    Args:
        role: `CURRENT`, or `TRIAL` for one that lives beside the current one.
        port: the port to publish on; by default the option's, or a free one.

    Raises:
        EngineUnavailable: the port is in use.
    """
    name = container_name(request.name)
    if role == TRIAL:
        name = f"{name}_trial-{secrets.token_hex(3)}"
    elif port is None:
        port = options.port
    for attempts_left in (2, 1, 0):
        # a port of our own choice stays the same when the engine starts the container again
        publish = port or _free_port(options.host)
        arguments = settings(request, options, image, publish)
        arguments["labels"][ROLE_LABEL] = role
        container = client.containers.create(name=name, **arguments)
        try:
            container.start()
        except BaseException as error:
            discard(container)
            if not _port_in_use(error):
                raise
            if port or not attempts_left:
                raise EngineUnavailable(
                    f"The port {publish} of {options.host} is in use. Choose another one with "
                    "-C port=…, or leave it out for a free one."
                ) from None
        else:
            return container
    raise AssertionError("unreachable")


def wait_healthy(container: Any, timeout: float) -> None:
    """Return when ``/ping`` answers.

    Raises:
        DeployFailed: the container ended or time is up; the message ends with its log.
    """
    deadline = time.monotonic() + timeout
    pause = 0.05
    while True:
        container.reload()
        if container.status in ("exited", "dead"):
            code = container.attrs["State"]["ExitCode"]
            killed = " (out of memory)" if container.attrs["State"].get("OOMKilled") else ""
            raise DeployFailed(
                f"The container ended with code {code}{killed} before it answered. "
                + _tail(container)
            )
        address = endpoint(container)
        if address and answers(address):
            return
        if time.monotonic() > deadline:
            raise DeployFailed(
                f"The container did not answer within {timeout:g} s (-C timeout=… waits longer). "
                + _tail(container)
            )
        time.sleep(pause)
        pause = min(pause * 1.5, 0.5)


def keep(container: Any, options: LocalOptions) -> None:
    """It answers: from now on the engine starts it again when it ends."""
    if options.restart != "no":
        container.update(restart_policy={"Name": options.restart})


def stop_and_remove(container: Any) -> None:
    """Let it finish what it is answering, then remove it."""
    container.stop(timeout=STOP_SECONDS)
    container.remove(force=True, v=True)


def discard(container: Any) -> None:
    """Remove it at once, in whatever state it is."""
    from docker.errors import APIError
    from docker.errors import NotFound as Missing

    with suppress(APIError, Missing):
        container.remove(force=True, v=True)


def endpoint(container: Any) -> str | None:
    """The address to send requests to, None while there is none."""
    bindings = container.ports.get(PORT) if container.status == "running" else None
    if not bindings:
        return None
    host = bindings[0]["HostIp"]
    if host in ("", "0.0.0.0", "127.0.0.1", "::"):  # noqa: S104
        host = published_host()
    return f"http://{f'[{host}]' if ':' in host else host}:{bindings[0]['HostPort']}"


def status(container: Any, address: str | None) -> Status:
    """How a deployment is, asked from itself."""
    if container.status != "running" or address is None:
        return "unhealthy" if container.status == "restarting" else "stopped"
    if answers(address):
        return "healthy"
    health = (container.attrs["State"].get("Health") or {}).get("Status")
    return "unhealthy" if health == "unhealthy" else "starting"


def log_lines(container: Any, tail: int | None, follow: bool) -> Iterator[str]:
    """The container's log; with ``follow`` until it ends."""
    rest = b""
    for piece in container.logs(stream=True, follow=follow, tail="all" if tail is None else tail):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace")
    if rest:
        yield rest.decode(errors="replace")


def answers(address: str) -> bool:
    host, _, port = address.removeprefix("http://").rpartition(":")
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=2)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _tail(container: Any) -> str:
    lines = [line for line in log_lines(container, _TAIL, follow=False) if line.strip()]
    return "Its log ends:\n" + "\n".join(lines) if lines else "Its log is empty."


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


def published_port(container: Any) -> int | None:
    """The host port that a container was given, running or not."""
    bindings = (container.attrs["HostConfig"]["PortBindings"] or {}).get(PORT) or [{}]
    port = bindings[0].get("HostPort")
    return int(port) if port else None
