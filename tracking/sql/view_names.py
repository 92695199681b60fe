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
from .conditions import begins_as
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
        found: set[str] = set()
        most = _MOST_NAMES if words else limit
        with self.database.read() as connection:
            for experiment in _inner_keys(experiment_ids):
                where = table.c.experiment == experiment
                found.update(_different(connection, table.c.key, where, most))
        return _best(found, words, limit)

    def key_values(
        self, experiment_ids: Sequence[str], kind: str, key: str, words: str = "", limit: int = 20
    ) -> list[str]:
        table = _table(kind, {name: TABLES[name] for name in ("param", "tag")})
        start = table.c.start
        found: set[str] = set()
        with self.database.read() as connection:
            for experiment in _inner_keys(experiment_ids):
                where = (table.c.experiment == experiment) & (table.c.key == key)
                # there may be as many values as runs: those that begin so come from the index,
                # and those that hold the words are looked for among the first thousands
                beginning = begins_as(start, words)
                if beginning is not None:
                    found.update(_different(connection, start, where & beginning, _MOST_VALUES))
                most = _MOST_VALUES if words else limit
                found.update(_different(connection, start, where, most))
        return _best({text for text in found if len(text) < START}, words, limit)


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


def _different(connection: Connection, column: Any, where: Any, most: int) -> list[str]:
    """The different values of a column of an index, the first ones in its order."""
    find = _grouped if connection.dialect.name == "mysql" else _stepped
    return find(connection, column, where, most)


def _grouped(connection: Connection, column: Any, where: Any, most: int) -> list[str]:
    """MySQL and MariaDB step by themselves, where a query groups by an index from its beginning;
    a recursion they would end after 1,000 steps."""
    table = column.table
    beginning = [table.c.experiment, table.c.key, *([column] if column is not table.c.key else [])]
    query = sa.select(*beginning).where(where).group_by(*beginning).order_by(*beginning).limit(most)
    return [row[-1] for row in connection.execute(query)]


def _stepped(connection: Connection, column: Any, where: Any, most: int) -> list[str]:
    first = sa.select(sa.func.min(column).label("found")).where(where)
    steps = first.cte("steps", recursive=True)
    following = sa.select(sa.func.min(column)).where(where, column > steps.c.found)
    more = sa.select(following.scalar_subquery()).where(steps.c.found.is_not(None))
    steps = steps.union_all(more)
    query = sa.select(steps.c.found).where(steps.c.found.is_not(None)).limit(most)
    return list(connection.execute(query).scalars())
