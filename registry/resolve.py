"""From any address of a model to a folder on this machine, and the digest on record for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ..artifacts.local import LocalArtifacts
from ..artifacts.open import open_artifacts
from ..errors import InvalidInput, InvalidState, MlpackError, NotFound
from ..tracking.entities import ModelStatus
from ..uris import LocalUri, LoggedModelUri, RegisteredModelUri, RemoteUri, RunUri, parse
from .cache import model_folder, temporary_copy

if TYPE_CHECKING:
    from ..artifacts.base import ArtifactStore
    from ..tracking.client import TrackingClient
    from ..tracking.entities import LoggedModel, Run


@dataclass(frozen=True, slots=True)
class Resolved:
    """Where a model is.

    Attributes:
        path: a folder (or file) on this machine.
        uri: the address as given.
        run_id: the run that logged it, if it was logged.
        model_id: its id, if it is a logged model.
        digest: of the folder when it was logged, from the tracking store; None when the store
            does not vouch for it (a plain path, a file of a run, a part of a model).
    """

    path: Path
    uri: str
    run_id: str | None = None
    model_id: str | None = None
    digest: str | None = None


def resolve(uri: str | Path, *, tracking_uri: str | Path | None = None) -> Resolved:
    """Find what an address names; files of other machines are copied to this one.

    Args:
        uri: a folder, ``runs:/<run_id>/<name or path>``, ``models:/m-<id>``, or a folder or file
            in an object store or behind a server (``s3://…``, ``mlflow-artifacts:/…``).
        tracking_uri: the store to ask; default: the one in use.

    Raises:
        InvalidInput: the address is malformed, or of a kind that cannot be fetched.
        NotFound: it names nothing.
        InvalidState: it names a model whose files never came.
    """
    parsed = parse(uri)
    text = str(uri)
    if isinstance(parsed, LocalUri):
        path = parsed.path.expanduser()
        if not path.exists():
            raise NotFound(f"There is no file or folder {path}.")
        return Resolved(path.absolute(), text)
    if isinstance(parsed, RegisteredModelUri):
        raise InvalidInput(
            f"{text!r} names a registered model, and this version of mlpack has no registry of "
            "names. Use runs:/<run_id>/<name>, models:/m-<id> or a folder."
        )
    from ..tracking.client import TrackingClient

    client = TrackingClient(tracking_uri)
    if isinstance(parsed, RemoteUri):
        return Resolved(_fetch(parsed, client.tracking_uri), text)
    if isinstance(parsed, LoggedModelUri):
        return _in_model(client, client.get_logged_model(parsed.model_id), parsed.path, text)
    return _in_run(client, parsed, text)


def _fetch(parsed: RemoteUri, tracking_uri: str) -> Path:
    above, _, name = parsed.uri.rstrip("/").rpartition("/")
    if parsed.scheme in ("http", "https", "mlflow-artifacts"):
        name = unquote(name)
    if above.endswith(("/", ":")):  # s3://bucket, mlflow-artifacts:/x
        whole = open_artifacts(parsed.uri, tracking_uri=tracking_uri)
        return temporary_copy(whole, "")
    return temporary_copy(open_artifacts(above, tracking_uri=tracking_uri), name)


def _in_run(client: TrackingClient, parsed: RunUri, text: str) -> Resolved:
    """A logged model by name, else (as older folders have it) a path among the run's files."""
    run = client.get_run(parsed.run_id)
    if not parsed.path:
        raise InvalidInput(f"{text!r} names no model; use runs:/<run_id>/<name>.")
    name, _, below = parsed.path.partition("/")
    for model in _models_of(client, run, name):
        return _in_model(client, model, below, text)
    place = open_artifacts(run.info.artifact_uri, tracking_uri=client.tracking_uri)
    try:
        path = _local(place, parsed.path)
    except NotFound:
        names = sorted({model.name for model in _models_of(client, run)})
        has = f"its models are {', '.join(names)}" if names else "it logged no model"
        raise NotFound(
            f"The run {parsed.run_id} has no model or file {parsed.path!r}; {has}."
        ) from None
    return Resolved(path, text, run_id=parsed.run_id)


def _models_of(client: TrackingClient, run: Run, name: str | None = None) -> list[LoggedModel]:
    """The ready models that a run made, the newest first."""
    where, run_id = [run.info.experiment_id], run.info.run_id
    try:
        found = client.search_logged_models(where, run_id=run_id, name=name)
    except MlpackError as error:
        if error.error_code == "ENDPOINT_NOT_FOUND":  # servers before 3.0 know files only
            return []
        raise
    return [model for model in found if model.status == ModelStatus.READY]


def _in_model(client: TrackingClient, model: LoggedModel, below: str, text: str) -> Resolved:
    if model.status != ModelStatus.READY:
        raise InvalidState(
            f"The model {model.model_id} is {model.status}: its files "
            f"{'are on their way' if model.status == ModelStatus.PENDING else 'never came'}."
        )
    place = client.model_files(model)
    if below:
        try:
            path = _local(place, below)
        except NotFound:
            raise NotFound(f"The model {model.model_id} has no file {below!r}.") from None
        return Resolved(path, text, model.source_run_id, model.model_id)
    try:
        folder = (
            place.fetch("")
            if isinstance(place, LocalArtifacts)
            else model_folder(place, model.digest)
        )
    except NotFound:
        raise NotFound(
            f"The files of model {model.model_id} are gone: {model.artifact_location} does not "
            "exist. Was the tracking folder moved in part or cleaned up?"
        ) from None
    return Resolved(folder, text, model.source_run_id, model.model_id, model.digest)


def _local(place: ArtifactStore, path: str) -> Path:
    """The file or folder itself when it is on this machine, else a copy."""
    return place.fetch(path) if isinstance(place, LocalArtifacts) else temporary_copy(place, path)
