"""How commands print: aligned columns for people, JSON for scripts.

What others wrote goes through `terminal.clean`; JSON is ASCII, which escapes all of it.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Sequence
from typing import Any

import click

from .terminal import clean, columns, pad, width, wrap

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")

_GAP = "  "
_NARROWEST = 8  # a column is never narrower, unless all of it is


def print_json(value: Any) -> None:
    """One JSON document; what JSON has no word for (a date, a path) as a string."""
    click.echo(json.dumps(value, indent=2, default=str))


def print_table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Columns as wide as their widest cell; on a terminal that is too narrow, wider cells wrap.

    Elsewhere nothing is cut or wrapped, so that `grep` and `awk` work.
    """
    cells = [[str(name).upper() for name in header]]
    cells += [["" if cell is None else clean(cell) for cell in row] for row in rows]
    widths = fit([max(width(row[i]) for row in cells) for i in range(len(header))], columns())
    for row in cells:
        for line in row_lines(row, widths):
            click.echo(line.rstrip())


def fit(widths: list[int], room: int | None) -> list[int]:
    """Widths of columns that together fit the room that there is: the widest give way first."""
    widths = list(widths)
    if room is None:
        return widths
    excess = sum(widths) + len(_GAP) * (len(widths) - 1) - room
    while excess > 0 and max(widths) > _NARROWEST:
        widest = max(widths)
        second = max((w for w in widths if w < widest), default=_NARROWEST)
        those = [i for i, w in enumerate(widths) if w == widest]
        step = min(widest - max(second, _NARROWEST), -(-excess // len(those)))
        for i in those:
            widths[i] -= step
        excess -= step * len(those)
    return widths


def row_lines(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """The lines of a row of a table, cells padded to the widths of their columns."""
    wrapped = [wrap(cell, at) if at else [""] for cell, at in zip(row, widths, strict=True)]
    height = max(len(cell) for cell in wrapped)
    return [
        _GAP.join(
            pad(cell[line] if line < len(cell) else "", at)
            for cell, at in zip(wrapped, widths, strict=True)
        )
        for line in range(height)
    ]


def print_fields(fields: Iterable[tuple[str, Any]]) -> None:
    """``name  value`` lines with the names aligned; empty values are left out."""
    shown = [
        (clean(name), clean(value, lines=True))
        for name, value in fields
        if value not in (None, "", [], {})
    ]
    names = max((width(name) for name, _ in shown), default=0)
    for name, value in shown:
        first, *rest = value.split("\n")
        click.echo(f"{click.style(pad(name, names), bold=True)}  {first}")
        for line in rest:
            click.echo(f"{' ' * names}  {line}")


def local_time(milliseconds: int | None) -> str | None:
    """A time of the store's in the time zone of whoever reads it."""
    if milliseconds is None:
        return None
    moment = datetime.datetime.fromtimestamp(milliseconds / 1000).astimezone()
    return moment.isoformat(sep=" ", timespec="seconds")
