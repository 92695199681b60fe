"""What is deployed, and the digest that names it: the same again is recognised without building."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...builders.base import BuildSpec
from ...builders.content import content_key
from ...errors import InvalidInput, NotFound
from ..base import DeployRequest
from .options import BATCH, MLFLOW, AzureMLOptions

PLATFORM = "linux/amd64"  # what Azure's machines run
_EXAMPLE = "serving_input_example.json"


@dataclass(frozen=True)
class Source:
    """A model's folder or image.

    Attributes:
        digest: hexadecimal; of all that decides what will run.
        folder: of the model, if it is known.
        model_digest: of its files.
        example: a body to try it with.
        image: to build, or a name; None when Azure's own server runs the folder.
        pinned: the image is in a registry already, under this name with its digest.
    """

    digest: str
    folder: Path | None
    model_digest: str | None
    example: bytes | None
    image: BuildSpec | str | None
    pinned: str | None = None

    @property
    def tag(self) -> str:
        """Of the image in the registry."""
        return self.digest[:16]


def find_source(request: DeployRequest, options: AzureMLOptions) -> Source:
    """What a request would deploy.

    Raises:
        InvalidInput: the way needs a folder, or a signature, that is not there.
        BadModel: the folder is no model.
        NotFound: there is no such image.
    """
    spec = request.image if isinstance(request.image, BuildSpec) else None
    folder = request.model or (spec.model if spec else None)
    files = _files(folder) if folder else None
    example = _example(folder) if folder else None
    if options.source == MLFLOW:
        if folder is None or files is None:
            raise InvalidInput("Azure's own server runs a model's folder, no image: drop --image.")
        _check_no_code(folder, options)
        of = _digest_of({"way": MLFLOW, "files": files})
        return Source(of, folder, files, _for_azure(example), None)
    if spec is not None:
        return Source(content_key(spec, PLATFORM), folder, files, example, spec)
    name = str(request.image)
    pinned = name if "@sha256:" in name else None
    of = _digest_of({"way": "image", "image": pinned or _on_engine(name)})
    return Source(of, folder, files, example, name, pinned)


def for_azure_server(body: bytes, content_type: str) -> bytes:
    """A request as Azure's server for MLflow models reads it: under the key ``input_data``.

    Raises:
        InvalidInput: it is no JSON object.
    """
    if content_type.partition(";")[0].strip() != "application/json":
        raise InvalidInput("Azure's server for MLflow models reads JSON alone.")
    try:
        told = json.loads(body)
    except ValueError:
        raise InvalidInput("The request is not JSON.") from None
    if not isinstance(told, dict):
        raise InvalidInput("The request is no JSON object.")
    for key in ("dataframe_split", "dataframe_records", "instances", "inputs"):
        if key in told:
            data = told.pop(key)
            return json.dumps({"input_data": data, **told}).encode()
    return body


def _for_azure(example: bytes | None) -> bytes | None:
    return for_azure_server(example, "application/json") if example else None


def _files(folder: Path) -> str:
    from ...flavors.integrity import digest, manifest

    return str(digest(manifest(folder)))


def _example(folder: Path) -> bytes | None:
    try:
        return (folder / _EXAMPLE).read_bytes()
    except OSError:
        return None


def _check_no_code(folder: Path, options: AzureMLOptions) -> None:
    from ...flavors.descriptor import Model

    model = Model.read(folder)
    if model.signature is None:
        raise InvalidInput(
            f"{folder} has no signature, without which Azure's server for MLflow models does not "
            "know what it is sent. Log the model with an input example, or use -C way=image."
        )
    for name in ("liveness_route", "readiness_route", "scoring_route", "port"):
        if getattr(options, name) != getattr(AzureMLOptions, name) and options.kind != BATCH:
            raise InvalidInput(f"The option {name!r} is for -C way=image: the server is Azure's.")


def _digest_of(told: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _on_engine(name: str) -> str:
    from docker.errors import DockerException, ImageNotFound

    from ...builders.engine import connect
    from ...errors import EngineUnavailable

    client = connect()
    try:
        return str(client.images.get(name).id)
    except ImageNotFound:
        raise NotFound(
            f"The engine has no image {name!r}. Build it first (mlpack build-docker), or name one "
            "that is in a registry by its digest: registry.example/churn@sha256:…"
        ) from None
    except DockerException as error:
        raise EngineUnavailable(f"The Docker engine does not answer: {error}") from error
    finally:
        client.close()
