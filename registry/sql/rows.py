"""Rows of the registry: found by name and locked, and read as what they mean.

Whoever changes anything of a registered model locks its row first, where the database itself is
not locked: so numbers are given out one by one, and what was looked at stays so until the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import NotFound
from ...tracking.sql.registry_tables import (
    model_version_tags,
    model_versions,
    registered_model_aliases,
    registered_model_tags,
    registered_models,
)
from ..entities import ModelVersion, RegisteredModel, Stage

# one query a table for a page, in slices that every database's limit on variables allows
_SLICE = 5000
VERSION_COLUMNS = (
    registered_models.c.name,
    *(
        column
        for column in model_versions.c
        if column.name not in ("model", "source_hash", "creation_time", "last_update_time")
    ),
    model_versions.c.creation_time,
    model_versions.c.last_update_time,
)
JOINED_VERSIONS = model_versions.join(registered_models)


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
        raise NotFound(f"No registered model {name!r} in {place}.")
    return row


def version_row(connection: Connection, name: str, version: int, place: str) -> Any:
    """The row of a version, of `VERSION_COLUMNS`.

    Raises:
        NotFound: there is no such model, or no such version of it.
    """
    query = sa.select(*VERSION_COLUMNS).select_from(JOINED_VERSIONS)
    query = query.where(registered_models.c.name == name, model_versions.c.version == version)
    row = connection.execute(query).first()
    if row is None:
        model = model_row(connection, name, place)
        known = f"its latest was {model.last_version}" if model.last_version else "it has none"
        raise NotFound(f"The registered model {name!r} has no version {version}; {known}.")
    return row


def read_versions(connection: Connection, rows: Sequence[Any]) -> list[ModelVersion]:
    """Rows of `VERSION_COLUMNS` as versions, with their tags and aliases."""
    keys = [row.id for row in rows]
    tags: dict[int, dict[str, str]] = {key: {} for key in keys}
    aliases: dict[int, list[str]] = {key: [] for key in keys}
    table = registered_model_aliases.c
    for some in _slices(keys):
        for owner, key, value in _tags_of(connection, model_version_tags, some):
            tags[owner][key] = value
        query = sa.select(table.version, table.alias).where(table.version.in_(some))
        for owner, alias in connection.execute(query.order_by(table.alias)):
            aliases[owner].append(alias)
    return [
        ModelVersion(
            name=row.name,
            version=row.version,
            creation_timestamp=row.creation_time,
            last_updated_timestamp=row.last_update_time,
            description=row.description,
            user_id=row.user_id,
            current_stage=row.stage,
            source=row.source,
            location=row.location,
            run_id=row.run_id,
            run_link=row.run_link,
            status=row.status,
            status_message=row.status_message,
            model_id=row.model_id,
            digest=row.digest,
            tags=tags[row.id],
            aliases=aliases[row.id],
        )
        for row in rows
    ]


def read_models(connection: Connection, rows: Sequence[Any]) -> list[RegisteredModel]:
    """Rows of `registered_models`, with tags, aliases and the latest versions of each stage."""
    keys = [row.id for row in rows]
    tags: dict[int, dict[str, str]] = {key: {} for key in keys}
    aliases: dict[int, dict[str, int]] = {key: {} for key in keys}
    table = registered_model_aliases.c
    pointed = sa.select(table.model, table.alias, model_versions.c.version)
    pointed = pointed.join(model_versions, model_versions.c.id == table.version)
    for some in _slices(keys):
        for owner, key, value in _tags_of(connection, registered_model_tags, some):
            tags[owner][key] = value
        query = pointed.where(table.model.in_(some)).order_by(table.model, table.alias)
        for owner, alias, version in connection.execute(query):
            aliases[owner][alias] = version
    latest: dict[str, list[ModelVersion]] = {row.name: [] for row in rows}
    for found in latest_versions(connection, keys):
        latest[found.name].append(found)
    return [
        RegisteredModel(
            name=row.name,
            creation_timestamp=row.creation_time,
            last_updated_timestamp=row.last_update_time,
            description=row.description,
            latest_versions=latest[row.name],
            tags=tags[row.id],
            aliases=aliases[row.id],
        )
        for row in rows
    ]


def latest_versions(
    connection: Connection, models: Sequence[int], stages: Sequence[str] = tuple(Stage)
) -> list[ModelVersion]:
    """The newest version of each stage of these models: by model, then in the order of stages."""
    found: list[ModelVersion] = []
    for some in _slices(models):
        # one look at an index for each stage of each model, however many versions they have
        newest = [
            sa.select(_newest_in(stage).label("id")).where(registered_models.c.id.in_(some))
            for stage in stages
        ]
        ids = sa.union_all(*newest) if len(newest) > 1 else newest[0]
        keys = [key for (key,) in connection.execute(ids) if key is not None]
        found += load_versions(connection, keys)
    order = list(Stage)
    return sorted(found, key=lambda each: order.index(Stage(each.current_stage)))


def load_versions(connection: Connection, keys: Sequence[int]) -> list[ModelVersion]:
    """The versions of these inner keys, in their order."""
    rows: dict[int, Any] = {}
    for some in _slices(keys):
        query = sa.select(*VERSION_COLUMNS).select_from(JOINED_VERSIONS)
        query = query.where(model_versions.c.id.in_(some))
        rows |= {row.id: row for row in connection.execute(query)}
    return read_versions(connection, [rows[key] for key in keys])


def newest_number(connection: Connection, model: int, stage: str) -> int:
    """The number of the newest version in a stage; 0 if there is none."""
    table = model_versions.c
    query = sa.select(table.version).where(table.model == model, table.stage == stage)
    newest = connection.execute(query.order_by(table.version.desc()).limit(1)).scalar()
    return int(newest or 0)


def _newest_in(stage: str) -> Any:
    table = model_versions.c
    query = sa.select(table.id).where(
        table.model == registered_models.c.id, table.stage == sa.bindparam(f"at_{stage}", stage)
    )
    return query.order_by(table.version.desc()).limit(1).scalar_subquery()


def _tags_of(connection: Connection, table: sa.Table, keys: list[int]) -> Any:
    owner = table.columns[0]
    query = sa.select(owner, table.c.key, table.c.value).where(owner.in_(keys))
    return connection.execute(query.order_by(owner, table.c.key))


def _slices(keys: Sequence[int]) -> Iterator[list[int]]:
    return (list(keys[i : i + _SLICE]) for i in range(0, len(keys), _SLICE))
