"""What searches of the registry may look at; the language is that of `tracking.filters`."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import InvalidInput
from ..tracking.filters import Clause, Order, Subject, parse_filter, parse_order

_TIMES = {
    **dict.fromkeys(("creation_timestamp", "creation_time"), "creation_timestamp"),
    **dict.fromkeys(
        # the last one is MLflow's older word
        ("last_updated_timestamp", "last_update_time", "last_updated_time", "timestamp"),
        "last_updated_timestamp",
    ),
}
REGISTERED_MODELS = Subject(
    ("tag", "attribute"),
    {"name": "name", **_TIMES},
    frozenset(_TIMES.values()),
    quoted_numbers=True,
)
MODEL_VERSIONS = Subject(
    ("tag", "attribute"),
    {
        **{name: name for name in ("name", "run_id", "model_id", "user_id")},
        **dict.fromkeys(("version_number", "version"), "version_number"),
        **dict.fromkeys(("source_path", "source"), "source_path"),
        **dict.fromkeys(("stage", "current_stage"), "stage"),
        **dict.fromkeys(("alias", "aliases"), "alias"),
        **_TIMES,
    },
    frozenset({"version_number", *_TIMES.values()}),
    quoted_numbers=True,
)
MODEL_ORDERS = ("name", "creation_timestamp", "last_updated_timestamp")
VERSION_ORDERS = ("name", "version_number", "creation_timestamp", "last_updated_timestamp")

# MLflow keeps prompts among registered models and asks for those that are none; ours never are,
# and have no such tag.
IS_PROMPT = "mlflow.prompt.is_prompt"


def parse_clauses(text: str | None, subject: Subject) -> list[Clause]:
    """The clauses of a filter.

    Raises:
        InvalidInput: it does not parse, or compares an integer with something else.
    """
    clauses = parse_filter(text, subject)
    for clause in clauses:
        if clause.field.is_numeric and not isinstance(clause.value, int):
            raise InvalidInput(
                f"{clause.field.key} is compared with integers only; got {clause.value!r}."
            )
    return clauses


def parse_orders(
    items: Sequence[str] | str | None, subject: Subject, allowed: Sequence[str]
) -> list[Order]:
    """The keys of an order, each once.

    Raises:
        InvalidInput: one does not parse, or is of a field that nothing is sorted by.
    """
    orders: dict[str, Order] = {}
    for order in parse_order(items, subject):
        if order.field.kind != "attribute" or order.field.key not in allowed:
            raise InvalidInput(
                f"Nothing is sorted by {order.field.key!r} here; order_by takes "
                f"{', '.join(allowed)}, each with ASC or DESC."
            )
        orders.setdefault(order.field.key, order)
    return list(orders.values())


def excludes_prompts(clause: Clause) -> bool:
    """Whether a clause is MLflow's way to ask for what is no prompt."""
    if clause.field.kind != "tag" or clause.field.key != IS_PROMPT:
        return False
    return (clause.operator, clause.value) in (("!=", "true"), ("=", "false"))
