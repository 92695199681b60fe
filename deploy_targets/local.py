"""Models as containers on this machine's Docker engine."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..builders.base import BuildSpec
from ..builders.engine import published_host
from ..errors import AlreadyExists, InvalidState, NotFound
from . import containers, health, launching, networks, replacing
from .asking import ask_server
from .base import (
    Deployment,
    DeployRequest,
    Plan,
    Prediction,
    Report,
    check_name,
    ignore,
    say,
)
from .launching import Launch
from .lock import lock
from .options import option, read_options, shown

_ROLLBACK_SECONDS = 120.0


@dataclass(frozen=True)
class LocalOptions:
    """What ``-C`` takes."""

    port: int | None = option(
        None, "port on this machine; a free one by default", minimum=1, maximum=65535
    )
    host: str = option("127.0.0.1", "address of this machine to listen on; 0.0.0.0 for all")
    timeout: float = option(120.0, "seconds to wait until it answers", above=0)
    network: str | None = option(
        None, "Docker network, where other containers reach it as http://NAME:8080"
    )
    env: dict[str, str] = option({}, "variables of the container", secret=True)
    restart: str = option(
        "unless-stopped",
        "what the engine does when it ends",
        ("no", "on-failure", "unless-stopped"),
    )
    seamless: bool = option(
        True, "updates lose no request; false: the server has the port to itself, not a holder"
    )
    memory: str | None = option(
        None,
        "limit, such as 512m or 2g",
        group="Resources",
        pattern=r"\d+(\.\d+)?[bkmgBKMG]?",
        like="512m or 2g",
    )
    cpus: float | None = option(None, "limit, such as 1.5", group="Resources", above=0)
    gpus: int | None = option(None, "number of GPUs; -1 for all", group="Resources", minimum=-1)
    workers: int | None = option(
        None, "processes; one a CPU by default, at most 8", group="Resources", minimum=1
    )


class LocalTarget:
    """The `DeployTarget` ``local``: a container a deployment, and a small one for its port.

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
            launch = _planned(client, request, options)
            if existing is not None and _is_so(existing, launch):
                return Plan("none", [], {})
            left = existing or containers.named(client, request.name, containers.PREVIOUS)
            left = left or containers.named(client, request.name, containers.FORMER)
            steps = _update_steps(client, left, launch) if left else _create_steps(launch)
            return Plan("update" if left else "create", steps, _details(launch))

    def create(self, request: DeployRequest, report: Report = ignore) -> Deployment:
        """See `DeployTarget.create`."""
        options = self._check(request)
        with lock(request.name), containers.engine() as client:
            replacing.put_right(client, request.name)
            if containers.find(client, request.name):
                raise AlreadyExists(f"There is a local deployment {request.name!r} already.")
            launch = _launch(client, request, options, report)
            say(report, f"Starting {containers.container_name(request.name)}")
            self._clear(client, request.name)  # a holder whose server somebody removed
            try:
                if launch.handover:
                    launching.start_holder(client, launch, containers.HOLDER, None)
                container = launching.start_server(client, launch)
                if request.wait:
                    say(report, "Waiting until it answers")
                    health.wait_healthy(container, options.timeout)
                launching.keep(container)
            except BaseException:
                self._clear(client, request.name, containers.discard)
                raise
            return _describe(container)

    def update(self, request: DeployRequest, report: Report = ignore) -> Deployment:
        """See `DeployTarget.update`.

        The new one takes over unnoticed where both images' servers know how; otherwise the new
        image is first tried beside the old one, and requests fail for the seconds of one start.
        It waits until it answers, whatever the request says.
        """
        options = self._check(request)
        with lock(request.name), containers.engine() as client:
            replacing.put_right(client, request.name)
            old = containers.need(client, request.name)
            launch = _launch(client, request, options, report)
            return _describe(replacing.update(client, old, launch, report))

    def rollback(self, name: str, report: Report = ignore) -> Deployment:
        """See `DeployTarget.rollback`. Once more takes it back."""
        with lock(name), containers.engine() as client:
            replacing.put_right(client, name)
            old = containers.need(client, name)
            return _describe(replacing.rollback(client, old, name, _ROLLBACK_SECONDS, report))

    def delete(self, name: str, report: Report = ignore, *, force: bool = False) -> None:
        """See `DeployTarget.delete`."""
        with lock(name), containers.engine() as client:
            say(report, f"Stopping and removing {containers.container_name(name)}")
            if force:
                self._remove_stranger(client, name)
            elif containers.find(client, name) is None and not containers.all_of(client, name):
                containers.need(client, name)
            self._clear(client, name)

    def list(self) -> Sequence[Deployment]:
        """See `DeployTarget.list`."""
        from docker.errors import NotFound as Missing

        found = []
        with containers.engine() as client:
            for container in containers.find_all(client):
                with suppress(Missing):  # it went away meanwhile
                    found.append(_describe(container))
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
        return ask_server(f"{deployment.endpoint}/invocations", body, content_type)

    def logs(self, name: str, tail: int | None = None, follow: bool = False) -> Iterator[str]:
        """See `DeployTarget.logs`. Without ``tail``, that of the version before comes first."""
        with containers.engine() as client:
            container = containers.need(client, name)
            before = containers.named(client, name, containers.PREVIOUS)
            if before is not None and tail is None:
                yield from containers.log_lines(before, None)
                yield f"--- from here on: {container.labels.get(containers.URI_LABEL, '')} ---"
            yield from containers.log_lines(container, tail, follow)

    def _check(self, request: DeployRequest) -> LocalOptions:
        check_name(request.name)
        return read_options(LocalOptions, request.options, self.name)

    def _clear(
        self, client: Any, name: str, remove: Callable[[Any], None] = containers.stop_and_remove
    ) -> None:
        """Remove all that there is of a deployment; what serves may finish its answers."""
        network = None
        found = containers.all_of(client, name)
        for container in sorted(found, key=lambda each: containers.HOLDER in each.name):
            network = container.attrs["HostConfig"]["NetworkMode"]
            remove(container)
        if found:
            launching.remove_volume(client, name)
            networks.tidy(client, network)

    def _remove_stranger(self, client: Any, name: str) -> None:
        from docker.errors import NotFound as Missing

        try:
            container = client.containers.get(containers.container_name(name))
        except Missing:
            containers.need(client, name)
        else:
            containers.stop_and_remove(container)


