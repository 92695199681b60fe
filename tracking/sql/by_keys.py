"""Rows of many owners by their inner keys: one statement a slice, and nothing built a second time.

Binding a thousand keys as parameters costs more than finding their rows, so they are written into
the text of the statement; they are integers of our own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

_SLICE = 5000  # keys in a statement
_PLACE = "(mlpack_keys)"


class ByKeys:
    """A query for the rows of some keys.

    Args:
        query: what it compares with, if anything, is the same every time.
        column: that names the owner.
    """

    def __init__(self, query: Any, column: Any) -> None:
        self._query = query.where(column.bool_op("IN")(sa.literal_column(_PLACE)))
        self._texts: dict[str, str] = {}

    def rows(self, connection: Connection, keys: Sequence[int]) -> Iterator[Any]:
        """The rows as the driver gives them: fit for integers, finite numbers and texts."""
        dialect = connection.dialect
        text = self._texts.get(dialect.name)
        if text is None:
            compiled = self._query.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
            text = self._texts[dialect.name] = str(compiled)
        for start in range(0, len(keys), _SLICE):
            some = ", ".join(map(str, keys[start : start + _SLICE]))
            with connection.exec_driver_sql(text.replace(_PLACE, f"({some})")) as result:
                cursor: Any = result.cursor
                yield from cursor.fetchall()
