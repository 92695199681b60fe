"""Models as containers on this machine's Docker engine."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ..builders.base import BuildSpec, Progress
from ..builders.engine import connect
from ..errors import (
    AlreadyExists,
    DeployFailed,
    InvalidInput,
    InvalidState,
    ModelFailed,
    NotFound,
)
from . import containers, replacing
from .base import Deployment, DeployRequest, Plan, Prediction, Report, check_name, ignore
from .lock import lock
from .options import option, read_options

_TIMEOUT = 70  # a little more than the server itself allows a request


@dataclass(frozen=True)
class LocalOptions:
    """What ``-C`` takes."""

    port: int | None = option(None, "port on this machine; a free one by default")
    host: str = option("127.0.0.1", "address of this machine to listen on; 0.0.0.0 for all")
    timeout: float = option(120.0, "seconds to wait until it answers")
    memory: str | None = option(None, "limit, such as 512m or 2g")
    cpus: float | None = option(None, "limit, such as 1.5")
    gpus: int | None = option(None, "number of GPUs; -1 for all")
    workers: int | None = option(None, "processes; one a CPU by default, at most 8")
    env: tuple[str, ...] = option((), "NAME=VALUE for the container")
    network: str | None = option(None, "Docker network to join")
    restart: str = option(
        "unless-stopped",
        "what the engine does when it ends",
        ("no", "on-failure", "unless-stopped"),
    )


class LocalTarget:
    """The `DeployTarget` ``local``: one container a deployment.

    The containers run without privileges on a read-only file system. The image stays when a
    deployment is deleted; ``docker image rm`` removes it.
    """

    name = "local"
    options = LocalOptions

    def plan(self, request: DeployRequest) -> Plan:
        """See `DeployTarget.plan`."""
        options = self._check(request)
        with containers.engine() as client:
            existing = containers.find(client, request.name)
            image = _image_name(request)
            settings = containers.settings(request, options, image, options.port)
            shown = {key: value for key, value in settings.items() if key != "environment"}
            build = [f"build the image {image}"] if isinstance(request.image, BuildSpec) else []
            start = f"start the container {containers.container_name(request.name)}"
            steps = [*build, start, f"wait until /ping answers (at most {options.timeout:g} s)"]
            if existing:
                steps = [
                    *build,
                    "try the new image in a container of its own until /ping answers",
                    "stop the old container and start the new one on its port",
                    "remove the old container; if the new one fails, start the old one again",
                ]
            shown["environment"] = sorted(settings["environment"])  # names only: values are secret
            return Plan("update" if existing else "create", steps, shown)

    def create(self, request: DeployRequest, report: Report = ignore) -> Deployment:
        """See `DeployTarget.create`."""
        options = self._check(request)
        with lock(request.name), containers.engine() as client:
            replacing.put_right(client, request.name)
            if containers.find(client, request.name):
                raise AlreadyExists(f"There is a local deployment {request.name!r} already.")
            image = _build(client, request, report)
            _say(report, f"Starting {containers.container_name(request.name)}")
            container = containers.start(client, request, options, image)
            try:
                if request.wait:
                    _say(report, "Waiting until it answers")
                    containers.wait_healthy(container, options.timeout)
                containers.keep(container, options)
            except BaseException:
                containers.discard(container)
                raise
            return _describe(container)

    def update(self, request: DeployRequest, report: Report = ignore) -> Deployment:
        """See `DeployTarget.update`.

        The new image is first tried in a container beside the old one. Then the old one stops
        and the new one takes over its port: requests fail for the seconds of one start. It waits
        for both, whatever the request says.
        """
        options = self._check(request)
        with lock(request.name), containers.engine() as client:
            replacing.put_right(client, request.name)
            old = containers.need(client, request.name)
            image = _build(client, request, report)
            _say(report, "Trying the new image beside the old one")
            trial = containers.start(client, request, options, image, role=containers.TRIAL)
            try:
                containers.wait_healthy(trial, options.timeout)
            finally:
                containers.discard(trial)
            _say(report, "Changing over")
            container = replacing.replace(client, old, request, options, image)
            return _describe(container)

    def delete(self, name: str, report: Report = ignore, *, force: bool = False) -> None:
        """See `DeployTarget.delete`."""
        with lock(name), containers.engine() as client:
            replacing.put_right(client, name)
            container = containers.need(client, name)
            _say(report, f"Stopping and removing {container.name}")
            containers.stop_and_remove(container)

    def list(self) -> Sequence[Deployment]:
        """See `DeployTarget.list`."""
        with containers.engine() as client:
            found = [_describe(each) for each in containers.find_all(client)]
        return sorted(found, key=lambda each: each.name)

    def get(self, name: str) -> Deployment:
        """See `DeployTarget.get`."""
        with containers.engine() as client:
            return _describe(containers.need(client, name))

    def predict(self, name: str, body: bytes, content_type: str) -> Prediction:
        """See `DeployTarget.predict`."""
        deployment = self.get(name)
        if deployment.endpoint is None:
            raise InvalidState(
                f"The local deployment {name!r} is {deployment.status}. "
                f"Its log: mlpack deployments logs --target local -n {name}"
            )
        return _ask(deployment.endpoint, body, content_type)

    def logs(self, name: str, tail: int | None = None, follow: bool = False) -> Iterator[str]:
        """See `DeployTarget.logs`."""
        client = connect()
        try:
            container = containers.need(client, name)
            yield from containers.log_lines(container, tail, follow)
        finally:
            client.close()

    def _check(self, request: DeployRequest) -> LocalOptions:
        check_name(request.name)
        options = read_options(LocalOptions, request.options, self.name)
        containers.check(options)
        return options


def _image_name(request: DeployRequest) -> str:
    return request.image.name if isinstance(request.image, BuildSpec) else request.image


def _build(client: Any, request: DeployRequest, report: Report) -> str:
    """The id of the image to run: a name may be given to another image at any moment."""
    if isinstance(request.image, BuildSpec):
        from ..builders.docker import DockerBuilder

        return DockerBuilder().build(request.image, report).id
    from docker.errors import ImageNotFound

    try:
        image: str = client.images.get(request.image).id
    except ImageNotFound:
        raise NotFound(
            f"The engine has no image {request.image!r}. Build it first (mlpack build-docker), "
            f"or fetch it: docker pull {request.image}"
        ) from None
    return image


def _say(report: Report, message: str) -> None:
    report(Progress("part", message))


def _describe(container: Any) -> Deployment:
    container.reload()
    labels = container.labels
    endpoint = containers.endpoint(container)
    return Deployment(
        name=labels[containers.NAME_LABEL],
        target=LocalTarget.name,
        status=containers.status(container, endpoint),
        endpoint=endpoint,
        model_uri=labels.get(containers.URI_LABEL, ""),
        model_digest=labels.get("mlpack.model.digest"),
        image=labels.get(containers.IMAGE_LABEL, container.attrs["Image"]),
        created=str(container.attrs["Created"]),
        details={
            **{
                f"model_{part}": labels[f"mlpack.model.{part}"]
                for part in ("name", "version")
                if f"mlpack.model.{part}" in labels
            },
            "container": container.name,
            "container_id": container.id,
            "image_id": container.attrs["Image"],
        },
    )


def _ask(endpoint: str, body: bytes, content_type: str) -> Prediction:
    parts = urlsplit(endpoint)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_TIMEOUT)
    try:
        connection.request("POST", "/invocations", body, {"Content-Type": content_type})
        response = connection.getresponse()
        answer = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise DeployFailed(
            f"{endpoint} does not answer: {error or type(error).__name__}."
        ) from None
    finally:
        connection.close()
    if response.status == 200:
        return Prediction(answer, response.headers.get("Content-Type", ""))
    try:
        message = str(json.loads(answer)["message"])
    except (ValueError, KeyError, TypeError):
        message = f"{endpoint} answered {response.status} {response.reason}."
    raise (InvalidInput if response.status < 500 else ModelFailed)(message)
