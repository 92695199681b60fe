"""A curve in buckets of one width: as bytes, in fewer buckets, with points that came later."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, compress, repeat
from math import inf
from typing import Any

from .curve_buckets import INT64, bucket_of, width_of
from .curve_rows import Buckets
from .tables import metrics

ENTRIES = 2000  # buckets of a summary; charts show at most half as many
_EMPTY = (INT64, INT64, 0, 0, inf, -inf, 0.0)  # a bucket without a point
_KINDS = "qqqqddd"  # of its columns, as in the module array
_JOIN: tuple[Callable[[Iterable[Any]], Any], ...] = (min, min, sum, sum, min, max, sum)


@dataclass(frozen=True, slots=True)
class Summary:
    """A curve, or its beginning, in all the buckets that there can be from its first to its last.

    Attributes:
        axis: the column along which it is drawn.
        first: the smallest place on the axis that was logged.
        last: the greatest.
        width: of a bucket on the axis.
        until: it is of points up to this time, in milliseconds since 1970.
        is_all: there are no others.
        columns: as those of `Buckets`; buckets without points have those of `_EMPTY`.
    """

    axis: Any
    first: int
    last: int
    width: int
    until: int
    is_all: bool
    columns: Sequence[Sequence[Any]]

    @classmethod
    def of(
        cls, found: Buckets, axis: Any, first: int, last: int, width: int, until: int, is_all: bool
    ) -> Summary:
        """From the buckets of a database."""
        length = bucket_of(last, width) - bucket_of(first, width) + 1
        empty = cls(axis, first, last, width, until, is_all, [[each] * length for each in _EMPTY])
        empty._add(found)
        return empty

    @property
    def points(self) -> int:
        """How many there are in it."""
        return sum(self.columns[2])

    def is_along(self, axis: Any) -> bool:
        """Whether it is what a curve along an axis is drawn from: over time without steps."""
        return axis is self.axis or axis is metrics.c.step

    def buckets(self, most: int) -> Buckets | None:
        """As many as ``most`` at most; None where it has not so many itself."""
        wanted = width_of(self.first, self.last, most)
        if wanted < self.width:
            return None
        columns = self._in_groups(-(-wanted // self.width))  # so many make one
        if 0 in columns[2]:
            columns = [list(compress(column, columns[2])) for column in columns]
        if 0 in columns[3]:
            for i in (4, 5, 6):
                pairs = zip(columns[i], columns[3], strict=True)
                columns[i] = [value if finite else None for value, finite in pairs]
        return Buckets(*columns)

    def width_with(self, first: int, last: int) -> int:
        """The width of buckets for a curve from a first to a last place: whole ones of this."""
        return max(1, -(-width_of(first, last, ENTRIES) // self.width)) * self.width

    def extended(self, later: Buckets, first: int, last: int, until: int) -> Summary:
        """With points that came later, in buckets as `width_with` has them; no place is negative.

        Args:
            later: these points.
            first: the smallest place of all points.
            last: the greatest.
            until: the time up to which they are.
        """
        width = self.width_with(first, last)
        columns = self._in_groups(width // self.width)
        before = self.first // width - first // width
        behind = last // width - first // width + 1 - before - len(columns[0])
        columns = [
            [empty] * before + column + [empty] * behind
            for column, empty in zip(columns, _EMPTY, strict=True)
        ]
        found = Summary(self.axis, first, last, width, until, False, columns)
        found._add(later)
        return found

    def packed(self) -> bytes:
        """Columns one after the other, 8 bytes an entry, little-endian."""
        pairs = zip(_KINDS, self.columns, strict=True)
        return b"".join(_little_endian(array(kind, column)).tobytes() for kind, column in pairs)

    def _add(self, found: Buckets) -> None:
        places = found.steps if self.axis is metrics.c.step else found.times
        begun = bucket_of(self.first, self.width)
        numbers = [bucket_of(place, self.width) - begun for place in places]
        for column, name, join in zip(self.columns, Buckets.__slots__, _JOIN, strict=True):
            assert isinstance(column, list)
            for number, value in zip(numbers, getattr(found, name), strict=True):
                if value is not None:
                    column[number] = join((column[number], value))

    def _in_groups(self, size: int) -> list[Any]:
        """Columns with so many neighbours joined; of the first group some may be missing."""
        if size == 1:
            return [list(column) for column in self.columns]
        before = bucket_of(self.first, self.width) % size
        behind = -(before + len(self.columns[0])) % size
        groups = []
        for column, empty, join in zip(self.columns, _EMPTY, _JOIN, strict=True):
            padded = chain(repeat(empty, before), column, repeat(empty, behind))
            groups.append(list(map(join, zip(*[padded] * size, strict=True))))
        return groups


def unpacked(packed: bytes) -> list[array[Any]]:
    """The columns that `Summary.packed` has put together."""
    length = len(packed) // len(_KINDS)
    columns = []
    for number, kind in enumerate(_KINDS):
        column = array(kind)
        column.frombytes(packed[number * length : (number + 1) * length])
        columns.append(_little_endian(column))
    return columns


def _little_endian(values: array[Any]) -> array[Any]:
    if sys.byteorder == "big":
        values.byteswap()
    return values
