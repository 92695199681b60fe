"""The `DeployTarget` ``azureml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from ...builders.base import BuildSpec
from ...errors import AlreadyExists, NotFound
from ..base import (
    Deployment,
    DeployRequest,
    Plan,
    Prediction,
    Report,
    check_name,
    ignore,
)
from ..lock import lock
from ..options import read_options
from . import documents, registry, rollout, scoring, state
from .arm import Arm
from .options import BATCH, AzureMLOptions, check
from .place import find_cloud, find_place
from .rollout import Rollout
from .sdk import Sdk
from .source import Source, find_source
from .state import Endpoint


class AzureMLTarget:
    """Models behind online and batch endpoints of Azure Machine Learning.

    Args:
        place: the options that say which workspace, for methods that take a name alone.
        credential: a `TokenCredential`; default: azure-identity's default chain.
    """

    name = "azureml"
    options = AzureMLOptions

    def __init__(self, place: Mapping[str, Any] | None = None, credential: Any = None) -> None:
        self._place = dict(place or {})
        self._credential = credential

    def at(self, place: Mapping[str, Any]) -> AzureMLTarget:
        """See `PlacedTarget.at`."""
        if not any(place.values()):
            return self  # with the connection and the token that it has already
        return AzureMLTarget(place, self._credential)

    def plan(self, request: DeployRequest) -> Plan:
        """See `DeployTarget.plan`."""
        options = self._read(request)
        source = find_source(request, options)
        arm = self._arm(options)
        registry.workspace(arm)
        found = state.find(arm, request.name, options.kind)
        if found is not None:
            state.check_ours(found, arm)
        slot = documents.deployment_name(source, options, request.name)
        return Plan(
            _action(found, slot, options, request),
            _steps(request, options, source, found, slot),
            _details(arm, request, options, source, slot),
            _paid(options, found, slot),
        )

    def create(self, request: DeployRequest, report: Report = ignore) -> Deployment:
        """See `DeployTarget.create`."""
        return self._roll_out(request, report, there=False)

    def update(self, request: DeployRequest, report: Report = ignore) -> Deployment:
        """See `DeployTarget.update`.

        It also completes what an earlier try, or ``--no-wait``, began.
        """
        return self._roll_out(request, report, there=True)

    def rollback(self, name: str, report: Report = ignore) -> Deployment:
        """See `DeployTarget.rollback`."""
        arm = self._here
        check_name(name)
        with lock(name, self.name):
            rollout.roll_back(arm, Sdk(arm), state.need(arm, name), report)
        return self.get(name)

    def delete(self, name: str, report: Report = ignore, *, force: bool = False) -> None:
        """See `DeployTarget.delete`.

        Environments and models that were registered for it are archived; images stay.
        """
        arm = self._here
        check_name(name)
        with lock(name, self.name):
            found, sdk = state.find(arm, name), Sdk(arm)
            if found is not None:
                if not force:
                    state.check_ours(found, arm)
                rollout.remove(arm, sdk, found, report, force)
            # also what a delete that broke off has left
            if not rollout.archive(arm, sdk, name, report) and found is None:
                raise NotFound(f"There is no endpoint {name!r} in the workspace {arm.place}.")

    def list(self) -> Sequence[Deployment]:
        """See `DeployTarget.list`."""
        arm = self._here
        found = [state.find(arm, each.name, each.kind) for each in state.find_all(arm)]
        described = [state.describe(each, arm) for each in found if each is not None]
        return sorted(described, key=lambda each: each.name)

    def get(self, name: str) -> Deployment:
        """See `DeployTarget.get`."""
        check_name(name)
        return state.describe(state.need(self._here, name), self._here)

    def predict(self, name: str, body: bytes, content_type: str) -> Prediction:
        """See `DeployTarget.predict`."""
        check_name(name)
        return scoring.predict(self._here, state.need(self._here, name), body, content_type)

    def logs(self, name: str, tail: int | None = None, follow: bool = False) -> Iterator[str]:
        """See `DeployTarget.logs`."""
        check_name(name)
        yield from scoring.log_lines(self._here, state.need(self._here, name), tail, follow)

    @cached_property
    def _here(self) -> Arm:
        return Arm(find_place(self._place), find_cloud(self._place.get("cloud")), self._credential)

    def _arm(self, options: AzureMLOptions) -> Arm:
        given = {
            part: getattr(options, part) or self._place.get(part)
            for part in ("subscription_id", "resource_group", "workspace", "config_file")
        }
        cloud = options.cloud or self._place.get("cloud")
        return Arm(find_place(given), find_cloud(cloud), self._credential)

    def _read(self, request: DeployRequest) -> AzureMLOptions:
        check_name(request.name)
        options = read_options(AzureMLOptions, request.options, self.name)
        check(request.name, options)
        return options

    def _roll_out(self, request: DeployRequest, report: Report, *, there: bool) -> Deployment:
        options = self._read(request)
        source = find_source(request, options)
        arm = self._arm(options)
        with lock(request.name, self.name):
            found = state.find(arm, request.name, options.kind)
            if found is not None:
                state.check_ours(found, arm)
                if not there:
                    raise AlreadyExists(f"There is an endpoint {request.name!r} already.")
            elif there:
                raise NotFound(f"There is no endpoint {request.name!r} in {arm.place}.")
            Rollout(arm, Sdk(arm), request, options, source, report).run(found)
            return state.describe(state.need(arm, request.name), arm)


def _action(
    found: Endpoint | None, slot: str, options: AzureMLOptions, request: DeployRequest
) -> Any:
    if found is None:
        return "create"
    wanted = documents.endpoint(request.name, options)["tags"][documents.SETTINGS_TAG]
    old = found.current
    share = options.canary_percentage if old is not None and old.name != slot else None
    same = (
        found.state == "succeeded"
        and found.tags.get(documents.SETTINGS_TAG) == wanted
        and scoring.answering(found, slot) is not None
        and found.traffic.get(slot) == (share or 100)
        and not found.mirror
    )
    return "none" if same else "update"


def _steps(
    request: DeployRequest,
    options: AzureMLOptions,
    source: Source,
    found: Endpoint | None,
    slot: str,
) -> list[str]:
    steps = []
    if source.image is None:
        steps.append(f"upload the model's folder and register it as mlpack-{request.name}")
    elif source.pinned:
        steps.append(f"register the image as the environment mlpack-{request.name}")
    else:
        built = "build the image, " if isinstance(source.image, BuildSpec) else ""
        steps.append(f"{built}put it into the registry, unless it is there")
        steps.append(f"register it, by its digest, as the environment mlpack-{request.name}")
    if found is None:
        steps.append(f"make the {options.kind} endpoint {request.name}")
    old = found.current if found else None
    if not (found and scoring.answering(found, slot)):
        beside = f" beside {old.name}" if old and old.name != slot else ""
        steps.append(f"make the deployment {slot}{beside} (at most {options.timeout:g} s)")
    if source.example is not None and options.kind != BATCH:
        steps.append("try it with the model's input example")
    if old is None or old.name == slot or options.kind == BATCH:
        steps.append(f"send all requests to {slot}")
        return steps
    if options.mirror_percentage:
        steps.append(f"copy {options.mirror_percentage} % of the requests to it")
    shares = [*options.traffic_steps, options.canary_percentage or 100]
    steps.append(f"send it {', then '.join(f'{each} %' for each in shares)} of the requests")
    steps.append(f"if it fails, give them back to {old.name} and remove it")
    if not options.canary_percentage:
        kept = "keep it for a rollback" if options.keep_previous else "remove it"
        steps.append(f"take the requests from {old.name} and {kept}")
    return steps


def _details(
    arm: Arm, request: DeployRequest, options: AzureMLOptions, source: Source, slot: str
) -> dict[str, Any]:
    """The documents as they would be sent; an image that is not built yet has no digest yet."""
    if source.image is None:
        kind, made = "model", documents.model(request.name, source)
    else:
        image = source.pinned or registry.reference(
            registry.login_server(arm, options), request.name, source, options
        )
        kind, made = "environment", documents.environment(request.name, image, options)
    artifact = f"azureml:{made['name']}:{made['version']}"
    tags = documents.record(request, source, made.get("image", ""), "")
    deployment = documents.deployment(request.name, slot, artifact, source, options, tags)
    return {
        "workspace": arm.place.path,
        "cloud": arm.cloud.name,
        "endpoint": documents.endpoint(request.name, options),
        kind: made,
        "deployment": documents.shown(deployment),
    }


def _paid(options: AzureMLOptions, found: Endpoint | None, slot: str) -> list[str]:
    count = options.instance_count
    if options.kind == BATCH:
        return [f"{count} × a machine of {options.compute}, while a job runs"]
    if options.kubernetes:
        return []  # the cluster is paid for already
    paid = []
    if not (found and slot in found.slots):
        paid.append(f"{count} × {options.instance_type} for {slot}, until it is deleted")
    old = found.current if found else None
    if old is not None and old.name != slot:
        kept = options.keep_previous or options.canary_percentage
        how_long = "kept for a rollback, until the next update (-C keep_previous=false ends it)"
        paid.append(
            f"the machines of {old.name}, {how_long if kept else 'until the change is over'}"
        )
    return paid
