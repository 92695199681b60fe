"""Versions of registered models over HTTP."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from ..errors import InvalidInput
from ..registry import names
from ..registry.entities import DIGEST_TAG
from ..registry.rest import wire
from ..tracking.rest.wire import pairs_from_json, pairs_to_json
from .checksums import files_of
from .experiments import TAG
from .fields import Schema, flag, integer, many, text
from .registered_models import BY, NAME, by, page_size, tags_of
from .routes import Message, Route, page
from .service import Service
from .sources import find_source, place_of

_MOST_VERSIONS = 200_000  # a page
_MOST_RUNS = 100_000
_NO_ADDRESS = frozenset(" \"'<>\\^`{|}")  # browsers and pages make of these what they like


def create(service: Service, message: Message) -> dict[str, Any]:
    """Register a version; what its files are is found out before anything is written."""
    name = message["name"]
    tags, offered = _split(message)
    description = names.description(message["description"])
    run_link = _run_link(message["run_link"])
    who = by(message)
    if message["make_name"]:
        names.registered_model_name(name)
    else:
        service.registry.get_registered_model(name)
    source = find_source(service, message["source"], message["run_id"], message["model_id"])
    version = service.registry.create_model_version(
        name,
        source.address,
        location=source.location,
        run_id=source.run.info.run_id if source.run else None,
        run_link=run_link,
        model_id=source.model.model_id if source.model and not source.is_part else None,
        tags=tags,
        description=description,
        files=files_of(service, source, offered),
        by=who,
        make_name=message["make_name"],
    )
    return {"model_version": wire.version_to_json(version)}


def get(service: Service, message: Message) -> dict[str, Any]:
    version = service.registry.get_model_version(*_which(message))
    return {"model_version": wire.version_to_json(version)}


def search(service: Service, message: Message) -> dict[str, Any]:
    found = service.registry.search_model_versions(
        message["filter"],
        page_size(message, _MOST_VERSIONS),
        message["order_by"],
        message["page_token"] or None,
    )
    return page("model_versions", map(wire.version_to_json, found), found.token)


def update(service: Service, message: Message) -> dict[str, Any]:
    description = names.description(message["description"])
    version = service.registry.update_model_version(*_which(message), description, by(message))
    return {"model_version": wire.version_to_json(version)}


def transition_stage(service: Service, message: Message) -> dict[str, Any]:
    version = service.registry.transition_stage(
        *_which(message),
        names.stage(message["stage"]),
        message["archive_existing_versions"],
        by(message),
        message["expected"],
    )
    return {"model_version": wire.version_to_json(version)}


def delete(service: Service, message: Message) -> dict[str, Any]:
    service.registry.delete_model_version(*_which(message), by(message))
    return {}


def download_uri(service: Service, message: Message) -> dict[str, Any]:
    version = service.registry.get_model_version(*_which(message))
    return {"artifact_uri": place_of(service, version)}


def set_tag(service: Service, message: Message) -> dict[str, Any]:
    [(key, value)] = tags_of([message]).items()
    service.registry.set_model_version_tag(*_which(message), key, value, by(message))
    return {}


def delete_tag(service: Service, message: Message) -> dict[str, Any]:
    if message["key"] == DIGEST_TAG:
        raise InvalidInput(
            "The digest of a version cannot be deleted: it vouches for the version's files."
        )
    service.registry.delete_model_version_tag(*_which(message), message["key"], by(message))
    return {}


def files(service: Service, message: Message) -> dict[str, Any]:
    return {"files": pairs_to_json(service.registry.get_files(*_which(message)))}


def of_runs(service: Service, message: Message) -> dict[str, Any]:
    found = service.registry.versions_of_runs(message["run_ids"])
    return {"model_versions": [wire.version_to_json(version) for version in found]}


def _which(message: Message) -> tuple[str, int]:
    return message["name"], names.version(message["version"])


def _split(message: Message) -> tuple[dict[str, str], dict[str, str]]:
    """The tags proper, and the checksums that our own client offers, with their digest as a tag."""
    from ..flavors.integrity import digest

    offered = pairs_from_json(message["files"])
    given = pairs_from_json(message["tags"])
    if offered and given.get(DIGEST_TAG) == digest(offered):
        del given[DIGEST_TAG]
    return tags_of(pairs_to_json(given)), offered


def _run_link(link: str) -> str | None:
    """The address of a run's page; a browser will be sent there.

    Raises:
        InvalidInput: it is none of a web page (``javascript:…`` would be run).
    """
    if not link:
        return None
    try:
        parts = urlsplit(names.address("run_link", link))
        known = parts.scheme in ("http", "https") and bool(parts.hostname)
        known = known and parts.username is None and not _NO_ADDRESS.intersection(link)
    except ValueError:
        known = False
    if not known:
        raise InvalidInput(
            "The run_link must be the address of a web page, http(s)://host/…, without a user's "
            "name, blanks, quotes or brackets."
        )
    return link


_VERSION = {"name": NAME, "version": text(required=True)}

ROUTES = (
    Route(
        "POST",
        "/model-versions/create",
        Schema(
            name=NAME,
            source=text(required=True),
            run_id=text(),
            tags=many(TAG),
            run_link=text(),
            description=text(),
            model_id=text(),
            files=many(TAG),
            make_name=flag(default=False),
            **BY,
        ),
        create,
    ),
    Route("GET", "/model-versions/get", Schema(**_VERSION), get),
    Route(
        "GET",
        "/model-versions/search",
        Schema(
            filter=text(),
            max_results=integer(default=_MOST_VERSIONS),
            order_by=many(text()),
            page_token=text(),
        ),
        search,
    ),
    Route("PATCH", "/model-versions/update", Schema(**_VERSION, description=text(), **BY), update),
    Route(
        "POST",
        "/model-versions/transition-stage",
        Schema(
            **_VERSION,
            stage=text(required=True),
            archive_existing_versions=flag(default=False),
            expected=integer(default=None),
            **BY,
        ),
        transition_stage,
    ),
    Route("DELETE", "/model-versions/delete", Schema(**_VERSION, **BY), delete),
    Route("GET", "/model-versions/get-download-uri", Schema(**_VERSION), download_uri),
    Route(
        "POST",
        "/model-versions/set-tag",
        Schema(**_VERSION, key=text(required=True), value=text(), **BY),
        set_tag,
    ),
    Route(
        "DELETE",
        "/model-versions/delete-tag",
        Schema(**_VERSION, key=text(required=True), **BY),
        delete_tag,
    ),
    Route("GET", "/model-versions/files", Schema(**_VERSION), files),
    Route(
        "POST",
        "/model-versions/of-runs",
        Schema(run_ids=many(text(), limit=_MOST_RUNS)),
        of_runs,
    ),
)
