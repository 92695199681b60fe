"""Metrics of logged models in SQL: values that runs logged with a ``model_id``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import NotFound
from ..entities import LifecycleStage, Metric
from .tables import NAN, decode_value, encode_value, logged_model_metrics, logged_models, runs
from .upsert import insert_or_ignore


def write_model_metrics(connection: Connection, run: int, given: Sequence[Metric]) -> None:
    """Keep those that name a model; a value at the same step and time is kept once.

    Raises:
        NotFound: one names a model that there is not.
    """
    named = [metric for metric in given if metric.model_id is not None]
    if not named:
        return
    keys = model_keys(connection, {metric.model_id for metric in named if metric.model_id})
    rows = []
    for metric in named:
        value, special = encode_value(metric.value)
        rows.append(
            {
                "model": keys[metric.model_id or ""],
                "key": metric.key,
                "timestamp": metric.timestamp,
                "step": metric.step,
                "run": run,
                "value": None if special == NAN else value,
                "special": special,
                "dataset_name": metric.dataset_name,
                "dataset_digest": metric.dataset_digest,
            }
        )
    connection.execute(insert_or_ignore(logged_model_metrics, connection.dialect.name), rows)


def model_keys(connection: Connection, model_ids: Iterable[str]) -> dict[str, int]:
    """The inner keys of models that may be written to.

    Raises:
        NotFound: one does not exist or is deleted.
    """
    wanted = set(model_ids)
    query = sa.select(logged_models.c.model_id, logged_models.c.id).where(
        logged_models.c.model_id.in_(wanted),
        logged_models.c.lifecycle_stage == LifecycleStage.ACTIVE,
    )
    found: dict[str, int] = {row.model_id: row.id for row in connection.execute(query)}
    if missing := sorted(wanted - found.keys()):
        raise NotFound(f"No logged model {missing[0]!r} in this store, or it is deleted.")
    return found


def read_model_metrics(connection: Connection, models: Sequence[int]) -> dict[int, list[Metric]]:
    """All values of each model, in the order of key, time and step."""
    found: dict[int, list[Metric]] = {model: [] for model in models}
    columns = logged_model_metrics.c
    query = (
        sa.select(logged_model_metrics, logged_models.c.model_id, runs.c.run_id)
        .join(logged_models, logged_models.c.id == columns.model)
        .join(runs, runs.c.id == columns.run)
        .where(columns.model.in_(models))
        .order_by(*logged_model_metrics.primary_key)
    )
    for row in connection.execute(query):
        found[row.model].append(
            Metric(
                row.key,
                decode_value(row.value, row.special),
                row.timestamp,
                row.step,
                model_id=row.model_id,
                dataset_name=row.dataset_name,
                dataset_digest=row.dataset_digest,
                run_id=row.run_id,
            )
        )
    return found
