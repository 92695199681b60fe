"""Logged models in SQL."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import InvalidInput, NotFound
from ..entities import LifecycleStage, LoggedModel, ModelStatus, Param, RunTag
from ..validate import now
from .data import short
from .engine import repeated
from .experiments import active_experiment_row
from .history import History
from .model_metrics import model_keys, read_model_metrics
from .runs import active_run
from .tables import (
    experiments,
    logged_model_params,
    logged_model_tags,
    logged_models,
    runs,
)
from .upsert import upsert

MODEL_COLUMNS = (logged_models, runs.c.run_id, experiments.c.artifact_location)
JOINED_MODELS = logged_models.join(experiments).outerjoin(
    runs, runs.c.id == logged_models.c.source_run
)


class Models(History):
    """The part of the store that keeps logged models."""

    @repeated
    def create_logged_model(
        self,
        experiment_id: str,
        name: str,
        source_run_id: str | None = None,
        model_type: str | None = None,
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> LoggedModel:
        moment = now()
        row: dict[str, Any] = {
            "model_id": f"m-{uuid.uuid4().hex}",
            "name": name,
            "status": ModelStatus.PENDING,
            "model_type": model_type,
            "creation_time": moment,
            "last_update_time": moment,
            "lifecycle_stage": LifecycleStage.ACTIVE,
        }
        with self.database.write() as connection:
            place = self.place
            row["experiment"] = active_experiment_row(connection, experiment_id, place).id
            if source_run_id is not None:
                row["source_run"] = active_run(connection, source_run_id, place).id
            connection.execute(logged_models.insert(), row)
            key = model_keys(connection, [row["model_id"]])[row["model_id"]]
            _write_params(connection, key, params)
            _write_tags(connection, key, tags)
            return self._models(connection, [_model_row(connection, row["model_id"], place)])[0]

    @repeated
    def finalize_logged_model(
        self, model_id: str, status: str, digest: str | None = None
    ) -> LoggedModel:
        with self.database.write() as connection:
            row = _model_row(connection, model_id, self.place, lock=True)
            if digest is not None and row.digest not in (None, digest):
                raise InvalidInput(
                    f"The digest of model {model_id} is on record and never changes; log the "
                    "changed files as a new model."
                )
            change = logged_models.update().where(logged_models.c.id == row.id)
            values = {"status": status, "digest": digest or row.digest, "last_update_time": now()}
            connection.execute(change.values(values))
            return self._models(connection, [_model_row(connection, model_id, self.place)])[0]

    def get_logged_model(self, model_id: str) -> LoggedModel:
        with self.database.read() as connection:
            return self._models(connection, [_model_row(connection, model_id, self.place)])[0]

    @repeated
    def log_logged_model_params(self, model_id: str, params: Sequence[Param]) -> None:
        with self.database.write() as connection:
            row = _model_row(connection, model_id, self.place, lock=True)
            _write_params(connection, row.id, params)

    @repeated
    def set_logged_model_tags(self, model_id: str, tags: Sequence[RunTag]) -> None:
        with self.database.write() as connection:
            row = _model_row(connection, model_id, self.place, lock=True)
            _write_tags(connection, row.id, tags)
            self._touch(connection, row.id)

    @repeated
    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        with self.database.write() as connection:
            row = _model_row(connection, model_id, self.place, lock=True)
            gone = logged_model_tags.delete().where(
                logged_model_tags.c.model == row.id, logged_model_tags.c.key == key
            )
            if not connection.execute(gone).rowcount:
                raise NotFound(f"The model {model_id} has no tag {key!r}.")
            self._touch(connection, row.id)

    @repeated
    def delete_logged_model(self, model_id: str) -> None:
        with self.database.write() as connection:
            row = _model_row(connection, model_id, self.place, lock=True)
            self._touch(connection, row.id, lifecycle_stage=LifecycleStage.DELETED)

    def _touch(self, connection: Connection, key: int, **values: Any) -> None:
        change = logged_models.update().where(logged_models.c.id == key)
        connection.execute(change.values(last_update_time=now(), **values))

    def _models(self, connection: Connection, rows: Sequence[Any]) -> list[LoggedModel]:
        keys = [row.id for row in rows]
        params = _values(connection, logged_model_params, keys)
        tags = _values(connection, logged_model_tags, keys)
        metrics = read_model_metrics(connection, keys)
        found = []
        for row in rows:
            location = self.experiment_location(row.experiment, row.artifact_location)
            found.append(
                LoggedModel(
                    model_id=row.model_id,
                    experiment_id=str(row.experiment),
                    name=row.name,
                    artifact_location=f"{location}/models/{row.model_id}/artifacts",
                    creation_timestamp=row.creation_time,
                    last_updated_timestamp=row.last_update_time,
                    source_run_id=row.run_id,
                    status=row.status,
                    model_type=row.model_type,
                    digest=row.digest,
                    params=params[row.id],
                    tags=tags[row.id],
                    metrics=metrics[row.id],
                )
            )
        return found


def _values(connection: Connection, table: sa.Table, keys: list[int]) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {key: {} for key in keys}
    query = sa.select(table).where(table.c.model.in_(keys)).order_by(table.c.model, table.c.key)
    for owner, key, value in connection.execute(query):
        found[owner][key] = value
    return found


def _model_row(connection: Connection, model_id: str, place: str, lock: bool = False) -> Any:
    """The row of a model that is not deleted; locked, others wait for our transaction's end."""
    query = (
        sa.select(*MODEL_COLUMNS)
        .select_from(JOINED_MODELS)
        .where(
            logged_models.c.model_id == model_id,
            logged_models.c.lifecycle_stage == LifecycleStage.ACTIVE,
        )
    )
    if lock:
        query = query.with_for_update(key_share=True, of=logged_models)
    row = connection.execute(query).first()
    if row is None:
        raise NotFound(
            f"No logged model {model_id!r} in {place}. MLPACK_TRACKING_URI names another store."
        )
    return row


def _write_params(connection: Connection, model: int, given: Sequence[Param]) -> None:
    known = _values(connection, logged_model_params, [model])[model]
    fresh: dict[str, str] = {}
    for param in given:
        if param.key not in known:
            fresh[param.key] = param.value
        before = known.setdefault(param.key, param.value)
        if before != param.value:
            raise InvalidInput(
                f"The param {param.key!r} of the model is already {short(before)} and cannot "
                f"become {short(param.value)}: params never change once logged."
            )
    rows = [{"model": model, "key": key, "value": value} for key, value in fresh.items()]
    if rows:
        connection.execute(logged_model_params.insert(), rows)


def _write_tags(connection: Connection, model: int, given: Sequence[RunTag]) -> None:
    values = {tag.key: tag.value for tag in given}
    rows = [{"model": model, "key": key, "value": value} for key, value in values.items()]
    if rows:
        connection.execute(upsert(logged_model_tags, connection.dialect.name), rows)
