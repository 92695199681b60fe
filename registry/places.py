"""From an address of a model to the place of its files, and what a tracking store knows of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from ..artifacts.open import open_artifacts
from ..errors import InvalidInput, InvalidState, MlpackError
from ..tracking.entities import ModelStatus
from ..uris import LocalUri, LoggedModelUri, RemoteUri, RunUri, parse

if TYPE_CHECKING:
    from ..artifacts.base import ArtifactStore
    from ..tracking.client import TrackingClient
    from ..tracking.entities import LoggedModel, Run

_QUOTED = ("http", "https", "mlflow-artifacts")  # schemes whose addresses are percent-encoded


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a model's files are said to be; whether they are was not looked at.

    Attributes:
        place: of the files.
        address: of the place.
        run_id: the run that logged the model.
        model: its record, if it is a logged model.
    """

    place: ArtifactStore
    address: str
    run_id: str | None = None
    model: LoggedModel | None = None


def place_of(
    client: TrackingClient, parsed: LocalUri | RemoteUri | RunUri | LoggedModelUri
) -> Placed:
    """The place of the model at an address.

    Args:
        client: of the store to ask.
        parsed: the address; of a run's model by name, else of a path among the run's files.

    Raises:
        NotFound: no such run or model.
        InvalidState: a model whose files never came.
    """
    if isinstance(parsed, LoggedModelUri):
        return _of_model(client, client.get_logged_model(parsed.model_id), parsed.path)
    if isinstance(parsed, RunUri):
        run = client.get_run(parsed.run_id)
        for model in ready_models(client, run, parsed.path):
            return _of_model(client, model, "")
        address = below(run.info.artifact_uri, parsed.path)
        return Placed(_open(client, address), address, run_id=parsed.run_id)
    if isinstance(parsed, LocalUri):
        address = str(parsed.path.expanduser().absolute())
    else:
        address = parsed.uri
    return Placed(_open(client, address), address)


def ready_models(client: TrackingClient, run: Run, name: str | None = None) -> list[LoggedModel]:
    """The ready models that a run made, the newest first; all, or those of a name."""
    where, run_id = [run.info.experiment_id], run.info.run_id
    try:
        found = client.search_logged_models(where, run_id=run_id, name=name)
    except MlpackError as error:
        if error.error_code == "ENDPOINT_NOT_FOUND":  # servers before 3.0 know files only
            return []
        raise
    return [model for model in found if model.status == ModelStatus.READY]


def check_ready(model: LoggedModel) -> None:
    """Raises `InvalidState` for a model whose files are not there."""
    if model.status != ModelStatus.READY:
        raise InvalidState(
            f"The model {model.model_id} is {model.status}: its files "
            f"{'are on their way' if model.status == ModelStatus.PENDING else 'never came'}."
        )


def below(root: str, path: str) -> str:
    """The address of a path below an address."""
    if not path:
        return root
    try:
        parsed = parse(root)
    except InvalidInput:
        return f"{root}/{path}"
    encoded = isinstance(parsed, RemoteUri) and parsed.scheme in _QUOTED
    return f"{root.rstrip('/')}/{quote(path) if encoded else path}"


def _of_model(client: TrackingClient, model: LoggedModel, path: str) -> Placed:
    check_ready(model)
    address = below(model.artifact_location, path)
    return Placed(_open(client, address), address, model.source_run_id, model)


def _open(client: TrackingClient, address: str) -> ArtifactStore:
    return open_artifacts(address, tracking_uri=client.tracking_uri)
