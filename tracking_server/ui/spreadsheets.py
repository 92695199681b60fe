"""Tables as CSV, which spreadsheets read as values and not as formulas."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import Any

# what spreadsheets take for the beginning of a formula
_FORMULA = re.compile(r"[=+\-@\t\r＝＋－＠]")


def harmless(text: str) -> str:
    """A text that no spreadsheet runs: with ``'`` before it, unless it is a number."""
    if not _FORMULA.match(text):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text.strip()


class Lines:
    """Lines of CSV that are written, and taken away in pieces."""

    def __init__(self) -> None:
        self._text = io.StringIO()
        self._writer = csv.writer(self._text, lineterminator="\r\n")

    def write(self, cells: Iterable[Any]) -> None:
        """One line; texts in it are to be `harmless`."""
        self._writer.writerow(cells)

    def take(self) -> bytes:
        """What was written since the last time; halves of characters are ``?``."""
        text = self._text.getvalue()
        self._text.seek(0)
        self._text.truncate()
        return text.encode("utf-8", "replace")
