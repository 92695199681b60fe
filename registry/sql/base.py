"""What the parts of the registry share: the database, what it is called, and the history."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...tracking.entities import PagedList
from ...tracking.sql.engine import Database
from ...tracking.sql.paging import (
    SortKey,
    check_max_results,
    read_token,
    sorted_page,
    write_token,
)
from ...tracking.sql.registry_tables import registered_models, registry_history
from ...tracking.validate import now
from ..entities import By, ChangeKind, HistoryEntry
from .rows import no_model, version_row


class History:
    """The part of the registry that keeps what happened."""

    database: Database
    place: str

    def get_history(
        self,
        name: str,
        version: int | None = None,
        max_results: int = 1000,
        page_token: str | None = None,
    ) -> PagedList:
        check_max_results(max_results)
        with self.database.read() as connection:
            model = self._model_of(connection, name)
            asked = ["history", model, version]
            start = read_token(page_token, asked)
            table = registry_history.c
            query = sa.select(registry_history)
            if version is None:
                query = query.where(table.model == model)
            else:  # two stretches of two indexes; OR would read all that happened to the model
                own = sa.select(table.id).where(table.model == model)
                of_it = sa.union_all(
                    own.where(table.version == version), own.where(table.left_version == version)
                ).subquery()
                query = query.join(of_it, of_it.c.id == table.id)
            keys = [SortKey(table.id, False, int)]
            rows, place = sorted_page(connection, query, keys, start, max_results)
            if version is not None and not rows and start is None:
                version_row(connection, name, version, self.place)
        found = [
            HistoryEntry(
                name=name,
                version=row.version,
                kind=row.kind,
                key=row.key,
                before=row.before,
                after=row.after,
                user_id=row.user_id,
                timestamp=row.timestamp,
                note=row.note,
            )
            for row in rows
        ]
        return PagedList(found, write_token(place, asked) if place else None)

    def _model_of(self, connection: Connection, name: str) -> int:
        """The inner key of the model of a name; if there is none, of the last that had it."""
        named = sa.select(registered_models.c.id).where(registered_models.c.name == name)
        key = connection.execute(named).scalar()
        if key is None:
            table = registry_history.c
            gone = sa.select(table.model).where(
                table.deleted_name == name, table.kind == ChangeKind.DELETED
            )
            key = connection.execute(gone.order_by(table.id.desc()).limit(1)).scalar()
        if key is None:
            raise no_model(connection, name, self.place)
        return int(key)


def record(
    connection: Connection,
    model: int,
    version: int | None,
    kind: ChangeKind,
    by: By,
    before: object = None,
    after: object = None,
    **more: Any,
) -> None:
    """Write one line of the history.

    Args:
        connection: of the transaction that makes the change.
        model: the inner key.
        version: its number; None for the model itself.
        kind: what changed.
        by: who, and why.
        before: the value before; None if there was none.
        after: the value since.
        **more: of the other columns.
    """
    row = {
        "model": model,
        "version": version,
        "kind": kind,
        "before": None if before is None else str(before),
        "after": None if after is None else str(after),
        "user_id": by.user_id,
        "timestamp": now(),
        "note": by.note,
        **more,
    }
    connection.execute(registry_history.insert(), row)
