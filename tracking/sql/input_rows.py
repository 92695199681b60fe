"""Reading what runs read and made, for many runs at once."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..entities import Dataset, DatasetInput, ModelInput, ModelOutput, RunInputs, RunOutputs
from .tables import dataset_input_tags, dataset_inputs, datasets, model_inputs, model_outputs


def read_inputs(connection: Connection, keys: Sequence[int]) -> dict[int, RunInputs]:
    """What each run read; runs that read nothing are left out."""
    found: dict[int, RunInputs] = {}
    uses: dict[tuple[int, int], DatasetInput] = {}
    columns = dataset_inputs.c
    query = (
        sa.select(columns.run, datasets)
        .join(datasets, datasets.c.id == columns.dataset)
        .where(columns.run.in_(keys))
        .order_by(columns.run, columns.dataset)
    )
    for row in connection.execute(query):
        dataset = Dataset(
            row.name, row.digest, row.source_type, row.source, row.schema, row.profile
        )
        use = uses[row.run, row.id] = DatasetInput(dataset)
        found.setdefault(row.run, RunInputs()).dataset_inputs.append(use)
    if uses:
        tags = dataset_input_tags
        for run, dataset, key, value in connection.execute(
            sa.select(tags).where(tags.c.run.in_({run for run, _ in uses}))
        ):
            uses[run, dataset].tags[key] = value
    for run, model_id in connection.execute(
        sa.select(model_inputs).where(model_inputs.c.run.in_(keys))
    ):
        found.setdefault(run, RunInputs()).model_inputs.append(ModelInput(model_id))
    return found


def read_outputs(connection: Connection, keys: Sequence[int]) -> dict[int, RunOutputs]:
    """What each run made; runs that made nothing are left out."""
    found: dict[int, RunOutputs] = {}
    query = sa.select(model_outputs).where(model_outputs.c.run.in_(keys))
    for run, model_id, step in connection.execute(query.order_by(*model_outputs.primary_key)):
        found.setdefault(run, RunOutputs()).model_outputs.append(ModelOutput(model_id, step))
    return found
