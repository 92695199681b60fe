"""What a table of runs shows: which runs, in which order, which columns. It is a page's address.

``/experiments/<ids>?filter=…&order_by=…&stage=…&column=…&column=…&group=1&density=…``. The scripts
send the same fields as JSON, with lists as lists.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import urlencode

from flask import request

from ...errors import InvalidInput
from ...tracking.entities import Tags, ViewType
from ...tracking.filters import Field, Order, parse_order

STAGES = {
    "active": ViewType.ACTIVE_ONLY,
    "deleted": ViewType.DELETED_ONLY,
    "all": ViewType.ALL,
}
MOST_COLUMNS = 100
_MOST_EXPERIMENTS = 50
_LONGEST = 20_000  # characters of a field
_TOP = f"tags.`{Tags.PARENT}` IS NULL"


@dataclass(frozen=True)
class View:
    """One table.

    Attributes:
        experiments: ids.
        filter: as a person typed it.
        order_by: one key of an order; "" for the newest first.
        stage: "active", "deleted", "all", or "" for what suits the experiments.
        columns: names of columns as `runs_columns` has them; none for a fitting choice.
        group: "1" shows children below their parents.
        density: "" or "airy".
        page_token: where the page starts.
    """

    experiments: tuple[str, ...]
    filter: str = ""
    order_by: str = ""
    stage: str = ""
    columns: tuple[str, ...] = ()
    group: str = ""
    density: str = ""
    page_token: str = ""

    @property
    def view_type(self) -> ViewType:
        return STAGES[self.stage or "active"]

    @property
    def is_tree(self) -> bool:
        """A filter finds runs wherever they stand, so only without one they are grouped."""
        return bool(self.group) and not self.filter.strip()

    @property
    def whole_filter(self) -> str:
        return _TOP if self.is_tree else self.filter

    @property
    def orders(self) -> list[str]:
        return [self.order_by] if self.order_by else []

    def order(self) -> Order | None:
        """What the runs are sorted by; None for the newest first, and for what does not parse."""
        try:
            found = parse_order(self.orders)
        except InvalidInput:
            return None
        return found[0] if found else None

    def and_also(self, clause: str) -> str:
        """The filter with one clause more."""
        return f"{self.whole_filter} AND {clause}" if self.whole_filter.strip() else clause

    def but(self, **changes: Any) -> View:
        """The same from its first page, but for these fields."""
        return replace(self, **{"page_token": "", **changes})

    @property
    def address(self) -> str:
        """Of the page that shows it."""
        fields: list[tuple[str, str]] = []
        for name, value in self.fields().items():
            values = value if isinstance(value, tuple) else (value,)
            fields += [("column" if name == "columns" else name, each) for each in values if each]
        path = f"/experiments/{','.join(self.experiments)}"
        return f"{path}?{urlencode(fields, errors='replace')}" if fields else path

    def fields(self) -> dict[str, Any]:
        """All of it but the experiments."""
        return {name: value for name, value in asdict(self).items() if name != "experiments"}


def from_address(experiments: str) -> View:
    """The view that the page's address asks for.

    Args:
        experiments: ids with commas between.

    Raises:
        InvalidInput: a field has a value that it cannot have.
    """
    given = {
        name: request.args.get(name, "")
        for name in ("filter", "order_by", "stage", "group", "density", "page_token")
    }
    return _checked(experiments.split(","), request.args.getlist("column"), given)


def from_message(message: dict[str, Any]) -> View:
    """The view that a script asks for.

    Raises:
        InvalidInput: a field is missing or has a value that it cannot have.
    """
    given = {
        name: message.get(name, "")
        for name in ("filter", "order_by", "stage", "group", "density", "page_token")
    }
    return _checked(message.get("experiments"), message.get("columns", []), given)


def order_text(field: Field, ascending: bool) -> str | None:
    """An order as searches take it; None for a key that no search can name."""
    direction = "ASC" if ascending else "DESC"
    if field.kind == "attribute":
        return f"attributes.{field.key} {direction}"
    quote = next((quote for quote in '`"' if quote not in field.key), None)
    return f"{field.kind}s.{quote}{field.key}{quote} {direction}" if quote else None


def _checked(experiments: Any, columns: Any, given: dict[str, Any]) -> View:
    for name, value in (("experiments", experiments), ("columns", columns)):
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise InvalidInput(f"{name} must be a list of texts.")
    for name, value in given.items():
        if not isinstance(value, str) or len(value) > _LONGEST:
            raise InvalidInput(f"{name} must be a text of at most {_LONGEST:,} characters.")
    ids = tuple(dict.fromkeys(each for each in experiments if each))
    if not 0 < len(ids) <= _MOST_EXPERIMENTS:
        raise InvalidInput(
            f"A table shows 1 to {_MOST_EXPERIMENTS} experiments, not {len(ids)}: name their ids "
            "with commas between."
        )
    chosen = tuple(dict.fromkeys(each for each in columns if each))
    if len(chosen) > MOST_COLUMNS:
        raise InvalidInput(f"A table shows at most {MOST_COLUMNS} columns, not {len(chosen)}.")
    if given["stage"] not in ("", *STAGES):
        raise InvalidInput(
            f"stage must be one of {', '.join(STAGES)}, not {given['stage'][:40]!r}."
        )
    return View(ids, columns=chosen, **given)
