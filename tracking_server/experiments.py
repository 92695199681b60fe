"""Experiments over HTTP."""

from __future__ import annotations

from typing import Any

from ..errors import NotFound
from ..tracking import validate
from ..tracking.entities import LifecycleStage, RunTag, ViewType
from ..tracking.rest import wire
from .fields import Field, Schema, choice, integer, many, text
from .places import check_location
from .routes import Message, Route, page
from .service import Service

TAG = Schema(key=text(required=True), value=text())
VIEW: Field = choice(
    {
        "ACTIVE_ONLY": ViewType.ACTIVE_ONLY,
        "DELETED_ONLY": ViewType.DELETED_ONLY,
        "ALL": ViewType.ALL,
    },
    {view.value: view for view in ViewType},
    default=ViewType.ACTIVE_ONLY,
)
_ID = Schema(experiment_id=text(required=True))
_SEARCH = Schema(
    max_results=integer(default=1000),
    page_token=text(),
    filter=text(),
    order_by=many(text()),
    view_type=VIEW,
)


def create(service: Service, message: Message) -> dict[str, Any]:
    tags = [validate.experiment_tag(tag["key"], tag["value"]) for tag in message["tags"]]
    experiment_id = service.store.create_experiment(
        validate.experiment_name(message["name"]),
        check_location(message["artifact_location"]) if message["artifact_location"] else None,
        {tag.key: tag.value for tag in tags},
    )
    return {"experiment_id": experiment_id}


def get(service: Service, message: Message) -> dict[str, Any]:
    experiment = service.store.get_experiment(message["experiment_id"])
    return {"experiment": wire.experiment_to_json(experiment)}


def get_by_name(service: Service, message: Message) -> dict[str, Any]:
    experiment = service.store.get_experiment_by_name(message["experiment_name"])
    if experiment is None:
        raise NotFound(f"There is no experiment named {message['experiment_name']!r}.")
    return {"experiment": wire.experiment_to_json(experiment)}


def search(service: Service, message: Message) -> dict[str, Any]:
    found = service.store.search_experiments(
        message["view_type"],
        message["max_results"],
        message["filter"],
        message["order_by"],
        message["page_token"] or None,
    )
    return page("experiments", map(wire.experiment_to_json, found), found.token)


def update(service: Service, message: Message) -> dict[str, Any]:
    name = validate.experiment_name(message["new_name"])
    service.store.rename_experiment(message["experiment_id"], name)
    return {}


def delete(service: Service, message: Message) -> dict[str, Any]:
    service.store.set_experiment_stage(message["experiment_id"], LifecycleStage.DELETED)
    return {}


def restore(service: Service, message: Message) -> dict[str, Any]:
    service.store.set_experiment_stage(message["experiment_id"], LifecycleStage.ACTIVE)
    return {}


def set_tag(service: Service, message: Message) -> dict[str, Any]:
    tag: RunTag = validate.experiment_tag(message["key"], message["value"])
    service.store.set_experiment_tag(message["experiment_id"], tag)
    return {}


def delete_tag(service: Service, message: Message) -> dict[str, Any]:
    service.store.delete_experiment_tag(message["experiment_id"], message["key"])
    return {}


ROUTES = (
    Route(
        "POST",
        "/experiments/create",
        Schema(name=text(required=True), artifact_location=text(), tags=many(TAG)),
        create,
    ),
    Route("GET", "/experiments/get", _ID, get),
    Route(
        "GET", "/experiments/get-by-name", Schema(experiment_name=text(required=True)), get_by_name
    ),
    Route("POST", "/experiments/search", _SEARCH, search),
    Route("GET", "/experiments/search", _SEARCH, search),
    # what clients before 1.28 call
    Route("GET", "/experiments/list", _SEARCH, search),
    Route(
        "POST",
        "/experiments/update",
        Schema(experiment_id=text(required=True), new_name=text(required=True)),
        update,
    ),
    Route("POST", "/experiments/delete", _ID, delete),
    Route("POST", "/experiments/restore", _ID, restore),
    Route(
        "POST",
        "/experiments/set-experiment-tag",
        Schema(experiment_id=text(required=True), key=text(required=True), value=text()),
        set_tag,
    ),
    Route(
        "POST",
        "/experiments/delete-experiment-tag",
        Schema(experiment_id=text(required=True), key=text(required=True)),
        delete_tag,
    ),
)
