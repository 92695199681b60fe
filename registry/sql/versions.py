"""Versions of registered models in SQL."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import InvalidState, NotFound
from ...tracking.sql.engine import repeated
from ...tracking.sql.registry_tables import (
    model_version_files,
    model_version_tags,
    model_versions,
    registered_model_aliases,
)
from ...tracking.sql.tables import logged_models, runs
from ...tracking.validate import now
from .. import names
from ..entities import By, ChangeKind, ModelVersion, Stage, VersionStatus
from .base import record
from .models import (
    IN_USE,
    Models,
    insert_model,
    is_taken,
    read_tag,
    remove_tag,
    touch,
    write_tags,
)
from .rows import latest_versions, load_versions, model_row, read_versions, version_row

_SLICE = 5000


class Versions(Models):
    """The part of the registry that keeps versions."""

    @repeated
    def create_model_version(
        self,
        name: str,
        source: str,
        *,
        location: str | None = None,
        run_id: str | None = None,
        run_link: str | None = None,
        model_id: str | None = None,
        tags: Mapping[str, str],
        description: str,
        files: Mapping[str, str] | None = None,
        by: By,
        make_name: bool = False,
    ) -> ModelVersion:
        from ...flavors.integrity import digest

        moment = now()
        row: dict[str, Any] = {
            "creation_time": moment,
            "last_update_time": moment,
            "description": description,
            "user_id": by.user_id,
            "stage": Stage.NONE,
            "source": source,
            "source_hash": source_hash(source),
            "location": location,
            "run_id": run_id,
            "run_link": run_link,
            "status": VersionStatus.READY,
            "model_id": model_id,
            "digest": digest(files) if files else None,
        }
        with self.database.write() as connection:
            if make_name and not is_taken(connection, name):
                insert_model(connection, name, "", moment, by)
            model = model_row(connection, name, self.place, lock=True)
            number = model.last_version + 1
            touch(connection, model.id, last_version=number)
            row |= {"model": model.id, "version": number}
            inserted = connection.execute(model_versions.insert(), row).inserted_primary_key
            assert inserted is not None
            key = inserted[0]
            write_tags(connection, model_version_tags, key, tags, last_update_time=moment)
            _write_files(connection, key, files or {})
            record(connection, model.id, number, ChangeKind.CREATED, by, after=source)
            return self._version(connection, name, number)

    def get_model_version(self, name: str, version: int) -> ModelVersion:
        with self.database.read() as connection:
            return self._version(connection, name, version)

    def get_download_uri(self, name: str, version: int) -> str:
        found = self.get_model_version(name, version)
        return found.location or found.source

    def get_files(self, name: str, version: int) -> dict[str, str]:
        table = model_version_files.c
        with self.database.read() as connection:
            row = version_row(connection, name, version, self.place)
            query = sa.select(table.name, table.checksum).where(table.version == row.id)
            return {row.name: row.checksum for row in connection.execute(query)}

    def get_latest_versions(self, name: str, stages: Sequence[str] = ()) -> list[ModelVersion]:
        wanted = {names.stage(stage) for stage in stages} or set(Stage)
        with self.database.read() as connection:
            model = model_row(connection, name, self.place)
            return latest_versions(connection, [model.id], wanted)[model.id]

    def get_latest_version(self, name: str) -> ModelVersion:
        table = model_versions.c
        with self.database.read() as connection:
            model = model_row(connection, name, self.place)
            query = sa.select(table.id).where(table.model == model.id)
            key = connection.execute(query.order_by(table.version.desc()).limit(1)).scalar()
            if key is None:
                raise NotFound(f"The registered model {name!r} has no versions.")
            return load_versions(connection, [key])[0]

    @repeated
    def update_model_version(
        self, name: str, version: int, description: str, by: By
    ) -> ModelVersion:
        with self.database.write() as connection:
            model = model_row(connection, name, self.place, lock=True)
            row = version_row(connection, name, version, self.place)
            if row.description != description:
                touch_version(connection, row.id, description=description)
                kind = ChangeKind.DESCRIPTION
                record(connection, model.id, version, kind, by, row.description, description)
            return self._version(connection, name, version)

    @repeated
    def delete_model_version(self, name: str, version: int, by: By) -> None:
        with self.database.write() as connection:
            model = model_row(connection, name, self.place, lock=True)
            row = version_row(connection, name, version, self.place)
            if row.stage in IN_USE:
                raise InvalidState(
                    f"Version {version} of the registered model {name!r} is in {row.stage}. Move "
                    f"it to {Stage.ARCHIVED} (or {Stage.NONE}) before you delete it."
                )
            aliases = registered_model_aliases
            found = sa.select(aliases.c.alias).where(aliases.c.version == row.id)
            for alias in connection.execute(found.order_by(aliases.c.alias)).scalars().all():
                kind, key = ChangeKind.ALIAS, alias
                record(connection, model.id, version, kind, by, before=version, key=key)
            for table in (aliases, model_version_tags, model_version_files):
                connection.execute(table.delete().where(table.c.version == row.id))
            connection.execute(model_versions.delete().where(model_versions.c.id == row.id))
            touch(connection, model.id)
            record(connection, model.id, version, ChangeKind.DELETED, by, before=row.source)

    @repeated
    def set_model_version_tag(self, name: str, version: int, key: str, value: str, by: By) -> None:
        with self.database.write() as connection:
            model = model_row(connection, name, self.place, lock=True)
            row = version_row(connection, name, version, self.place)
            before = read_tag(connection, model_version_tags, row.id, key)
            if before != value:
                changed = {"last_update_time": row.last_update_time}
                write_tags(connection, model_version_tags, row.id, {key: value}, **changed)
                record(connection, model.id, version, ChangeKind.TAG, by, before, value, key=key)

    @repeated
    def delete_model_version_tag(self, name: str, version: int, key: str, by: By) -> None:
        with self.database.write() as connection:
            model = model_row(connection, name, self.place, lock=True)
            row = version_row(connection, name, version, self.place)
            before = remove_tag(connection, model_version_tags, row.id, key)
            if before is not None:
                record(connection, model.id, version, ChangeKind.TAG, by, before, key=key)

    def versions_of_runs(self, run_ids: Sequence[str]) -> list[ModelVersion]:
        keys: set[int] = set()
        with self.database.read() as connection:
            for some in (run_ids[i : i + _SLICE] for i in range(0, len(run_ids), _SLICE)):
                made = sa.select(model_versions.c.id).where(model_versions.c.run_id.in_(some))
                keys |= set(connection.execute(made).scalars())
                logged = (
                    sa.select(model_versions.c.id)
                    .join(logged_models, logged_models.c.model_id == model_versions.c.model_id)
                    .join(runs, runs.c.id == logged_models.c.source_run)
                    .where(runs.c.run_id.in_(some))
                )
                keys |= set(connection.execute(logged).scalars())
            found = load_versions(connection, sorted(keys))
        return sorted(found, key=lambda each: (each.name, each.version))

    def _version(self, connection: Connection, name: str, version: int) -> ModelVersion:
        row = version_row(connection, name, version, self.place)
        return read_versions(connection, [row])[0]


def touch_version(connection: Connection, key: int, **values: Any) -> None:
    """Change the row of a version, and the time of it wherever that is repeated."""
    moment = now()
    change = model_versions.update().where(model_versions.c.id == key)
    connection.execute(change.values(last_update_time=moment, **values))
    tags = model_version_tags.update().where(model_version_tags.c.version == key)
    connection.execute(tags.values(last_update_time=moment))


def source_hash(source: str) -> int:
    """What an index has of an address: 63 bits of its SHA-256."""
    return int.from_bytes(hashlib.sha256(source.encode()).digest()[:8]) >> 1


def _write_files(connection: Connection, version: int, files: Mapping[str, str]) -> None:
    rows = [
        {"version": version, "number": number, "name": name, "checksum": checksum}
        for number, (name, checksum) in enumerate(files.items())
    ]
    if rows:
        connection.execute(model_version_files.insert(), rows)
