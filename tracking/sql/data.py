"""What runs log, in SQL: metrics, params, tags."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import InvalidInput, MlpackError, NotFound
from ..entities import FINAL_STATUSES, Metric, Param, RunTag, Tags
from .curve_summaries import is_due, keep_up, reopen
from .engine import repeated
from .engine_sqlite import SqliteDatabase
from .model_metrics import write_model_metrics
from .runs import Runs, active_run, text_row, write_tags
from .tables import NAN, encode_value, latest_metrics, metrics, params, runs, tags
from .upsert import insert_or_ignore, keep_later

# The hot path, as text: a training loop runs these thousands of times a second. The first finds
# the run and checks by itself that it is active and goes on. The latest value is that of the
# greatest step, then time; the later call wins a tie (several calls fit in one millisecond).
_COLUMNS = "key, timestamp, step, value, special, run"
_LATEST = f"{_COLUMNS}, experiment"
_THAT_GOES_ON = """
FROM runs
WHERE run_id = ? AND lifecycle_stage = 'active' AND status IN ('RUNNING', 'SCHEDULED')
"""
_GOES_ON = f"SELECT 1 {_THAT_GOES_ON}"
_APPEND_TO_RUN = f"""
INSERT INTO metrics ({_COLUMNS}) SELECT ?, ?, ?, ?, ?, id {_THAT_GOES_ON} ON CONFLICT DO NOTHING
"""
_IF_LATER = """
ON CONFLICT (run, key) DO UPDATE SET
  timestamp = excluded.timestamp, step = excluded.step,
  value = excluded.value, special = excluded.special
WHERE excluded.step > step OR (excluded.step = step AND excluded.timestamp >= timestamp)
"""
_KEEP_LATEST_OF_RUN = f"""
INSERT INTO latest_metrics ({_LATEST})
SELECT ?, ?, ?, ?, ?, id, experiment FROM runs WHERE run_id = ? {_IF_LATER}
"""  # noqa: S608
_APPEND = f"INSERT INTO metrics ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"  # noqa: S608
_KEEP_LATEST = f"""
INSERT INTO latest_metrics ({_LATEST}) VALUES (?, ?, ?, ?, ?, ?, ?) {_IF_LATER}
"""  # noqa: S608

_FEW = 100  # so many keys are looked up one by one; for more, all of the run's are read


class Data(Runs):
    """The part of the store that keeps what runs log."""

    def log_metric(self, run_id: str, metric: Metric) -> None:
        database = self.database
        if metric.model_id is not None or not isinstance(database, SqliteDatabase):
            self.log_batch(run_id, [metric])
            return
        value, special = encode_value(metric.value)
        row = (metric.key, metric.timestamp, metric.step, value, special, run_id)
        latest = (*row[:3], None, NAN, run_id) if special == NAN else row
        with database.fast_write() as cursor:
            cursor.execute(_APPEND_TO_RUN, row)
            # 0 rows: the same point again, or no such run, or one that does not go on
            goes_on = cursor.rowcount or cursor.execute(_GOES_ON, (run_id,)).fetchone()
            if goes_on:
                cursor.execute(_KEEP_LATEST_OF_RUN, latest)
        if not goes_on:
            self.log_batch(run_id, [metric])
        elif is_due(metric.step):
            self._keep_up(run_id, [metric])

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> None:
        self._log(run_id, metrics, params, tags)
        self._keep_up(run_id, [each for each in metrics if is_due(each.step)])

    def _keep_up(self, run_id: str, metrics: Sequence[Metric]) -> None:
        if metrics:
            with suppress(MlpackError):  # it is logged; a summary only makes charts quicker
                keep_up(self.database, run_id, {metric.key for metric in metrics})

    @repeated
    def _log(
        self,
        run_id: str,
        metrics: Sequence[Metric],
        params: Sequence[Param],
        tags: Sequence[RunTag],
    ) -> None:
        with self.database.write() as connection:
            run = active_run(connection, run_id, self.place)
            if params:
                _write_params(connection, run, run_id, params)
            if tags:
                _write_run_tags(connection, run, tags)
            if metrics:
                if run.status in FINAL_STATUSES:
                    reopen(connection, run.id, {metric.key for metric in metrics})
                _write_metrics(connection, run, metrics)
                write_model_metrics(connection, run.id, metrics)

    @repeated
    def delete_tag(self, run_id: str, key: str) -> None:
        with self.database.write() as connection:
            run = active_run(connection, run_id, self.place)
            gone = tags.delete().where(tags.c.run == run.id, tags.c.key == key)
            if not connection.execute(gone).rowcount:
                raise NotFound(f"The run {run_id} has no tag {key!r}.")


def _write_params(connection: Connection, run: Any, run_id: str, given: Sequence[Param]) -> None:
    query = sa.select(params.c.key, params.c.value).where(params.c.run == run.id)
    if len(given) <= _FEW:
        query = query.where(params.c.key.in_([param.key for param in given]))
    known: dict[str, str] = {row.key: row.value for row in connection.execute(query)}
    fresh: list[dict[str, Any]] = []
    for param in given:
        before = known.get(param.key)
        if before is None:
            known[param.key] = param.value
            fresh.append(text_row(run.id, run.experiment, param.key, param.value))
        elif before != param.value:
            raise InvalidInput(
                f"The param {param.key!r} of run {run_id} is already {short(before)} and cannot "
                f"become {short(param.value)}: params never change once logged. Log under another "
                "key, or in a run of its own (start_run(nested=True))."
            )
    if fresh:
        connection.execute(params.insert(), fresh)


def _write_run_tags(connection: Connection, run: Any, given: Sequence[RunTag]) -> None:
    values = {tag.key: tag.value for tag in given}
    write_tags(connection, run.id, run.experiment, values)
    if Tags.RUN_NAME in values:  # the run's name is a tag, too; the two say the same
        change = runs.update().where(runs.c.id == run.id)
        connection.execute(change.values(run_name=values[Tags.RUN_NAME]))


def _write_metrics(connection: Connection, run: Any, given: Sequence[Metric]) -> None:
    rows = [(m.key, m.timestamp, m.step, *encode_value(m.value), run.id) for m in given]
    latest = [
        (*row[:3], None if row[4] == NAN else row[3], *row[4:], run.experiment)
        for row in _last_of_each(rows)
    ]
    dialect = connection.dialect.name
    if dialect == "sqlite":
        cursor: Any = connection.connection.cursor()
        cursor.executemany(_APPEND, rows)
        cursor.executemany(_KEEP_LATEST, latest)
        return
    connection.execute(insert_or_ignore(metrics, dialect), _named(_COLUMNS, rows))
    connection.execute(keep_later(latest_metrics, dialect), _named(_LATEST, latest))


def _named(columns: str, rows: Iterable[tuple[Any, ...]]) -> list[dict[str, Any]]:
    names = columns.split(", ")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _last_of_each(rows: Iterable[tuple[Any, ...]]) -> Iterable[tuple[Any, ...]]:
    """One row a key is enough: the one that remains in the end."""
    last: dict[str, tuple[Any, ...]] = {}
    for row in rows:
        key, timestamp, step = row[:3]
        before = last.get(key)
        if before is None or (step, timestamp) >= (before[2], before[1]):
            last[key] = row
    return last.values()


def short(text: str) -> str:
    """A value as messages show it."""
    return repr(text) if len(text) <= 60 else repr(text[:57] + "…")
