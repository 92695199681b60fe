"""Insert or overwrite: the one statement that SQL dialects spell differently."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

import sqlalchemy as sa


@cache
def upsert(table: sa.Table, dialect: str) -> Any:
    """An insert of a whole row that overwrites the row of the same primary key."""
    insert = _insert(table, dialect)
    if dialect == "mysql":
        return insert.on_duplicate_key_update(
            [(name, insert.inserted[name]) for name in _rest(table)]
        )
    values = {name: insert.excluded[name] for name in _rest(table)}
    return insert.on_conflict_do_update(index_elements=_keys(table), set_=values)


@cache
def insert_or_ignore(table: sa.Table, dialect: str) -> Any:
    """An insert that does nothing when a row with the same unique key is there."""
    insert = _insert(table, dialect)
    if dialect == "mysql":  # its INSERT IGNORE would ignore other errors, too
        name = _keys(table)[0]
        return insert.on_duplicate_key_update([(name, table.c[name])])
    return insert.on_conflict_do_nothing()


@cache
def keep_later(table: sa.Table, dialect: str) -> Any:
    """As `upsert`, if the given row is not before the one that is there: by step, then time."""
    insert = _insert(table, dialect)
    if dialect == "mysql":
        later = _is_later(insert.inserted, table.c)
        # assignments take effect one by one, so what the condition looks at comes last
        names = sorted(_rest(table), key=["timestamp", "step"].count)
        return insert.on_duplicate_key_update(
            [(name, sa.func.IF(later, insert.inserted[name], table.c[name])) for name in names]
        )
    return insert.on_conflict_do_update(
        index_elements=_keys(table),
        set_={name: insert.excluded[name] for name in _rest(table)},
        where=_is_later(insert.excluded, table.c),
    )


def _insert(table: sa.Table, dialect: str) -> Any:
    """The dialect's own, of which only the one in use is imported."""
    return import_module(f"sqlalchemy.dialects.{dialect}").insert(table)


def _is_later(given: Any, there: Any) -> Any:
    same_step = (given.step == there.step) & (given.timestamp >= there.timestamp)
    return (given.step > there.step) | same_step


def _keys(table: sa.Table) -> list[str]:
    return [column.name for column in table.primary_key]


def _rest(table: sa.Table) -> list[str]:
    keys = _keys(table)
    return [c.name for c in table.columns if c.name not in keys]
