"""Deployments noted in tracking beside the models that they are of, so that lineage reaches them.

The note (`registry.uses`) is on the logged model, or on the registered version. What a target
cannot say of a model is taken from the request that made it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ..errors import MlpackError
from .base import Deployment, DeployRequest, Progress, Report

if TYPE_CHECKING:
    from ..registry.uses import Model


def model_of(request: DeployRequest) -> Model | None:
    """Which model a request is of; None for a folder that no store vouches for."""
    from ..flavors.descriptor import Model as Descriptor
    from ..registry.uses import Model

    name, version = request.registered_name, request.registered_version
    model_id = None
    if request.model is not None and (request.model_digest or name):
        try:
            model_id = Descriptor.read(request.model).model_id
        except MlpackError:
            model_id = None
    return Model(model_id, name, version) if model_id or name else None


def changed(
    before: Deployment | None, now: Deployment, state: str, model: Model | None, report: Report
) -> None:
    """Note a deployment that was made, updated or rolled back.

    Args:
        before: what was there until now; its model is noted as replaced.
        now: what is there.
        state: "deployed", "updated", "rolled back" or "written".
        model: that is deployed; None: what the target says of it.
        report: told when it cannot be noted.
    """
    model = model or _told(now)
    former = _told(before) if before else None
    if before is not None and former is not None and not _same(former, model):
        _note(former, before, "replaced", report)
    if model is not None:
        _note(model, now, state, report)


def deleted(before: Deployment, report: Report) -> None:
    """Note that a deployment is gone."""
    model = _told(before)
    if model is not None:
        _note(model, before, "deleted", report)


def _told(deployment: Deployment) -> Model | None:
    """The model that a target says a deployment is of, or else tracking."""
    from ..registry.uses import Model, deployed_as

    details = deployment.details
    model_id, name = details.get("model_id"), details.get("model_name")
    version = str(details.get("model_version") or "")
    if model_id or (name and version.isdecimal()):
        return Model(model_id, name, int(version) if version.isdecimal() else None)
    try:
        return deployed_as(deployment.target, deployment.name, details.get("place"))
    except MlpackError:
        return None  # what cannot be asked cannot be noted either, which will be told


def _same(one: Model, other: Model | None) -> bool:
    if other is None:
        return False
    if one.model_id and other.model_id:
        return one.model_id == other.model_id
    return (one.name, one.version) == (other.name, other.version)


def _note(model: Model, deployment: Deployment, state: str, report: Report) -> None:
    from ..registry.uses import record_deployment

    use: dict[str, Any] = {
        "state": state,
        "status": state if state in ("deleted", "replaced", "written") else deployment.status,
        "endpoint": deployment.endpoint,
        "model_uri": deployment.model_uri,
        "model_digest": deployment.model_digest,
        "image": deployment.image,
        "image_digest": deployment.details.get("image_digest"),
        "place": deployment.details.get("place"),
    }
    try:
        record_deployment(_whole(model), deployment.target, deployment.name, use)
    except MlpackError as error:
        why = error.message.splitlines()[0]
        report(Progress("notice", f"The deployment could not be noted in tracking: {why}"))


def _whole(model: Model) -> Model:
    """With the logged model that a version is of: places keep labels of names, not always ids."""
    from ..registry.client import MlpackClient
    from ..registry.uses import Model

    if model.model_id or not model.name or not model.version:
        return model
    version = MlpackClient().get_model_version(model.name, model.version)
    return Model(version.model_id or None, model.name, model.version)


def recorded() -> list[dict[str, Any]]:
    """What tracking has on record of deployments on all targets, the newest first.

    One that was replaced or deleted is there, too; its ``state`` says so.
    """
    from ..registry.client import MlpackClient
    from ..registry.subject import Subject
    from ..registry.uses import deployments_of

    client = MlpackClient()
    found = []
    for version in _pages(client.search_model_versions):
        found += deployments_of(Subject("", version=version))
    for model in _pages(client.search_logged_models):
        found += deployments_of(Subject("", model=model))
    return sorted(found, key=lambda use: str(use.get("when", "")), reverse=True)


def _pages(search: Callable[..., Any]) -> Iterator[Any]:
    token = None
    while True:
        page = search(page_token=token)
        yield from page
        if (token := page.token) is None:
            return
