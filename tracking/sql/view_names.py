"""Which keys and values there are, to complete what is typed.

Indexes hold each key as often as runs have it. So nothing here reads an index through: it asks for
the first key, then for the first one after that, and so on, which costs as much as there are
different ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import InvalidInput
from .conditions import LAST
from .run_filters import TABLES
from .search_runs import RunSearch
from .tables import START

_MOST_NAMES = 50_000  # so many different keys are looked at
_MOST_VALUES = 5000


class KeyNames(RunSearch):
    """Which keys and values there are, to complete what is typed."""

    def key_names(
        self,
        experiment_ids: Sequence[str],
        kind: str,
        words: str = "",
        limit: int = 50,
    ) -> list[str]:
        table = _table(kind, TABLES)
        return self._completed(experiment_ids, table.c.key, (), words, limit, _MOST_NAMES)

    def key_values(
        self, experiment_ids: Sequence[str], kind: str, key: str, words: str = "", limit: int = 20
    ) -> list[str]:
        table = _table(kind, {name: TABLES[name] for name in ("param", "tag")})
        same = (table.c.key == key,)
        found = self._completed(experiment_ids, table.c.start, same, words, limit, _MOST_VALUES)
        return [text for text in found if len(text) < START]  # others nobody types

    def _completed(
        self,
        experiment_ids: Sequence[str],
        column: Any,
        same: tuple[Any, ...],
        words: str,
        limit: int,
        most: int,
    ) -> list[str]:
        """The best of what a column has; what comes after so many that differ is not looked at."""
        found: set[str] = set()
        with self.database.read() as connection:
            for experiment in _inner_keys(experiment_ids):
                step = _Steps(connection, column, (column.table.c.experiment == experiment, *same))
                # the very ones that begin so lie side by side; only if they are too few, all are
                # looked through for those that hold the words
                begun = step.beginning(words, limit)
                found.update(begun)
                if len(begun) < limit:
                    found.update(step.all(most if words else limit))
        return _best(found, words, limit)


def _table(kind: str, known: dict[str, Any]) -> Any:
    if kind not in known:
        raise InvalidInput(f"The kind must be one of {', '.join(known)}, not {kind[:40]!r}.")
    return known[kind]


def _inner_keys(experiment_ids: Sequence[str]) -> list[int]:
    return sorted({int(i) for i in experiment_ids if i.isdecimal() and len(i) < 19})


def _best(found: set[str], words: str, limit: int) -> list[str]:
    """Those that fit: first the very one, then those that begin so, then those that hold it."""
    wanted = words.casefold()
    ranked = []
    for text in found:
        at = text.casefold().find(wanted)
        if at >= 0:
            ranked.append((text != words, at > 0, text))
    return [text for *_, text in sorted(ranked)[:limit]]


class _Steps:
    """Finds the different values of a column of an index, in its order.

    Args:
        connection: to ask.
        column: of the index, behind those that `where` makes constant.
        where: what holds for its rows.
    """

    def __init__(self, connection: Connection, column: Any, where: tuple[Any, ...]) -> None:
        self._connection = connection
        self._column = column
        self._where = where

    def all(self, most: int) -> list[str]:
        """The first ones."""
        return self._find((), (), most)

    def beginning(self, words: str, most: int) -> list[str]:
        """The first ones that begin with words."""
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
        table = self._column.table
        index = [table.c.experiment, table.c.key]
        index += [self._column] if self._column is not table.c.key else []
        query = sa.select(*index).where(*self._where, *bounds).group_by(*index)
        rows = self._connection.execute(query.order_by(*index).limit(most))
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
