"""Which models have a note of an image or a deployment (see `registry.uses`), in SQL."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ...tracking.sql.conditions import begins_as
from ...tracking.sql.engine import Database
from ...tracking.sql.registry_tables import model_version_tags, model_versions, registered_models
from ...tracking.sql.tables import logged_model_tags, logged_models
from ..uses import Model, Note


class Uses:
    """The part of the registry that looks through all models' notes."""

    database: Database

    def list_notes(self, kind: str, most: int = 10_000) -> list[Note]:
        # a read through all tags of logged models (0.05 s for 500,000 of them): no index begins
        # with their keys
        logged = (
            sa.select(logged_model_tags.c.key, logged_model_tags.c.value, logged_models.c.model_id)
            .join(logged_models, logged_models.c.id == logged_model_tags.c.model)
            .where(_begins(logged_model_tags.c.key, kind))
            .order_by(logged_models.c.id.desc())
            .limit(most)
        )
        registered = (
            sa.select(
                model_version_tags.c.key,
                model_version_tags.c.value,
                registered_models.c.name,
                model_versions.c.version,
            )
            .join(model_versions, model_versions.c.id == model_version_tags.c.version)
            .join(registered_models, registered_models.c.id == model_versions.c.model)
            .where(_begins(model_version_tags.c.key, kind))
            .order_by(model_versions.c.id.desc())
            .limit(most)
        )
        with self.database.read() as connection:
            of_logged = connection.execute(logged).all()
            of_versions = connection.execute(registered).all()
        found = [Note(row.key, row.value, Model(row.model_id)) for row in of_logged]
        found += [Note(r.key, r.value, Model(None, r.name, r.version)) for r in of_versions]
        return found


def _begins(column: Any, kind: str) -> Any:
    found = begins_as(column, kind)
    assert found is not None  # kinds are ours, without signs of patterns
    return found
