"""Clauses of a filter of runs in SQL: as conditions, and as the few runs that an index names."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ..entities import Tags
from ..filters import Clause
from .conditions import compare, starts_as, with_key
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

TABLES: dict[str, Any] = {"metric": latest_metrics, "param": params, "tag": tags}
_RANGES = ("=", "<", "<=", ">", ">=")


def condition(clause: Clause, dialect: str, artifact_root: str) -> Any:
    """A condition on a row of `runs`."""
    field = clause.field
    if field.kind == "attribute":
        if field.key == "artifact_uri":
            return compare(_artifact_uri(artifact_root), clause, dialect)
        return compare(runs.c[field.key], clause, dialect)
    if field.kind == "dataset":
        return _read_dataset(clause, dialect)
    return with_key(TABLES[field.kind], runs.c.id, clause, dialect)


def _artifact_uri(artifact_root: str) -> Any:
    own = sa.literal(f"{artifact_root}/") + sa.cast(runs.c.experiment, sa.String)
    recorded = sa.select(experiments.c.artifact_location).where(
        experiments.c.id == runs.c.experiment
    )
    location = sa.func.coalesce(recorded.scalar_subquery(), own)
    return location + "/" + runs.c.run_id + "/artifacts"


def _read_dataset(clause: Clause, dialect: str) -> Any:
    same = dataset_inputs.c.run == runs.c.id
    if clause.field.key == "context":
        column = dataset_input_tags.c.value
        same = sa.and_(
            same,
            dataset_input_tags.c.run == dataset_inputs.c.run,
            dataset_input_tags.c.dataset == dataset_inputs.c.dataset,
            dataset_input_tags.c.key == Tags.DATASET_CONTEXT,
        )
    else:
        column = datasets.c[clause.field.key]
        same = sa.and_(same, dataset_inputs.c.dataset == datasets.c.id)
    return sa.exists().where(same, compare(column, clause, dialect))


def matches(clause: Clause, experiments: Any, dialect: str) -> Any | None:
    """The inner keys of the runs that fit a clause, if an index has them; else None.

    Args:
        clause: of the filter.
        experiments: makes a condition from a column of experiments.
        dialect: of the database.
    """
    field, operator = clause.field, clause.operator
    if field.kind == "attribute":
        if field.key == "run_id" and operator in ("=", "IN"):
            return sa.select(runs.c.id).where(compare(runs.c.run_id, clause, dialect))
        return None
    if field.kind == "dataset":
        if field.key == "context" or operator not in ("=", "IN"):
            return None
        joined = dataset_inputs.join(datasets, datasets.c.id == dataset_inputs.c.dataset)
        query = sa.select(dataset_inputs.c.run).select_from(joined)
        column = datasets.c[field.key]
        return query.where(experiments(datasets.c.experiment), compare(column, clause, dialect))
    table = TABLES[field.kind]
    query = sa.select(table.c.run).where(experiments(table.c.experiment), table.c.key == field.key)
    if operator == "IS NOT NULL":
        return query
    if field.kind == "metric":
        return query.where(compare(table.c.value, clause, dialect)) if operator in _RANGES else None
    if operator in ("=", "IN"):
        return query.where(starts_as(table, clause), compare(table.c.value, clause, dialect))
    return None
