"""Logged models over HTTP.

The digest of a model's folder travels as a tag; it is kept apart from the tags and never changes.
"""

from __future__ import annotations

from typing import Any

from ..errors import InvalidInput
from ..tracking import validate
from ..tracking.entities import RunTag
from ..tracking.rest import wire
from .experiments import TAG
from .fields import Schema, choice, flag, integer, many, text
from .routes import Message, Route, page
from .run_data import param_of, tag_of
from .service import Service

_ID = text(required=True)
_STATUSES = {word: status for status, word in wire.MODEL_STATUS.items()}
_PARAMS = many(Schema(key=text(required=True), value=text()))
_ORDER = Schema(
    field_name=text(required=True),
    ascending=flag(default=True),
    dataset_name=text(),
    dataset_digest=text(),
)
_DATASET = Schema(dataset_name=text(required=True), dataset_digest=text())


def create(service: Service, message: Message) -> dict[str, Any]:
    model = service.store.create_logged_model(
        message["experiment_id"],
        validate.model_name(message["name"] or "model"),
        message["source_run_id"] or None,
        message["model_type"] or None,
        [param_of(one) for one in message["params"]],
        [tag_of(one) for one in message["tags"] if one["key"] != wire.DIGEST_TAG],
    )
    return {"model": wire.logged_model_to_json(model)}


def get(service: Service, message: Message) -> dict[str, Any]:
    return {"model": wire.logged_model_to_json(service.store.get_logged_model(message["model_id"]))}


def finalize(service: Service, message: Message) -> dict[str, Any]:
    status = message["status"]
    if status is None:
        raise InvalidInput("Missing value for required parameter 'status'.")
    tags, digest = _split(message["tags"])
    if tags:
        service.store.set_logged_model_tags(message["model_id"], tags)
    model = service.store.finalize_logged_model(message["model_id"], status, digest)
    return {"model": wire.logged_model_to_json(model)}


def set_tags(service: Service, message: Message) -> dict[str, Any]:
    tags, digest = _split(message["tags"])
    model_id = message["model_id"]
    service.store.set_logged_model_tags(model_id, tags)
    if digest:
        status = service.store.get_logged_model(model_id).status
        service.store.finalize_logged_model(model_id, status, digest)
    model = service.store.get_logged_model(model_id)
    return {"model": wire.logged_model_to_json(model)}


def delete_tag(service: Service, message: Message) -> dict[str, Any]:
    if message["tag_key"] == wire.DIGEST_TAG:
        raise InvalidInput("The digest of a model cannot be deleted: it vouches for its files.")
    service.store.delete_logged_model_tag(message["model_id"], message["tag_key"])
    return {}


def log_params(service: Service, message: Message) -> dict[str, Any]:
    params = [param_of(one) for one in message["params"]]
    service.store.log_logged_model_params(message["model_id"], params)
    return {}


def delete(service: Service, message: Message) -> dict[str, Any]:
    service.store.delete_logged_model(message["model_id"])
    return {}


def search(service: Service, message: Message) -> dict[str, Any]:
    if message["datasets"] or any(one["dataset_name"] for one in message["order_by"]):
        raise InvalidInput(
            "Searching logged models by the metrics of a dataset is not supported; filter by "
            "metrics.<key> alone."
        )
    found = service.store.search_logged_models(
        message["experiment_ids"],
        message["filter"],
        message["max_results"],
        [
            f"{one['field_name']} {'ASC' if one['ascending'] else 'DESC'}"
            for one in message["order_by"]
        ],
        message["page_token"] or None,
    )
    return page("models", map(wire.logged_model_to_json, found), found.token)


def _split(tags: list[dict[str, str]]) -> tuple[list[RunTag], str | None]:
    """The tags proper, and the digest among them if there is one."""
    digest = next((tag["value"] for tag in tags if tag["key"] == wire.DIGEST_TAG), None)
    return [tag_of(tag) for tag in tags if tag["key"] != wire.DIGEST_TAG], digest or None


ROUTES = (
    Route(
        "POST",
        "/logged-models",
        Schema(
            experiment_id=text(required=True),
            name=text(),
            model_type=text(),
            source_run_id=text(),
            params=_PARAMS,
            tags=many(TAG),
        ),
        create,
    ),
    Route(
        "POST",
        "/logged-models/search",
        Schema(
            experiment_ids=many(text()),
            filter=text(),
            datasets=many(_DATASET),
            max_results=integer(default=50),
            order_by=many(_ORDER),
            page_token=text(),
        ),
        search,
    ),
    Route("GET", "/logged-models/<model_id>", Schema(model_id=_ID), get),
    Route(
        "PATCH",
        "/logged-models/<model_id>",
        Schema(
            model_id=_ID,
            status=choice(_STATUSES, dict(enumerate(_STATUSES.values(), 1))),
            tags=many(TAG),
        ),
        finalize,
    ),
    Route("DELETE", "/logged-models/<model_id>", Schema(model_id=_ID), delete),
    Route(
        "PATCH", "/logged-models/<model_id>/tags", Schema(model_id=_ID, tags=many(TAG)), set_tags
    ),
    Route(
        "DELETE",
        "/logged-models/<model_id>/tags/<path:tag_key>",
        Schema(model_id=_ID, tag_key=text(required=True)),
        delete_tag,
    ),
    Route(
        "POST",
        "/logged-models/<model_id>/params",
        Schema(model_id=_ID, params=_PARAMS),
        log_params,
    ),
)
