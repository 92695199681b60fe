"""Stages of versions in SQL."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import Conflict, InvalidInput
from ...tracking.sql.engine import repeated
from ...tracking.sql.registry_tables import model_versions
from .. import names
from ..entities import By, ChangeKind, ModelVersion, Stage
from .base import record
from .models import IN_USE, touch
from .rows import model_row, newest_number, version_row
from .versions import Versions, touch_version


class Stages(Versions):
    """The part of the registry that moves versions from stage to stage."""

    @repeated
    def transition_stage(
        self,
        name: str,
        version: int,
        stage: str,
        archive_existing: bool,
        by: By,
        expected: int | None = None,
    ) -> ModelVersion:
        stage = names.stage(stage)
        if archive_existing and stage not in IN_USE:
            raise InvalidInput(
                f"Others are archived only when a version moves to {Stage.STAGING} or "
                f"{Stage.PRODUCTION}, not to {stage}; leave archive_existing_versions out."
            )
        with self.database.write() as connection:
            model = model_row(connection, name, self.place, lock=True)
            row = version_row(connection, name, version, self.place)
            if expected is not None:
                _check_newest(connection, model, version, stage, expected)
            moved = _others(connection, model.id, version, stage) if archive_existing else []
            for key, number in moved:
                _move(connection, model.id, key, number, stage, Stage.ARCHIVED, by)
            if row.stage != stage:
                _move(connection, model.id, row.id, version, row.stage, stage, by)
            if moved or row.stage != stage:
                touch(connection, model.id)
            return self._version(connection, name, version)


def _check_newest(
    connection: Connection, model: Any, version: int, stage: str, expected: int
) -> None:
    newest = newest_number(connection, model.id, stage)
    if newest in (expected, version):  # ours: somebody did the same, or we did and heard nothing
        return
    now_there = f"version {newest} is" if newest else "no version is"
    raise Conflict(
        f"Version {version} of {model.name!r} was not moved: in {stage} {now_there} now, not "
        f"{f'version {expected}' if expected else 'none'}. Look at what changed, then promote "
        "again."
    )


def _others(connection: Connection, model: int, version: int, stage: str) -> list[Any]:
    table = model_versions.c
    query = sa.select(table.id, table.version).where(
        table.model == model, table.stage == stage, table.version != version
    )
    return list(connection.execute(query.order_by(table.version)).all())


def _move(
    connection: Connection, model: int, key: int, version: int, before: str, after: str, by: By
) -> None:
    touch_version(connection, key, stage=after)
    record(connection, model, version, ChangeKind.STAGE, by, before, after)
