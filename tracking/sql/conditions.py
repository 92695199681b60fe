"""Clauses of filters as SQL conditions that mean the same in every dialect."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa

from ..filters import Clause
from .tables import START

LAST = 0xD7FF  # what comes next is no character


def compare(column: Any, clause: Clause, dialect: str) -> Any:
    """``column operator value``; LIKE tells capitals apart, ILIKE does not."""
    value = clause.value
    match clause.operator:
        case "=":
            return column == value
        case "!=":
            return column != value
        case ">":
            return column > value
        case ">=":
            return column >= value
        case "<":
            return column < value
        case "<=":
            return column <= value
        case "LIKE":
            return _like(column, str(value), dialect)
        case "ILIKE":
            return _like(_lower(column, dialect), str(value).lower(), dialect)
        case "IN":
            return column.in_(value)
        case _:
            return column.not_in(value)


def _lower(column: Any, dialect: str) -> Any:
    if dialect == "postgresql":  # our columns' collation knows no capitals beyond ASCII
        column = sa.collate(column, "default")
    return sa.func.lower(column)


def _like(column: Any, pattern: str, dialect: str) -> Any:
    """In patterns only ``%`` and ``_`` are special; there is no escape character."""
    if dialect != "sqlite":
        return column.like(pattern.replace("\\", "\\\\"))
    # SQLite's LIKE ignores case; its GLOB does not
    escaped = "".join(f"[{char}]" if char in "*?[" else char for char in pattern)
    return column.bool_op("GLOB")(escaped.replace("%", "*").replace("_", "?"))


def begins_as(column: Any, pattern: str) -> Any | None:
    """That a text begins as a pattern of LIKE does, as an index knows it; None for ``%…``."""
    beginning = re.split("[%_]", pattern, maxsplit=1)[0]
    if not beginning or ord(beginning[-1]) >= LAST:
        return None
    behind = beginning[:-1] + chr(ord(beginning[-1]) + 1)
    return (column >= beginning) & (column < behind)


def start_fits(table: sa.Table, clause: Clause, dialect: str) -> Any:
    """What a clause says of the beginning of a text, which is what the index has.

    It holds wherever the clause does; of longer texts it may hold wrongly.
    """
    start = table.c.start
    if isinstance(clause.value, tuple):
        return start.in_([text[:START] for text in clause.value])
    if clause.operator == "=":
        return start == str(clause.value)[:START]
    return compare(start, clause, dialect) | (sa.func.length(start) == START)


def with_key(table: sa.Table, owner: Any, clause: Clause, dialect: str) -> Any:
    """A condition on the row of a table of keys and values that belongs to an owner.

    Args:
        table: its first column names the owner; it has columns ``key`` and ``value``.
        owner: the owner's inner key.
        clause: what to compare.
        dialect: of the database.
    """
    same = sa.and_(table.columns[0] == owner, table.c.key == clause.field.key)
    if clause.operator == "IS NULL":
        return ~sa.exists().where(same)
    return sa.exists().where(same, compare_row(table, clause, dialect))


def compare_row(table: Any, clause: Clause, dialect: str) -> Any:
    """The condition that a row of a table of keys and values, which is there, fits a clause."""
    if clause.operator == "IS NOT NULL":
        return sa.true()
    compared = compare(table.c.value, clause, dialect)
    if clause.field.kind == "metric" and clause.operator == "!=":
        return compared | table.c.value.is_(None)  # NaN is unequal to every number
    return compared
