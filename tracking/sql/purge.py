"""Removing for good what was deleted: files first, then rows.

So whatever stops it, the rows that are left name the files that may be left, and the next time
finishes. Everything is removed one by one, each in a transaction of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...artifacts.open import open_artifacts
from ...errors import InvalidInput
from ..entities import LifecycleStage, ModelStatus
from ..validate import now
from .experiments import experiment_row
from .needed import needed_by
from .runs import run_row
from .store import SqlStore
from .tables import (
    dataset_input_tags,
    dataset_inputs,
    datasets,
    experiment_tags,
    experiments,
    latest_metrics,
    logged_model_metrics,
    logged_model_params,
    logged_model_tags,
    logged_models,
    metric_summaries,
    metrics,
    model_inputs,
    model_outputs,
    params,
    runs,
    tags,
)

_DAY = 24 * 60 * 60 * 1000
_OF_RUN = (
    dataset_input_tags,
    dataset_inputs,
    model_inputs,
    model_outputs,
    logged_model_metrics,
    latest_metrics,
    metric_summaries,
    metrics,
    params,
    tags,
)
_OF_MODEL = (logged_model_metrics, logged_model_params, logged_model_tags)


@dataclass(frozen=True, slots=True)
class Garbage:
    """What can be removed, as (inner key, id, where its files are or None).

    Attributes:
        kept: what registered versions need: id -> the address of a version.
    """

    runs: list[tuple[int, str, str | None]] = field(default_factory=list)
    models: list[tuple[int, str, str | None]] = field(default_factory=list)
    experiments: list[tuple[int, str, str | None]] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)


def find_garbage(
    store: SqlStore,
    older_than: int = 0,
    run_ids: Sequence[str] = (),
    experiment_ids: Sequence[str] = (),
) -> Garbage:
    """Deleted runs, models and experiments, and models whose files never came within a day.

    What registered versions are made of is kept, and so are the experiments that hold it.

    Args:
        store: where to look.
        older_than: milliseconds since they were deleted, at least.
        run_ids: only these runs.
        experiment_ids: only these experiments, with all that is in them.

    Raises:
        NotFound: a run or experiment that is asked for does not exist.
        InvalidInput: it is not deleted.
    """
    latest = now() - older_than
    with store.database.read() as connection:
        old = experiments.c.lifecycle_stage == LifecycleStage.DELETED
        old = old & (experiments.c.last_update_time <= latest)
        doomed = sa.select(experiments.c.id).where(old)
        wanted = [_deleted_experiment(connection, store, given) for given in experiment_ids]
        asked = [_deleted_run(connection, store, given) for given in run_ids]
        if wanted or asked:
            doomed = doomed.where(experiments.c.id.in_(wanted))
        keys = list(connection.execute(doomed).scalars())
        run, model = runs.c, logged_models.c
        gone: Any = run.experiment.in_(keys)
        lost: Any = model.experiment.in_(keys)
        is_old = (run.deleted_time.is_(None) | (run.deleted_time <= latest)) & (
            run.lifecycle_stage == LifecycleStage.DELETED
        )
        if wanted or asked:
            gone = gone | (run.id.in_(asked) & is_old)
        else:
            gone = gone | is_old
            was_deleted = model.lifecycle_stage == LifecycleStage.DELETED
            never_came = model.status == ModelStatus.PENDING
            lost = sa.or_(
                lost,
                was_deleted & (model.last_update_time <= latest),
                never_came & (model.creation_time <= min(latest, now() - _DAY)),
            )
        place = experiments.c.artifact_location
        found_runs = sa.select(run.id, run.run_id, run.experiment, place).join(experiments)
        found_models = sa.select(model.id, model.model_id, model.experiment, place).join(
            experiments, experiments.c.id == model.experiment
        )
        old_runs = connection.execute(found_runs.where(gone)).all()
        old_models = connection.execute(found_models.where(lost)).all()
        kept = needed_by(connection, {name for _, name, *_ in [*old_runs, *old_models]})
        in_use = {owner for _, name, owner, _ in [*old_runs, *old_models] if name in kept}
        own = sa.select(experiments.c.id, place).where(experiments.c.id.in_(keys))
        return Garbage(
            [
                (key, name, f"{store.experiment_location(owner, recorded)}/{name}")
                for key, name, owner, recorded in old_runs
                if name not in kept
            ],
            [
                (key, name, f"{store.experiment_location(owner, recorded)}/models/{name}")
                for key, name, owner, recorded in old_models
                if name not in kept
            ],
            [
                # a place that the user chose may hold other things
                (key, str(key), None if recorded else store.experiment_location(key, None))
                for key, recorded in connection.execute(own)
                if key not in in_use
            ],
            kept,
        )


def remove_garbage(store: SqlStore, garbage: Garbage) -> None:
    """Remove files, then rows: models, runs, and at last the experiments that held them."""
    for kind, found in (
        (_remove_model, garbage.models),
        (_remove_run, garbage.runs),
        (_remove_experiment, garbage.experiments),
    ):
        for key, _, place in found:
            if place is not None:
                open_artifacts(place).delete("")
            with store.database.write() as connection:
                kind(connection, key)


def _deleted_run(connection: Connection, store: SqlStore, run_id: str) -> int:
    row = run_row(connection, run_id, store.place)
    if row.lifecycle_stage != LifecycleStage.DELETED:
        raise InvalidInput(f"The run {run_id} is not deleted; delete it first.")
    return int(row.id)


def _deleted_experiment(connection: Connection, store: SqlStore, experiment_id: str) -> int:
    row = experiment_row(connection, experiment_id, store.place)
    if row.lifecycle_stage != LifecycleStage.DELETED:
        raise InvalidInput(f"The experiment {experiment_id} is not deleted; delete it first.")
    return int(row.id)


def _remove_run(connection: Connection, key: int) -> None:
    for table in _OF_RUN:
        connection.execute(table.delete().where(table.c.run == key))
    orphans = logged_models.update().where(logged_models.c.source_run == key)
    connection.execute(orphans.values(source_run=None))
    connection.execute(runs.delete().where(runs.c.id == key))


def _remove_model(connection: Connection, key: int) -> None:
    for table in _OF_MODEL:
        connection.execute(table.delete().where(table.c.model == key))
    connection.execute(logged_models.delete().where(logged_models.c.id == key))


def _remove_experiment(connection: Connection, key: int) -> None:
    tables: tuple[Any, ...] = (datasets, experiment_tags)
    for table in tables:
        connection.execute(table.delete().where(table.c.experiment == key))
    connection.execute(experiments.delete().where(experiments.c.id == key))
