"""Registered models in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import AlreadyExists, InvalidState
from ...tracking.sql.engine import repeated
from ...tracking.sql.registry_tables import (
    model_version_files,
    model_version_tags,
    model_versions,
    registered_model_aliases,
    registered_model_tags,
    registered_models,
)
from ...tracking.sql.tables import START
from ...tracking.sql.upsert import upsert
from ...tracking.validate import now
from ..entities import By, ChangeKind, RegisteredModel, Stage
from .base import History, record
from .rows import model_row, newest_number, read_models

IN_USE = (Stage.PRODUCTION, Stage.STAGING)


class Models(History):
    """The part of the registry that keeps registered models."""

    @repeated
    def create_registered_model(
        self, name: str, tags: Mapping[str, str], description: str, by: By
    ) -> RegisteredModel:
        moment = now()
        with self.database.write() as connection:
            _check_name_is_free(connection, name)
            key = insert_model(connection, name, description, moment, by)
            write_tags(connection, registered_model_tags, key, tags)
        return RegisteredModel(name, moment, moment, description, tags=dict(sorted(tags.items())))

    def get_registered_model(self, name: str) -> RegisteredModel:
        with self.database.read() as connection:
            return read_models(connection, [model_row(connection, name, self.place)])[0]

    @repeated
    def rename_registered_model(self, name: str, new_name: str, by: By) -> RegisteredModel:
        with self.database.write() as connection:
            row = model_row(connection, name, self.place, lock=True)
            if name != new_name:
                _check_name_is_free(connection, new_name)
                touch(connection, row.id, name=new_name)
                kind = ChangeKind.RENAMED
                record(connection, row.id, None, kind, by, name, new_name, deleted_name=name)
            return read_models(connection, [model_row(connection, new_name, self.place)])[0]

    @repeated
    def update_registered_model(self, name: str, description: str, by: By) -> RegisteredModel:
        with self.database.write() as connection:
            row = model_row(connection, name, self.place, lock=True)
            if row.description != description:
                touch(connection, row.id, description=description)
                kind = ChangeKind.DESCRIPTION
                record(connection, row.id, None, kind, by, row.description, description)
            return read_models(connection, [model_row(connection, name, self.place)])[0]

    @repeated
    def delete_registered_model(self, name: str, by: By) -> None:
        with self.database.write() as connection:
            row = model_row(connection, name, self.place, lock=True)
            for stage in IN_USE:
                if version := newest_number(connection, row.id, stage):
                    raise InvalidState(
                        f"Version {version} of the registered model {name!r} is in {stage}. Move "
                        f"it to {Stage.ARCHIVED} (or {Stage.NONE}) before you delete the model."
                    )
            versions = sa.select(model_versions.c.id).where(model_versions.c.model == row.id)
            aliases = registered_model_aliases
            connection.execute(aliases.delete().where(aliases.c.model == row.id))
            for table in (model_version_tags, model_version_files):
                connection.execute(table.delete().where(table.c.version.in_(versions)))
            for table in (model_versions, registered_model_tags):
                connection.execute(table.delete().where(table.c.model == row.id))
            connection.execute(registered_models.delete().where(registered_models.c.id == row.id))
            kind = ChangeKind.DELETED
            record(connection, row.id, None, kind, by, before=name, deleted_name=name)

    @repeated
    def set_registered_model_tag(self, name: str, key: str, value: str, by: By) -> None:
        with self.database.write() as connection:
            row = model_row(connection, name, self.place, lock=True)
            before = read_tag(connection, registered_model_tags, row.id, key)
            if before != value:
                write_tags(connection, registered_model_tags, row.id, {key: value})
                record(connection, row.id, None, ChangeKind.TAG, by, before, value, key=key)

    @repeated
    def delete_registered_model_tag(self, name: str, key: str, by: By) -> None:
        with self.database.write() as connection:
            row = model_row(connection, name, self.place, lock=True)
            before = remove_tag(connection, registered_model_tags, row.id, key)
            if before is not None:
                record(connection, row.id, None, ChangeKind.TAG, by, before, key=key)


def insert_model(connection: Connection, name: str, description: str, moment: int, by: By) -> int:
    """A row for a name that is free; returns the inner key."""
    row = {
        "name": name,
        "description": description,
        "creation_time": moment,
        "last_update_time": moment,
        "last_version": 0,
    }
    inserted = connection.execute(registered_models.insert(), row).inserted_primary_key
    assert inserted is not None
    record(connection, inserted[0], None, ChangeKind.CREATED, by, after=name)
    return int(inserted[0])


def touch(connection: Connection, model: int, **values: Any) -> None:
    """Change the row of a registered model."""
    change = registered_models.update().where(registered_models.c.id == model)
    connection.execute(change.values(last_update_time=now(), **values))


def write_tags(
    connection: Connection, table: sa.Table, owner: int, tags: Mapping[str, str], **more: Any
) -> None:
    """Set or overwrite tags in one of the tables of tags."""
    owned = {table.columns[0].name: owner, **more}
    rows = [{**owned, "key": k, "value": v, "start": v[:START]} for k, v in tags.items()]
    if rows:
        connection.execute(upsert(table, connection.dialect.name), rows)


def read_tag(connection: Connection, table: sa.Table, owner: int, key: str) -> str | None:
    """The value of a tag in one of the tables of tags."""
    query = sa.select(table.c.value).where(table.columns[0] == owner, table.c.key == key)
    return connection.execute(query).scalar()


def remove_tag(connection: Connection, table: sa.Table, owner: int, key: str) -> str | None:
    """Remove a tag from one of the tables of tags; returns its value, None if there was none."""
    before = read_tag(connection, table, owner, key)
    same = (table.columns[0] == owner) & (table.c.key == key)
    connection.execute(table.delete().where(same))
    return before


def is_taken(connection: Connection, name: str) -> bool:
    """Whether there is a registered model of a name."""
    query = sa.select(registered_models.c.id).where(registered_models.c.name == name)
    return connection.execute(query).first() is not None


def _check_name_is_free(connection: Connection, name: str) -> None:
    if is_taken(connection, name):
        raise AlreadyExists(f"A registered model named {name!r} exists.")
