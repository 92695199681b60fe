"""Clauses of a filter of runs in SQL: as conditions, and as the runs that an index names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from ..entities import Tags
from ..filters import Clause
from .conditions import compare, start_fits, with_key
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


def matches(clause: Clause, inside: Callable[[Any], Any], dialect: str) -> Any | None:
    """The inner keys of all runs that fit a clause, and perhaps of others, read from an index.

    Args:
        clause: of the filter.
        inside: makes the condition that a column names an experiment that is searched.
        dialect: of the database.

    Returns:
        A query; None for clauses that no index helps with.
    """
    field, operator = clause.field, clause.operator
    if field.kind == "attribute":
        return _matching_attribute(clause, inside, dialect)
    if field.kind == "dataset":
        if field.key == "context" or operator not in ("=", "IN"):
            return None
        query = sa.select(dataset_inputs.c.run).join(datasets)
        column = datasets.c[field.key]
        return query.where(inside(datasets.c.experiment), compare(column, clause, dialect))
    table = TABLES[field.kind]
    query = sa.select(table.c.run).where(inside(table.c.experiment), table.c.key == field.key)
    if operator == "IS NOT NULL":
        return query
    if operator in ("IS NULL", "!=", "NOT IN"):
        return None
    if field.kind == "metric":
        return query.where(compare(table.c.value, clause, dialect))
    return query.where(start_fits(table, clause, dialect))


def _matching_attribute(clause: Clause, inside: Callable[[Any], Any], dialect: str) -> Any | None:
    if clause.operator not in ("=", "IN"):
        return None
    if clause.field.key == "run_id":
        query = sa.select(runs.c.id).where(inside(runs.c.experiment))
        return query.where(compare(runs.c.run_id, clause, dialect))
    if clause.field.key == "run_name":  # a tag, too
        query = sa.select(tags.c.run).where(inside(tags.c.experiment), tags.c.key == Tags.RUN_NAME)
        return query.where(start_fits(tags, clause, dialect))
    return None
