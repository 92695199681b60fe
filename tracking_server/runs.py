"""Runs over HTTP: making, finding, changing them."""

from __future__ import annotations

from typing import Any

from ..tracking import validate
from ..tracking.entities import LifecycleStage, RunStatus, Tags
from ..tracking.names import random_name
from ..tracking.rest import wire
from .experiments import TAG, VIEW
from .fields import Schema, choice, integer, many, text
from .routes import Message, Route, page
from .service import Service

# older clients say run_uuid, and some say both
RUN_ID = text(required=True, aliases=("run_uuid", "runUuid"))
_ID = Schema(run_id=RUN_ID)
# numbered as in the protocol
_STATUS = choice(
    {status.value: status for status in RunStatus},
    dict(enumerate(RunStatus, 1)),
)


def create(service: Service, message: Message) -> dict[str, Any]:
    tags = [validate.tag(tag["key"], tag["value"]) for tag in message["tags"]]
    named = next((tag.value for tag in tags if tag.key == Tags.RUN_NAME), "")
    run = service.store.create_run(
        message["experiment_id"],
        validate.run_name(message["run_name"] or named or random_name()),
        message["user_id"],
        validate.now() if message["start_time"] is None else message["start_time"],
        tags,
    )
    return {"run": wire.run_to_json(run)}


def get(service: Service, message: Message) -> dict[str, Any]:
    return {"run": wire.run_to_json(service.store.get_run(message["run_id"]))}


def update(service: Service, message: Message) -> dict[str, Any]:
    name = message["run_name"]
    service.store.update_run(
        message["run_id"],
        status=message["status"],
        end_time=message["end_time"],
        name=validate.run_name(name) if name else None,
    )
    return {"run_info": wire.run_info_to_json(service.store.get_run(message["run_id"]).info)}


def delete(service: Service, message: Message) -> dict[str, Any]:
    service.store.set_run_stage(message["run_id"], LifecycleStage.DELETED)
    return {}


def restore(service: Service, message: Message) -> dict[str, Any]:
    service.store.set_run_stage(message["run_id"], LifecycleStage.ACTIVE)
    return {}


def search(service: Service, message: Message) -> dict[str, Any]:
    found = service.store.search_runs(
        message["experiment_ids"],
        message["filter"],
        message["run_view_type"],
        message["max_results"],
        message["order_by"],
        message["page_token"] or None,
    )
    return page("runs", map(wire.run_to_json, found), found.token)


ROUTES = (
    Route(
        "POST",
        "/runs/create",
        Schema(
            experiment_id=text(default="0"),
            user_id=text(),
            run_name=text(),
            start_time=integer(),
            tags=many(TAG),
        ),
        create,
    ),
    Route("GET", "/runs/get", _ID, get),
    Route(
        "POST",
        "/runs/update",
        Schema(run_id=RUN_ID, status=_STATUS, end_time=integer(), run_name=text()),
        update,
    ),
    Route("POST", "/runs/delete", _ID, delete),
    Route("POST", "/runs/restore", _ID, restore),
    Route(
        "POST",
        "/runs/search",
        Schema(
            experiment_ids=many(text()),
            filter=text(),
            run_view_type=VIEW,
            max_results=integer(default=1000),
            order_by=many(text()),
            page_token=text(),
        ),
        search,
    ),
)
