"""What the list of experiments and the jump box read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ..entities import LifecycleStage, RunInfo
from ..filters import RUNS, Clause, Field
from ..views import Activity
from .conditions import compare
from .search_runs import RunSearch
from .tables import runs

_HEX = frozenset("0123456789abcdef")


class Finder(RunSearch):
    """The part of the store that tells of experiments and finds runs by a part of their name."""

    def activity(self, experiment_ids: Sequence[str], most: int = 10_000) -> dict[str, Activity]:
        found = {}
        with self.database.read() as connection:
            for name in experiment_ids:
                active = sa.select(runs.c.start_time).where(
                    runs.c.experiment == int(name), runs.c.lifecycle_stage == LifecycleStage.ACTIVE
                )
                some = active.limit(most).subquery()
                count = connection.execute(sa.select(sa.func.count()).select_from(some)).scalar()
                newest = active.order_by(runs.c.start_time.desc()).limit(1)
                found[name] = Activity(count or 0, connection.execute(newest).scalar())
        return found

    def find_runs(self, words: str, limit: int = 10) -> list[RunInfo]:
        words = words.strip()
        if not words:
            return []
        with self.database.read() as connection:
            dialect = connection.dialect.name
            named = Clause(Field("attribute", RUNS.attributes["run_name"]), "ILIKE", f"%{words}%")
            ways: list[Any] = [compare(runs.c.run_name, named, dialect)]
            if set(words.lower()) <= _HEX:  # the beginning of an id, which an index finds
                low = words.lower()
                ways.insert(0, sa.and_(runs.c.run_id >= low, runs.c.run_id < low + "g"))
            rows: dict[str, Any] = {}
            for way in ways:
                query = sa.select(runs).where(way, runs.c.lifecycle_stage == LifecycleStage.ACTIVE)
                query = query.order_by(runs.c.id.desc()).limit(limit)
                rows |= {row.run_id: row for row in connection.execute(query)}
        return [
            RunInfo(
                *(row.run_id, str(row.experiment), row.run_name, row.user_id, row.status),
                *(row.start_time, row.end_time, row.lifecycle_stage, ""),
            )
            for row in list(rows.values())[:limit]
        ]