def _planned(client: Any, request: DeployRequest, options: LocalOptions) -> Launch:
    """As far as can be known before the image is built."""
    if isinstance(request.image, BuildSpec):
        return Launch(request, options, request.image.name, options.seamless)
    return _of_image(_image(client, request.image), request, options)


def _launch(client: Any, request: DeployRequest, options: LocalOptions, report: Report) -> Launch:
    if isinstance(request.image, BuildSpec):
        from ..builders.choose import get_builder

        built = get_builder(request.builder, request.image).build(request.image, report)
        image = _image(client, built.id if built.builder == "docker" else built.name)
    else:
        image = _image(client, request.image)
    return _of_image(image, request, options)


def _of_image(image: Any, request: DeployRequest, options: LocalOptions) -> Launch:
    shares = options.seamless and launching.can_hand_over(image)
    return Launch(request, options, image.id, shares)


def _image(client: Any, name: str) -> Any:
    from docker.errors import ImageNotFound

    try:
        return client.images.get(name)
    except ImageNotFound:
        raise NotFound(
            f"The engine has no image {name!r}. Build it first (mlpack build-docker), "
            f"or fetch it: docker pull {name}"
        ) from None


def _is_so(container: Any, launch: Launch) -> bool:
    """Whether the request led to this very container already, and it answers."""
    wanted = launching.fingerprint(launch)
    if wanted is None or wanted != container.labels.get(containers.REQUEST_LABEL):
        return False
    return health.status(container, health.endpoint(container)) == "healthy"


def _build_step(request: DeployRequest) -> list[str]:
    spec = request.image
    return [f"build the image {spec.name}"] if isinstance(spec, BuildSpec) else []


def _create_steps(launch: Launch) -> list[str]:
    name = containers.container_name(launch.name)
    port = launch.options.port or "a free port"
    own = f"start the container {name} on {port} of {launch.options.host}"
    shared = [
        f"start the small container {name}{containers.HOLDER}, which holds {port} of "
        f"{launch.options.host}, so that later updates lose no request",
        f"start the container {name}, which answers there",
    ]
    return [
        *_build_step(launch.request),
        *(shared if launch.handover else [own]),
        f"wait until /ping answers (at most {launch.options.timeout:g} s)",
    ]


def _update_steps(client: Any, old: Any, launch: Launch) -> list[str]:
    noticed = replacing.why_noticed(client, old, launch)
    if noticed is None:
        return [
            *_build_step(launch.request),
            "start the new container beside the old one, and wait until /ping answers",
            "let the new one take the connections; no request is lost",
            "stop the old one when it has answered what it has, and keep it for a rollback",
        ]
    return [
        *_build_step(launch.request),
        "try the new image in a container of its own until /ping answers",
        f"stop the old container and start the new one on its port; requests fail for a moment, "
        f"because {noticed}",
        "keep the old one for a rollback; if the new one fails, start the old one again",
    ]


def _details(launch: Launch) -> dict[str, Any]:
    found = launching.settings(launch, launch.options.port)
    for secret in ("environment", "labels", "volumes"):
        found.pop(secret, None)
    return {**found, "environment": sorted(launch.options.env), **shown(launch.options)}


def _describe(container: Any) -> Deployment:
    container.reload()
    labels = container.labels
    endpoint = health.endpoint(container)
    name = labels[containers.NAME_LABEL]
    before = containers.named(container.client, name, containers.PREVIOUS)
    return Deployment(
        name=name,
        target=LocalTarget.name,
        status=health.status(container, endpoint),
        endpoint=endpoint,
        model_uri=labels.get(containers.URI_LABEL, ""),
        model_digest=labels.get("mlpack.model.digest"),
        image=labels.get(containers.IMAGE_LABEL, container.attrs["Image"]),
        created=str(container.attrs["Created"]),
        details={
            **_model(labels),
            "place": _place(),
            "container": container.name,
            "container_id": container.id,
            "image_digest": container.attrs["Image"],
            **({"previous": _version(before)} if before is not None else {}),
        },
    )


def _place() -> str:
    """Which machine: records of several may be in one store."""
    host = published_host()
    return platform.node() if host == launching.LOOPBACK else host


def _model(labels: dict[str, str]) -> dict[str, str]:
    keys = ("name", "version", "id")
    return {
        f"model_{k}": labels[f"mlpack.model.{k}"] for k in keys if f"mlpack.model.{k}" in labels
    }


def _version(container: Any) -> dict[str, Any]:
    """What a rollback would lead to."""
    return {
        **_model(container.labels),
        "model_uri": container.labels.get(containers.URI_LABEL, ""),
        "model_digest": container.labels.get("mlpack.model.digest"),
        "image_digest": container.attrs["Image"],
        "created": str(container.attrs["Created"]),
    }
