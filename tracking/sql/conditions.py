"""Clauses of filters as SQL conditions that mean the same in every dialect."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ..filters import Clause


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
            return _like(sa.func.lower(column), str(value).lower(), dialect)
        case "IN":
            return column.in_(value)
        case _:
            return column.not_in(value)


def _like(column: Any, pattern: str, dialect: str) -> Any:
    """In patterns only ``%`` and ``_`` are special; there is no escape character."""
    if dialect != "sqlite":
        return column.like(pattern.replace("\\", "\\\\"))
    # SQLite's LIKE ignores case; its GLOB does not
    escaped = "".join(f"[{char}]" if char in "*?[" else char for char in pattern)
    return column.op("GLOB")(escaped.replace("%", "*").replace("_", "?"))


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
    if clause.operator == "IS NOT NULL":
        return sa.exists().where(same)
    compared = compare(table.c.value, clause, dialect)
    if clause.operator == "!=":  # NaN, kept as NULL, is unequal to every number
        compared = compared | table.c.value.is_(None)
    return sa.exists().where(same, compared)
