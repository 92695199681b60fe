"""Experiments in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import AlreadyExists, InvalidInput, NotFound
from ..entities import Experiment, LifecycleStage, RunTag, ViewType
from ..validate import now
from .engine import Database, repeated
from .tables import experiment_tags, experiments, runs
from .upsert import upsert


class Experiments:
    """The part of the store that keeps experiments."""

    database: Database
    proxied: bool
    place: str

    @repeated
    def create_experiment(
        self, name: str, artifact_location: str | None = None, tags: Mapping[str, str] | None = None
    ) -> str:
        moment = now()
        with self.database.write() as connection:
            _check_name_is_free(connection, name)
            row = {
                "name": name,
                "artifact_location": artifact_location,
                "lifecycle_stage": LifecycleStage.ACTIVE,
                "creation_time": moment,
                "last_update_time": moment,
            }
            inserted = connection.execute(experiments.insert(), row).inserted_primary_key
            assert inserted is not None
            for key, value in (tags or {}).items():
                _set_tag(connection, inserted[0], RunTag(key, value))
        return str(inserted[0])

    def get_experiment(self, experiment_id: str) -> Experiment:
        with self.database.read() as connection:
            row = experiment_row(connection, experiment_id, self.place)
            return self._experiments(connection, [row])[0]

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        with self.database.read() as connection:
            query = sa.select(experiments).where(experiments.c.name == name)
            row = connection.execute(query).first()
            return self._experiments(connection, [row])[0] if row else None

    @repeated
    def rename_experiment(self, experiment_id: str, name: str) -> None:
        with self.database.write() as connection:
            row = active_experiment_row(connection, experiment_id, self.place)
            if row.name != name:
                _check_name_is_free(connection, name)
            self._update(connection, row.id, name=name)

    @repeated
    def set_experiment_stage(self, experiment_id: str, stage: str) -> None:
        with self.database.write() as connection:
            row = experiment_row(connection, experiment_id, self.place)
            if row.id == 0 and stage == LifecycleStage.DELETED:
                raise InvalidInput("The experiment 'Default' cannot be deleted.")
            self._update(connection, row.id, lifecycle_stage=stage)
            changed = runs.update().where(runs.c.experiment == row.id)
            changed = changed.where(runs.c.lifecycle_stage != stage)
            connection.execute(changed.values(stage_values(stage)))

    @repeated
    def set_experiment_tag(self, experiment_id: str, tag: RunTag) -> None:
        with self.database.write() as connection:
            row = active_experiment_row(connection, experiment_id, self.place)
            _set_tag(connection, row.id, tag)
            self._update(connection, row.id)

    @repeated
    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        with self.database.write() as connection:
            row = active_experiment_row(connection, experiment_id, self.place)
            gone = experiment_tags.delete().where(
                experiment_tags.c.experiment == row.id, experiment_tags.c.key == key
            )
            if not connection.execute(gone).rowcount:
                raise NotFound(f"The experiment {experiment_id} has no tag {key!r}.")
            self._update(connection, row.id)

    def _update(self, connection: Connection, key: int, **values: Any) -> None:
        change = experiments.update().where(experiments.c.id == key)
        connection.execute(change.values(last_update_time=now(), **values))

    def _experiments(self, connection: Connection, rows: Sequence[Any]) -> list[Experiment]:
        tags: dict[int, dict[str, str]] = {row.id: {} for row in rows}
        query = sa.select(experiment_tags)
        if len(rows) == 1:
            query = query.where(experiment_tags.c.experiment == rows[0].id)
        for owner, key, value in connection.execute(query):
            tags.get(owner, {})[key] = value
        return [
            Experiment(
                experiment_id=str(row.id),
                name=row.name,
                artifact_location=self.experiment_location(row.id, row.artifact_location),
                lifecycle_stage=row.lifecycle_stage,
                creation_time=row.creation_time,
                last_update_time=row.last_update_time,
                tags=tags[row.id],
            )
            for row in rows
        ]

    @property
    def own_root(self) -> str:
        """Where experiments without a location of their own are reported to be."""
        return "mlflow-artifacts:" if self.proxied else self.database.artifact_root

    def experiment_location(self, key: int, recorded: str | None) -> str:
        """Where an experiment's files are: as recorded, or below the store's own root."""
        return recorded or f"{self.own_root}/{key}"


def experiment_row(
    connection: Connection, experiment_id: str, place: str, lock: bool = False
) -> Any:
    """The row of an experiment, deleted or not.

    Raises:
        NotFound: there is none of that id.
    """
    row = None
    if experiment_id.isdecimal() and len(experiment_id) < 19:
        query = sa.select(experiments).where(experiments.c.id == int(experiment_id))
        if lock:  # nobody deletes or renames it until our transaction ends
            query = query.with_for_update(key_share=True)
        row = connection.execute(query).first()
    if row is None:
        raise NotFound(f"No experiment with id {experiment_id!r} in {place}.")
    return row


def active_experiment_row(connection: Connection, experiment_id: str, place: str) -> Any:
    """The row of an experiment that may be written to.

    Raises:
        NotFound: there is none of that id.
        InvalidInput: it is deleted.
    """
    row = experiment_row(connection, experiment_id, place, lock=True)
    if row.lifecycle_stage != LifecycleStage.ACTIVE:
        raise InvalidInput(
            f"The experiment {row.name!r} (id {row.id}) is deleted. Restore it with "
            f"MlpackClient().restore_experiment('{row.id}') or use another."
        )
    return row


def stage_values(stage: str) -> dict[str, Any]:
    """What to set in the row of a run that is deleted or restored."""
    deleted = stage == LifecycleStage.DELETED
    return {"lifecycle_stage": stage, "deleted_time": now() if deleted else None}


def in_view(query: Any, stage: Any, view: ViewType) -> Any:
    """Narrow a query to the lifecycle stages of a view."""
    if view == ViewType.ALL:
        return query
    wanted = LifecycleStage.ACTIVE if view == ViewType.ACTIVE_ONLY else LifecycleStage.DELETED
    return query.where(stage == wanted)


def _check_name_is_free(connection: Connection, name: str) -> None:
    row = connection.execute(sa.select(experiments).where(experiments.c.name == name)).first()
    if row is None:
        return
    if row.lifecycle_stage == LifecycleStage.DELETED:
        raise AlreadyExists(
            f"The experiment name {name!r} belongs to a deleted experiment (id {row.id}). Restore "
            f"it with MlpackClient().restore_experiment('{row.id}') or choose another name."
        )
    raise AlreadyExists(f"An experiment named {name!r} exists (id {row.id}).")


def _set_tag(connection: Connection, experiment: int, tag: RunTag) -> None:
    statement = upsert(experiment_tags, connection.dialect.name)
    row = {"experiment": experiment, "key": tag.key, "value": tag.value}
    connection.execute(statement, row)
