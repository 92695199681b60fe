"""What a table of runs reads: the columns that it shows, and no more."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..entities import LifecycleStage, PagedList, Tags, ViewType
from ..views import Keys
from .narrow import plain_rows
from .search_runs import RunSearch
from .tables import latest_metrics, params, runs, tags

_TOGETHER = 50  # runs whose keys one statement reads; SQLite unites 500 at most


class RunTable(RunSearch):
    """What a table of runs reads: the columns that it shows, and no more."""

    def run_table(
        self,
        experiment_ids: Sequence[str],
        columns: Keys,
        filter_string: str = "",
        view: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = 100,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> PagedList:
        return self._search(
            partial(self._load_in_order, columns=columns),
            (experiment_ids, filter_string, view, max_results, order_by, page_token),
        )

    def keys_of_runs(self, run_ids: Sequence[str], limit: int = 1000) -> Keys:
        with self.database.read() as connection:
            query = sa.select(runs.c.id).where(runs.c.run_id.in_(run_ids))
            found = [key for (key,) in plain_rows(connection, query)]
            return Keys(
                _first_keys(connection, latest_metrics, found, limit),
                _first_keys(connection, params, found, limit),
                _first_keys(connection, tags, found, limit),
            )

    def count_runs(
        self,
        experiment_ids: Sequence[str],
        filter_string: str = "",
        view: ViewType = ViewType.ACTIVE_ONLY,
        most: int = 10_000,
    ) -> int:
        return self._count(experiment_ids, filter_string, view, most)

    def count_children(self, run_ids: Sequence[str]) -> dict[str, int]:
        # a run's id is shorter than the part of a value that the index has
        parent, start = runs.alias(), tags.c.start
        with self.database.read() as connection:
            places = sa.select(parent.c.experiment).where(parent.c.run_id.in_(run_ids)).distinct()
            homes = [home for (home,) in plain_rows(connection, places)]
            query = (
                sa.select(start, sa.func.count())
                .join_from(tags, runs, runs.c.id == tags.c.run)
                .where(tags.c.experiment.in_(homes), tags.c.key == Tags.PARENT, start.in_(run_ids))
                .where(runs.c.lifecycle_stage == LifecycleStage.ACTIVE)
                .group_by(start)
            )
            return dict(plain_rows(connection, query))


def _first_keys(
    connection: Connection, table: sa.Table, of_runs: list[int], limit: int
) -> tuple[str, ...]:
    """The first keys of runs: of each run no more than that are read, be there thousands."""
    found: set[str] = set()
    key = connection.dialect.identifier_preparer.quote(table.c.key.name)
    for some in (of_runs[i : i + _TOGETHER] for i in range(0, len(of_runs), _TOGETHER)):
        # as text: to put dozens of statements together takes longer than to execute them
        each = (
            f"SELECT {key} FROM (SELECT {key} FROM {table.name} WHERE run = {run:d} "  # noqa: S608
            f"ORDER BY {key} LIMIT {limit:d}) AS keys_{run:d}"
            for run in some
        )
        found |= set(connection.exec_driver_sql(" UNION ".join(each)).scalars())
    return tuple(sorted(found)[:limit])
