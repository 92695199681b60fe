"""What the registry records, as the JSON of MLflow's REST API 2.0, and back.

A field is there or not as MLflow's server has it: of a version what is empty is sent, of a
registered model it is left out. What MLflow has no field for travels beside: where the files of a
copy lie, and the digest. MLflow's servers do not keep such a field, so a client sends the digest
as a tag; our server takes it out of the tags, and sends it as a field.
"""

from __future__ import annotations

from typing import Any

from ...errors import InvalidInput
from ...tracking.rest.wire import pairs_from_json, pairs_to_json
from ...uris import LocalUri, LoggedModelUri, parse
from ..entities import (
    DIGEST_TAG,
    By,
    HistoryEntry,
    ModelVersion,
    RegisteredModel,
    Stage,
    VersionStatus,
)

Json = dict[str, Any]


def registered_model_to_json(model: RegisteredModel) -> Json:
    """A registered model with its latest versions."""
    data: Json = {
        "name": model.name,
        "creation_timestamp": model.creation_timestamp,
        "last_updated_timestamp": model.last_updated_timestamp,
        "description": model.description,
        "latest_versions": [version_to_json(version) for version in model.latest_versions],
        "tags": pairs_to_json(model.tags),
        "aliases": [
            {"alias": alias, "version": str(version)} for alias, version in model.aliases.items()
        ],
    }
    return {key: value for key, value in data.items() if value not in ("", [])}


def registered_model_from_json(data: Json) -> RegisteredModel:
    """A registered model with its latest versions."""
    return RegisteredModel(
        name=data["name"],
        creation_timestamp=int(data.get("creation_timestamp", 0)),
        last_updated_timestamp=int(data.get("last_updated_timestamp", 0)),
        description=data.get("description", ""),
        latest_versions=[version_from_json(item) for item in data.get("latest_versions") or ()],
        tags=pairs_from_json(data.get("tags")),
        aliases={item["alias"]: int(item.get("version", 0)) for item in data.get("aliases") or ()},
    )


def version_to_json(version: ModelVersion) -> Json:
    """A version. A tag like its digest may be in a database, and vouches for nothing."""
    tags = {key: value for key, value in version.tags.items() if key != DIGEST_TAG}
    data: Json = {
        "name": version.name,
        "version": str(version.version),
        "creation_timestamp": version.creation_timestamp,
        "last_updated_timestamp": version.last_updated_timestamp,
        "user_id": version.user_id or None,
        "current_stage": str(version.current_stage),
        "description": version.description,
        "source": version.source,
        "run_id": version.run_id or "",
        "status": str(version.status),
        "status_message": version.status_message or None,
        "tags": pairs_to_json(tags) or None,
        "run_link": version.run_link or "",
        "aliases": version.aliases or None,
        "model_id": version.model_id or None,
        "digest": version.digest or None,
        "location": version.location if _is_elsewhere(version.location) else None,
    }
    return {key: value for key, value in data.items() if value is not None}


def version_from_json(data: Json) -> ModelVersion:
    """A version; one whose status is left out is ready."""
    tags = pairs_from_json(data.get("tags"))
    tagged = tags.pop(DIGEST_TAG, None)
    return ModelVersion(
        name=data["name"],
        version=int(data["version"]),
        creation_timestamp=int(data.get("creation_timestamp", 0)),
        last_updated_timestamp=int(data.get("last_updated_timestamp", 0)),
        description=data.get("description", ""),
        user_id=data.get("user_id", ""),
        current_stage=data.get("current_stage") or Stage.NONE,
        source=data.get("source", ""),
        location=data.get("location") or None,
        run_id=data.get("run_id") or None,
        run_link=data.get("run_link") or None,
        status=data.get("status") or VersionStatus.READY,
        status_message=data.get("status_message") or None,
        model_id=data.get("model_id") or _model_of(data.get("source", "")),
        digest=data.get("digest") or tagged or None,
        tags=tags,
        aliases=list(data.get("aliases") or ()),
    )


def entry_to_json(entry: HistoryEntry) -> Json:
    """A line of the history; only we have them."""
    data: Json = {
        "name": entry.name,
        "version": None if entry.version is None else str(entry.version),
        "kind": str(entry.kind),
        "key": entry.key,
        "before": entry.before,
        "after": entry.after,
        "user_id": entry.user_id,
        "timestamp": entry.timestamp,
        "note": entry.note,
    }
    return {key: value for key, value in data.items() if value is not None}


def entry_from_json(data: Json) -> HistoryEntry:
    """A line of the history."""
    version = data.get("version")
    return HistoryEntry(
        name=data["name"],
        version=None if version is None else int(version),
        kind=data["kind"],
        key=data.get("key"),
        before=data.get("before"),
        after=data.get("after"),
        user_id=data.get("user_id", ""),
        timestamp=int(data.get("timestamp", 0)),
        note=data.get("note", ""),
    )


def by_to_json(by: By) -> Json:
    """Who makes a change, and why: fields that MLflow's servers do not look at."""
    data = {"user_id": by.user_id, "note": by.note}
    return {key: value for key, value in data.items() if value}


def _model_of(source: str) -> str | None:
    """The logged model that a source names: MLflow's servers do not keep it beside."""
    try:
        parsed = parse(source) if source else None
    except InvalidInput:
        return None
    if isinstance(parsed, LoggedModelUri) and not parsed.path:
        return parsed.model_id
    return None


def _is_elsewhere(location: str | None) -> bool:
    """Whether a client may hear of it: a folder here is none on its machine."""
    try:
        return bool(location) and not isinstance(parse(location or ""), LocalUri)
    except InvalidInput:
        return False
