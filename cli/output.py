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


def print_json(value: Any) -> None:
    """One JSON document; what JSON has no word for (a date, a path, NaN) as a string."""
    try:
        text = json.dumps(value, indent=2, default=str, allow_nan=False)
    except ValueError:
        text = json.dumps(_without_nan(value), indent=2, default=str, allow_nan=False)
    click.echo(text)


def _without_nan(value: Any) -> Any:
    """With "NaN", "Infinity" and "-Infinity" in words, as the API has them."""
    from ..tracking.rest.wire import value_to_json

    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    return value_to_json(value) if isinstance(value, float) else value


def print_table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Columns as wide as their widest cell; on a terminal that is too narrow, wider cells wrap.

    A terminal gets no empty columns, and no word (an id, to be copied) is broken. Elsewhere all
    columns are there, and nothing is wrapped, so that `grep` and `awk` work.
    """
    cells = [[str(name).upper() for name in header]]
    cells += [["" if cell is None else clean(cell) for cell in row] for row in rows]
    if columns() is not None:
        filled = [i for i in range(len(header)) if any(row[i] for row in cells[1:])]
        cells = [[row[i] for i in filled] for row in cells]
    across = list(zip(*cells, strict=True))
    widths = fit(
        [max(map(width, column)) for column in across],
        [max(width(word) for cell in column for word in cell.split() or [""]) for column in across],
        columns(),
    )
    for row in cells:
        for line in row_lines(row, widths):
            click.echo(line.rstrip())


def fit(widths: Sequence[int], least: Sequence[int], room: int | None) -> list[int]:
    """Widths of columns that together fit the room that there is: the widest give way first.

    Args:
        widths: of what is in the columns.
        least: to which they may shrink; what then does not fit stays too wide.
        room: None for no end of it.
    """
    fitted = list(widths)
    excess = 0 if room is None else sum(widths) + len(_GAP) * (len(widths) - 1) - room
    while excess > 0:
        able = [i for i, at in enumerate(fitted) if at > least[i]]
        if not able:
            break
        widest = max(fitted[i] for i in able)
        those = [i for i in able if fitted[i] == widest]
        floor = max([fitted[i] for i in able if fitted[i] < widest] + [least[i] for i in those])
        step = min(widest - floor, -(-excess // len(those)))
        for i in those:
            fitted[i] -= step
        excess -= step * len(those)
    return fitted


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
