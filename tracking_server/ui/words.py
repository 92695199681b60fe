"""How times, sizes, numbers and addresses read; the templates' filters."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from flask import Flask
from markupsafe import Markup, escape

from ...errors import InvalidInput
from ...tracking.filters import quoted

SYSTEM = "system/"  # how keys of metrics begin that the machine logged, not a person
_DIGITS = re.compile(r"([0-9]{1,18})")
_JOINTS = re.compile(r"(?<=[/_.:])(?=[^\W_])")
_STEPS = ((60, "s"), (60, "min"), (24, "h"), (7, "d"), (52 / 12, "w"), (12, "mo"))


def moment(milliseconds: int | None) -> str:
    """A time in UTC, to the second."""
    found = _time(milliseconds)
    if found is None:
        return "–" if milliseconds is None else str(milliseconds)
    return found.strftime("%Y-%m-%d %H:%M:%S")


def ago(milliseconds: int | None) -> Markup:
    """A time as a ``<time>`` element, which ``js/page.js`` tells in words and in local time."""
    found = _time(milliseconds)
    if found is None:
        return Markup('<span class="quiet">{}</span>').format(moment(milliseconds))
    return Markup('<time datetime="{}Z" title="{} UTC">{}</time>').format(
        found.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3], moment(milliseconds), _since(found)
    )


def _since(then: datetime.datetime) -> str:
    left = (datetime.datetime.now(datetime.UTC) - then).total_seconds()
    if left < 0:
        return then.strftime("%Y-%m-%d %H:%M")
    if left < 10:
        return "just now"
    for many, unit in _STEPS:
        if left < many:
            return f"{left:.0f} {unit} ago"
        left /= many
    return then.strftime("%Y-%m-%d")


def duration(milliseconds: float | None) -> str:
    """A span of time: ``850 ms``, ``12.3 s``, ``4 min 10 s``, ``3 h 2 min``, ``5 d 1 h``."""
    if milliseconds is None:
        return "–"
    if milliseconds < 0:
        return f"{milliseconds} ms"
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    for low, high, names in ((60, 3600, "min s"), (3600, 86400, "h min"), (86400, 0, "d h")):
        if not high or whole < high:
            big, small = names.split()
            parts = {"min s": 1, "h min": 60, "d h": 3600}[names]
            return f"{whole // low} {big} {whole % low // parts} {small}"
    raise AssertionError


def figure(value: float | None) -> str:
    """A metric, to six digits."""
    if value is None:
        return ""
    return f"{value:.6g}" if math.isfinite(value) else str(value)


def size(count: int | None) -> str:
    """Bytes for people."""
    left = float(count or 0)
    for unit in ("B", "kB", "MB", "GB"):
        if left < 1000:
            return f"{left:.0f} {unit}" if unit == "B" else f"{left:.1f} {unit}"
        left /= 1000
    return f"{left:.1f} TB"


def cut(text: str, most: int) -> str:
    """A text, or its beginning where it is longer than so many characters."""
    return text if len(text) <= most else f"{text[:most]}…"


def gist(text: str) -> str:
    """The first line of a text in Markdown that says something, without its marks."""
    plain = text[:5000].replace("**", "").replace("`", "")
    lines = (line.lstrip(" #>*-=\t").rstrip() for line in plain.splitlines())
    return cut(next((line for line in lines if line), ""), 200)


def breakable(name: str) -> Markup:
    """A name that lines break at its joints, before they break it anywhere."""
    return Markup("<wbr>").join(_JOINTS.split(name))


def natural(text: str) -> list[tuple[int, str]]:
    """What sorts ``loss_2`` before ``loss_10``."""
    parts = _DIGITS.split(text)
    return [(int(part), "") if i % 2 else (-1, part) for i, part in enumerate(parts)]


def segment(text: str) -> str:
    """One value within an address."""
    return quote(str(text), safe="", errors="replace")


def address(path: str, /, **query: str | None) -> str:
    """A path and the fields of a query that are not empty."""
    given = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(given, errors='replace')}" if given else path


def clauses(equal: Mapping[str, str]) -> str | None:
    """The filter for what has these values in these fields.

    Returns:
        None where no filter can say it: a value that holds both kinds of quotes.
    """
    try:
        return " and ".join(f"{field} = {quoted(value)}" for field, value in equal.items())
    except InvalidInput:
        return None


def runs_where(experiment_id: str, equal: Mapping[str, str]) -> str | None:
    """The address of the table of an experiment's runs that have these values; see `clauses`."""
    found = clauses(equal)
    return found and address(f"/experiments/{segment(experiment_id)}", filter=found)


def highlight(text: str, start: int, stop: int) -> Markup:
    """A text with a part of it marked."""
    marked = Markup("{}<mark>{}</mark>{}").format(text[:start], text[start:stop], text[stop:])
    return marked if stop > start else escape(text)


def add_filters(app: Flask) -> None:
    """Make them known to templates."""
    for made in (moment, ago, duration, figure, size, segment, gist, breakable):
        app.add_template_filter(made)


def _time(milliseconds: int | None) -> datetime.datetime | None:
    if milliseconds is None:
        return None
    try:
        return datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)
    except (OverflowError, ValueError, OSError):  # a client may log any number
        return None
