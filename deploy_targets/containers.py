"""The containers behind the target ``local``: how they are told apart, found and removed.

A deployment ``churn`` is ``mlpack-churn``, the container that serves. Beside it there may be
``mlpack-churn_port``, which holds the port while one server replaces another (see holder.py), and
``mlpack-churn_previous``, the one before, stopped, for a rollback. While something changes there
may be others; what a killed change left behind is put right by the next one (see replacing.py).
Labels say what is ours; names say which is which, because an engine changes no labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ..builders.engine import connect
from ..errors import (
    AlreadyExists,
    DeployFailed,
    EngineUnavailable,
    InvalidInput,
    NotFound,
    StorageFailed,
)
from .base import check_name

NAME_LABEL = "mlpack.deployment"
ROLE_LABEL = "mlpack.role"
URI_LABEL = "mlpack.model.uri"
IMAGE_LABEL = "mlpack.image"
RESTART_LABEL = "mlpack.restart"
REQUEST_LABEL = "mlpack.request"
# of a server that takes its connections from the holder of the port
HANDOVER_LABEL = "mlpack.handover"
SERVER, PORT_HOLDER = "server", "port"

# what follows a deployment's name; none can have an underscore itself
PREVIOUS, FORMER, RETURNING, TRIAL = "_previous", "_former", "_returning", "_trial-"
HOLDER, FORMER_HOLDER = "_port", "_port_former"
STOP_SECONDS = 30


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
        raise _explained(str(error.explanation or error)) from error
    except (DockerException, RequestException, HTTPError) as error:
        raise EngineUnavailable(
            "The connection to the Docker engine broke. Is it still running? The same command "
            "again puts right what was left half done."
        ) from error
    finally:
        client.close()


def _explained(text: str) -> Exception:
    """What an engine refuses, with what to do about it."""
    if "no space left on device" in text:
        return StorageFailed(
            "The disk of the Docker engine is full. `docker system df` shows what takes the room."
        )
    if "could not select device driver" in text or "nvidia-container-cli" in text:
        return InvalidInput(
            "The Docker engine has no GPU to give (the option 'gpus'): it needs the NVIDIA "
            "container toolkit and a driver. `docker info` lists its runtimes."
        )
    return DeployFailed(f"The Docker engine says: {text}")


def container_name(name: str) -> str:
    """The container that runs the deployment ``name``."""
    return f"mlpack-{name}"


def named(client: Any, name: str, suffix: str = "") -> Any | None:
    """A container of a deployment, None if there is none.

    Raises:
        InvalidInput: ``name`` cannot name a deployment; as a part of an address it might mean
            something else.
        AlreadyExists: the container's name is in use by something that mlpack did not make.
    """
    from docker.errors import NotFound as Missing

    check_name(name)
    try:
        container = client.containers.get(container_name(name) + suffix)
    except Missing:
        return None
    if container.labels.get(NAME_LABEL) != name:
        raise AlreadyExists(
            f"The container {container.name!r} was not made by mlpack. Choose another name, or "
            f"remove it yourself: docker rm -f {container.name}"
        )
    return container


def find(client: Any, name: str) -> Any | None:
    """The container that serves a deployment, None if there is none; see `named`."""
    return named(client, name)


def need(client: Any, name: str) -> Any:
    """As `find`, but raises `NotFound`."""
    container = find(client, name)
    if container is None:
        known = ", ".join(sorted(each.labels[NAME_LABEL] for each in find_all(client)))
        hint = f"There are: {known}." if known else "There are none."
        raise NotFound(f"There is no local deployment {name!r}. {hint}")
    return container


def find_all(client: Any) -> list[Any]:
    """The containers that serve, one a deployment."""
    found = client.containers.list(all=True, filters={"label": [NAME_LABEL]}, ignore_removed=True)
    return [each for each in found if each.name == container_name(each.labels[NAME_LABEL])]


def all_of(client: Any, name: str) -> list[Any]:
    """All that there is of a deployment, whatever it is called."""
    check_name(name)
    return list(
        client.containers.list(
            all=True, filters={"label": [f"{NAME_LABEL}={name}"]}, ignore_removed=True
        )
    )


def stop_and_remove(container: Any) -> None:
    """Let it finish what it is answering, then remove it."""
    container.stop(timeout=STOP_SECONDS)
    container.remove(force=True, v=True)


def discard(container: Any) -> None:
    """Remove it at once, in whatever state it is; what fails is left to the next change."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    with suppress(DockerException, RequestException):
        container.remove(force=True, v=True)


def remove_unnamed_image(client: Any, image: str) -> None:
    """The image of a version that is gone, unless it has a name or something else runs it."""
    from docker.errors import DockerException

    with suppress(DockerException):
        if not client.images.get(image).tags:
            client.images.remove(image)


def log_lines(container: Any, tail: int | None, follow: bool = False) -> Iterator[str]:
    """The container's log; with ``follow`` until it ends."""
    rest = b""
    for piece in container.logs(stream=True, follow=follow, tail="all" if tail is None else tail):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace")
    if rest:
        yield rest.decode(errors="replace")
