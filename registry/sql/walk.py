"""Searches that walk an index in the order that is asked for, and stop at the page's end.

    1. Along the index for a few thousand steps: enough wherever many rows fit the filter.
    2. If that did not fill the page, the indexes of the clauses are asked whether few rows fit at
       all; then these are looked at one by one.
    3. If hardly any row was found so far, more of them are few enough, and also indexes are asked
       that must be read through, as for ``LIKE '%x'``.
    4. Else along the index to the page's end, however long that takes.

An index knows the first key of an order only. Rows that are equal in it are sorted by the others;
where the page ends among such, all of them are looked at. So every database, also one that cannot
walk an index in mixed directions, reads about as many rows as it returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...tracking.sql.narrow import among, few_left
from ...tracking.sql.paging import Place, SortKey, after, check_place

_STEPS = 2000
_MANY = 20_000  # so many rows are rather looked at one by one than found by a walk of any length
_FAR = 50_000  # so many steps are walked rather than ask the clauses' indexes


@dataclass(frozen=True, slots=True)
class Course:
    """A stretch of an index to walk along.

    Attributes:
        source: tables to select from.
        id: the inner key of what is found.
        keys: the whole order; the index has the first of them, and no two rows share all.
        conditions: that make the stretch.
        is_unique: no two rows share the first key.
    """

    source: Any
    id: Any
    keys: list[SortKey]
    conditions: list[Any]
    is_unique: bool = False


@dataclass(frozen=True, slots=True)
class Walk:
    """One search.

    Attributes:
        connection: of the database.
        course: where it leads.
        conditions: the clauses that the course does not answer already.
        probes: select the inner keys that fit a clause, where an index has them together.
        scans: the same, where an index must be read through for them.
    """

    connection: Connection
    course: Course
    conditions: Sequence[Any]
    probes: Sequence[Any]
    scans: Sequence[Any]

    def page(self, start: Place | None, size: int) -> tuple[list[int], Place | None]:
        """The inner keys of one page, and where the next one starts."""
        if start is not None:
            check_place(start, self.course.keys)
        rows = self._rows(start, size + 1)
        found = [row[0] for row in rows[:size]]
        return found, Place(0, list(rows[size - 1][1:])) if len(rows) > size else None

    def _rows(self, start: Place | None, limit: int) -> list[Any]:
        """So many rows of (id, sort keys …)."""
        further = [] if start is None else [after(self.course.keys, start.values)]
        if not self.conditions:
            return self._along(further, limit)
        first = self.course.keys[0]
        end = self._end_of_steps(further)
        if end is None:  # there are no more to look at
            return self._along(further, limit)
        near = first.column < end if first.ascending else first.column > end
        rows = self._along([*further, near], limit)
        if len(rows) >= limit:
            return rows
        few = few_left(self.connection, self.probes, together=False) if self.probes else None
        if few is None and limit * _STEPS > len(rows) * _FAR and (self.probes or self.scans):
            queries = [*self.probes, *self.scans]
            few = few_left(self.connection, queries, len(queries) > 1, _MANY)
        if few is None:
            return self._along(further, limit)
        return self._of(few, further)[:limit] if few else []

    def _end_of_steps(self, further: list[Any]) -> Any:
        """The first key of the row where the first steps end; None if there are not so many."""
        first = self.course.keys[0]
        query = sa.select(first.column).select_from(self.course.source)
        query = query.where(*self.course.conditions, *further).order_by(first.order)
        return self.connection.execute(query.offset(_STEPS).limit(1)).scalar()

    def _along(self, more: list[Any], limit: int) -> list[Any]:
        course = self.course
        first = course.keys[0]
        query = self._query(more).order_by(first.order).limit(limit)
        rows = list(self.connection.execute(query).all())
        if len(rows) == limit and not course.is_unique:
            last = rows[-1][1]
            rows = [row for row in rows if row[1] != last]
            others = self._query([*more, first.column == last])
            others = others.order_by(*(key.order for key in course.keys[1:]))
            ties = self.connection.execute(others.limit(limit - len(rows))).all()
            return [*self._in_order(rows), *ties]
        return self._in_order(rows)

    def _of(self, few: tuple[int, ...], more: list[Any]) -> list[Any]:
        # sorted here: asked for an order, a database may prefer to walk its index after all
        query = self._query([*more, among(self.course.id, few)])
        options = {"compiled_cache": None}
        return self._in_order(list(self.connection.execute(query, execution_options=options)))

    def _query(self, more: list[Any]) -> Any:
        course = self.course
        labelled = [key.column.label(f"s{i}") for i, key in enumerate(course.keys)]
        query = sa.select(course.id.label("id"), *labelled).select_from(course.source)
        # MySQL and MariaDB would rather sort than begin with the table whose index is walked
        query = query.prefix_with("STRAIGHT_JOIN", dialect="mysql")
        return query.where(*course.conditions, *self.conditions, *more)

    def _in_order(self, rows: list[Any]) -> list[Any]:
        for place, key in reversed(list(enumerate(self.course.keys, start=1))):
            rows.sort(key=itemgetter(place), reverse=not key.ascending)
        return rows
