"""Rows of the registry: found by name and locked, and read as what they mean.

Whoever changes anything of a registered model locks its row first, where the database itself is
not locked: so numbers are given out one by one, and what was looked at stays so until the end.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import NotFound
from ...tracking.sql.by_keys import ByKeys
from ...tracking.sql.registry_tables import (
    model_version_tags,
    model_versions,
    registered_model_aliases,
    registered_model_tags,
    registered_models,
    registry_history,
)
from ..entities import ChangeKind, ModelVersion, RegisteredModel, Stage

_COLUMNS = {  # what the fields of a version are read from
    "name": registered_models.c.name,
    "version": model_versions.c.version,
    "creation_timestamp": model_versions.c.creation_time,
    "last_updated_timestamp": model_versions.c.last_update_time,
    "description": model_versions.c.description,
    "user_id": model_versions.c.user_id,
    "current_stage": model_versions.c.stage,
    "source": model_versions.c.source,
    "location": model_versions.c.location,
    "run_id": model_versions.c.run_id,
    "run_link": model_versions.c.run_link,
    "status": model_versions.c.status,
    "status_message": model_versions.c.status_message,
    "model_id": model_versions.c.model_id,
    "digest": model_versions.c.digest,
}
_FIELDS = [field.name for field in fields(ModelVersion) if field.name in _COLUMNS]
_VERSIONS = sa.select(model_versions.c.id, *(_COLUMNS[name] for name in _FIELDS)).select_from(
    model_versions.join(registered_models)
)
_VERSIONS_BY_KEY = ByKeys(_VERSIONS, model_versions.c.id)


def _by_owner(table: sa.Table, *columns: Any) -> ByKeys:
    owner = table.columns[0]
    return ByKeys(sa.select(owner, *columns).order_by(owner, columns[0]), owner)


_TAGS = _by_owner(model_version_tags, model_version_tags.c.key, model_version_tags.c.value)
_MODEL_TAGS = _by_owner(
    registered_model_tags, registered_model_tags.c.key, registered_model_tags.c.value
)
_ALIASES = ByKeys(
    sa.select(registered_model_aliases.c.version, registered_model_aliases.c.alias).order_by(
        registered_model_aliases.c.alias
    ),
    registered_model_aliases.c.version,
)
_MODEL_ALIASES = ByKeys(
    sa.select(
        registered_model_aliases.c.model, registered_model_aliases.c.alias, model_versions.c.version
    )
    .join(model_versions, model_versions.c.id == registered_model_aliases.c.version)
    .order_by(registered_model_aliases.c.model, registered_model_aliases.c.alias),
    registered_model_aliases.c.model,
)


def model_row(connection: Connection, name: str, place: str, lock: bool = False) -> Any:
    """The row of a registered model; locked, others wait for our transaction's end.

    Raises:
        NotFound: there is none of that name.
    """
    query = sa.select(registered_models).where(registered_models.c.name == name)
    if lock:
        query = query.with_for_update(key_share=True)
    row = connection.execute(query).first()
    if row is None:
        raise no_model(connection, name, place)
    return row


def no_model(connection: Connection, name: str, place: str) -> NotFound:
    """The error for a name that is not there, which says if its model has another name now."""
    table = registry_history.c
    known = registry_history.outerjoin(registered_models, registered_models.c.id == table.model)
    last = sa.select(table.kind, registered_models.c.name).select_from(known)
    last = last.where(table.deleted_name == name).order_by(table.id.desc()).limit(1)
    gone = connection.execute(last).first()
    renamed = gone is not None and gone.kind == ChangeKind.RENAMED and gone.name is not None
    hint = f" It is called {gone.name!r} now." if gone is not None and renamed else ""
    return NotFound(f"There is no registered model {name!r} in {place}.{hint}")


def version_row(connection: Connection, name: str, version: int, place: str) -> Any:
    """The row of a version.

    Raises:
        NotFound: there is no such model, or no such version of it.
    """
    query = _VERSIONS.where(registered_models.c.name == name, model_versions.c.version == version)
    row = connection.execute(query).first()
    if row is None:
        model = model_row(connection, name, place)
        known = f"its latest was {model.last_version}" if model.last_version else "it has none"
        raise NotFound(f"The registered model {name!r} has no version {version}; {known}.")
    return row


def load_versions(connection: Connection, keys: Sequence[int]) -> list[ModelVersion]:
    """The versions of these inner keys, in their order."""
    rows = {row[0]: row for row in _VERSIONS_BY_KEY.rows(connection, keys)}
    return read_versions(connection, [rows[key] for key in keys])


def read_versions(connection: Connection, rows: Sequence[Any]) -> list[ModelVersion]:
    """Rows of versions with their tags and aliases."""
    keys = [row[0] for row in rows]
    tags: dict[int, dict[str, str]] = {key: {} for key in keys}
    for owner, key, value in _TAGS.rows(connection, keys):
        tags[owner][key] = value
    aliases: dict[int, list[str]] = {key: [] for key in keys}
    for owner, alias in _ALIASES.rows(connection, keys):
        aliases[owner].append(alias)
    make: Any = ModelVersion  # its fields come in this order
    return [make(*values, tags[key], aliases[key]) for key, *values in rows]


def read_models(connection: Connection, rows: Sequence[Any]) -> list[RegisteredModel]:
    """Rows of `registered_models`, with tags, aliases and the latest versions of each stage."""
    keys = [row.id for row in rows]
    tags: dict[int, dict[str, str]] = {key: {} for key in keys}
    for owner, key, value in _MODEL_TAGS.rows(connection, keys):
        tags[owner][key] = value
    aliases: dict[int, dict[str, int]] = {key: {} for key in keys}
    for owner, alias, version in _MODEL_ALIASES.rows(connection, keys):
        aliases[owner][alias] = version
    latest = latest_versions(connection, keys)
    return [
        RegisteredModel(
            name=row.name,
            creation_timestamp=row.creation_time,
            last_updated_timestamp=row.last_update_time,
            description=row.description,
            latest_versions=latest[row.id],
            tags=tags[row.id],
            aliases=aliases[row.id],
        )
        for row in rows
    ]


def latest_versions(
    connection: Connection, models: Sequence[int], stages: Collection[str] = frozenset(Stage)
) -> dict[int, list[ModelVersion]]:
    """The newest version of each of some stages of these models, in the order of stages."""
    newest = {
        model: [key for stage, key in zip(Stage, found, strict=True) if key and stage in stages]
        for model, *found in _NEWEST.rows(connection, models)
    }
    keys = [key for some in newest.values() for key in some]
    versions = dict(zip(keys, load_versions(connection, keys), strict=True))
    return {model: [versions[key] for key in newest[model]] for model in models}


def newest_number(connection: Connection, model: int, stage: str) -> int:
    """The number of the newest version in a stage; 0 if there is none."""
    table = model_versions.c
    query = sa.select(table.version).where(table.model == model, table.stage == stage)
    newest = connection.execute(query.order_by(table.version.desc()).limit(1)).scalar()
    return int(newest or 0)


def _newest_in(stage: str) -> Any:
    table = model_versions.c
    query = sa.select(table.id).where(
        table.model == registered_models.c.id, table.stage == str(stage)
    )
    newest = query.order_by(table.version.desc()).limit(1)
    return newest.scalar_subquery().label(f"in_{stage}")


# one look at an index for each stage of each model, however many versions they have
_NEWEST = ByKeys(
    sa.select(registered_models.c.id, *map(_newest_in, Stage)),
    registered_models.c.id,
)
