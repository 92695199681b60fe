"""`mlpack.models.get_model_info`: what is on record about a model, without its files."""

from __future__ import annotations

from pathlib import Path

from ..errors import NotFound
from .client import MlpackClient
from .log import ModelInfo
from .subject import look_up


def get_model_info(model_uri: str | Path) -> ModelInfo:
    """What `log_model` returned for a model; only its descriptor is fetched, nothing is loaded.

    Args:
        model_uri: any address of a model, a registered one's included.

    Raises:
        InvalidInput: the address is malformed.
        NotFound: it names nothing, or the model's files are gone.
        BadModel: it is a folder without a model.
    """
    found = look_up(MlpackClient(), model_uri)
    described = found.descriptor
    if described is None:
        raise NotFound(f"The files of {str(model_uri)!r} are gone: {found.gone.get('files', '')}")
    logged, version = found.model, found.version
    return ModelInfo(
        model_uri=str(model_uri),
        model_id=found.model_id or described.model_id,
        run_id=found.run_id or described.run_id,
        name=logged.name if logged else described.artifact_path,
        artifact_path=logged.artifact_location if logged else described.artifact_path,
        digest=(version and version.digest) or (logged and logged.digest) or None,
        model=described,
        registered_model_version=version.version if version else None,
    )
