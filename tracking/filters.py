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

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import InvalidInput
from .scanner import Scanner

Value = float | int | str | tuple[str, ...] | None

_KINDS = {
    **dict.fromkeys(("metric", "metrics"), "metric"),
    **dict.fromkeys(("param", "params", "parameter", "parameters"), "param"),
    **dict.fromkeys(("tag", "tags"), "tag"),
    **dict.fromkeys(("attribute", "attributes", "attr", "run"), "attribute"),
    **dict.fromkeys(("dataset", "datasets"), "dataset"),
}

_NUMERIC_OPERATORS = (">", ">=", "=", "!=", "<", "<=")
_TEXT_OPERATORS = ("=", "!=", "LIKE", "ILIKE", "IN", "NOT IN")
_LONGEST_PATTERN = 1000  # databases compare it at every place of every text
_OPTIONAL_OPERATORS = (*_TEXT_OPERATORS, "IS NULL", "IS NOT NULL")


@dataclass(frozen=True, slots=True)
class Subject:
    """What is searched, and which fields that has.

    Attributes:
        kinds: what may stand before a dot.
        attributes: every name of an attribute and its canonical one.
        numbers: canonical names of the attributes that are numbers.
        dataset_keys: what is known of its datasets.
        quoted_numbers: its numbers may be compared with ``'3'``, too.
    """

    kinds: tuple[str, ...]
    attributes: Mapping[str, str]
    numbers: frozenset[str]
    dataset_keys: tuple[str, ...] = ()
    quoted_numbers: bool = False


RUNS = Subject(
    ("metric", "param", "tag", "attribute", "dataset"),
    {
        **{name: name for name in ("run_id", "run_name", "user_id", "status", "artifact_uri")},
        **{name: name for name in ("start_time", "end_time")},
        **dict.fromkeys(("created", "Created"), "start_time"),
        **dict.fromkeys(("run name", "Run name", "Run Name"), "run_name"),
    },
    frozenset({"start_time", "end_time"}),
    ("name", "digest", "context"),
)
EXPERIMENTS = Subject(
    ("tag", "attribute"),
    {name: name for name in ("name", "experiment_id", "creation_time", "last_update_time")},
    frozenset({"creation_time", "last_update_time"}),
)
MODELS = Subject(
    ("metric", "param", "tag", "attribute", "dataset"),
    {
        **{name: name for name in ("name", "model_id", "model_type", "status", "source_run_id")},
        **dict.fromkeys(("creation_timestamp", "creation_time"), "creation_timestamp"),
        **dict.fromkeys(
            ("last_updated_timestamp", "last_update_time", "last_updated_time"),
            "last_updated_timestamp",
        ),
    },
    frozenset({"creation_timestamp", "last_updated_timestamp"}),
    ("name", "digest"),  # on which it was measured
)


@dataclass(frozen=True, slots=True)
class Field:
    """What a clause or an order looks at.

    Attributes:
        kind: metric, param, tag, dataset or attribute.
        key: the key, or the attribute's canonical name.
        is_numeric: its values are numbers.
    """

    kind: str
    key: str
    is_numeric: bool = dataclasses.field(default=False, compare=False)


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


def parse_filter(text: str | None, subject: Subject = RUNS) -> list[Clause]:
    """The clauses of a filter; all must hold.

    Args:
        text: see this module's docstring; empty or None for no filter.
        subject: what is searched.

    Raises:
        InvalidQuery: it does not parse; it points at the word.
    """
    scanner = Scanner(text or "", "filter")
    clauses: list[Clause] = []
    while not scanner.at_end():
        if clauses and not scanner.keyword("AND"):
            if scanner.peek_keyword("OR"):
                scanner.fail("OR is not supported; run one search for each side")
            scanner.fail("expected AND")
        clauses.append(_clause(scanner, subject))
    return clauses


