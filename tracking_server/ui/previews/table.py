"""Tables: CSV, TSV, and the tables that `mlpack.log_table` writes."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..json_text import parse
from ..words import cut, size
from .file import File
from .kind import Kind, by_suffix
from .text import encoding, readable, whole

_HEAD = 512 << 10  # bytes that are read
_LARGEST_JSON = 8 << 20
_MOST_ROWS = 500
_MOST_COLUMNS = 100
_LONGEST = 500  # characters of a cell
_DELIMITERS = ",\t;|"


@dataclass(frozen=True)
class Table:
    """What is shown of a table.

    Attributes:
        columns: their names.
        rows: cells as text.
        numbers: of each column, whether all of it are numbers.
    """

    columns: list[str]
    rows: list[list[str]]
    numbers: list[bool]


def csv_table(file: File) -> dict[str, Any] | None:
    """The first rows of a text with delimiters."""
    how = encoding(file)
    if how is None or not file.size:
        return None
    raw = file.head(_HEAD)
    text = readable(raw[how[1] :].decode(how[0], "replace"))
    is_cut = len(raw) < file.size
    delimiter = "\t" if file.suffix in (".tsv", ".tab") else _delimiter(text)
    rows: list[list[str]] = []
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
    try:
        for row in reader:
            rows.append(row)
            if len(rows) == _MOST_ROWS + 2:
                break
    except csv.Error:
        return None
    if is_cut and len(rows) < _MOST_ROWS + 2:
        rows = rows[:-1]  # it may end in the middle
    if not rows:
        return None
    header, *body = rows
    kept = [row for row in body if row]
    width = max(map(len, [header, *kept[:_MOST_ROWS]]))
    more = is_cut or len(kept) > _MOST_ROWS
    return _shown(file, header, kept, width, more, None)


def logged_table(file: File) -> dict[str, Any] | None:
    """A table in JSON: ``{"columns": […], "data": [[…], …]}``."""
    text = whole(file, _LARGEST_JSON)
    if text is None or '"columns"' not in text or '"data"' not in text:
        return None
    found = parse(text)
    if not isinstance(found, dict):
        return None
    columns, data = found.get("columns"), found.get("data")
    if not isinstance(columns, list) or not isinstance(data, list) or not columns:
        return None
    if not all(isinstance(row, list) for row in data[:_MOST_ROWS]):
        return None
    rows = [[_cell(each) for each in row[:_MOST_COLUMNS]] for row in data[:_MOST_ROWS]]
    header = [_cell(each) for each in columns]
    more = len(data) > _MOST_ROWS
    return _shown(file, header, rows, len(header), more, len(data))


def _shown(
    file: File,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int,
    more: bool,
    count: int | None,
) -> dict[str, Any]:
    columns = min(width, _MOST_COLUMNS)
    cells = [[_short(row, i) for i in range(columns)] for row in rows[:_MOST_ROWS]]
    numbers = [_are_numbers([row[i] for row in cells]) for i in range(columns)]
    cut = []
    if more:
        of = f"of {count:,}" if count is not None else f"of {size(file.size)}"
        cut.append(f"the first {len(cells):,} rows {of}")
    if width > columns:
        cut.append(f"the first {columns} of {width:,} columns")
    return {
        "table": Table([_short(header, i) for i in range(columns)], cells, numbers),
        "cut": " and ".join(cut) or None,
    }


def _short(row: Sequence[str], i: int) -> str:
    return cut(row[i], _LONGEST) if i < len(row) else ""


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):
        return "…"


def _are_numbers(cells: Sequence[str]) -> bool:
    given = [cell for cell in cells if cell]
    try:
        for cell in given:
            float(cell)
    except ValueError:
        return False
    return bool(given)


def _delimiter(text: str) -> str:
    """The one that the first line has most of, outside of quotes."""
    line = text.partition("\n")[0][:10_000]
    outside = "".join(line.split('"')[::2])
    return max(_DELIMITERS, key=outside.count)


_FRAME = "pandas.read_csv(mlpack.artifacts.download_artifacts({uri}){more})"
CSV = Kind("table", by_suffix(".csv"), csv_table, _FRAME.replace("{more}", ""), is_text=True)
TSV = Kind(
    "table",
    by_suffix(".tsv", ".tab"),
    csv_table,
    _FRAME.replace("{more}", r', sep="\t"'),
    is_text=True,
)
LOGGED = Kind(
    "table", by_suffix(".json"), logged_table, "mlpack.artifacts.load_dict({uri})", is_text=True
)
