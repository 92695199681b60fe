"""The different values of a column of an index, without reading the index through.

An index holds each value as often as there are rows with it. So this asks for the first value, then
for the first one after that, and so on, which costs as much as there are different ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from .conditions import LAST


def completed(
    connection: Connection,
    index: Sequence[Any],
    places: Iterable[Sequence[Any]],
    words: str,
    limit: int,
    most: int,
) -> list[str]:
    """The best values of an index's last column that hold words.

    Args:
        connection: to ask.
        index: columns of an index from its beginning.
        places: conditions, each of which makes the other columns constant.
        words: that the values hold.
        limit: so many are wanted.
        most: so many that differ are looked at, in each place.
    """
    found: set[str] = set()
    for where in places:
        found.update(Distinct(connection, index, where).fitting(words, limit, most))
    return _best(found, words, limit)


def _best(found: Iterable[str], words: str, limit: int) -> list[str]:
    """Those that fit: first the very one, then those that begin so, then those that hold it."""
    wanted = words.casefold()
    ranked = []
    for text in found:
        at = text.casefold().find(wanted)
        if at >= 0:
            ranked.append((text != words, at > 0, text))
    return [text for *_, text in sorted(ranked)[:limit]]


class Distinct:
    """The different values of a column, in their order.

    Args:
        connection: to ask.
        index: columns of an index from its beginning; the last one's values are found.
        where: what holds for its rows, and makes the other columns constant.
    """

    def __init__(
        self, connection: Connection, index: Sequence[Any], where: Sequence[Any] = ()
    ) -> None:
        self._connection = connection
        self._index = index
        self._column = index[-1]
        self._where = where

    def fitting(self, words: str, limit: int, most: int) -> list[str]:
        """At least the best that hold words, of the first so many values."""
        # the very ones that begin so lie side by side; only if they are too few, all are looked
        # through for those that hold the words
        begun = self._beginning(words, limit)
        if len(begun) >= limit:
            return begun
        return begun + self._find((), (), most if words else limit)

    def _beginning(self, words: str, most: int) -> list[str]:
        if not words or ord(words[-1]) >= LAST:
            return []
        behind = words[:-1] + chr(ord(words[-1]) + 1)
        return self._find((self._column >= words,), (self._column < behind,), most)

    def _find(self, low: tuple[Any, ...], high: tuple[Any, ...], most: int) -> list[str]:
        if self._connection.dialect.name == "mysql":
            return self._grouped((*low, *high), most)
        return self._stepped(low, high, most)

    def _grouped(self, bounds: tuple[Any, ...], most: int) -> list[str]:
        """MySQL and MariaDB step by themselves, where a query groups by an index from its
        beginning; a recursion they would end after 1,000 steps."""
        query = sa.select(*self._index).where(*self._where, *bounds).group_by(*self._index)
        rows = self._connection.execute(query.order_by(*self._index).limit(most))
        return [row[-1] for row in rows]

    def _stepped(self, low: tuple[Any, ...], high: tuple[Any, ...], most: int) -> list[str]:
        least = sa.func.min(self._column)
        first = sa.select(least.label("found")).where(*self._where, *low, *high)
        steps = first.cte("steps", recursive=True)
        # without the lower bound: an index starts from one alone, and here that is the last found
        beyond = sa.select(least).where(*self._where, self._column > steps.c.found, *high)
        more = sa.select(beyond.scalar_subquery()).where(steps.c.found.is_not(None))
        steps = steps.union_all(more)
        query = sa.select(steps.c.found).where(steps.c.found.is_not(None)).limit(most)
        return list(self._connection.execute(query).scalars())
