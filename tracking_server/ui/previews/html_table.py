"""The table in a piece of HTML that somebody else wrote: its texts, and nothing of its markup.

Notebooks put out data frames as HTML. What is drawn is a table of our own with the same cells, so
there is nothing to sanitise, and it has the page's colours. Tags are found by one expression that
looks at each character once: Python's own parser takes a minute for what was made to be slow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape

from .text import readable

_LONGEST_NUMBER = 40
_WIDEST = 200  # columns or rows that a cell may span
_UNSEEN = ("script", "style", "template")
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)([^<>]*)>|<[!?][^<>]*>")
_SPAN = re.compile(r"""\b(colspan|rowspan)\s*=\s*["']?(\d{1,4})""", re.IGNORECASE | re.ASCII)
_NUMBER = re.compile(r"[-+]?(\d[\d,]*)?\.?\d+(e[-+]?\d+)?%?", re.IGNORECASE | re.ASCII)


@dataclass
class Cell:
    """A cell; ``across`` and ``down`` are the columns and rows that it spans."""

    text: str = ""
    is_head: bool = False
    across: int = 1
    down: int = 1

    @property
    def is_number(self) -> bool:
        """Whether it stands at the right."""
        short = not self.is_head and len(self.text) < _LONGEST_NUMBER
        return short and _NUMBER.fullmatch(self.text) is not None


@dataclass
class Table:
    """The rows of a table; ``heads`` of them are of heads alone, at its beginning."""

    rows: list[list[Cell]] = field(default_factory=list)
    heads: int = 0
    cut: bool = False

    @property
    def size(self) -> int:
        """How many cells it has."""
        return sum(map(len, self.rows))


def first_table(html: str, most: int) -> Table | None:
    """The first table, with so many cells at most; None where there is none, or nothing in it."""
    start = re.search(r"<table\b", html, re.IGNORECASE)
    table = _read(html[start.start() :], most) if start else Table()
    table.rows = [row for row in table.rows if row]
    for cell in (cell for row in table.rows for cell in row):
        cell.text = readable(" ".join(unescape(cell.text).split()))
    if not any(cell.text for row in table.rows for cell in row):
        return None
    while table.heads < len(table.rows) and all(c.is_head for c in table.rows[table.heads]):
        table.heads += 1
    return table


def _read(html: str, most: int) -> Table:
    table, number = Table(), 0
    cell: Cell | None = None
    depth = unseen = 0  # tables within tables are text of their cell
    for text, closes, tag, attributes in _pieces(html):
        if cell and not unseen:
            cell.text += text
        if tag in _UNSEEN:
            unseen = max(0, unseen + (-1 if closes else 1))
        elif tag == "table":
            depth += -1 if closes else 1
            if depth == 0:
                break
        elif tag == "tr" and depth == 1:
            cell = None
            table.rows.append([])
        elif tag in ("td", "th") and depth == 1:
            cell = None
            if not closes and number == most:
                table.cut = True
                break
            if not closes and table.rows:
                spans = {name.lower(): int(size) for name, size in _SPAN.findall(attributes)}
                across, down = (
                    max(1, min(_WIDEST, spans.get(name, 1))) for name in ("colspan", "rowspan")
                )
                cell = Cell("", tag == "th", across, down)
                table.rows[-1].append(cell)
                number += 1
        elif cell and tag in ("br", "p", "div", "li"):
            cell.text += " "
    return table


def _pieces(html: str) -> Iterator[tuple[str, bool, str, str]]:
    """Each text, and the tag after it: whether it closes, its name, its attributes."""
    end = 0
    for tag in _TAG.finditer(html):
        yield html[end : tag.start()], bool(tag[1]), (tag[2] or "").lower(), tag[3] or ""
        end = tag.end()
    yield html[end:], False, "", ""
