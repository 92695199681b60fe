"""Notebooks: cells and their outputs, without the HTML of others but for the texts of tables."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ..json_text import parse
from .file import File
from .html_table import Table, first_table
from .kind import Kind, by_suffix
from .text import readable, whole

_LARGEST = 16 << 20
_MOST_CELLS = 300
_MOST_OUTPUTS = 30  # of a cell
_LONGEST = 20_000  # characters of a source or an output
_MOST_PICTURES = 8 << 20  # characters, all pictures together
_MOST_TABLE_CELLS = 10_000  # of all tables together
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]+={0,2}\s*")
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")


@dataclass
class Output:
    """What a cell has put out: a text, the address of a picture, or a table."""

    kind: str  # "text", "error", "image", "hidden", "table"
    content: str
    table: Table | None = None


@dataclass
class Cell:
    """One cell: "markdown", "code" or "raw"."""

    kind: str
    source: str
    count: str = ""
    outputs: list[Output] = field(default_factory=list)


def prepare(file: File) -> dict[str, Any] | None:
    """Its cells; None for what is no notebook."""
    found = parse(whole(file, _LARGEST))
    cells = found.get("cells") if isinstance(found, dict) else None
    if not isinstance(cells, list):
        return None
    reading = _Reading()
    shown = [reading.cell(each) for each in cells[:_MOST_CELLS] if isinstance(each, dict)]
    cut = f"the first {_MOST_CELLS} of {len(cells):,} cells" if len(cells) > _MOST_CELLS else None
    return {"cells": shown, "cut": cut}


class _Reading:
    def __init__(self) -> None:
        self.left = _MOST_PICTURES
        self.cells_left = _MOST_TABLE_CELLS

    def cell(self, given: dict[str, Any]) -> Cell:
        kind = given.get("cell_type")
        count = given.get("execution_count")
        outputs = given.get("outputs")
        return Cell(
            kind if kind in ("markdown", "code") else "raw",
            _text(given.get("source")),
            str(count) if isinstance(count, int) else "",
            [
                self.output(each)
                for each in (outputs if isinstance(outputs, list) else [])[:_MOST_OUTPUTS]
                if isinstance(each, dict)
            ],
        )

    def output(self, given: dict[str, Any]) -> Output:
        kind = given.get("output_type")
        if kind == "stream":
            return Output("text", _text(given.get("text")))
        if kind == "error":
            trace = _text(given.get("traceback"), "\n")
            return Output("error", trace or f"{given.get('ename')}: {given.get('evalue')}")
        data = given.get("data")
        data = data if isinstance(data, dict) else {}
        for name in _PICTURES:
            if (content := data.get(name)) and (picture := self._picture(name, content)):
                return picture
        if table := first_table(_joined(data.get("text/html")), self.cells_left):
            self.cells_left -= table.size
            return Output("table", "", table)
        if "text/plain" in data:
            return Output("text", _text(data["text/plain"]))
        names = ", ".join(str(name)[:60] for name in list(data)[:5])
        return Output("hidden", names or "nothing")

    def _picture(self, name: str, content: Any) -> Output | None:
        text = _joined(content)
        if not _BASE64.fullmatch(text):
            return None
        self.left -= len(text)
        if self.left < 0:
            return Output("hidden", f"{name}, because there are many pictures before it")
        return Output("image", f"data:{name};base64,{''.join(text.split())}")


def _text(given: Any, between: str = "") -> str:
    text = readable(_joined(given, between))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}\n…"


def _joined(given: Any, between: str = "") -> str:
    """Notebooks hold texts whole or as lists of lines; empty for what is neither."""
    if isinstance(given, list) and all(isinstance(each, str) for each in given):
        return between.join(given)
    return given if isinstance(given, str) else ""


KIND = Kind("notebook", by_suffix(".ipynb"), prepare, is_text=True)
