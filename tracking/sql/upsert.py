"""Insert or overwrite: the one statement that SQL dialects spell differently."""

from __future__ import annotations

from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@cache
def upsert(table: sa.Table, dialect: str) -> Any:
    """An insert of a whole row that overwrites the row of the same primary key."""
    insert = _INSERT[dialect](table)
    keys = [column.name for column in table.primary_key]
    given = [c.name for c in table.columns if c.name not in keys and c.computed is None]
    values = {name: insert.excluded[name] for name in given}
    return insert.on_conflict_do_update(index_elements=keys, set_=values)


@cache
def insert_or_ignore(table: sa.Table, dialect: str) -> Any:
    """An insert that does nothing when a row with the same unique key is there."""
    return _INSERT[dialect](table).on_conflict_do_nothing()
