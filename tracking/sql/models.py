"""Logged models in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import NotFound
from ..entities import LoggedModel, RunTag
from ..validate import now
from .data import Data
from .experiments import active_experiment_row
from .runs import active_run_key
from .tables import experiments, logged_model_params, logged_model_tags, logged_models, runs
from .upsert import upsert

_COLUMNS = (logged_models, runs.c.run_id, experiments.c.artifact_location)
_JOINED = logged_models.join(experiments).outerjoin(runs, runs.c.id == logged_models.c.source_run)


class Models(Data):
    """The part of the store that keeps logged models."""

    def create_logged_model(self, model: LoggedModel) -> None:
        with self.database.write() as connection:
            experiment = active_experiment_row(
                connection, model.experiment_id, self.database.name
            ).id
            run = None
            if model.source_run_id is not None:
                run = active_run_key(connection, model.source_run_id, self.database.name)
            row = {
                "model_id": model.model_id,
                "experiment": experiment,
                "source_run": run,
                "name": model.name,
                "status": model.status,
                "model_type": model.model_type,
                "digest": model.digest,
                "creation_time": model.creation_timestamp,
                "last_update_time": model.last_updated_timestamp,
            }
            inserted = connection.execute(logged_models.insert(), row).inserted_primary_key
            assert inserted is not None
            for table, values in (
                (logged_model_params, model.params),
                (logged_model_tags, model.tags),
            ):
                rows = [{"model": inserted[0], "key": k, "value": v} for k, v in values.items()]
                if rows:
                    connection.execute(table.insert(), rows)

    def get_logged_model(self, model_id: str) -> LoggedModel:
        query = sa.select(*_COLUMNS).select_from(_JOINED)
        with self.database.read() as connection:
            row = connection.execute(query.where(logged_models.c.model_id == model_id)).first()
            if row is None:
                raise NotFound(
                    f"No logged model {model_id!r} in {self.database.name}. MLPACK_TRACKING_URI "
                    "names another store."
                )
            return self._models(connection, [row])[0]

    def search_logged_models(
        self,
        experiment_ids: Sequence[str] = (),
        run_id: str | None = None,
        name: str | None = None,
    ) -> list[LoggedModel]:
        query = sa.select(*_COLUMNS).select_from(_JOINED).order_by(logged_models.c.id.desc())
        if experiment_ids:
            keys = [int(i) for i in experiment_ids if i.isdecimal()]
            query = query.where(logged_models.c.experiment.in_(keys))
        if run_id is not None:
            query = query.where(runs.c.run_id == run_id)
        if name is not None:
            query = query.where(logged_models.c.name == name)
        with self.database.read() as connection:
            return self._models(connection, connection.execute(query).all())

    def set_logged_model_tags(self, model_id: str, tags: Sequence[RunTag]) -> None:
        with self.database.write() as connection:
            query = sa.select(logged_models.c.id).where(logged_models.c.model_id == model_id)
            key = connection.execute(query).scalar()
            if key is None:
                raise NotFound(f"No logged model {model_id!r} in {self.database.name}.")
            rows = [{"model": key, "key": tag.key, "value": tag.value} for tag in tags]
            if rows:
                connection.execute(upsert(logged_model_tags, connection.dialect.name), rows)
            change = logged_models.update().where(logged_models.c.id == key)
            connection.execute(change.values(last_update_time=now()))

    def _models(self, connection: Connection, rows: Sequence[Any]) -> list[LoggedModel]:
        keys = [row.id for row in rows]
        params = _values(connection, logged_model_params, keys)
        tags = _values(connection, logged_model_tags, keys)
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
                )
            )
        return found


def _values(connection: Connection, table: sa.Table, keys: list[int]) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {key: {} for key in keys}
    query = sa.select(table).where(table.c.model.in_(keys)).order_by(table.c.model, table.c.key)
    for owner, key, value in connection.execute(query):
        found[owner][key] = value
    return found
