"""What a page with runs side by side reads: never more keys than it shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..entities import Run, RunData, RunInfo, RunInputs, RunOutputs
from ..views import ComparedKey
from .input_rows import read_inputs, read_outputs
from .search_runs import RunSearch
from .tables import decode_value, latest_metrics, params, runs, tags

_TABLES = {"metric": latest_metrics, "param": params, "tag": tags}
_OURS = "mlflow."
_SLICE = 500  # keys a query: every database's limit on variables allows it


class Comparison(RunSearch):
    """The part of the store that puts runs side by side."""

    def runs_of_ids(self, run_ids: Sequence[str]) -> list[Run]:
        wanted = list(dict.fromkeys(run_ids))
        with self.database.read() as connection:
            query = sa.select(runs).where(runs.c.run_id.in_(wanted))
            rows = {row.run_id: row for row in connection.execute(query)}
            keys = [row.id for row in rows.values()]
            inputs, outputs = read_inputs(connection, keys), read_outputs(connection, keys)
        return [
            Run(
                RunInfo(
                    *(row.run_id, str(row.experiment), row.run_name, row.user_id, row.status),
                    *(row.start_time, row.end_time, row.lifecycle_stage, ""),
                ),
                RunData(),
                inputs.get(row.id) or RunInputs(),
                outputs.get(row.id) or RunOutputs(),
            )
            for row in (rows[run_id] for run_id in wanted if run_id in rows)
        ]

    def compared_keys(
        self,
        run_ids: Sequence[str],
        kind: str,
        words: str = "",
        differing: bool = False,
        limit: int = 100,
        offset: int = 0,
    ) -> list[ComparedKey]:
        columns = _TABLES[kind].c
        with self.database.read() as connection:
            names = _names(connection, run_ids)
            many = sa.func.count()
            reasons = [many < len(names), sa.func.min(columns.value) != sa.func.max(columns.value)]
            if kind == "metric":
                special = columns.special
                reasons.append(sa.func.min(special) != sa.func.max(special))
            differs = sa.case((sa.or_(*reasons), 1), else_=0)
            query = (
                sa.select(columns.key, many, differs)
                .where(columns.run.in_(names))
                .group_by(columns.key)
                .order_by(columns.key)
                .limit(limit)
                .offset(offset)
            )
            if kind == "tag":
                query = query.where(~columns.key.startswith(_OURS, autoescape=True))
            if words:
                part = sa.func.lower(columns.key).contains(words.lower(), autoescape=True)
                query = query.where(part)
            if differing:
                query = query.having(differs == 1)
            rows = connection.execute(query)
            return [ComparedKey(key, count, bool(unlike)) for key, count, unlike in rows]

    def compared_values(
        self, run_ids: Sequence[str], kind: str, keys: Sequence[str]
    ) -> dict[str, dict[str, Any]]:
        table = _TABLES[kind]
        found: dict[str, dict[str, Any]] = {key: {} for key in keys}
        wanted = list(found)
        with self.database.read() as connection:
            names = _names(connection, run_ids)
            for some in (wanted[i : i + _SLICE] for i in range(0, len(wanted), _SLICE)):
                query = sa.select(table).where(table.c.run.in_(names), table.c.key.in_(some))
                for row in connection.execute(query):
                    value = decode_value(row.value, row.special) if kind == "metric" else row.value
                    found[row.key][names[row.run]] = value
        return found


def _names(connection: Connection, run_ids: Sequence[str]) -> dict[int, str]:
    """The ids of runs by their inner keys."""
    query = sa.select(runs.c.id, runs.c.run_id).where(runs.c.run_id.in_(run_ids))
    return {row.id: row.run_id for row in connection.execute(query)}
