"""The part of `TrackingClient` about files of runs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ..artifacts.base import ArtifactStore
from ..artifacts.open import open_artifacts
from ..artifacts.render import write_dict, write_figure, write_image
from ..errors import InvalidInput, NotFound
from ..uris import safe_relative
from .client_models import ModelsClient, file_info
from .entities import FileInfo, LifecycleStage, LoggedModel, ModelStatus, Run

_CHUNK = 1 << 20


class ArtifactsClient(ModelsClient):
    """Files of runs, wherever they are."""

    def artifacts(self, run_id: str) -> ArtifactStore:
        """The place of a run's files.

        Raises:
            NotFound: no such run.
            InvalidInput: the run is deleted.
        """
        run = self.store.get_run(run_id)
        if run.info.lifecycle_stage != LifecycleStage.ACTIVE:
            raise InvalidInput(f"The run {run_id} is deleted and takes no more files.")
        return self._files(run.info.artifact_uri)

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

    def log_stream(self, run_id: str, stream: BinaryIO, artifact_file: str) -> None:
        """Write what a binary file-like object holds from here on as an artifact."""
        with self.artifacts(run_id).new_file(artifact_file) as path, path.open("wb") as file:
            shutil.copyfileobj(stream, file, _CHUNK)

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
        run = self.store.get_run(run_id)
        entries = self._files(run.info.artifact_uri).list(path or "")
        found = {entry.path: file_info(entry) for entry in entries}
        if path:
            name, _, below = safe_relative(path).partition("/")
            for model in self._models_of(run, name)[:1]:
                for entry in self.model_files(model).list(below):
                    info = file_info(entry, f"{name}/")
                    found.setdefault(info.path, info)
        else:
            for model in self._models_of(run):
                found.setdefault(model.name, FileInfo(model.name, True, None))
        return sorted(found.values(), key=lambda info: info.path)

    def download_artifacts(
        self, run_id: str, path: str = "", dst_path: str | Path | None = None
    ) -> str:
        """A local path of a run's file or folder, or of a model that it logged.

        Args:
            run_id: whose.
            path: relative; '' for all of the run's files.
            dst_path: a folder to copy it into; default: the files where they are, or a temporary
                folder if that is not on this machine.

        Raises:
            NotFound: the run has no such artifact.
        """
        run = self.store.get_run(run_id)
        destination = None if dst_path is None else Path(dst_path)
        try:
            return str(self._files(run.info.artifact_uri).fetch(path, destination))
        except NotFound:
            if not path:
                return str(destination or tempfile.mkdtemp(prefix="mlpack-"))
            name, _, below = safe_relative(path).partition("/")
            models = self._models_of(run, name)
            if not models:
                raise
            inside = None if destination is None else destination / name
            return str(self.model_files(models[0]).fetch(below, inside))

    def _files(self, uri: str) -> ArtifactStore:
        return open_artifacts(uri, tracking_uri=self.tracking_uri)

    def _models_of(self, run: Run, name: str | None = None) -> list[LoggedModel]:
        """The ready models that a run made, the newest first."""
        where = [run.info.experiment_id]
        found = self.search_logged_models(where, run_id=run.info.run_id, name=name)
        return [model for model in found if model.status == ModelStatus.READY]
