"""What an image says of itself: labels of its configuration, annotations of its manifest.

Keys: https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md, and our own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import __version__
from ..errors import InvalidInput
from .base import BuildSpec

if TYPE_CHECKING:
    from ..flavors.descriptor import Model

CREATED = "org.opencontainers.image.created"
BASE_NAME = "org.opencontainers.image.base.name"
BASE_DIGEST = "org.opencontainers.image.base.digest"
MODEL_DIGEST = "mlpack.model.digest"
# the server knows `serve.handover`, so that a deployment can be replaced unnoticed
HANDOVER = "mlpack.serve.handover"
# it can load and unload models while it runs, which SageMaker wants to be told:
# https://docs.aws.amazon.com/sagemaker/latest/dg/build-multi-model-build-container.html
MULTI_MODEL = "com.amazonaws.sagemaker.capabilities.multi-models"
# of a model that does not say when it was made
EARLIEST = "1980-01-01T00:00:00Z"


@dataclass(frozen=True)
class Base:
    """What an image starts from.

    Attributes:
        name: as others can find it; None for a folder or file of one machine.
        digest: of its manifest (or index), where it has one.
        undone: variables of its that an engine has to be told to set to nothing.
        unsaid: labels of its, likewise.
    """

    name: str | None = None
    digest: str | None = None
    undone: tuple[str, ...] = ()
    unsaid: tuple[str, ...] = ()


def labels_of(
    spec: BuildSpec, model: Model, digest: str | None, base: Base | None = None
) -> dict[str, str]:
    """The labels of an image, the user's own over ours.

    Args:
        spec: what is built.
        model: its descriptor.
        digest: of the model, if somebody vouches for it.
        base: what the image starts from.
    """
    base = base or Base()
    found = {
        "org.opencontainers.image.title": title(spec.name),
        CREATED: timestamp(model.utc_time_created),
        "org.opencontainers.image.version": model.model_id or model.model_uuid,
        "org.opencontainers.image.revision": spec.revision,
        BASE_NAME: base.name,
        BASE_DIGEST: base.digest,
        "mlpack.version": __version__,
        HANDOVER: "1",
        MULTI_MODEL: "true",
        "mlpack.model.name": spec.registered_name,
        "mlpack.model.version": spec.registered_version,
        "mlpack.model.id": model.model_id,
        "mlpack.model.uuid": model.model_uuid,
        MODEL_DIGEST: digest,
        "mlpack.model.flavors": ",".join(sorted(model.flavors)),
        "mlpack.model.signature.digest": _signature_digest(model),
        "mlpack.run.id": model.run_id,
    }
    return {**{key: str(value) for key, value in found.items() if value}, **spec.labels}


def environment_of(spec: BuildSpec, digest: str | None) -> dict[str, str]:
    """What the server in the container is told about the model."""
    return {
        "MLPACK_MODEL_NAME": _registered(spec) or title(spec.name),
        **({"MLPACK_MODEL_DIGEST": digest} if digest else {}),
    }


def base_name(text: str) -> str | None:
    """How others find a base image; None for an id, a folder or a file of this machine."""
    from .prepare import of_this_machine
    from .remote.reference import Reference

    text = re.sub(r"^(engine|registry):", "", text)
    if of_this_machine(text) or re.fullmatch(r"sha256:[0-9a-f]{64}", text):
        return None
    try:
        found = Reference.parse(text)
    except InvalidInput:
        return None
    return f"{found.name}:{found.tag}" if found.tag else str(found)


def title(name: str) -> str:
    """An image's name without registry, tag and digest."""
    return re.split(r"[:@]", name.rpartition("/")[2], maxsplit=1)[0]


def tagged(name: str) -> str:
    """An image's name with the tag that engines and registries would take."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def timestamp(created: object) -> str | None:
    """The descriptor's naive UTC time as RFC 3339."""
    match = re.match(r"^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d+)?)$", str(created or ""))
    return f"{match[1]}T{match[2]}Z" if match else None


def _signature_digest(model: Model) -> str | None:
    """The same for two models that take and give the same, whatever else differs."""
    from .oci.spec import canonical, sha256

    return sha256(canonical(model.signature.to_dict())) if model.signature else None


def _registered(spec: BuildSpec) -> str | None:
    """The address of the version that the image holds."""
    if spec.registered_name is None or spec.registered_version is None:
        return None
    return f"models:/{spec.registered_name}/{spec.registered_version}"
