"""The image of a request: which it is, known before it is built, and in a registry at last."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...builders.base import BuildSpec, Report
from ...errors import InvalidInput, MlpackError
from ..base import DeployRequest, say
from .common import Manifest, Notes
from .options import ClusterOptions


@dataclass(frozen=True)
class Source:
    """An image that nodes can fetch.

    Attributes:
        key: says what it consists of.
        reference: repository and tag, or digest if that is known.
        spec: what is to be built; None for an image that is there.
    """

    key: str
    reference: str
    spec: BuildSpec | None = None

    @property
    def is_pinned(self) -> bool:
        """Does the reference mean the same image for ever?"""
        return "@sha256:" in self.reference


def find_source(request: DeployRequest, options: ClusterOptions) -> Source:
    """Which image a request means; nothing is built.

    Raises:
        InvalidInput: there is no registry to push it to, or it is for another platform.
    """
    image = request.image
    if isinstance(image, str):
        pinned = _pinned(image)
        return Source(pinned, pinned)
    if options.repository is None:
        raise InvalidInput(
            "The nodes of a cluster fetch images from a registry: say where to push to with "
            "-C repository=registry.example/team, or name an image that is there with --image."
        )
    if image.platforms and tuple(image.platforms) != (options.platform,):
        raise InvalidInput(
            f"The image would be for {', '.join(image.platforms)}, the nodes run "
            f"{options.platform} (-C platform=…)."
        )
    from ...builders.content import content_key

    key = content_key(image, options.platform)
    reference = f"{options.repository.rstrip('/')}/{request.name}:{key[:16]}"
    digest = _remote_digest(reference)
    if digest is not None:
        return Source(key, f"{reference.rpartition(':')[0]}@{digest}")
    return Source(key, reference, image)


def publish(source: Source, request: DeployRequest, options: ClusterOptions, report: Report) -> str:
    """The image's reference by digest; built and pushed only if the registry lacks it.

    Raises:
        BuildFailed, RegistryFailed: it could not be made, or not be pushed.
    """
    if source.spec is None:
        return source.reference
    from ...builders.publish import publish as to_registry

    say(report, f"Building the image and pushing it to {source.reference}")
    done = to_registry(
        source.spec,
        source.reference,
        platform=options.platform,
        builder=request.builder,
        report=report,
    )
    return done.pinned


def wanted(source: Source, manifests: Sequence[Manifest]) -> str:
    """A digest of all that is asked for, by which the same again is recognised.

    The manifests are those of the image's key: the digest that it gets in a registry is not
    known before it is there.
    """
    text = json.dumps([source.key, list(manifests)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def notes(request: DeployRequest, image: str, digest: str) -> Notes:
    """What is noted of a request beside what runs it."""
    return Notes.of(request, image, digest, _model_id(request))


def _pinned(image: str) -> str:
    """The same image by digest, if its registry can be asked; the nodes may see more than we."""
    if "@" in image:
        return image
    digest = _remote_digest(image)
    if digest is None:
        return image
    name = image.rpartition(":")[0] if ":" in image.rpartition("/")[2] else image
    return f"{name}@{digest}"


def _remote_digest(reference: str) -> str | None:
    from ...builders.remote.push import remote_digest

    try:
        return remote_digest(reference)
    except MlpackError:
        return None  # what cannot be asked will be told when it is pushed to


def _model_id(request: DeployRequest) -> str | None:
    from ...flavors.descriptor import Model

    if request.model is None:
        return None
    try:
        found: Any = Model.read(request.model).model_id
        return found if isinstance(found, str) else None
    except MlpackError:
        return None
