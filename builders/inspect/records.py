"""What the user's own stores have on record of the model that an image says it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...errors import MlpackError, NotFound
from ...flavors import integrity
from .verify import Record

if TYPE_CHECKING:
    from ...registry.client import MlpackClient


def records_of(labels: Mapping[str, str], model_uri: str | None) -> tuple[list[Record], list[str]]:
    """Records to compare an image with.

    Args:
        labels: of the image, which name the version or model.
        model_uri: the model that it must hold, whatever the labels say.

    Returns:
        The records, and what the user should know of those that were not found.

    Raises:
        NotFound: ``model_uri`` names nothing.
        MlpackError: it cannot be read.
    """
    if model_uri is not None:
        return [_named(model_uri)], []
    name, version = labels.get("mlpack.model.name"), labels.get("mlpack.model.version")
    model_id = labels.get("mlpack.model.id")
    if not (name and version) and not model_id:
        return [], []
    try:
        return _in_store(name, version, model_id)
    except MlpackError as error:
        return [], [f"The store in use could not be asked: {error.message}"]


def _named(uri: str) -> Record:
    from ...registry.resolve import resolve

    found = resolve(uri)
    files = found.files
    if not files or integrity.digest(files) != found.digest:
        files = integrity.manifest(found.path)
    return Record(uri, found.digest or integrity.digest(files), files)


def _in_store(
    name: str | None, version: str | None, model_id: str | None
) -> tuple[list[Record], list[str]]:
    from ...registry.client import MlpackClient

    client = MlpackClient()
    if name and version and version.isdecimal():
        try:
            return [_of_version(client, name, int(version))], []
        except NotFound:
            pass
    if model_id:
        try:
            logged = client.get_logged_model(model_id)
        except NotFound:
            logged = None
        if logged is not None and logged.digest:
            return [Record(f"the model {model_id} in the store", logged.digest)], []
    what = f"models:/{name}/{version}" if name and version else f"the model {model_id}"
    return [], [f"The store in use has no record of {what}, which the image names."]


def _of_version(client: MlpackClient, name: str, version: int) -> Record:
    found = client.get_model_version(name, version)
    if not found.digest:
        raise NotFound(f"models:/{name}/{version} has no digest on record.")
    files = client.get_version_files(name, version)
    return Record(f"models:/{name}/{version} in the registry", found.digest, files)
