"""What is in the workspace: endpoints and the deployments behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...errors import AlreadyExists, NotFound
from ..base import Deployment, Status
from .arm import Arm
from .documents import (
    CREATED_TAG,
    DIGEST_TAG,
    IMAGE_TAG,
    NAME_TAG,
    PREVIOUS_TAG,
    URI_TAG,
    VERSION_TAG,
    WAY_TAG,
)
from .options import BATCH, ONLINE

COLLECTIONS = {ONLINE: "onlineEndpoints", BATCH: "batchEndpoints"}
_STATUS: dict[str, Status] = {
    "succeeded": "healthy",
    "creating": "starting",
    "updating": "updating",
    "scaling": "updating",
    "provisioning": "starting",
    "deleting": "deleting",
    "failed": "failed",
    "canceled": "failed",
}


@dataclass(frozen=True)
class Slot:
    """A deployment behind an endpoint.

    Attributes:
        name: its name.
        state: as Azure has it, in lower case: ``succeeded``, ``creating``, ``failed``, …
        tags: what is on record of it.
    """

    name: str
    state: str
    tags: Mapping[str, str]

    @property
    def ours(self) -> bool:
        """Mlpack made it."""
        return NAME_TAG in self.tags


@dataclass(frozen=True)
class Endpoint:
    """An endpoint, online or batch.

    Attributes:
        name: its name.
        kind: ``online`` or ``batch``.
        state: as `Slot.state`.
        tags: what is on record of it.
        traffic: percent by deployment; of a batch endpoint, all to the default one.
        mirror: percent of copies, by deployment.
        uri: where requests go.
        auth_mode: ``key``, ``amltoken`` or ``aadtoken``.
        identity: who it is in Azure: the id of its principal.
        slots: the deployments, by name.
    """

    name: str
    kind: str
    state: str
    tags: Mapping[str, str]
    traffic: Mapping[str, int]
    mirror: Mapping[str, int]
    uri: str | None
    auth_mode: str
    identity: str | None
    slots: Mapping[str, Slot] = field(default_factory=dict)

    @property
    def ours(self) -> bool:
        """Mlpack made it."""
        return self.tags.get(NAME_TAG) == self.name

    @property
    def current(self) -> Slot | None:
        """The deployment that most requests go to."""
        known = [name for name in self.traffic if name in self.slots]
        best = max(known, key=lambda name: self.traffic[name], default=None)
        return self.slots[best] if best and self.traffic[best] else None

    @property
    def previous(self) -> Slot | None:
        """What ran before, if it was kept."""
        slot = self.slots.get(self.tags.get(PREVIOUS_TAG, ""))
        return slot if slot is not self.current else None


def find(arm: Arm, name: str, kind: str | None = None) -> Endpoint | None:
    """An endpoint with its deployments; None if there is none of that name.

    Args:
        arm: the workspace.
        name: of the endpoint.
        kind: ``online`` or ``batch``; None looks for either.
    """
    for each in [kind] if kind else COLLECTIONS:
        path = f"/{COLLECTIONS[each]}/{name}"
        told = arm.get(path)
        if told is not None:
            slots = [_slot(one) for one in arm.all(f"{path}/deployments")]
            return _endpoint(told, each, {slot.name: slot for slot in slots})
    return None


def need(arm: Arm, name: str) -> Endpoint:
    """As `find`, but raises `NotFound`; also when mlpack did not make it."""
    found = find(arm, name)
    if found is None or not found.ours:
        what = "was not made by mlpack" if found else "does not exist"
        known = ", ".join(each.name for each in find_all(arm)) or "none"
        raise NotFound(
            f"The endpoint {name!r} {what} in the workspace {arm.place}. Of mlpack there are: "
            f"{known}."
        )
    return found


def find_all(arm: Arm) -> Iterator[Endpoint]:
    """Endpoints that mlpack made, without their deployments."""
    for kind, collection in COLLECTIONS.items():
        for told in arm.all(f"/{collection}"):
            found = _endpoint(told, kind, {})
            if found.ours:
                yield found


def check_ours(found: Endpoint, arm: Arm) -> None:
    """Raises `AlreadyExists` when somebody else made the endpoint."""
    if not found.ours:
        raise AlreadyExists(
            f"The {found.kind} endpoint {found.name!r} in {arm.place} was not made by mlpack. "
            "Choose another name, or remove it yourself (or with deployments delete --force)."
        )


def describe(found: Endpoint, arm: Arm) -> Deployment:
    """An endpoint as people see it."""
    slot = found.current or next(iter(found.slots.values()), None)
    tags = slot.tags if slot else {}
    image = tags.get(IMAGE_TAG, "")
    details: dict[str, Any] = {
        "place": str(arm.place),
        "kind": found.kind,
        "deployment": slot.name if slot else None,
        "deployments": {one.name: one.state for one in found.slots.values()},
        "traffic": dict(found.traffic),
        "previous": found.previous.name if found.previous else None,
        "auth_mode": found.auth_mode,
        "way": tags.get(WAY_TAG),
        "portal": f"{arm.cloud.portal}/#@/resource{arm.place.path}",
    }
    if "@" in image:
        details["image_digest"] = image.partition("@")[2]
    if tags.get(VERSION_TAG):
        details["model_name"], _, details["model_version"] = tags[VERSION_TAG].rpartition(":")
    return Deployment(
        name=found.name,
        target="azureml",
        status=_status(found, slot),
        endpoint=found.uri,
        model_uri=tags.get(URI_TAG, ""),
        model_digest=tags.get(DIGEST_TAG),
        image=image,
        created=tags.get(CREATED_TAG, ""),
        details={key: value for key, value in details.items() if value is not None},
    )


def _status(found: Endpoint, slot: Slot | None) -> Status:
    if found.state != "succeeded":
        return _STATUS.get(found.state, "unknown")
    if slot is None:
        return "stopped"
    if slot.state == "succeeded" and not found.current:
        return "starting"  # it is up; its requests still go nowhere
    return _STATUS.get(slot.state, "unknown")


def _slot(told: Mapping[str, Any]) -> Slot:
    state = str((told.get("properties") or {}).get("provisioningState", "")).lower()
    return Slot(str(told["name"]), state, told.get("tags") or {})


def _endpoint(told: Mapping[str, Any], kind: str, slots: Mapping[str, Slot]) -> Endpoint:
    properties = told.get("properties") or {}
    traffic = properties.get("traffic") or {}
    if kind == BATCH:
        default = (properties.get("defaults") or {}).get("deploymentName")
        traffic = {default: 100} if default else {}
    return Endpoint(
        name=str(told["name"]),
        kind=kind,
        state=str(properties.get("provisioningState", "")).lower(),
        tags=told.get("tags") or {},
        traffic=traffic,
        mirror=properties.get("mirrorTraffic") or {},
        uri=properties.get("scoringUri"),
        auth_mode=str(properties.get("authMode", "")).lower(),
        identity=(told.get("identity") or {}).get("principalId"),
        slots=slots,
    )
