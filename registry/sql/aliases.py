"""Aliases of versions in SQL."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import Conflict, NotFound
from ...tracking.sql.engine import repeated
from ...tracking.sql.registry_tables import model_versions, registered_model_aliases
from ...tracking.sql.upsert import upsert
from ..entities import By, ChangeKind, ModelVersion
from .base import record
from .rows import load_versions, model_row, version_row
from .stages import Stages


class Aliases(Stages):
    """The part of the registry that keeps aliases."""

    @repeated
    def set_alias(
        self, name: str, alias: str, version: int, by: By, expected: int | None = None
    ) -> None:
        with self.database.write() as connection:
            model = model_row(connection, name, self.place, lock=True)
            row = version_row(connection, name, version, self.place)
            there = _target(connection, model.id, alias)
            before = there.version if there else None
            if before == version:
                return
            if expected is not None and expected != (before or 0):
                where = f"points at version {before}" if before else "points at no version"
                raise Conflict(
                    f"The alias {alias!r} of {name!r} was not moved to version {version}: it "
                    f"{where} now, not {f'at {expected}' if expected else 'at none'}. Look at "
                    "what changed, then set it again."
                )
            statement = upsert(registered_model_aliases, connection.dialect.name)
            connection.execute(statement, {"model": model.id, "alias": alias, "version": row.id})
            kind, more = ChangeKind.ALIAS, {"key": alias, "left_version": before}
            record(connection, model.id, version, kind, by, before, version, **more)

    @repeated
    def delete_alias(self, name: str, alias: str, by: By) -> None:
        table = registered_model_aliases
        with self.database.write() as connection:
            model = model_row(connection, name, self.place, lock=True)
            there = _target(connection, model.id, alias)
            if there is None:
                return
            same = (table.c.model == model.id) & (table.c.alias == alias)
            connection.execute(table.delete().where(same))
            version, kind = there.version, ChangeKind.ALIAS
            record(connection, model.id, version, kind, by, before=version, key=alias)

    def get_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        with self.database.read() as connection:
            model = model_row(connection, name, self.place)
            there = _target(connection, model.id, alias)
            if there is None:
                raise NotFound(f"The registered model {name!r} has no alias {alias!r}.")
            return load_versions(connection, [there.id])[0]


def _target(connection: Connection, model: int, alias: str) -> Any:
    """The version that an alias points at, or None."""
    table = registered_model_aliases
    query = sa.select(model_versions.c.id, model_versions.c.version).join(table)
    query = query.where(table.c.model == model, table.c.alias == alias)
    return connection.execute(query).first()
