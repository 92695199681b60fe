"""The history of metrics in SQL: page by page, and sampled for charts."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from ..entities import Metric, PagedList
from .inputs import Inputs
from .runs import run_row
from .tables import decode_value, metrics


class History(Inputs):
    """The part of the store that reads every value that a metric ever had."""

    def get_metric_history(
        self,
        run_id: str,
        key: str,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> PagedList:
        columns = metrics.c
        with self.database.read() as connection:
            row = run_row(connection, run_id, self.database.name)
            query = (
                sa.select(columns.value, columns.special, columns.timestamp, columns.step)
                .where(columns.run == row.id, columns.key == key)
                .order_by(columns.timestamp, columns.id)
            )
            found = [
                Metric(key, decode_value(value, special), timestamp, step)
                for value, special, timestamp, step in connection.execute(query)
            ]
        return PagedList(found, None)

    def sample_metric_history(
        self,
        run_ids: Sequence[str],
        key: str,
        max_points: int,
        start_step: int | None = None,
        end_step: int | None = None,
    ) -> dict[str, list[Metric]]:
        found = {}
        for run_id in run_ids:
            points = list(self.get_metric_history(run_id, key))
            if points:
                found[run_id] = points[:: max(1, len(points) // max_points)]
        return found
