"""Points of a metric put into buckets of equal width by the database.

Of each bucket it makes the smallest, the greatest and the mean value, so that no peak is lost: one
grouping, which all databases can do. For SQLite, `curve_scan` has a faster way for what most loops
log.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from .curve_rows import Buckets
from .curve_scan import scan
from .tables import metrics

INT64 = 2**63 - 1
_SUMMED = 1e290  # a sum of values beyond it could be too great for a double


def ends(connection: Connection, inside: list[Any], axis: Any) -> tuple[Any, int, int]:
    """Along which axis points are drawn, and the first and last place on it.

    Args:
        connection: of a database.
        inside: the conditions of which points; there is one at least.
        axis: the column that is wanted. Where no steps were logged it is the time instead.
    """
    first, last = ends_on(connection, inside, axis)
    if axis is metrics.c.step and first == last:
        axis = metrics.c.timestamp
        first, last = ends_on(connection, inside, axis)
    return axis, first, last


def width_of(first: int, last: int, most: int) -> int:
    """The width of buckets, of which there are not more than ``most`` from first to last.

    They begin at whole multiples of it, so that those of a multiple of the width are made of whole
    ones, and no difference of two steps is needed in SQL, which may be too great for 64 bits.
    """
    return min((last - first) // (most - 1) + 1, INT64)


def bucket_of(place: int, width: int) -> int:
    """The number of a bucket: towards zero, as all databases divide whole numbers."""
    return place // width if place >= 0 else -(-place // width)


def joined(
    connection: Connection, run: int, key: str, axis: Any, first: int, last: int, width: int
) -> Buckets:
    """Buckets in the order of the axis.

    Args:
        connection: of a database.
        run: its inner key.
        key: of the metric.
        axis: the column of steps or of times.
        first: the smallest that is wanted and was logged.
        last: the greatest.
        width: of a bucket on the axis.
    """
    found = None
    if axis is metrics.c.step and connection.dialect.name == "sqlite":
        raw: Any = connection.connection.dbapi_connection
        found = scan(raw, run, key, first, last, width)
    inside = [metrics.c.run == run, metrics.c.key == key, axis >= first, axis <= last]
    return found or grouped(connection, inside, axis, width)


def grouped(connection: Connection, inside: list[Any], axis: Any, width: int) -> Buckets:
    """As `joined`, of points for which some conditions hold."""
    divided_by = "/" if connection.dialect.name in ("sqlite", "postgresql") else "DIV"
    bucket = axis.op(divided_by)(sa.literal_column(str(width), sa.BigInteger))
    mine, count = metrics.c, sa.func.count
    value = sa.case((mine.special == 0, mine.value))
    summed = sa.case(
        (mine.special != 0, 0.0),
        (mine.value > _SUMMED, _SUMMED),
        (mine.value < -_SUMMED, -_SUMMED),
        else_=mine.value,
    )
    query = (
        sa.select(
            *(sa.func.min(mine.step), sa.func.min(mine.timestamp), count(), count(value)),
            *(sa.func.min(value), sa.func.max(value), sa.func.sum(summed)),
        )
        .where(*inside)
        .group_by(bucket)
        .order_by(sa.func.min(axis))
    )
    return Buckets.of_rows(connection.execute(query))


def ends_on(connection: Connection, inside: list[Any], axis: Any) -> tuple[int, int]:
    """The first and last place of points along one axis."""
    first, last = (
        connection.execute(sa.select(axis).where(*inside).order_by(order).limit(1))
        for order in (axis, axis.desc())
    )
    return first.scalar_one(), last.scalar_one()
