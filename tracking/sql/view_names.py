"""Which keys and values there are, to complete what is typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...errors import InvalidInput
from .distinct import completed
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
        index = (table.c.experiment, table.c.key)
        return self._completed(experiment_ids, index, (), words, limit, _MOST_NAMES)

    def key_values(
        self, experiment_ids: Sequence[str], kind: str, key: str, words: str = "", limit: int = 20
    ) -> list[str]:
        table = _table(kind, {name: TABLES[name] for name in ("param", "tag")})
        index, same = (table.c.experiment, table.c.key, table.c.start), (table.c.key == key,)
        found = self._completed(experiment_ids, index, same, words, limit, _MOST_VALUES)
        return [text for text in found if len(text) < START]  # others nobody types

    def _completed(
        self,
        experiment_ids: Sequence[str],
        index: tuple[Any, ...],
        same: tuple[Any, ...],
        words: str,
        limit: int,
        most: int,
    ) -> list[str]:
        """The best of an index's last column; only so many that differ are looked at."""
        places = [(index[0] == each, *same) for each in _inner_keys(experiment_ids)]
        with self.database.read() as connection:
            return completed(connection, index, places, words, limit, most)


def _table(kind: str, known: dict[str, Any]) -> Any:
    if kind not in known:
        raise InvalidInput(f"The kind must be one of {', '.join(known)}, not {kind[:40]!r}.")
    return known[kind]


def _inner_keys(experiment_ids: Sequence[str]) -> list[int]:
    return sorted({int(i) for i in experiment_ids if i.isdecimal() and len(i) < 19})
