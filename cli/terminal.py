"""Text for a terminal: nothing in it can command the terminal, and it is as wide as it looks.

Names, descriptions, tags and notes are written by others. Printed as they are, they could move the
cursor, set the title, reverse the reading direction, or pass one line off as two.
"""

from __future__ import annotations

import re
import shutil
import sys
import unicodedata

_COMMANDS = re.compile(
    r"(?:\x1b\]|\x9d)[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"  # titles, links
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # colours, cursor
    r"|\x1b[ -/]*[0-~]?"
)
_SPACES = re.compile(r"[\t\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")
# C0 but line breaks, C1, marks and overrides of direction, halves of characters
_HARMFUL = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_NARROWEST = 40


def clean(text: object, lines: bool = False) -> str:
    """A text without what a terminal would obey.

    Args:
        text: anything; shown as `str` shows it.
        lines: keep its line breaks; otherwise they become spaces.
    """
    shown = _COMMANDS.sub("", str(text))
    if lines:
        parts = re.split(r"\r\n|[\r\n\x0b\x0c\x85\u2028\u2029]", shown.replace("\t", "    "))
        return "\n".join(_HARMFUL.sub("", part) for part in parts)
    return _HARMFUL.sub("", _SPACES.sub(" ", shown))


def columns() -> int | None:
    """How wide the terminal is; None when the output goes elsewhere, where nothing is cut."""
    if not sys.stdout.isatty():
        return None
    return max(shutil.get_terminal_size().columns, _NARROWEST)


def width(text: str) -> int:
    """The columns that a text takes."""
    if text.isascii():
        return len(text)
    return sum(_width(char) for char in text)


def pad(text: str, to: int) -> str:
    """A text with spaces up to a width."""
    return text + " " * (to - width(text))


def wrap(text: str, at: int) -> list[str]:
    """A text in lines of at most this width; breaks at spaces where there are any."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        rest = paragraph
        while width(rest) > at:
            fits = _prefix(rest, at)
            space = rest.rfind(" ", 0, fits + 1)
            cut = space if space > 0 else fits
            lines.append(rest[:cut].rstrip())
            rest = rest[cut:].lstrip()
        lines.append(rest)
    return lines


def _width(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Cf", "Me", "Mn"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _prefix(text: str, at: int) -> int:
    """How many characters fit, one at least."""
    taken = 0
    for position, char in enumerate(text):
        taken += _width(char)
        if taken > at:
            return max(position, 1)
    return len(text)
