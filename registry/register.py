"""A model becomes a version of a registered model: found, its files checked, then recorded.

Everything that can be wrong is found out before anything is recorded, and the name and the version
are made together, so that nothing is ever half registered.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InvalidInput, InvalidState, MlpackError
from ..tracking.uri import family
from ..uris import LocalUri, LoggedModelUri, RegisteredModelUri, RemoteUri, RunUri, parse
from . import names
from .checks import check_is_model, check_unchanged, described, described_files, files_of
from .client import MlpackClient
from .client_versions import by
from .entities import DIGEST_TAG, ModelVersion, VersionStatus
from .find import find_version
from .places import Placed, place_of

_WAIT = 300  # seconds, as MLflow


@dataclass(frozen=True, slots=True)
class _Candidate:
    """What is to be registered; the fields are those of a version.

    Attributes:
        digest: where there is one without the files (a copy on a server of MLflow's).
    """

    source: str
    location: str | None = None
    run_id: str | None = None
    model_id: str | None = None
    files: Mapping[str, str] | None = None
    digest: str | None = None


def register_model(
    model_uri: str | Path,
    name: str,
    await_registration_for: int | None = _WAIT,
    *,
    tags: Mapping[str, Any] | None = None,
    description: str | None = None,
    note: str = "",
) -> ModelVersion:
    """Register a model as the next version of a name, which is made if it is not there.

    The checksum of every file goes on record: from then on a version whose files changed is
    refused.

    Args:
        model_uri: ``runs:/<run_id>/<name>``, ``models:/m-<id>``, ``models:/<name>/<version>`` (or
            an alias, a stage), a folder, or an address in an object store.
        name: of the registered model.
        await_registration_for: seconds to wait for a server that takes its time.
        tags: of the version.
        description: of the version, in Markdown.
        note: why, for the history.

    Returns:
        The version.

    Raises:
        NotFound: the address names nothing.
        BadModel: there is no model at it; `ModelChanged` when its files are not those that were
            logged.
        InvalidInput: a name, tag or text is not allowed.
    """
    version = register_version(
        MlpackClient(),
        model_uri,
        name,
        tags=tags,
        description=description,
        note=note,
        make_name=True,
    )
    return _await(version, await_registration_for or 0)


def register_version(
    client: MlpackClient,
    uri: str | Path,
    name: str,
    *,
    run_id: str | None = None,
    model_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    run_link: str | None = None,
    description: str | None = None,
    note: str = "",
    make_name: bool = False,
    files: Mapping[str, str] | None = None,
) -> ModelVersion:
    """`register_model` with a client of one's own.

    Args:
        client: of both stores.
        uri: the model's address.
        name: of the registered model.
        run_id: the run that made it; default: as the address says.
        model_id: the logged model that it is; default: as the address says.
        tags: of the version.
        run_link: the address of a page about the run.
        description: of the version.
        note: why, for the history.
        make_name: make the registered model, too, if there is none.
        files: the checksums of its files, if this process has just written them.
    """
    names.registered_model_name(name)
    checked = {
        "tags": names.tags(tags or {}),
        "description": names.description(description),
        "run_link": names.address("run_link", run_link) if run_link else None,
        "by": by(note),
    }
    found = _find(client, _of_run(client, uri, run_id) if run_id else uri, files)
    if found.digest and not found.files:
        checked["tags"] = {**names.tags(tags or {}), DIGEST_TAG: found.digest}
    return client.registry.create_model_version(
        name,
        names.address("source", found.source),
        location=found.location,
        run_id=run_id or found.run_id,
        model_id=model_id or found.model_id,
        files=found.files,
        make_name=make_name,
        **checked,  # type: ignore[arg-type]
    )


def copy_version(
    client: MlpackClient, src_model_uri: str, dst_name: str, *, note: str = ""
) -> ModelVersion:
    """See `MlpackClient.copy_model_version`."""
    parsed = parse(src_model_uri)
    if not isinstance(parsed, RegisteredModelUri) or parsed.path:
        raise InvalidInput(
            f"{src_model_uri!r} is no version of a registered model; use models:/<name>/<version>. "
            "register_model takes other addresses."
        )
    source = find_version(client, parsed)
    return register_version(
        client,
        source.model_uri,
        dst_name,
        tags=source.tags,
        run_link=source.run_link,
        description=source.description,
        note=note,
        make_name=True,
    )


def _find(client: MlpackClient, uri: str | Path, files: Mapping[str, str] | None) -> _Candidate:
    parsed = parse(uri)
    if isinstance(parsed, RegisteredModelUri):
        return _copy_of(client, find_version(client, parsed), parsed.path)
    if isinstance(parsed, RunUri) and not parsed.path:
        raise InvalidInput(f"{str(uri)!r} names no model; use runs:/<run_id>/<name>.")
    placed = place_of(client, parsed)
    if files is None:
        files = _check_files(client, placed, str(uri))
    if isinstance(parsed, LoggedModelUri) and parsed.path:
        raise InvalidInput(f"{str(uri)!r} is a part of a model; register the whole of it.")
    if placed.model is None and not isinstance(parsed, RunUri) and files:
        placed = _as_logged(client, placed, files)
    if placed.model is not None:
        source = f"models:/{placed.model.model_id}"
    elif isinstance(parsed, RunUri):
        source = f"runs:/{parsed.run_id}/{parsed.path}"
    else:
        source = placed.address
    return _Candidate(
        source=source,
        location=placed.address if source != placed.address else None,
        run_id=placed.run_id,
        model_id=placed.model.model_id if placed.model else None,
        files=files,
    )


def _of_run(client: MlpackClient, uri: str | Path, run_id: str) -> str | Path:
    """``<artifact_uri>/model``, as people write it, is the model that its run calls so.

    Before MLflow 3 that was where models lay; now they have a place of their own.
    """
    parsed = parse(uri)
    if not isinstance(parsed, LocalUri | RemoteUri):
        return uri
    root = client.get_run(run_id).info.artifact_uri.rstrip("/")
    if isinstance(parsed, LocalUri):
        address = str(parsed.path.expanduser().absolute())
    else:
        address = parsed.uri
    path = address.removeprefix(f"{root}/").strip("/")
    return uri if path == address.strip("/") or not path else f"runs:/{run_id}/{path}"


def _as_logged(client: MlpackClient, placed: Placed, files: Mapping[str, str]) -> Placed:
    """A folder as the logged model that it claims to be a copy of, if every file is the same."""
    from ..flavors.integrity import digest

    claimed = described(placed.place).model_id
    try:
        model = client.get_logged_model(claimed) if claimed else None
    except MlpackError:
        return placed
    if model is None or model.digest != digest(files):
        return placed
    return place_of(client, LoggedModelUri(model.model_id))


def _copy_of(client: MlpackClient, version: ModelVersion, path: str) -> _Candidate:
    """A version of another name; its files have been checked when it was registered."""
    if path:
        raise InvalidInput(f"{version.model_uri}/{path} is a part of a model; register all of it.")
    return _Candidate(
        source=version.model_uri,
        location=version.location or version.source,
        run_id=version.run_id,
        model_id=version.model_id,
        files=client.get_version_files(version.name, version.version) or None,
        digest=version.digest,
    )


def _check_files(client: MlpackClient, placed: Placed, called: str) -> Mapping[str, str] | None:
    """The checksums to put on record; None when they are for the server to find."""
    check_is_model(placed.place, called)
    digest = placed.model.digest if placed.model else None
    told = described_files(placed.place)
    if family(client.registry_uri) == "http":  # which reads the files itself, as far as it can
        from ..flavors.integrity import digest as digest_of

        return told if digest and digest_of(told) == digest else None
    files = files_of(placed.place)
    if digest is not None:
        check_unchanged(files, digest, called, told)
    return files


def _await(version: ModelVersion, seconds: float) -> ModelVersion:
    """Wait for a server whose versions are not ready at once."""
    deadline = time.monotonic() + seconds
    while version.status == VersionStatus.PENDING and time.monotonic() < deadline:
        time.sleep(1)
        version = MlpackClient().get_model_version(version.name, version.version)
    if version.status == VersionStatus.FAILED:
        raise InvalidState(
            f"Version {version.version} of {version.name!r} could not be registered: "
            f"{version.status_message or 'the server does not say why'}."
        )
    return version
