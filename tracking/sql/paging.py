"""Pages of sorted results that stay right while others write.

A page starts after the last row of the page before: its token holds that row's sort keys, not how
many rows came before. So no row is left out or shown twice, unless its own sort keys change.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import InvalidInput

MAX_RESULTS = 50_000


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of an order.

    Attributes:
        column: what is sorted by.
        ascending: from small to large.
        type: of its values in Python.
        nullable: an earlier key tells whether it is NULL.
    """

    column: Any
    ascending: bool
    type: type
    nullable: bool = False

    @property
    def order(self) -> Any:
        """For ORDER BY."""
        return self.column.asc() if self.ascending else self.column.desc()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: in which phase of the search (see `search_runs`), after which keys."""

    phase: int
    values: list[Any]


def missing_last(column: Any, ascending: bool, kind: type, missing: Any = None) -> list[SortKey]:
    """The keys of a column with NULLs, which come last in either direction.

    Args:
        column: with NULLs.
        ascending: the direction of the others.
        kind: of its values in Python.
        missing: a rank of the kinds of NULL; default: one kind.
    """
    rank = missing if missing is not None else sa.case((column.is_(None), 1), else_=0)
    return [SortKey(rank, True, int), SortKey(column, ascending, kind, nullable=True)]


def after(keys: Sequence[SortKey], values: Sequence[Any]) -> Any:
    """The condition that a row comes after one with these values in the order of the keys."""
    first, value = keys[0], values[0]
    ways = []
    same: list[Any] = []
    for key, limit in zip(keys, values, strict=True):
        if limit is None:  # nothing comes after it, among those with the same rank before it
            same.append(key.column.is_(None))
            continue
        further = key.column > limit if key.ascending else key.column < limit
        ways.append(sa.and_(*same, further))
        same.append(key.column == limit)
    either = sa.or_(*ways)
    if value is None:
        return either
    # implied by the rest, and what an index can start from
    bound = first.column >= value if first.ascending else first.column <= value
    return sa.and_(bound, either)


def check_max_results(max_results: int, limit: int = MAX_RESULTS) -> None:
    """Raises `InvalidInput` unless it is a possible size of a page."""
    if not isinstance(max_results, int) or not 1 <= max_results <= limit:
        raise InvalidInput(f"max_results must be 1 to {limit}; got {max_results!r}.")


def write_token(place: Place, search: Any) -> str:
    """A token for the page after a place.

    Args:
        place: where this page ends.
        search: everything that the caller asked for, as JSON has it.
    """
    packed = [place.phase, place.values]
    return base64.urlsafe_b64encode(json.dumps([*packed, _seal(packed, search)]).encode()).decode()


def read_token(token: str | None, search: Any) -> Place | None:
    """The place in a token; None for the first page.

    Raises:
        InvalidInput: it is no token of this search.
    """
    if not token:
        return None
    try:
        phase, values, seal = json.loads(base64.urlsafe_b64decode(token.encode()))
        valid = isinstance(phase, int) and isinstance(values, list)
    except (ValueError, TypeError, RecursionError):
        valid = False
    if not valid or seal != _seal([phase, values], search):
        raise InvalidInput(
            "The page token is not one that this search returned; start with the first page."
        )
    return Place(phase, values)


def check_place(place: Place, keys: Sequence[SortKey]) -> None:
    """Raises `InvalidInput` for a token whose values cannot be those of the keys."""
    kinds = [(key.type, int) if key.type is float else key.type for key in keys]
    fits = len(place.values) == len(keys) and all(
        (key.nullable if value is None else isinstance(value, kind))
        for key, kind, value in zip(keys, kinds, place.values, strict=True)
    )
    if not fits:
        raise InvalidInput("The page token is not one that a search returned.")


def _seal(packed: Any, search: Any) -> str:
    """Ties a place to a search, and shows damage; it is no secret, a token gives no rights."""
    return hashlib.sha256(json.dumps([packed, search]).encode()).hexdigest()[:16]


def sorted_page(
    connection: Connection, query: Any, keys: Sequence[SortKey], start: Place | None, size: int
) -> tuple[list[Any], Place | None]:
    """One page of a query's rows in the order of the keys, and where the next one starts."""
    labelled = [key.column.label(f"s{i}") for i, key in enumerate(keys)]
    query = query.add_columns(*labelled).order_by(*(key.order for key in keys)).limit(size + 1)
    if start is not None:
        check_place(start, keys)
        query = query.where(after(keys, start.values))
    rows = list(connection.execute(query).all())
    if len(rows) <= size:
        return rows, None
    return rows[:size], Place(0, list(rows[size - 1][-len(keys) :]))
