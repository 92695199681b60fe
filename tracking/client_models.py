"""The part of `TrackingClient` about logged models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..artifacts.base import ArtifactStore, Entry
from ..artifacts.open import open_artifacts
from ..errors import InvalidInput
from . import validate
from .entities import FileInfo, LoggedModel, ModelStatus, PagedList
from .filters import quoted
from .uri import get_tracking_uri, open_store

_MOST = 1000


class ModelsClient:
    """Logged models: their records and their files."""

    def __init__(self, tracking_uri: str | Path | None = None) -> None:
        self.tracking_uri = str(tracking_uri) if tracking_uri is not None else get_tracking_uri()
        self.store = open_store(self.tracking_uri)

    def create_logged_model(
        self,
        experiment_id: str | int,
        name: str | None = None,
        source_run_id: str | None = None,
        tags: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        model_type: str | None = None,
    ) -> LoggedModel:
        """Make the record of a model whose files are still to come.

        Args:
            experiment_id: where.
            name: default: "model".
            source_run_id: the run that made it.
            tags: of the model.
            params: of the model.
            model_type: a word of your own.

        Raises:
            NotFound: no such experiment or run.
            InvalidInput: a name, tag or param that is not allowed.
        """
        return self.store.create_logged_model(
            str(experiment_id),
            validate.model_name(name or "model"),
            source_run_id,
            model_type,
            [validate.param(key, value) for key, value in (params or {}).items()],
            [validate.tag(key, value) for key, value in (tags or {}).items()],
        )

    def finalize_logged_model(self, model_id: str, status: str) -> LoggedModel:
        """Say how it ended: READY or FAILED. Only ready ones are found by ``runs:/…``."""
        try:
            known = ModelStatus(str(status).upper())
        except ValueError:
            known = ModelStatus.PENDING
        if known is ModelStatus.PENDING:
            raise InvalidInput(f"A model ends as READY or FAILED, not as {status!r}.")
        return self.store.finalize_logged_model(model_id, known)

    def get_logged_model(self, model_id: str) -> LoggedModel:
        """A logged model by id; `NotFound` when there is none."""
        return self.store.get_logged_model(model_id)

    def search_logged_models(
        self,
        experiment_ids: Sequence[str | int] = (),
        filter_string: str | None = None,
        datasets: None = None,
        max_results: int | None = None,
        order_by: Sequence[Mapping[str, Any] | str] | None = None,
        page_token: str | None = None,
        *,
        run_id: str | None = None,
        name: str | None = None,
    ) -> PagedList:
        """One page of logged models.

        Args:
            experiment_ids: where to look; default: everywhere.
            filter_string: such as ``name = 'model' AND metrics.auc > 0.9``.
            datasets: must be None; filter by ``metrics.<key>`` instead.
            max_results: default: 1,000.
            order_by: such as ``["metrics.auc DESC"]`` or
                ``[{"field_name": "metrics.auc", "ascending": False}]``; default: newest first.
            page_token: the ``token`` of the page before.
            run_id: those that this run made.
            name: those of this name.

        Raises:
            InvalidInput: the filter or order does not parse; the message points at the word.
        """
        if datasets is not None:
            raise InvalidInput("search_logged_models does not take datasets; leave them out.")
        if isinstance(experiment_ids, (str, int)):
            experiment_ids = [experiment_ids]
        where = [str(i) for i in experiment_ids or ()]
        if run_id is not None and not where:
            where = [self.store.get_run(run_id).info.experiment_id]
        given = {"source_run_id": run_id, "name": name}
        clauses = [filter_string] if filter_string else []
        clauses += [f"{key} = {quoted(text)}" for key, text in given.items() if text is not None]
        return self.store.search_logged_models(
            where, " AND ".join(clauses), max_results or _MOST, order_words(order_by), page_token
        )

    def log_model_params(self, model_id: str, params: Mapping[str, Any]) -> None:
        """Log params of a logged model; those that it has never change."""
        checked = [validate.param(key, value) for key, value in params.items()]
        self.store.log_logged_model_params(model_id, checked)

    def set_logged_model_tags(self, model_id: str, tags: Mapping[str, Any]) -> None:
        """Set or overwrite tags of a logged model."""
        checked = [validate.tag(key, value) for key, value in tags.items()]
        self.store.set_logged_model_tags(model_id, checked)

    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        """Remove a tag of a logged model; `NotFound` when it has none of that key."""
        self.store.delete_logged_model_tag(model_id, key)

    def delete_logged_model(self, model_id: str) -> None:
        """Hide a logged model; `mlpack gc` removes its files."""
        self.store.delete_logged_model(model_id)

    # --- files of logged models ---

    def log_model_artifact(
        self, model_id: str, local_path: str | Path, artifact_path: str | None = None
    ) -> None:
        """Copy a file among those of a logged model whose files are still to come."""
        self._files_to_come(model_id).put_file(Path(local_path), artifact_path or "")

    def log_model_artifacts(
        self, model_id: str, local_dir: str | Path, artifact_path: str | None = None
    ) -> None:
        """Copy what is in a folder among the files of a logged model; see `log_model_artifact`."""
        self._files_to_come(model_id).put_folder(Path(local_dir), artifact_path or "")

    def list_logged_model_artifacts(self, model_id: str, path: str | None = None) -> list[FileInfo]:
        """What a logged model has directly in a folder."""
        place = self.model_files(self.get_logged_model(model_id))
        return [file_info(entry) for entry in place.list(path or "")]

    def model_files(self, model: LoggedModel) -> ArtifactStore:
        """The place of a logged model's files."""
        return open_artifacts(model.artifact_location, tracking_uri=self.tracking_uri)

    def _files_to_come(self, model_id: str) -> ArtifactStore:
        model = self.get_logged_model(model_id)
        if model.status != ModelStatus.PENDING:
            raise InvalidInput(
                f"The model {model_id} is {model.status} and takes no more files. Log another."
            )
        return self.model_files(model)


def file_info(entry: Entry, prefix: str = "") -> FileInfo:
    """An entry of a place, as people see it."""
    return FileInfo(prefix + entry.path, entry.is_dir, entry.size)


def order_words(order_by: Sequence[Mapping[str, Any] | str] | None) -> list[str]:
    """An order as words such as "metrics.auc DESC", however it was given."""
    given = [order_by] if isinstance(order_by, str) else order_by or []
    return [
        word
        if isinstance(word, str)
        else f"{word['field_name']} {'ASC' if word.get('ascending', True) else 'DESC'}"
        for word in given
    ]
