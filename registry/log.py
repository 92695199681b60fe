"""Log a model: record, files, and the word that it is ready; on any failure nothing is left.

Files for this machine are written where they stay; others go through a temporary folder.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..artifacts.local import LocalArtifacts
from ..errors import MlpackError
from ..tracking import validate
from ..tracking.entities import ModelOutput, ModelStatus, Run
from . import names

if TYPE_CHECKING:
    from ..artifacts.base import ArtifactStore
    from ..flavors.descriptor import Model
    from ..flavors.signature import ModelSignature
    from ..tracking.client import TrackingClient


@dataclass(frozen=True)
class ModelInfo:
    """What `log_model` returns, and `get_model_info` for models from anywhere.

    Attributes:
        model_uri: ``models:/m-<id>``; loads it anywhere against the same store.
        model_id: ``m-<32 hex>``; None for a folder that was only saved, as the four below.
        run_id: the run that logged it.
        name: the name within the run: ``runs:/<run_id>/<name>`` is the model, too.
        artifact_path: where its files are.
        digest: of the whole folder, as kept in the tracking store.
        model: the descriptor that was written.
        registered_model_version: the number of the version, if it was registered.
    """

    model_uri: str
    model_id: str | None
    run_id: str | None
    name: str | None
    artifact_path: str | None
    digest: str | None
    model: Model
    registered_model_version: int | None = None

    @property
    def signature(self) -> ModelSignature | None:
        """The model's signature, if it has one."""
        return self.model.signature

    @property
    def flavors(self) -> Mapping[str, Any]:
        """The flavors of the descriptor."""
        return self.model.flavors

    @property
    def metadata(self) -> Mapping[str, Any] | None:
        """What was given as ``metadata``."""
        return self.model.metadata

    @property
    def model_uuid(self) -> str | None:
        """The same as ``model_id``; MLflow's older name for it."""
        return self.model_id

    @property
    def utc_time_created(self) -> str:
        """When it was saved, in UTC."""
        return str(self.model.utc_time_created)


def log_model(
    client: TrackingClient,
    run: Run,
    model: Any,
    name: str,
    *,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    registered_model_name: str | None = None,
    **save_options: Any,
) -> ModelInfo:
    """Save a model among a run's experiment's models and record it.

    Args:
        client: of the run's store.
        run: that logs it.
        model: the native object.
        name: within the run; one part of an address.
        params: of the model.
        tags: of the model.
        model_type: a word of the user's own.
        step: of the run at which the model was made.
        registered_model_name: register it under this name, too.
        **save_options: see `mlpack.flavors.save_model`.

    Raises:
        MlpackError: the model cannot be saved or recorded; nothing of it is left. If only its
            registration fails, the message tells the address of the logged model.
    """
    from ..flavors.descriptor import MLMODEL
    from ..flavors.integrity import checksum, digest
    from ..flavors.save import save_model

    validate.model_name(name)
    if registered_model_name is not None:
        names.registered_model_name(registered_model_name)
    record = client.store.create_logged_model(
        run.info.experiment_id,
        name,
        run.info.run_id,
        model_type,
        [validate.param(key, value) for key, value in (params or {}).items()],
        [validate.tag(key, value) for key, value in (tags or {}).items()],
    )
    model_id, place = record.model_id, client.model_files(record)
    try:
        with _staging(place) as folder:
            described = save_model(
                model,
                folder,
                run_id=run.info.run_id,
                model_id=model_id,
                artifact_path=name,
                **save_options,
            )
            # the descriptor has the checksums of all files but its own: nothing is read twice
            files = {**described.files, MLMODEL: checksum(folder / MLMODEL)}
            recorded_digest = digest(files)
            if not isinstance(place, LocalArtifacts):
                place.put_folder(folder)
            try:
                client.store.log_outputs(run.info.run_id, [ModelOutput(model_id, step)])
                client.store.finalize_logged_model(model_id, ModelStatus.READY, recorded_digest)
            except BaseException:
                _remove(place, files)
                raise
    except BaseException:
        with suppress(MlpackError):
            client.store.delete_logged_model(model_id)
        raise
    version = None
    if registered_model_name is not None:
        version = _register(client, model_id, registered_model_name, files)
    return ModelInfo(
        model_uri=f"models:/{model_id}",
        model_id=model_id,
        run_id=run.info.run_id,
        name=name,
        artifact_path=record.artifact_location,
        digest=recorded_digest,
        model=described,
        registered_model_version=version,
    )


def _register(client: TrackingClient, model_id: str, name: str, files: Mapping[str, str]) -> int:
    from .client import MlpackClient
    from .register import register_version

    uri = f"models:/{model_id}"
    both = MlpackClient(client.tracking_uri)
    try:
        return register_version(both, uri, name, make_name=True, files=files).version
    except MlpackError as error:
        message = (
            f"{error.message} The model is logged as {uri} all the same; to register it: "
            f"mlpack.register_model({uri!r}, {name!r})"
        )
        raise type(error)(message) from error


@contextmanager
def _staging(place: ArtifactStore) -> Iterator[Path]:
    """Where to save: the place itself when it is on this machine, else a temporary folder."""
    if isinstance(place, LocalArtifacts):
        yield place.root
        return
    with tempfile.TemporaryDirectory(prefix="mlpack-") as folder:
        yield Path(folder, "model")


def _remove(place: ArtifactStore, files: Iterable[str]) -> None:
    """Remove what was put there, and no more: the address is the store's word, not ours."""
    for name in files:
        with suppress(MlpackError):
            place.delete(name)
    if isinstance(place, LocalArtifacts):
        with suppress(OSError):  # folders that were made for this model alone
            for folder in (place.root.parent, place.root.parent.parent, place.root.parents[2]):
                folder.rmdir()
