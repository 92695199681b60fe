"""Runs as a pandas DataFrame, with the columns that people know from MLflow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .entities import Run


def runs_to_frame(found: Sequence[Run]) -> Any:
    """One row a run; columns ``run_id``, …, ``metrics.<key>``, ``params.<key>``, ``tags.<key>``.

    What a run does not have is NaN in a column of metrics and None elsewhere.
    """
    import pandas as pd

    infos = [run.info for run in found]
    columns: dict[str, Any] = {
        "run_id": [info.run_id for info in infos],
        "experiment_id": [info.experiment_id for info in infos],
        "status": [str(info.status) for info in infos],
        "artifact_uri": [info.artifact_uri for info in infos],
        "start_time": _times(pd, [info.start_time for info in infos]),
        "end_time": _times(pd, [info.end_time for info in infos]),
    }
    columns |= _spread("metrics", [run.data.metrics for run in found], float("nan"))
    columns |= _spread("params", [run.data.params for run in found], None)
    columns |= _spread("tags", [run.data.tags for run in found], None)
    return pd.DataFrame(columns)


def _times(pd: Any, milliseconds: list[int | None]) -> Any:
    return pd.to_datetime(pd.Series(milliseconds, dtype="Int64"), unit="ms", utc=True)


def _spread(prefix: str, dicts: list[dict[str, Any]], missing: Any) -> dict[str, list[Any]]:
    keys = dict.fromkeys(key for values in dicts for key in values)
    return {f"{prefix}.{key}": [values.get(key, missing) for values in dicts] for key in keys}
