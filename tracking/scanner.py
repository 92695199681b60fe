"""Reads filters and orders one token after another, and knows where it is, for the messages."""

from __future__ import annotations

import re
from typing import NoReturn

from ..errors import InvalidInput, InvalidQuery


class Scanner:
    """One text and a position in it.

    Args:
        text: what is read.
        what: it is called in messages: "filter", "order_by".

    Raises:
        InvalidInput: it is no string, or no Unicode.
    """

    _WORD = re.compile(r"[A-Za-z_]\w*")
    _KEY = re.compile(r"[\w./:\-]+")
    _NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?(?![\w.])")
    _SYMBOL = re.compile(r">=|<=|!=|<>|==|[=<>]")
    _SPACE = re.compile(r"\s*")
    _CHUNK = re.compile(r"'[^']*'?|\"[^\"]*\"?|`[^`]*`?|[\w./:\-+%]+|\S")

    def __init__(self, text: str, what: str) -> None:
        if not isinstance(text, str):
            raise InvalidInput(f"A {what} must be a string; got {type(text).__name__}.")
        if not text.isprintable() and any("\ud800" <= char <= "\udfff" for char in text):
            raise InvalidInput(f"The {what} {text!r} is no valid Unicode.")
        self.text = text
        self.what = what
        self.position = 0

    def at_end(self) -> bool:
        self.skip_space()
        return self.position == len(self.text)

    def skip_space(self) -> None:
        match = self._SPACE.match(self.text, self.position)
        self.position = match.end() if match else self.position

    def fail(self, why: str, at: int | None = None) -> NoReturn:
        """Raise `InvalidQuery`, pointing at the word that starts at ``at`` (default: here)."""
        self.skip_space()
        where = self.position if at is None else at
        chunk = self._CHUNK.match(self.text, where)
        if chunk is None:
            message = f"The {self.what} {self.text!r} ends too early: {why}."
            raise InvalidQuery(message, why, where, where)
        message = (
            f"The {self.what} {self.text!r} is wrong at {chunk.group()!r} "
            f"(character {where + 1}): {why}."
        )
        raise InvalidQuery(message, why, where, chunk.end())

    def take(self, symbol: str) -> bool:
        if self.text.startswith(symbol, self.position):
            self.position += len(symbol)
            return True
        return False

    def peek_keyword(self, word: str) -> bool:
        self.skip_space()
        match = self._WORD.match(self.text, self.position)
        return match is not None and match.group().upper() == word

    def keyword(self, word: str) -> bool:
        if not self.peek_keyword(word):
            return False
        self.position += len(word)
        return True

    def word(self) -> tuple[str, bool]:
        """A bare or quoted word, and whether it was quoted."""
        quoted = self._quoted('`"')
        if quoted is not None:
            return quoted, True
        match = self._WORD.match(self.text, self.position)
        if match is None:
            self.fail("expected a field such as metrics.accuracy")
        self.position = match.end()
        return match.group(), False

    def key(self) -> str:
        quoted = self._quoted('`"')
        if quoted is not None:
            return quoted
        match = self._KEY.match(self.text, self.position)
        if match is None:
            self.fail("expected a key after the dot (quote unusual ones with backticks)")
        self.position = match.end()
        return match.group()

    def operator(self) -> str:
        self.skip_space()
        match = self._SYMBOL.match(self.text, self.position)
        if match is not None:
            self.position = match.end()
            return {"<>": "!=", "==": "="}.get(match.group(), match.group())
        for plain in ("LIKE", "ILIKE", "IN"):
            if self.keyword(plain):
                return plain
        if self.keyword("NOT"):
            if self.keyword("IN"):
                return "NOT IN"
            self.fail("expected IN after NOT")
        if self.keyword("IS"):
            operator = "IS NOT NULL" if self.keyword("NOT") else "IS NULL"
            if self.keyword("NULL"):
                return operator
            self.fail("expected NULL or NOT NULL after IS")
        self.fail("expected an operator: = != > >= < <= LIKE ILIKE IN IS")

    def number(self) -> float | int | None:
        match = self._NUMBER.match(self.text, self.position)
        if match is None:
            return None
        self.position = match.end()
        text = match.group()
        whole = re.fullmatch(r"[+-]?\d{1,18}", text) is not None  # what a database calls an integer
        return int(text) if whole else float(text)

    def quoted_number(self) -> float | int | None:
        """A number, in quotes or without."""
        inner = self._quoted("'\"")
        return self.number() if inner is None else Scanner(inner, self.what).number()

    def string(self) -> str | None:
        self.skip_space()
        return self._quoted("'\"")

    def strings(self) -> tuple[str, ...]:
        self.skip_space()
        if not self.take("("):
            self.fail("expected a list in parentheses, such as ('a', 'b')")
        found: list[str] = []
        while True:
            text = self.string()
            if text is None:
                self.fail("expected a string in quotes")
            found.append(text)
            self.skip_space()
            if self.take(")"):
                return tuple(found)
            if not self.take(","):
                self.fail("expected a comma or a closing parenthesis")

    def _quoted(self, quotes: str) -> str | None:
        start = self.position
        quote = self.text[start : start + 1]
        if not quote or quote not in quotes:
            return None
        end = self.text.find(quote, start + 1)
        if end < 0:
            self.fail(f"the quote {quote} is not closed", start)
        self.position = end + 1
        return self.text[start + 1 : end]
