"""Texts, line by line and piece by piece."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Any

from ..words import size
from .file import File
from .kind import Kind

_PIECE = 256 << 10  # bytes that are shown at a time
_MOST_LINES = 2000
_TAIL = 64 << 10  # bytes of the last lines
_LOOKED_AT = 4096
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_LINE_ENDS = re.compile(r"\r\n|\n|\r")
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"))
_ALL_BOMS = (*_BOMS, (codecs.BOM_UTF16_BE, "utf-16-be"))
# keeps what is no UTF-8 apart, so that a piece's length in bytes can be told again
_ERRORS = {"utf-8": "surrogateescape", "utf-16-le": "surrogatepass", "utf-16-be": "surrogatepass"}


@dataclass(frozen=True)
class Line:
    """One line: its number (0: not known), its text, and how a difference marks it."""

    number: int
    text: str
    mark: str = ""


def encoding(file: File) -> tuple[str, int] | None:
    """How a text is written, and how many bytes say so at its start; None for what is no text."""
    head = file.head(_LOOKED_AT)
    for mark, name in _ALL_BOMS:
        if head.startswith(mark):
            return name, len(mark)
    if b"\0" in head:
        return None
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) == file.size)
        return "utf-8", 0
    except UnicodeDecodeError:
        odd = sum(byte < 32 and byte not in b"\t\n\r\f\x1b\b" for byte in head)
        return ("latin-1", 0) if odd * 50 < len(head) else None


def whole(file: File, most: int) -> str | None:
    """All of a text that is no longer than that; None for a longer one, and for what is no text."""
    how = encoding(file)
    if how is None or file.size > most:
        return None
    text = file.head(most)[how[1] :].decode(how[0], "replace")
    return readable(text)


def readable(text: str) -> str:
    """A text without a terminal's colours and without halves of characters."""
    return _ANSI.sub("", text).encode("utf-8", "replace").decode()


def piece(file: File, start: int = 0, number: int = 1) -> dict[str, Any] | None:
    """Lines from an offset on, and where the next begin.

    Args:
        file: the text.
        start: in bytes, at which line ``number`` begins.
        number: of that line; 0: nobody knows it, the last whole lines are meant.

    Returns:
        ``lines``, ``next`` (an offset, or None at the end), ``next_number``, ``last`` (where the
        last lines begin, if not here), ``is_numbered``, ``encoding``, ``cut`` (words, or None);
        None for what is no text.
    """
    how = encoding(file)
    if how is None:
        return None
    name, mark = how
    start = max(start, mark)
    raw = file.part(start, _PIECE)
    is_end = start + len(raw) >= file.size
    if name.startswith("utf-16"):
        raw = raw[: len(raw) // 2 * 2]
    text = raw.decode(name, _ERRORS.get(name, "strict"))
    if not number and (ends := [end.end() for end in _LINE_ENDS.finditer(text)]):
        left = ends[max(0, len(ends) - _MOST_LINES)]
        start += len(text[:left].encode(name, _ERRORS.get(name, "strict")))
        text = text[left:]
    texts, used = _lines(text, is_end)
    after = start + len(used.encode(name, _ERRORS.get(name, "strict")))
    more = after < file.size and bool(used)
    marks = file.suffix in (".diff", ".patch")
    shown = [readable(each) for each in texts]
    return {
        "lines": [
            Line(number and number + i, each, _mark(each) if marks else "")
            for i, each in enumerate(shown)
        ],
        "next": after if more else None,
        "next_number": number and number + len(texts),
        "last": (file.size - _TAIL) // 2 * 2 if number and file.size - _TAIL > after else None,
        "is_numbered": bool(number),
        "encoding": name,
        "cut": f"the first {size(after)} of {size(file.size)}" if more else None,
    }


def _lines(text: str, is_end: bool) -> tuple[list[str], str]:
    """So many lines as are shown at a time, and the part of the text that they are."""
    lines: list[str] = []
    position = 0
    for end in _LINE_ENDS.finditer(text):
        lines.append(text[position : end.start()])
        position = end.end()
        if len(lines) == _MOST_LINES:
            return lines, text[:position]
    rest = text[position:]
    if rest and is_end:
        return [*lines, rest], text
    if not lines and rest:  # one very long line, cut where a character ends
        rest = re.sub(r"[\udc80-\udcff]{1,3}\Z", "", rest) or rest
        return [rest], rest
    return lines, text[:position]


def _mark(line: str) -> str:
    if line.startswith(("+++", "---", "diff ", "index ")):
        return "head"
    return {"+": "added", "-": "removed", "@": "hunk"}.get(line[:1], "")


KIND = Kind(
    "text",
    lambda file: encoding(file) is not None,
    piece,
    "mlpack.artifacts.load_text({uri})",
)
