"""From any address of a model to a folder on this machine, and the checksums on record for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from ..artifacts.local import LocalArtifacts
from ..artifacts.open import open_artifacts
from ..errors import InvalidInput, InvalidState, MlpackError, NotFound
from ..uris import LocalUri, LoggedModelUri, RegisteredModelUri, RemoteUri, RunUri, parse
from .cache import model_folder, temporary_copy
from .entities import VersionStatus
from .places import check_ready, place_of, ready_models

if TYPE_CHECKING:
    from ..artifacts.base import ArtifactStore
    from ..tracking.client import TrackingClient
    from ..tracking.entities import LoggedModel
    from .client import MlpackClient
    from .entities import ModelVersion


@dataclass(frozen=True, slots=True)
class Resolved:
    """Where a model is.

    Attributes:
        path: a folder (or file) on this machine.
        uri: the address as given.
        run_id: the run that logged it, if it was logged.
        model_id: its id, if it is a logged model.
        digest: of the folder when it was logged or registered, from the store; None when the
            store does not vouch for it (a plain path, a file of a run, a part of a model).
        name: of the registered model, if the address is of one.
        version: the number that the address means now.
        files: the checksums that the digest is of, if the registry has them.
    """

    path: Path
    uri: str
    run_id: str | None = None
    model_id: str | None = None
    digest: str | None = None
    name: str | None = None
    version: int | None = None
    files: Mapping[str, str] = field(default_factory=dict)


def resolve(
    uri: str | Path,
    *,
    tracking_uri: str | Path | None = None,
    registry_uri: str | Path | None = None,
) -> Resolved:
    """Find what an address names; files of other machines are copied to this one.

    Args:
        uri: a folder, ``runs:/<run_id>/<name or path>``, ``models:/m-<id>``,
            ``models:/<name>/<version, stage or latest>``, ``models:/<name>@<alias>``, or a folder
            or file in an object store or behind a server (``s3://…``, ``mlflow-artifacts:/…``).
        tracking_uri: the store to ask; default: the one in use.
        registry_uri: the registry to ask; default: the one in use.

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
            raise NotFound(f"There is no file or folder {path}.{_meant(text)}")
        return Resolved(path.absolute(), text)
    if isinstance(parsed, RegisteredModelUri):
        from .client import MlpackClient

        return _in_registry(MlpackClient(tracking_uri, registry_uri), parsed, text)
    from ..tracking.client import TrackingClient

    client = TrackingClient(tracking_uri)
    if isinstance(parsed, RemoteUri):
        return Resolved(_fetch(parsed, client.tracking_uri), text)
    if isinstance(parsed, LoggedModelUri):
        return _in_model(client, client.get_logged_model(parsed.model_id), parsed.path, text)
    return _in_run(client, parsed, text)


def _meant(text: str) -> str:
    """What to write instead of a path that looks like a version of a registered model."""
    is_version = re.fullmatch(r"[^/.~:@][^/:@]*(/[0-9]+|/latest|@[^/@]+)", text)
    return f" For a registered model write models:/{text}." if is_version else ""


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
    for model in ready_models(client, run, name):
        return _in_model(client, model, below, text)
    place = open_artifacts(run.info.artifact_uri, tracking_uri=client.tracking_uri)
    try:
        path = _local(place, parsed.path)
    except NotFound:
        names = sorted({model.name for model in ready_models(client, run)})
        has = f"its models are {', '.join(names)}" if names else "it logged no model"
        raise NotFound(
            f"The run {parsed.run_id} has no model or file {parsed.path!r}; {has}."
        ) from None
    return Resolved(path, text, run_id=parsed.run_id)


def _in_model(client: TrackingClient, model: LoggedModel, below: str, text: str) -> Resolved:
    check_ready(model)
    place = client.model_files(model)
    if below:
        try:
            path = _local(place, below)
        except NotFound:
            raise NotFound(f"The model {model.model_id} has no file {below!r}.") from None
        return Resolved(path, text, model.source_run_id, model.model_id)
    try:
        folder = _folder(place, model.digest)
    except NotFound:
        raise NotFound(
            f"The files of model {model.model_id} are gone: {model.artifact_location} does not "
            "exist. Was the tracking folder moved in part or cleaned up?"
        ) from None
    return Resolved(folder, text, model.source_run_id, model.model_id, model.digest)


def _in_registry(client: MlpackClient, parsed: RegisteredModelUri, text: str) -> Resolved:
    from .find import find_version

    version = find_version(client, parsed)
    called = f"version {version.version} of {version.name!r}"
    if version.status != VersionStatus.READY:
        raise InvalidState(
            f"The files of {called} are not there: it is {version.status}"
            f"{f' ({version.status_message})' if version.status_message else ''}."
        )
    files = client.get_version_files(version.name, version.version) if version.digest else {}
    gone = "the registry does not say where they were."
    for address in addresses_of(client, version):
        try:
            return _at(client, version, address, parsed.path, files, text)
        except NotFound as error:
            gone = error.message
        except MlpackError as error:
            if error.error_code != "ENDPOINT_NOT_FOUND":  # servers before 3.0 have no models
                raise
    if parsed.path:
        raise NotFound(f"There is no file {parsed.path!r} in {called}: {gone}")
    raise NotFound(
        f"The files of {called} are gone ({version.source}): {gone} Was its run or model deleted, "
        "or the tracking folder moved in part?"
    )


def addresses_of(
    client: MlpackClient, version: ModelVersion
) -> Iterator[LocalUri | RemoteUri | RunUri | LoggedModelUri]:
    """Where to look for a version's files, what stays true when a store is moved first."""
    known = [LoggedModelUri(version.model_id)] if version.model_id else []
    known += [*_read(version.source), *_read(version.location)]
    by_record = [each for each in known if isinstance(each, LoggedModelUri | RunUri)]
    by_place = [each for each in reversed(known) if isinstance(each, LocalUri | RemoteUri)]
    yield from (tried := dict.fromkeys([*by_record, *by_place]))
    for each in _read(client.get_model_version_download_uri(version.name, version.version)):
        if each not in tried:
            yield each


def _read(address: str | None) -> list[Any]:
    """What can be looked up of an address; nothing, if it is of a kind that others understand."""
    try:
        parsed = parse(address) if address else None
    except InvalidInput:
        return []
    return [] if parsed is None or isinstance(parsed, RegisteredModelUri) else [parsed]


def _at(
    client: MlpackClient,
    version: ModelVersion,
    address: LocalUri | RemoteUri | RunUri | LoggedModelUri,
    path: str,
    files: Mapping[str, str],
    text: str,
) -> Resolved:
    """A version's files at one of its addresses; `NotFound` when they are not there."""
    placed = place_of(client, address)
    logged = placed.model
    found: dict[str, Any] = {
        "uri": text,
        "run_id": version.run_id or placed.run_id,
        "model_id": version.model_id or (logged.model_id if logged else None),
        "name": version.name,
        "version": version.version,
    }
    if path:
        return Resolved(_local(placed.place, path), **found)
    whole = logged if logged and not getattr(address, "path", "") else None
    digest = version.digest or (whole.digest if whole else None)
    return Resolved(_folder(placed.place, digest, files), digest=digest, files=files, **found)


def _folder(
    place: ArtifactStore, digest: str | None, files: Mapping[str, str] | None = None
) -> Path:
    if isinstance(place, LocalArtifacts):
        return place.fetch("")
    return model_folder(place, digest, files)


def _local(place: ArtifactStore, path: str) -> Path:
    """The file or folder itself when it is on this machine, else a copy."""
    return place.fetch(path) if isinstance(place, LocalArtifacts) else temporary_copy(place, path)