def parse_order(items: Sequence[str] | str | None, subject: Subject = RUNS) -> list[Order]:
    """The keys of an order: ``metrics.auc DESC``, ``start_time``, …

    Raises:
        InvalidQuery: one does not parse, or there are two directions.
    """
    orders = []
    for item in [items] if isinstance(items, str) else items or ():
        scanner = Scanner(item, "order_by")
        field = _field(scanner, subject, order=True)
        descending = scanner.keyword("DESC")
        if not descending:
            scanner.keyword("ASC")
        if not scanner.at_end():
            scanner.fail("expected ASC or DESC, or the end (one key a string)")
        orders.append(Order(field, not descending))
    return orders


def quoted(text: str) -> str:
    """A text as a value in a filter.

    Raises:
        InvalidInput: it has both kinds of quotes, which no filter can hold.
    """
    for quote in "'\"":
        if quote not in text:
            return f"{quote}{text}{quote}"
    raise InvalidInput(f"No filter can hold both kinds of quotes: {text!r}.")


def _clause(scanner: Scanner, subject: Subject) -> Clause:
    field = _field(scanner, subject)
    scanner.skip_space()
    start = scanner.position
    operator = scanner.operator()
    if field.is_numeric:
        allowed: tuple[str, ...] = _NUMERIC_OPERATORS
    else:
        allowed = _OPTIONAL_OPERATORS if field.kind in ("param", "tag") else _TEXT_OPERATORS
    if operator not in allowed:
        scanner.fail(
            f"the {field.kind} {field.key!r} can be compared with {', '.join(allowed)} only", start
        )
    if operator.startswith("IS "):
        return Clause(field, operator, None)
    if operator.endswith("IN"):
        return Clause(field, operator, scanner.strings())
    value = _value(scanner, field, subject)
    if operator.endswith("LIKE") and len(str(value)) > _LONGEST_PATTERN:
        raise InvalidInput(
            f"The pattern for {field.key!r} is {len(str(value))} characters long; at most "
            f"{_LONGEST_PATTERN} are allowed. Longer texts can be compared with =."
        )
    return Clause(field, operator, value)


def _field(scanner: Scanner, subject: Subject, order: bool = False) -> Field:
    scanner.skip_space()
    start = scanner.position
    first, quoted = scanner.word()
    if quoted or not scanner.take("."):
        return _attribute(scanner, subject, first, start)
    kind = _KINDS.get(first)
    if kind not in subject.kinds or (order and kind == "dataset"):
        plurals = [f"{kind}s" for kind in subject.kinds if not order or kind != "dataset"]
        near = difflib.get_close_matches(first, plurals, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        scanner.fail(f"expected {' or '.join(plurals)} before the dot{hint}", start)
    key_start = scanner.position
    key = scanner.key()
    if kind == "attribute":
        return _attribute(scanner, subject, key, key_start)
    if kind == "dataset" and key not in subject.dataset_keys:
        scanner.fail(f"expected one of {', '.join(subject.dataset_keys)} after the dot", key_start)
    return Field(kind, key, is_numeric=kind == "metric")


def _attribute(scanner: Scanner, subject: Subject, name: str, at: int) -> Field:
    known = subject.attributes.get(name)
    if known is None:
        dotted = [f"{kind}s" for kind in subject.kinds if kind != "attribute"]
        near = difflib.get_close_matches(name, [*subject.attributes, *dotted], n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        keys = ", ".join(f"{kind}.<key>" for kind in dotted)
        names = ", ".join(sorted(set(subject.attributes.values())))
        scanner.fail(f"{hint}expected {keys} or one of {names}", at)
    return Field("attribute", known, is_numeric=known in subject.numbers)


def _value(scanner: Scanner, field: Field, subject: Subject) -> Value:
    scanner.skip_space()
    start = scanner.position
    if field.is_numeric:
        number = scanner.quoted_number() if subject.quoted_numbers else scanner.number()
        if number is None:
            scanner.fail(f"expected a number to compare {field.key!r} with", start)
        return number
    text = scanner.string()
    if text is None:
        scanner.fail(f"expected a string in quotes to compare {field.key!r} with", start)
    return text
