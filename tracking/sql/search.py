"""Searching runs: filters and orders become SQL, so that the database does the work."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ...errors import InvalidInput
from ..entities import PagedList, Tags, ViewType
from ..filters import Clause, Field, Order, parse_filter, parse_order
from .conditions import compare, with_key
from .experiments import in_view
from .models import Models
from .runs import RUN_COLUMNS
from .tables import (
    dataset_input_tags,
    dataset_inputs,
    datasets,
    experiments,
    latest_metrics,
    params,
    runs,
    tags,
)

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
        with self.database.read() as connection:
            for clause in clauses:
                query = query.where(self._condition(clause, connection.dialect.name))
            if newest is None:
                newest = connection.execute(sa.select(sa.func.max(runs.c.id))).scalar() or 0
            # a run that starts between two pages belongs to neither, so nothing shifts
            query = query.where(runs.c.id <= newest)
            query = _in_order(query, orders).limit(max_results + 1).offset(offset)
            rows = connection.execute(query).all()
            found = self.load_runs(connection, rows[:max_results])
        more = len(rows) > max_results
        return PagedList(found, _token(offset + max_results, newest, asked) if more else None)

    def _condition(self, clause: Clause, dialect: str) -> Any:
        field = clause.field
        if field.kind == "attribute":
            if field.key == "artifact_uri":
                return self._artifact_uri_condition(clause, dialect)
            return compare(runs.c[field.key], clause, dialect)
        if field.kind == "dataset":
            return _read_dataset(clause, dialect)
        return with_key(_TABLES[field.kind], runs.c.id, clause, dialect)

    def _artifact_uri_condition(self, clause: Clause, dialect: str) -> Any:
        root = sa.literal(f"{self.database.artifact_root}/")
        own = root + sa.cast(runs.c.experiment, sa.String)
        location = sa.func.coalesce(experiments.c.artifact_location, own)
        return compare(location + "/" + runs.c.run_id + "/artifacts", clause, dialect)


def _read_dataset(clause: Clause, dialect: str) -> Any:
    same = dataset_inputs.c.run == runs.c.id
    if clause.field.key == "context":
        same = same & (dataset_inputs.c.dataset == dataset_input_tags.c.dataset)
        same = same & (dataset_input_tags.c.run == runs.c.id)
        same = same & (dataset_input_tags.c.key == Tags.DATASET_CONTEXT)
        column = dataset_input_tags.c.value
    else:
        same = same & (dataset_inputs.c.dataset == datasets.c.id)
        column = datasets.c[clause.field.key]
    return sa.exists().where(same, compare(column, clause, dialect))


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
        rank = sa.case((table.c.run.is_(None), 2), (missing, 1), else_=0)
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
