"""Registered models over HTTP: names, their tags and aliases, and what happened to them."""

from __future__ import annotations

from typing import Any

from ..errors import InvalidInput, NotFound
from ..registry import names
from ..registry.entities import DIGEST_TAG, By
from ..registry.rest import wire
from .experiments import TAG
from .fields import Schema, integer, many, text
from .routes import Message, Route, page
from .service import Service

MOST_MODELS = 1000  # a page
_LONGEST_USER = 250

NAME = text(required=True)
# Who and why; MLflow's clients do not say. Nobody's word is verified.
BY = {"user_id": text(), "note": text()}


def create(service: Service, message: Message) -> dict[str, Any]:
    model = service.registry.create_registered_model(
        names.registered_model_name(message["name"]),
        tags_of(message["tags"]),
        names.description(message["description"]),
        by(message),
    )
    return {"registered_model": wire.registered_model_to_json(model)}


def get(service: Service, message: Message) -> dict[str, Any]:
    model = service.registry.get_registered_model(message["name"])
    return {"registered_model": wire.registered_model_to_json(model)}


def search(service: Service, message: Message) -> dict[str, Any]:
    found = service.registry.search_registered_models(
        message["filter"],
        page_size(message, MOST_MODELS),
        message["order_by"],
        message["page_token"] or None,
    )
    return page("registered_models", map(wire.registered_model_to_json, found), found.token)


def list_all(service: Service, message: Message) -> dict[str, Any]:
    return search(service, {**message, "filter": "", "order_by": ()})


def rename(service: Service, message: Message) -> dict[str, Any]:
    new_name = names.registered_model_name(message["new_name"])
    model = service.registry.rename_registered_model(message["name"], new_name, by(message))
    return {"registered_model": wire.registered_model_to_json(model)}


def update(service: Service, message: Message) -> dict[str, Any]:
    description = names.description(message["description"])
    model = service.registry.update_registered_model(message["name"], description, by(message))
    return {"registered_model": wire.registered_model_to_json(model)}


def delete(service: Service, message: Message) -> dict[str, Any]:
    service.registry.delete_registered_model(message["name"], by(message))
    return {}


def latest_versions(service: Service, message: Message) -> dict[str, Any]:
    stages = [names.stage(stage) for stage in message["stages"]]
    found = service.registry.get_latest_versions(message["name"], stages)
    return {"model_versions": [wire.version_to_json(version) for version in found]}


def set_tag(service: Service, message: Message) -> dict[str, Any]:
    [(key, value)] = tags_of([message]).items()
    service.registry.set_registered_model_tag(message["name"], key, value, by(message))
    return {}


def delete_tag(service: Service, message: Message) -> dict[str, Any]:
    service.registry.delete_registered_model_tag(message["name"], message["key"], by(message))
    return {}


def set_alias(service: Service, message: Message) -> dict[str, Any]:
    service.registry.set_alias(
        message["name"],
        names.alias(message["alias"]),
        names.version(message["version"]),
        by(message),
        message["expected"],
    )
    return {}


def delete_alias(service: Service, message: Message) -> dict[str, Any]:
    service.registry.delete_alias(message["name"], message["alias"], by(message))
    return {}


def version_by_alias(service: Service, message: Message) -> dict[str, Any]:
    try:
        found = service.registry.get_version_by_alias(message["name"], message["alias"])
    except NotFound as error:  # MLflow's code for it, by which clients know
        raise InvalidInput(error.message) from None
    return {"model_version": wire.version_to_json(found)}


def history(service: Service, message: Message) -> dict[str, Any]:
    version = message["version"]
    found = service.registry.get_history(
        message["name"],
        None if version is None else names.version(version),
        page_size(message, MOST_MODELS),
        message["page_token"] or None,
    )
    return page("entries", map(wire.entry_to_json, found), found.token)


def by(message: Message) -> By:
    """Who makes a change and why, as the client says.

    Raises:
        InvalidInput: it says too much.
    """
    user = message["user_id"]
    if len(user) > _LONGEST_USER:
        raise InvalidInput(f"A user_id has at most {_LONGEST_USER} characters.")
    return By(user, names.note(message["note"]))


def tags_of(tags: list[dict[str, str]]) -> dict[str, str]:
    """Checked tags from their fields.

    Raises:
        InvalidInput: one is not allowed; the digest is none of the user's.
    """
    if any(tag["key"] == DIGEST_TAG for tag in tags):
        raise InvalidInput(f"The tag {DIGEST_TAG} cannot be set: it vouches for a version's files.")
    return names.tags({tag["key"]: tag["value"] for tag in tags})


def page_size(message: Message, most: int) -> int:
    """How many results are asked for.

    Raises:
        InvalidInput: more than a page has, or none.
    """
    asked = int(message["max_results"])
    if not 1 <= asked <= most:
        raise InvalidInput(f"max_results is {asked}; it must be from 1 to {most}.")
    return asked


_PAGE = {"max_results": integer(default=100), "page_token": text()}
_SEARCH = Schema(filter=text(), order_by=many(text()), **_PAGE)
_LATEST = Schema(name=NAME, stages=many(text()))
_ALIAS = {"name": NAME, "alias": text(required=True)}

ROUTES = (
    Route(
        "POST",
        "/registered-models/create",
        Schema(name=NAME, tags=many(TAG), description=text(), **BY),
        create,
    ),
    Route("GET", "/registered-models/get", Schema(name=NAME), get),
    Route("GET", "/registered-models/search", _SEARCH, search),
    Route("GET", "/registered-models/list", Schema(**_PAGE), list_all),  # clients of 1.x
    Route(
        "POST",
        "/registered-models/rename",
        Schema(name=NAME, new_name=text(required=True), **BY),
        rename,
    ),
    Route(
        "PATCH", "/registered-models/update", Schema(name=NAME, description=text(), **BY), update
    ),
    Route("DELETE", "/registered-models/delete", Schema(name=NAME, **BY), delete),
    Route("POST", "/registered-models/get-latest-versions", _LATEST, latest_versions),
    Route("GET", "/registered-models/get-latest-versions", _LATEST, latest_versions),
    Route(
        "POST",
        "/registered-models/set-tag",
        Schema(name=NAME, key=text(required=True), value=text(), **BY),
        set_tag,
    ),
    Route(
        "DELETE",
        "/registered-models/delete-tag",
        Schema(name=NAME, key=text(required=True), **BY),
        delete_tag,
    ),
    Route(
        "POST",
        "/registered-models/alias",
        Schema(**_ALIAS, version=text(required=True), expected=integer(default=None), **BY),
        set_alias,
    ),
    Route("DELETE", "/registered-models/alias", Schema(**_ALIAS, **BY), delete_alias),
    Route("GET", "/registered-models/alias", Schema(**_ALIAS), version_by_alias),
    Route(
        "GET",
        "/registered-models/history",
        Schema(
            name=NAME,
            version=text(default=None),
            max_results=integer(default=1000),
            page_token=text(),
        ),
        history,
    ),
)
