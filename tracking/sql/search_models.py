"""Searching logged models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ..entities import LifecycleStage, PagedList
from ..filters import MODELS, Clause, Order, parse_filter, parse_order
from .conditions import compare, with_key
from .models import JOINED_MODELS, MODEL_COLUMNS, Models
from .paging import (
    SortKey,
    check_max_results,
    missing_last,
    read_token,
    sorted_page,
    write_token,
)
from .tables import (
    logged_model_metrics,
    logged_model_params,
    logged_model_tags,
    logged_models,
    runs,
)

_COLUMNS: dict[str, Any] = {
    "name": logged_models.c.name,
    "model_id": logged_models.c.model_id,
    "model_type": logged_models.c.model_type,
    "status": logged_models.c.status,
    "source_run_id": runs.c.run_id,
    "creation_timestamp": logged_models.c.creation_time,
    "last_updated_timestamp": logged_models.c.last_update_time,
}
_TABLES: dict[str, Any] = {
    "metric": logged_model_metrics,
    "param": logged_model_params,
    "tag": logged_model_tags,
}


class ModelSearch(Models):
    """The part of the store that finds logged models."""

    def search_logged_models(
        self,
        experiment_ids: Sequence[str] = (),
        filter_string: str = "",
        max_results: int = 1000,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> PagedList:
        check_max_results(max_results)
        clauses, orders = parse_filter(filter_string, MODELS), parse_order(order_by, MODELS)
        asked = ["models", sorted(experiment_ids), filter_string, list(order_by)]
        start = read_token(page_token, asked)

        query = sa.select(*MODEL_COLUMNS).select_from(JOINED_MODELS)
        query = query.where(logged_models.c.lifecycle_stage == LifecycleStage.ACTIVE)
        if experiment_ids:
            keys = [int(i) for i in experiment_ids if i.isdecimal() and len(i) < 19]
            query = query.where(logged_models.c.experiment.in_(keys))
        order = [key for order in orders for key in _sort_keys(order)]
        order.append(SortKey(logged_models.c.creation_time, False, int))
        order.append(SortKey(logged_models.c.id, False, int))
        with self.database.read() as connection:
            dialect = connection.dialect.name
            query = query.where(*(_condition(clause, dialect) for clause in clauses))
            rows, place = sorted_page(connection, query, order, start, max_results)
            found = self._models(connection, rows)
        return PagedList(found, write_token(place, asked) if place else None)


def _condition(clause: Clause, dialect: str) -> Any:
    field = clause.field
    if field.kind == "attribute":
        return compare(_COLUMNS[field.key], clause, dialect)
    if field.kind == "dataset":  # that a metric of the model names
        column = logged_model_metrics.c[f"dataset_{field.key}"]
        known = sa.select(logged_model_metrics.c.model).where(
            logged_model_metrics.c.dataset_name.is_not(None), compare(column, clause, dialect)
        )
        return logged_models.c.id.in_(known)
    return with_key(_TABLES[field.kind], logged_models.c.id, clause, dialect)


def _sort_keys(order: Order) -> list[SortKey]:
    field, ascending = order.field, order.ascending
    if field.kind == "attribute":
        return missing_last(_COLUMNS[field.key], ascending, int if field.is_numeric else str)
    table = _TABLES[field.kind].alias()
    value = sa.select(table.c.value).where(
        table.c.model == logged_models.c.id, table.c.key == field.key
    )
    if field.kind == "metric":  # a model may have many values: the latest counts
        value = value.order_by(table.c.timestamp.desc(), table.c.step.desc(), table.c.run)
    kind = float if field.kind == "metric" else str
    return missing_last(value.limit(1).scalar_subquery(), ascending, kind)
