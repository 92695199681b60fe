"""What runs read and made, in SQL: datasets and logged models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..entities import DatasetInput, ModelInput, ModelOutput
from .data import Data
from .engine import repeated
from .runs import active_run
from .tables import dataset_input_tags, dataset_inputs, datasets, model_inputs, model_outputs
from .upsert import insert_or_ignore, upsert


class Inputs(Data):
    """The part of the store that keeps what runs read and made."""

    @repeated
    def log_inputs(
        self,
        run_id: str,
        datasets: Sequence[DatasetInput] = (),
        models: Sequence[ModelInput] = (),
    ) -> None:
        with self.database.write() as connection:
            run = active_run(connection, run_id, self.place)
            for given in datasets:
                _write_dataset(connection, run, given)
            rows = [{"run": run.id, "model_id": model.model_id} for model in models]
            if rows:
                dialect = connection.dialect.name
                connection.execute(insert_or_ignore(model_inputs, dialect), rows)

    @repeated
    def log_outputs(self, run_id: str, models: Sequence[ModelOutput]) -> None:
        with self.database.write() as connection:
            run = active_run(connection, run_id, self.place)
            rows = [{"run": run.id, "model_id": m.model_id, "step": m.step} for m in models]
            if rows:
                dialect = connection.dialect.name
                connection.execute(insert_or_ignore(model_outputs, dialect), rows)


def _write_dataset(connection: Connection, run: Any, given: DatasetInput) -> None:
    dialect = connection.dialect.name
    dataset = given.dataset
    row = {
        "experiment": run.experiment,
        "name": dataset.name,
        "digest": dataset.digest,
        "source_type": dataset.source_type,
        "source": dataset.source,
        "schema": dataset.schema,
        "profile": dataset.profile,
    }
    # the first description of a dataset stays: name and digest say that it is the same
    connection.execute(insert_or_ignore(datasets, dialect), row)
    key = connection.execute(
        sa.select(datasets.c.id).where(
            datasets.c.experiment == run.experiment,
            datasets.c.name == dataset.name,
            datasets.c.digest == dataset.digest,
        )
    ).scalar_one()
    use = {"run": run.id, "dataset": key}
    connection.execute(insert_or_ignore(dataset_inputs, dialect), use)
    tags = [{**use, "key": name, "value": value} for name, value in given.tags.items()]
    if tags:
        connection.execute(upsert(dataset_input_tags, dialect), tags)
