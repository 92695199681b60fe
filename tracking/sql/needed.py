"""Which runs and logged models registered versions need: their files stay, also when deleted."""

from __future__ import annotations

import re
from collections.abc import Set

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from .registry_tables import model_versions, registered_models

_ID = re.compile(r"(?<![0-9a-f])(?:m-)?[0-9a-f]{32}(?![0-9a-f])")
_SLICE = 10_000


def needed_by(connection: Connection, ids: Set[str]) -> dict[str, str]:
    """Of some runs and logged models those whose files a registered version is made of.

    Args:
        connection: of the database.
        ids: of runs and of logged models.

    Returns:
        id -> the address of one of the versions.
    """
    found: dict[str, str] = {}
    if not ids:
        return found
    table = model_versions.c
    query = sa.select(
        registered_models.c.name, table.version, table.source, table.location, table.model_id
    ).join(registered_models)
    for name, number, source, location, model_id in connection.execute(query).yield_per(_SLICE):
        # the files are where the registry found them; what was registered only led there
        for each in [model_id, *_ID.findall(location or source)]:
            if each in ids:
                found.setdefault(each, f"models:/{name}/{number}")
    return found
