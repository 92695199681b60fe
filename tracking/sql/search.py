"""Searching runs: filters and orders become SQL, so that the database does the work."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ...errors import InvalidInput
from ..entities import PagedList, ViewType
from ..filters import Clause, Field, Order, parse_filter, parse_order
from .experiments import in_view
from .models import Models
from .runs import RUN_COLUMNS
from .tables import NAN, experiments, latest_metrics, params, runs, tags

MAX_RESULTS = 50_000
_TABLES: dict[str, Any] = {"metric": latest_metrics, "param": params, "tag": tags}


class Search(Models):
    """The part of the store that finds runs."""

    def search_runs(
        self,
        experiment_ids: Sequence[str],
        filter_string: str = "",
        view: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> PagedList:
        if not 1 <= max_results <= MAX_RESULTS:
            raise InvalidInput(f"max_results must be 1 to {MAX_RESULTS}; got {max_results}.")
        clauses, orders = parse_filter(filter_string), parse_order(order_by)
        asked = json.dumps([sorted(experiment_ids), filter_string, int(view), list(order_by)])
        offset, newest = _read_token(page_token, asked)

        keys = [int(i) for i in experiment_ids if i.isdecimal() and len(i) < 19]
        query = sa.select(*RUN_COLUMNS).join(experiments).where(runs.c.experiment.in_(keys))
        query = in_view(query, runs.c.lifecycle_stage, ViewType(view))
        for clause in clauses:
            query = query.where(self._condition(clause))
        with self.database.read() as connection:
            if newest is None:
                newest = connection.execute(sa.select(sa.func.max(runs.c.id))).scalar() or 0
            # a run that starts between two pages belongs to neither, so nothing shifts
            query = query.where(runs.c.id <= newest)
            query = _in_order(query, orders).limit(max_results + 1).offset(offset)
            rows = connection.execute(query).all()
            found = self.load_runs(connection, rows[:max_results])
        more = len(rows) > max_results
        return PagedList(found, _token(offset + max_results, newest, asked) if more else None)

    def _condition(self, clause: Clause) -> Any:
        field = clause.field
        if field.kind == "attribute":
            if field.key == "artifact_uri":
                return self._artifact_uri_condition(clause)
            return _compare(runs.c[field.key], clause)
        table = _TABLES[field.kind]
        same = sa.and_(table.c.run == runs.c.id, table.c.key == field.key)
        if clause.operator == "IS NULL":
            return ~sa.exists().where(same)
        if clause.operator == "IS NOT NULL":
            return sa.exists().where(same)
        compared = _compare(table.c.value, clause)
        if field.kind == "metric":
            is_nan = table.c.special == NAN  # unequal to every number, in no order with any
            compared = is_nan | compared if clause.operator == "!=" else ~is_nan & compared
        return sa.exists().where(same, compared)

    def _artifact_uri_condition(self, clause: Clause) -> Any:
        root = sa.literal(f"{self.database.artifact_root}/")
        own = root + sa.cast(runs.c.experiment, sa.String)
        location = sa.func.coalesce(experiments.c.artifact_location, own)
        return _compare(location + "/" + runs.c.run_id + "/artifacts", clause)


def _compare(column: Any, clause: Clause) -> Any:
    value = clause.value
    match clause.operator:
        case "=":
            return column == value
        case "!=":
            return column != value
        case ">":
            return column > value
        case ">=":
            return column >= value
        case "<":
            return column < value
        case "<=":
            return column <= value
        case "LIKE":
            return column.op("GLOB")(_glob(str(value)))
        case "ILIKE":
            return sa.func.lower(column).op("GLOB")(_glob(str(value).lower()))
        case "IN":
            return column.in_(value)
        case _:
            return column.not_in(value)


def _glob(pattern: str) -> str:
    """SQLite's LIKE ignores case; its GLOB does not. The same pattern in GLOB's alphabet."""
    escaped = "".join(f"[{char}]" if char in "*?[" else char for char in pattern)
    return escaped.replace("%", "*").replace("_", "?")


def _in_order(query: Any, orders: list[Order]) -> Any:
    """Runs without the value, and NaN, come last in either direction; then the newest first."""
    for order in orders:
        query, column, missing = _sort_column(query, order.field)
        query = query.order_by(missing, column.asc() if order.ascending else column.desc())
    return query.order_by(runs.c.start_time.desc(), runs.c.id.desc())


def _sort_column(query: Any, field: Field) -> tuple[Any, Any, Any]:
    if field.kind == "attribute":
        column = runs.c.run_id if field.key == "artifact_uri" else runs.c[field.key]
        return query, column, column.is_(None)
    table = _TABLES[field.kind].alias()
    query = query.outerjoin(table, (table.c.run == runs.c.id) & (table.c.key == field.key))
    missing = table.c.value.is_(None)
    if field.kind == "metric":
        rank = sa.case((missing, 2), (table.c.special == NAN, 1), else_=0)
        return query, table.c.value, rank
    return query, table.c.value, missing


def _token(offset: int, newest: int, asked: str) -> str:
    digest = hashlib.sha256(asked.encode()).hexdigest()[:16]
    packed = json.dumps([offset, newest, digest]).encode()
    return base64.urlsafe_b64encode(packed).decode()


def _read_token(token: str | None, asked: str) -> tuple[int, int | None]:
    if not token:
        return 0, None
    try:
        offset, newest, digest = json.loads(base64.urlsafe_b64decode(token.encode()))
        valid = isinstance(offset, int) and isinstance(newest, int) and offset >= 0
    except (ValueError, TypeError):
        valid = False
    if not valid:
        raise InvalidInput("The page token is not one that a search returned.")
    if digest != hashlib.sha256(asked.encode()).hexdigest()[:16]:
        raise InvalidInput("The page token belongs to another search; start with the first page.")
    return offset, newest
