"""The language of searches: ``metrics.auc > 0.9 AND params.model = 'rf'``. Parsing only.

    filter      = clause { AND clause }
    clause      = field operator value | field IS [NOT] NULL
    field       = kind.key | attribute
    kind        = metrics | params | tags | attributes   (and their singular and short forms)
    key         = bare word | `in backticks` | "in double quotes"
    value       = number | 'string' | "string" | ('string', 'string', …)

The same language as MLflow's (its documentation, "Search Runs"), a little more generous: bare
keys may hold dashes, dots and slashes.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from ..errors import InvalidInput

Value = float | int | str | tuple[str, ...] | None

_KINDS = {
    **dict.fromkeys(("metric", "metrics"), "metric"),
    **dict.fromkeys(("param", "params", "parameter", "parameters"), "param"),
    **dict.fromkeys(("tag", "tags"), "tag"),
    **dict.fromkeys(("attribute", "attributes", "attr", "run"), "attribute"),
    **dict.fromkeys(("dataset", "datasets"), "dataset"),
}
_ATTRIBUTES = {
    **{name: name for name in ("run_id", "run_name", "user_id", "status", "artifact_uri")},
    **{name: name for name in ("start_time", "end_time")},
    **dict.fromkeys(("created", "Created"), "start_time"),
    **dict.fromkeys(("run name", "Run name", "Run Name"), "run_name"),
}
NUMERIC_ATTRIBUTES = frozenset({"start_time", "end_time"})

_NUMERIC_OPERATORS = (">", ">=", "=", "!=", "<", "<=")
_TEXT_OPERATORS = ("=", "!=", "LIKE", "ILIKE", "IS NULL", "IS NOT NULL")
_ATTRIBUTE_OPERATORS = ("=", "!=", "LIKE", "ILIKE", "IN", "NOT IN")


@dataclass(frozen=True, slots=True)
class Field:
    """What a clause or an order looks at.

    Attributes:
        kind: metric, param, tag or attribute.
        key: the key, or the attribute's canonical name.
    """

    kind: str
    key: str

    @property
    def is_numeric(self) -> bool:
        return self.kind == "metric" or (
            self.kind == "attribute" and self.key in NUMERIC_ATTRIBUTES
        )


@dataclass(frozen=True, slots=True)
class Clause:
    """One comparison; ``operator`` in capitals, ``value`` None for IS [NOT] NULL."""

    field: Field
    operator: str
    value: Value


@dataclass(frozen=True, slots=True)
class Order:
    """One key of an order."""

    field: Field
    ascending: bool


def parse_filter(text: str | None) -> list[Clause]:
    """The clauses of a filter; all must hold.

    Args:
        text: see this module's docstring; empty or None for no filter.

    Raises:
        InvalidInput: it does not parse; the message points at the word.
    """
    scanner = _Scanner(text or "", "filter")
    clauses: list[Clause] = []
    while not scanner.at_end():
        if clauses and not scanner.keyword("AND"):
            if scanner.peek_keyword("OR"):
                scanner.fail("OR is not supported; run one search for each side")
            scanner.fail("expected AND")
        clauses.append(_clause(scanner))
    return clauses


def parse_order(items: Sequence[str] | str | None) -> list[Order]:
    """The keys of an order: ``metrics.auc DESC``, ``start_time``, …

    Raises:
        InvalidInput: one does not parse, or there are two directions.
    """
    orders = []
    for item in [items] if isinstance(items, str) else items or ():
        scanner = _Scanner(item, "order_by")
        field = _field(scanner)
        descending = scanner.keyword("DESC")
        if not descending:
            scanner.keyword("ASC")
        if not scanner.at_end():
            scanner.fail("expected ASC or DESC, or the end (one key a string)")
        orders.append(Order(field, not descending))
    return orders


def _clause(scanner: _Scanner) -> Clause:
    field = _field(scanner)
    scanner.skip_space()
    start = scanner.position
    operator = scanner.operator()
    if field.is_numeric:
        allowed = _NUMERIC_OPERATORS
    else:
        allowed = _ATTRIBUTE_OPERATORS if field.kind == "attribute" else _TEXT_OPERATORS
    if operator not in allowed:
        scanner.fail(
            f"the {field.kind} {field.key!r} can be compared with {', '.join(allowed)} only", start
        )
    if operator.startswith("IS "):
        return Clause(field, operator, None)
    if operator.endswith("IN"):
        return Clause(field, operator, scanner.strings())
    return Clause(field, operator, _value(scanner, field))


def _field(scanner: _Scanner) -> Field:
    scanner.skip_space()
    start = scanner.position
    first, quoted = scanner.word()
    if quoted or not scanner.take("."):
        attribute = _ATTRIBUTES.get(first)
        if attribute is None:
            near = difflib.get_close_matches(first, [*_ATTRIBUTES, *_KINDS], n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            scanner.fail(
                f"{hint}expected metrics.<key>, params.<key>, tags.<key> or one of "
                f"{', '.join(sorted(set(_ATTRIBUTES.values())))}",
                start,
            )
        return Field("attribute", attribute)
    kind = _KINDS.get(first)
    if kind is None:
        near = difflib.get_close_matches(first, _KINDS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        scanner.fail(f"expected metrics, params, tags or attributes before the dot{hint}", start)
    if kind == "dataset":
        scanner.fail("datasets are not recorded here; filter by a tag", start)
    key_start = scanner.position
    key = scanner.key()
    if kind != "attribute":
        return Field(kind, key)
    attribute = _ATTRIBUTES.get(key)
    if attribute is None:
        names = ", ".join(sorted(set(_ATTRIBUTES.values())))
        scanner.fail(f"expected one of {names} after the dot", key_start)
    return Field(kind, attribute)


def _value(scanner: _Scanner, field: Field) -> Value:
    scanner.skip_space()
    start = scanner.position
    if field.is_numeric:
        number = scanner.number()
        if number is None:
            scanner.fail(f"expected a number to compare {field.key!r} with", start)
        return number
    text = scanner.string()
    if text is None:
        scanner.fail(f"expected a string in quotes to compare {field.key!r} with", start)
    return text


class _Scanner:
    """Reads one token after another and knows where it is, for the messages."""

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
        """Raise, pointing at the word that starts at ``at`` (default: here)."""
        self.skip_space()
        where = self.position if at is None else at
        chunk = self._CHUNK.match(self.text, where)
        if chunk is None:
            raise InvalidInput(f"The {self.what} {self.text!r} ends too early: {why}.")
        raise InvalidInput(
            f"The {self.what} {self.text!r} is wrong at {chunk.group()!r} "
            f"(character {where + 1}): {why}."
        )

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
