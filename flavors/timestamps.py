"""Points in time: ISO 8601 strings, dates and numpy's, as naive nanoseconds in UTC.

The signature's `datetime` has no time zone. A value that carries one is converted to UTC and
loses it; plain numbers are refused, because nobody can tell seconds from milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_ISO = re.compile(
    r"(\d{4})-\d\d-\d\d([T ]\d\d(:\d\d(:\d\d([.,]\d{1,9})?)?)?(Z|[+-]\d\d(:?\d\d)?)?)?",
    re.ASCII,
)
# what 64-bit nanoseconds around 1970 can hold, in whole years
_FIRST_YEAR, _LAST_YEAR = 1678, 2261


def is_timestamp(value: Any) -> bool:
    """Whether `to_nanoseconds` and `to_datetime` read this value."""
    if isinstance(value, str):
        try:
            value = _parse(value)
        except (ValueError, OverflowError):
            return False
    if isinstance(value, date):
        return _FIRST_YEAR <= value.year <= _LAST_YEAR
    if type(value).__name__ == "datetime64":
        year = str(value)[:4]
        return str(value) == "NaT" or (
            year.isdigit() and _FIRST_YEAR <= int(year) <= _LAST_YEAR and str(value)[4:5] in "-"
        )
    return False


def to_datetime(value: Any) -> datetime:
    """One value as a naive `datetime` in UTC, to the microsecond.

    Raises:
        ValueError: not a time (`is_timestamp` says so beforehand).
    """
    if isinstance(value, str):
        return _parse(value)
    if isinstance(value, datetime):
        return _utc(value)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    seconds = value.astype("datetime64[us]").item()
    assert isinstance(seconds, datetime)
    return seconds


def to_moment(value: Any) -> date:
    """As `to_datetime`, but a day without a time stays a `date`."""
    if type(value) is date:
        return value
    moment = to_datetime(value)
    is_day = len(value) == len("2024-05-31") if isinstance(value, str) else str(value)[10:] == ""
    return moment.date() if is_day else moment


def to_nanoseconds(values: Sequence[Any]) -> np.ndarray:
    """Values that passed `is_timestamp`, or None, as ``datetime64[ns]`` (None: NaT)."""
    import numpy as np

    return np.array([_nanoseconds(v) for v in values], dtype="datetime64[ns]")


def _nanoseconds(value: Any) -> np.datetime64:
    import numpy as np

    if value is None:
        return np.datetime64("NaT", "ns")
    if isinstance(value, str):
        match = _ISO.fullmatch(value)
        digits = (match.group(5) or "")[1:] if match else ""
        # datetime keeps six digits of the second; the rest is added
        rest = int(digits[6:].ljust(3, "0")) if len(digits) > 6 else 0
        return np.datetime64(_parse(value), "ns") + np.timedelta64(rest, "ns")
    if hasattr(value, "to_datetime64"):  # a pandas Timestamp keeps its nanoseconds
        naive = value if value.tzinfo is None else value.tz_convert("UTC").tz_localize(None)
        return naive.to_datetime64().astype("datetime64[ns]")  # type: ignore[no-any-return]
    if isinstance(value, date):
        return np.datetime64(to_datetime(value), "ns")
    return value.astype("datetime64[ns]")  # type: ignore[no-any-return]


def _parse(text: str) -> datetime:
    if not _ISO.fullmatch(text):
        raise ValueError(text)
    return _utc(datetime.fromisoformat(text))


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        return moment
    return moment.astimezone(UTC).replace(tzinfo=None)
