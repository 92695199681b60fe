"""`MlpackClient`: everything tracking can do, by id and without a notion of an active run."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..artifacts.base import Entry
from ..artifacts.local import LocalArtifacts
from ..artifacts.render import write_dict, write_figure, write_image
from ..errors import InvalidInput, NotFound
from ..uris import LocalUri, parse, safe_relative
from . import validate
from .context import user
from .entities import (
    FINAL_STATUSES,
    Experiment,
    FileInfo,
    LifecycleStage,
    LoggedModel,
    Metric,
    PagedList,
    Param,
    Run,
    RunStatus,
    RunTag,
    Tags,
    ViewType,
)
from .filters import quoted
from .names import random_name
from .uri import get_tracking_uri, open_store


class MlpackClient:
    """Reads and writes a tracking store.

    Args:
        tracking_uri: the store; default: the one in use (see `get_tracking_uri`).
    """

    def __init__(self, tracking_uri: str | Path | None = None) -> None:
        self.tracking_uri = str(tracking_uri) if tracking_uri is not None else get_tracking_uri()
        self.store = open_store(self.tracking_uri)

    # --- experiments ---

    def create_experiment(
        self,
        name: str,
        artifact_location: str | Path | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> str:
        """Make an experiment.

        Args:
            name: not taken yet.
            artifact_location: a folder for its files; default: below the store's own.
            tags: of the experiment.

        Returns:
            Its id.

        Raises:
            AlreadyExists: the name is taken.
            InvalidInput: the name, a tag or the location is not allowed.
        """
        checked = {key: validate.tag(key, value).value for key, value in (tags or {}).items()}
        location = None if artifact_location is None else _folder(artifact_location)
        return self.store.create_experiment(validate.experiment_name(name), location, checked)

    def get_experiment(self, experiment_id: str | int) -> Experiment:
        """An experiment by id; `NotFound` when there is none."""
        return self.store.get_experiment(str(experiment_id))

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """An experiment by name, deleted ones included; None when there is none."""
        return self.store.get_experiment_by_name(name)

    def search_experiments(
        self, view_type: int = ViewType.ACTIVE_ONLY, name_like: str | None = None
    ) -> list[Experiment]:
        """Experiments, the newest first; ``name_like`` is a pattern with ``%`` and ``_``."""
        text = f"name ILIKE {quoted(name_like)}" if name_like is not None else ""
        return self.store.search_experiments(ViewType(view_type), filter_string=text)

    def rename_experiment(self, experiment_id: str | int, new_name: str) -> None:
        """Give an experiment another name; `AlreadyExists` when it is taken."""
        self.store.rename_experiment(str(experiment_id), validate.experiment_name(new_name))

    def delete_experiment(self, experiment_id: str | int) -> None:
        """Hide an experiment and its runs; `restore_experiment` brings them back."""
        self.store.set_experiment_stage(str(experiment_id), LifecycleStage.DELETED)

    def restore_experiment(self, experiment_id: str | int) -> None:
        """Bring a deleted experiment and its runs back."""
        self.store.set_experiment_stage(str(experiment_id), LifecycleStage.ACTIVE)

    def set_experiment_tag(self, experiment_id: str | int, key: str, value: Any) -> None:
        """Set or overwrite a tag of an experiment."""
        self.store.set_experiment_tag(str(experiment_id), validate.tag(key, value))

    # --- runs ---

    def create_run(
        self,
        experiment_id: str | int,
        start_time: int | None = None,
        tags: Mapping[str, Any] | None = None,
        run_name: str | None = None,
    ) -> Run:
        """Make a running run; unlike `start_run` this does not make it the active one.

        Args:
            experiment_id: where.
            start_time: milliseconds since 1970; default: now.
            tags: of the run.
            run_name: default: a random one.

        Raises:
            NotFound: no such experiment.
            InvalidInput: a deleted experiment, or a tag that is not allowed.
        """
        given = [validate.tag(key, value) for key, value in (tags or {}).items()]
        by_key = {tag.key: tag.value for tag in given}
        name = run_name or by_key.get(Tags.RUN_NAME) or random_name()
        return self.store.create_run(
            str(experiment_id),
            validate.run_name(name),
            by_key.get(Tags.USER) or user(),
            start_time if start_time is not None else validate.now(),
            given,
        )

    def get_run(self, run_id: str) -> Run:
        """A run with everything it logged; `NotFound` when there is none."""
        return self.store.get_run(run_id)

    def get_parent_run(self, run_id: str) -> Run | None:
        """The run that this one is nested in."""
        parent = self.get_run(run_id).data.tags.get(Tags.PARENT)
        return self.get_run(parent) if parent else None

    def update_run(self, run_id: str, status: str | None = None, name: str | None = None) -> None:
        """Change a run's status or name."""
        self.store.update_run(
            run_id,
            validate.run_status(status) if status is not None else None,
            validate.now() if status in FINAL_STATUSES else None,
            validate.run_name(name) if name is not None else None,
        )

    def set_terminated(
        self, run_id: str, status: str | None = None, end_time: int | None = None
    ) -> None:
        """End a run: FINISHED, FAILED or KILLED."""
        ended = end_time if end_time is not None else validate.now()
        self.store.update_run(run_id, validate.run_status(status or RunStatus.FINISHED), ended)

    def delete_run(self, run_id: str) -> None:
        """Hide a run; `restore_run` brings it back."""
        self.store.set_run_stage(run_id, LifecycleStage.DELETED)

    def restore_run(self, run_id: str) -> None:
        """Bring a deleted run back."""
        self.store.set_run_stage(run_id, LifecycleStage.ACTIVE)

    def search_runs(
        self,
        experiment_ids: Sequence[str | int],
        filter_string: str = "",
        run_view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList:
        """One page of runs.

        Args:
            experiment_ids: where to look.
            filter_string: such as ``metrics.auc > 0.9 AND params.model = 'rf'``.
            run_view_type: a `ViewType`.
            max_results: 1 to 50,000.
            order_by: such as ``["metrics.auc DESC"]``; default: the newest first.
            page_token: the ``token`` of the page before.

        Returns:
            Runs; its ``token`` fetches the next page.

        Raises:
            InvalidInput: the filter or order does not parse; the message points at the word.
        """
        if isinstance(experiment_ids, (str, int)):
            experiment_ids = [experiment_ids]
        return self.store.search_runs(
            [str(i) for i in experiment_ids],
            filter_string or "",
            ViewType(run_view_type),
            max_results,
            [order_by] if isinstance(order_by, str) else order_by or (),
            page_token,
        )

    # --- what runs log ---

    def log_metric(
        self,
        run_id: str,
        key: str,
        value: Any,
        timestamp: int | None = None,
        step: int | None = None,
    ) -> None:
        """Log one value of a metric; durable when the call returns."""
        self.store.log_metric(run_id, validate.metric(key, value, timestamp, step))

    def log_param(self, run_id: str, key: str, value: Any) -> Any:
        """Log a param; the same value again is fine, another one is refused."""
        self.store.log_batch(run_id, params=[validate.param(key, value)])
        return value

    def set_tag(self, run_id: str, key: str, value: Any) -> None:
        """Set or overwrite a tag."""
        self.store.log_batch(run_id, tags=[validate.tag(key, value)])

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove a tag; `NotFound` when the run has none of that key."""
        self.store.delete_tag(run_id, key)

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> None:
        """Log many things at once: all of them or, on any error, none."""
        self.store.log_batch(
            run_id,
            [validate.metric(m.key, m.value, m.timestamp, m.step) for m in metrics],
            [validate.param(p.key, p.value) for p in params],
            [validate.tag(t.key, t.value) for t in tags],
        )

    def get_metric_history(self, run_id: str, key: str) -> list[Metric]:
        """Every value of a metric in the order of time."""
        return self.store.get_metric_history(run_id, key)

    # --- files ---

    def artifacts(self, run_id: str) -> LocalArtifacts:
        """The place of a run's files.

        Raises:
            InvalidInput: the run is deleted.
        """
        run = self.get_run(run_id)
        if run.info.lifecycle_stage != LifecycleStage.ACTIVE:
            raise InvalidInput(f"The run {run_id} is deleted and takes no more files.")
        return LocalArtifacts(Path(run.info.artifact_uri))

    def log_artifact(
        self, run_id: str, local_path: str | Path, artifact_path: str | None = None
    ) -> None:
        """Copy a file (or a folder as a whole) among a run's artifacts."""
        source = Path(local_path)
        place = self.artifacts(run_id)
        if source.is_dir():
            below = f"{artifact_path}/" if artifact_path else ""
            place.put_folder(source, below + source.resolve().name)
        else:
            place.put_file(source, artifact_path or "")

    def log_artifacts(
        self, run_id: str, local_dir: str | Path, artifact_path: str | None = None
    ) -> None:
        """Copy what is in a folder among a run's artifacts."""
        self.artifacts(run_id).put_folder(Path(local_dir), artifact_path or "")

    def log_text(self, run_id: str, text: str, artifact_file: str) -> None:
        """Write a text as an artifact (UTF-8)."""
        if not isinstance(text, str):
            raise InvalidInput(f"log_text takes a string; got {type(text).__name__}.")
        with self.artifacts(run_id).new_file(artifact_file) as path:
            path.write_text(text, encoding="utf-8", newline="")

    def log_dict(self, run_id: str, dictionary: Any, artifact_file: str) -> None:
        """Write a dict or list as JSON, or as YAML by the suffix ``.yaml`` or ``.yml``."""
        with self.artifacts(run_id).new_file(artifact_file) as path:
            write_dict(dictionary, path)

    def log_figure(
        self,
        run_id: str,
        figure: Any,
        artifact_file: str,
        *,
        save_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """Write a matplotlib or plotly figure; the suffix chooses the format."""
        with self.artifacts(run_id).new_file(artifact_file) as path:
            write_figure(figure, path, **(save_kwargs or {}))

    def log_image(self, run_id: str, image: Any, artifact_file: str) -> None:
        """Write a PIL image or an array as a picture; the suffix chooses the format."""
        with self.artifacts(run_id).new_file(artifact_file) as path:
            write_image(image, path)

    def list_artifacts(self, run_id: str, path: str | None = None) -> list[FileInfo]:
        """What a run has directly in a folder of its artifacts, its logged models included."""
        run = self.get_run(run_id)
        entries = LocalArtifacts(Path(run.info.artifact_uri)).list(path or "")
        found = {entry.path: _file_info(entry) for entry in entries}
        if path:
            name, _, below = safe_relative(path).partition("/")
            model = self._model_of_run(run_id, name)
            if model is not None:
                inside = LocalArtifacts(Path(model.artifact_location)).list(below)
                for entry in inside:
                    info = _file_info(entry, f"{name}/")
                    found.setdefault(info.path, info)
        else:
            for model in self.search_logged_models(run_id=run_id):
                found.setdefault(model.name, FileInfo(model.name, True, None))
        return sorted(found.values(), key=lambda info: info.path)

    def download_artifacts(
        self, run_id: str, path: str = "", dst_path: str | Path | None = None
    ) -> str:
        """A local path of a run's file or folder, or of a model that it logged.

        Args:
            run_id: whose.
            path: relative; '' for all of the run's files.
            dst_path: a folder to copy it into; default: the files where they are.

        Raises:
            NotFound: the run has no such artifact.
        """
        run = self.get_run(run_id)
        destination = None if dst_path is None else Path(dst_path)
        own = LocalArtifacts(Path(run.info.artifact_uri))
        try:
            return str(own.fetch(path, destination))
        except NotFound:
            name, _, below = safe_relative(path).partition("/") if path else ("", "", "")
            model = self._model_of_run(run_id, name) if name else None
            if model is None:
                if not path:
                    return str(destination or tempfile.mkdtemp(prefix="mlpack-"))
                raise
            inside = LocalArtifacts(Path(model.artifact_location))
            return str(inside.fetch(below, None if destination is None else destination / name))

    # --- logged models ---

    def get_logged_model(self, model_id: str) -> LoggedModel:
        """A logged model by id; `NotFound` when there is none."""
        return self.store.get_logged_model(model_id)

    def search_logged_models(
        self,
        experiment_ids: Sequence[str | int] = (),
        run_id: str | None = None,
        name: str | None = None,
    ) -> list[LoggedModel]:
        """Logged models that fit everything given, the newest first."""
        ids = [str(i) for i in experiment_ids]
        given = {"source_run_id": run_id, "name": name}
        clauses = [f"{key} = {quoted(text)}" for key, text in given.items() if text is not None]
        return self.store.search_logged_models(ids, " AND ".join(clauses))

    def set_logged_model_tags(self, model_id: str, tags: Mapping[str, Any]) -> None:
        """Set or overwrite tags of a logged model."""
        checked = [validate.tag(key, value) for key, value in tags.items()]
        self.store.set_logged_model_tags(model_id, checked)

    def _model_of_run(self, run_id: str, name: str) -> LoggedModel | None:
        found = self.search_logged_models(run_id=run_id, name=name)
        return found[0] if found else None


def _file_info(entry: Entry, prefix: str = "") -> FileInfo:
    return FileInfo(prefix + entry.path, entry.is_dir, entry.size)


def _folder(location: str | Path) -> str:
    parsed = parse(location)
    if not isinstance(parsed, LocalUri):
        raise InvalidInput(
            f"The artifact location {str(location)!r} is not a folder on this machine; this "
            "version of mlpack keeps files in folders only."
        )
    return str(parsed.path.expanduser().absolute())
