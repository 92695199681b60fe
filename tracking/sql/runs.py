"""Runs in SQL: their life; what they log is in `data`."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import InvalidInput, MlpackError, NotFound
from ..entities import (
    FINAL_STATUSES,
    LifecycleStage,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    RunStatus,
    RunTag,
    Tags,
)
from ..views import Keys
from .curve_summaries import reopen, summarise
from .engine import repeated
from .experiments import active_experiment_row, experiment_row, stage_values
from .input_rows import read_inputs, read_outputs
from .narrow import plain_rows
from .search_experiments import ExperimentSearch
from .tables import START, decode_value, experiments, latest_metrics, params, runs, tags
from .upsert import upsert

# one query a table for a page of runs, in slices that every database's limit on variables allows
_SLICE = 5000
RUN_COLUMNS = (runs, experiments.c.artifact_location)
# who writes to a run keeps others from it until the end, where the database itself is not locked
_FIND = (
    sa.select(runs.c.id, runs.c.experiment, runs.c.status, runs.c.lifecycle_stage)
    .where(runs.c.run_id == sa.bindparam("run_id"))
    .with_for_update(key_share=True)
)


class Runs(ExperimentSearch):
    """The part of the store that keeps runs."""

    @repeated
    def create_run(
        self,
        experiment_id: str,
        run_name: str,
        user_id: str,
        start_time: int,
        tags: Sequence[RunTag],
    ) -> Run:
        row: dict[str, Any] = {
            "run_id": uuid.uuid4().hex,
            "run_name": run_name,
            "user_id": user_id,
            "status": RunStatus.RUNNING,
            "start_time": start_time,
            "end_time": None,
            "lifecycle_stage": LifecycleStage.ACTIVE,
        }
        all_tags = {tag.key: tag.value for tag in tags} | {Tags.RUN_NAME: run_name}
        with self.database.write() as connection:
            experiment = active_experiment_row(connection, experiment_id, self.place)
            inserted = connection.execute(
                runs.insert(), row | {"experiment": experiment.id}
            ).inserted_primary_key
            assert inserted is not None
            write_tags(connection, inserted[0], experiment.id, all_tags)
        location = self.experiment_location(experiment.id, experiment.artifact_location)
        info = RunInfo(
            experiment_id=str(experiment.id),
            artifact_uri=f"{location}/{row['run_id']}/artifacts",
            **row,
        )
        return Run(info, RunData(tags=all_tags))

    def get_run(self, run_id: str) -> Run:
        with self.database.read() as connection:
            return self.load_runs(connection, [run_row(connection, run_id, self.place)])[0]

    def update_run(
        self,
        run_id: str,
        status: str | None = None,
        end_time: int | None = None,
        name: str | None = None,
    ) -> None:
        self._change_run(run_id, status, end_time, name)
        if status in FINAL_STATUSES:
            with suppress(MlpackError):  # it has ended; a summary only makes charts quicker
                summarise(self.database, run_id)

    @repeated
    def _change_run(
        self, run_id: str, status: str | None, end_time: int | None, name: str | None
    ) -> None:
        values: dict[str, Any] = {}
        if status is not None:
            values["status"] = status
            values["end_time"] = end_time if status in FINAL_STATUSES else None
        if name is not None:
            values["run_name"] = name
        with self.database.write() as connection:
            run = active_run(connection, run_id, self.place)
            if values:
                connection.execute(runs.update().where(runs.c.id == run.id).values(**values))
            if status is not None and status not in FINAL_STATUSES:
                reopen(connection, run.id)
            if name is not None:
                write_tags(connection, run.id, run.experiment, {Tags.RUN_NAME: name})

    @repeated
    def set_run_stage(self, run_id: str, stage: str) -> None:
        with self.database.write() as connection:
            row = run_row(connection, run_id, self.place)
            if stage == LifecycleStage.ACTIVE:
                _check_experiment(connection, row, self.place)
            change = runs.update().where(runs.c.id == row.id).values(stage_values(stage))
            connection.execute(change)

    def load_runs(
        self, connection: Connection, rows: Sequence[Any], columns: Keys | None = None
    ) -> list[Run]:
        """Rows of `RUN_COLUMNS` as runs with all their data, or with some keys of them alone."""
        data = {row.id: RunData() for row in rows}
        inputs: dict[int, RunInputs] = {}
        outputs: dict[int, RunOutputs] = {}
        keys = list(data)
        for some in (keys[i : i + _SLICE] for i in range(0, len(keys), _SLICE)):
            _load_data(connection, some, data, columns)
            if columns is None:
                inputs |= read_inputs(connection, some)
                outputs |= read_outputs(connection, some)
        locations: dict[int, str] = {}
        found = []
        for row in rows:
            location = locations.get(row.experiment)
            if location is None:
                location = self.experiment_location(row.experiment, row.artifact_location)
                locations[row.experiment] = location
            info = RunInfo(
                run_id=row.run_id,
                experiment_id=str(row.experiment),
                run_name=row.run_name,
                user_id=row.user_id,
                status=row.status,
                start_time=row.start_time,
                end_time=row.end_time,
                lifecycle_stage=row.lifecycle_stage,
                artifact_uri=f"{location}/{row.run_id}/artifacts",
            )
            read, made = inputs.get(row.id) or RunInputs(), outputs.get(row.id) or RunOutputs()
            found.append(Run(info, data[row.id], read, made))
        return found


def _load_data(
    connection: Connection, keys: list[int], data: dict[int, RunData], wanted: Keys | None
) -> None:
    for table, pick in ((params, "params"), (tags, "tags")):
        of_run = {run: getattr(data[run], pick) for run in keys}
        query = sa.select(table.c.run, table.c.key, table.c.value)
        only = None if wanted is None else getattr(wanted, pick)
        for run, key, value in _rows_of(connection, table, query, keys, only):
            of_run[run][key] = value
    columns = latest_metrics.c
    latest = sa.select(
        columns.run, columns.key, columns.value, columns.special, columns.timestamp, columns.step
    )
    only = None if wanted is None else wanted.metrics
    both = {run: (data[run].metrics, data[run].moments) for run in keys}
    for run, key, value, special, timestamp, step in _rows_of(
        connection, latest_metrics, latest, keys, only
    ):
        values, moments = both[run]
        values[key] = decode_value(value, special) if special else value
        moments[key] = (timestamp, step)


def _rows_of(
    connection: Connection,
    table: sa.Table,
    query: Any,
    runs: list[int],
    only: tuple[str, ...] | None,
) -> Sequence[Any]:
    """Rows of some runs in a table of keys and values; of all keys for None."""
    if only == ():
        return ()
    query = query.where(table.c.run.in_(runs)).order_by(table.c.run, table.c.key)
    if only is not None:
        query = query.where(table.c.key.in_(only))
    return plain_rows(connection, query)


def run_row(connection: Connection, run_id: str, place: str) -> Any:
    """The row of a run with its experiment's location, deleted or not.

    Raises:
        NotFound: there is none of that id.
    """
    query = sa.select(*RUN_COLUMNS).join(experiments).where(runs.c.run_id == run_id)
    row = connection.execute(query).first()
    if row is None:
        raise _not_found(run_id, place)
    return row


def active_run(connection: Connection, run_id: str, place: str) -> Any:
    """The inner key (``id``), experiment and status of a run that may be written to.

    Raises:
        NotFound: there is none of that id.
        InvalidInput: it is deleted.
    """
    row = connection.execute(_FIND, {"run_id": run_id}).first()
    if row is None:
        raise _not_found(run_id, place)
    if row.lifecycle_stage != LifecycleStage.ACTIVE:
        raise InvalidInput(
            f"The run {run_id} is deleted and takes no more data. Restore it first with "
            f"MlpackClient().restore_run('{run_id}')."
        )
    return row


def _check_experiment(connection: Connection, run: Any, place: str) -> None:
    """Runs of a deleted experiment stay deleted with it."""
    experiment = experiment_row(connection, str(run.experiment), place, lock=True)
    if experiment.lifecycle_stage != LifecycleStage.ACTIVE:
        raise InvalidInput(
            f"The run {run.run_id} is in the deleted experiment {experiment.name!r}. Restore that "
            f"first, its runs come with it: MlpackClient().restore_experiment('{experiment.id}')."
        )


def write_tags(connection: Connection, run: int, experiment: int, values: dict[str, str]) -> None:
    """Set or overwrite tags of a run, by the inner keys of the run and its experiment."""
    rows = [text_row(run, experiment, key, value) for key, value in values.items()]
    if rows:
        connection.execute(upsert(tags, connection.dialect.name), rows)


def text_row(run: int, experiment: int, key: str, value: str) -> dict[str, Any]:
    """A row of `params` or `tags`."""
    return {
        "run": run,
        "key": key,
        "value": value,
        "experiment": experiment,
        "start": value[:START],
    }


def _not_found(run_id: str, place: str) -> NotFound:
    return NotFound(
        f"No run with id {run_id!r} in {place}. `mlpack runs list` shows the runs there; "
        "MLPACK_TRACKING_URI names another store."
    )
