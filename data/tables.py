"""``mlpack.log_table`` and ``mlpack.load_table``: rows that a run collects in one file."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InvalidInput, MissingDependency, NotFound
from ..tracking.active import current_experiment_id, require_run
from ..tracking.client import TrackingClient
from ..tracking.entities import Run, ViewType

LOGGED_ARTIFACTS = "mlflow.loggedArtifacts"
_FORBIDDEN = "\"',:[]{}"  # the path goes into a tag that is searched as text
_log = logging.getLogger("mlpack.data")


def log_table(data: Any, artifact_file: str, run_id: str | None = None) -> None:
    """Write a table as an artifact; a table of that name that is there gets the new rows, too.

    Args:
        data: a DataFrame, or a dict of columns (or of single values, for one row).
        artifact_file: such as "eval/rows.json"; ``.json`` or ``.parquet``.
        run_id: default: the active run.

    Raises:
        InvalidInput: another suffix, no table, or values that the format has no word for.
        MissingDependency: pandas (for Parquet: pyarrow, too) is not installed.
    """
    suffix = _check_path(artifact_file)
    frame = _frame(data)
    if run_id is None:
        active = require_run()
        client, run_id = active.client, active.info.run_id
    else:
        client = TrackingClient()
    before = _read_table(client, run_id, artifact_file)
    if before is not None:
        frame = _pandas().concat([before, frame], ignore_index=True)
    with client.artifacts(run_id).new_file(artifact_file) as path:
        _write(frame, path, suffix)
    _remember(client, run_id, artifact_file)


def load_table(
    artifact_file: str,
    run_ids: Sequence[str] | None = None,
    extra_columns: Sequence[str] | None = None,
) -> Any:
    """The tables of that name of several runs as one DataFrame.

    Args:
        artifact_file: as given to `log_table`.
        run_ids: default: every run of the current experiment that logged it.
        extra_columns: of `search_runs` (such as "run_id" or "params.C") to add to each row.

    Raises:
        NotFound: no run has such a table.
    """
    _check_path(artifact_file)
    client = TrackingClient()
    found: list[Run] = (
        [client.get_run(run_id) for run_id in run_ids]
        if run_ids
        else _runs_with_tables(client, current_experiment_id(client))
    )
    frames = []
    for run in found:
        if not _has_table(run, artifact_file):
            if run_ids:
                _log.warning("The run %s has no table %r.", run.info.run_id, artifact_file)
            continue
        frame = _read_table(client, run.info.run_id, artifact_file)
        if frame is not None:
            frames.append(_with_columns(frame, run, extra_columns or ()))
    if not frames:
        raise NotFound(f"No run has the table {artifact_file!r}; was it logged with log_table?")
    return _pandas().concat(frames, ignore_index=True)


def _check_path(artifact_file: str) -> str:
    suffix = Path(artifact_file).suffix
    if suffix not in (".json", ".parquet"):
        raise InvalidInput(
            f"A table is written as .json or .parquet; {artifact_file!r} ends with neither."
        )
    if bad := sorted(set(artifact_file) & set(_FORBIDDEN)):
        raise InvalidInput(f"The path {artifact_file!r} of a table may not contain {bad[0]!r}.")
    return suffix


def _frame(data: Any) -> Any:
    pandas = _pandas()
    if isinstance(data, pandas.DataFrame):
        return data
    if not isinstance(data, Mapping):
        raise InvalidInput(
            f"log_table takes a DataFrame or a dict of columns; got {type(data).__name__}."
        )
    try:
        return pandas.DataFrame(data)
    except ValueError:
        if any(isinstance(value, (list, tuple)) for value in data.values()):
            raise InvalidInput("The columns of the table differ in length.") from None
        return pandas.DataFrame([data])


def _write(frame: Any, path: Path, suffix: str) -> None:
    try:
        if suffix == ".parquet":
            frame.to_parquet(path, index=False)
        else:
            frame.to_json(path, orient="split", index=False, date_format="iso", double_precision=15)
    except ImportError:
        raise MissingDependency("Parquet needs pyarrow: pip install pyarrow") from None
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise InvalidInput(f"The table cannot be written as {suffix}: {error}") from None


def _read_table(client: TrackingClient, run_id: str, artifact_file: str) -> Any:
    """The table as it is now; None when there is none."""
    pandas = _pandas()
    try:
        path = Path(client.download_artifacts(run_id, artifact_file))
        if path.suffix == ".parquet":
            return pandas.read_parquet(path)
        # not pandas.read_json, which makes a number of "001" and a date of a text
        written = json.loads(path.read_bytes())
        return pandas.DataFrame(written["data"], columns=written["columns"])
    except NotFound:
        return None
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise InvalidInput(
            f"The artifact {artifact_file!r} of run {run_id} is no table: {error}"
        ) from None


def _tables(run: Run) -> list[Any]:
    try:
        listed = json.loads(run.data.tags.get(LOGGED_ARTIFACTS, "[]"))
    except ValueError:
        return []
    return listed if isinstance(listed, list) else []


def _has_table(run: Run, artifact_file: str) -> bool:
    return {"path": artifact_file, "type": "table"} in _tables(run)


def _remember(client: TrackingClient, run_id: str, artifact_file: str) -> None:
    run = client.get_run(run_id)
    if not _has_table(run, artifact_file):
        listed = [*_tables(run), {"path": artifact_file, "type": "table"}]
        client.set_tag(run_id, LOGGED_ARTIFACTS, json.dumps(listed))


def _runs_with_tables(client: TrackingClient, experiment_id: str) -> list[Run]:
    found: list[Run] = []
    token = None
    while True:
        page = client.search_runs(
            [experiment_id],
            f"tags.`{LOGGED_ARTIFACTS}` LIKE '%table%'",
            ViewType.ACTIVE_ONLY,
            1000,
            None,
            token,
        )
        found += page
        token = page.token
        if token is None:
            return found


def _with_columns(frame: Any, run: Run, names: Sequence[str]) -> Any:
    if not names:
        return frame
    from ..tracking.frame import runs_to_frame

    row = runs_to_frame([run]).iloc[0]
    for name in names:
        if name not in row:
            raise InvalidInput(f"{name!r} is no column of search_runs for run {run.info.run_id}.")
        frame[f"{name}_" if name in frame else name] = row[name]
    return frame


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        raise MissingDependency("Tables need pandas: pip install pandas") from None
    return pandas
