"""Whether clauses of a filter leave only a few rows, asked of their indexes before any walk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

FEW = 4000  # so many rows are looked at one by one
_WIDE = 20_000  # so many of each clause are compared


def few_left(
    connection: Connection, queries: Sequence[Any], together: bool = True, few: int | None = None
) -> tuple[int, ...] | None:
    """The rows that all of some queries name, if these are few.

    Args:
        connection: to ask.
        queries: each selects the inner keys of all rows that fit a clause, and perhaps of others.
        together: two of them may leave few where neither does alone.
        few: so many; default: `FEW`.

    Returns:
        The keys, sorted; None where they are not known to be few.
    """
    most = FEW if few is None else few
    for limit in (most, max(most, _WIDE)) if together else (most,):
        left: set[int] | None = None
        for query in queries:
            rows = plain_rows(connection, query.limit(limit + 1))
            if len(rows) <= limit:
                some = {key for (key,) in rows}
                left = some if left is None else left & some
        if left is not None and len(left) <= most:
            return tuple(sorted(left))
    return None


def among(column: Any, keys: tuple[int, ...]) -> Any:
    """The condition that an inner key is one of these; as text, which is quicker for thousands.

    A statement with it will not come again: keep it out of caches.
    """
    return column.bool_op("IN")(sa.literal_column(f"({', '.join(map(str, keys))})"))


def plain_rows(connection: Connection, query: Any) -> Sequence[Any]:
    """The rows of a query as the driver gives them, where there are thousands.

    Integers, finite numbers and texts come the same way from every driver.
    """
    with connection.execute(query) as result:
        cursor: Any = result.cursor
        rows: Sequence[Any] = cursor.fetchall()
    return rows
