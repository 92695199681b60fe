"""The bill of materials of an image that is being made."""

from __future__ import annotations

from collections.abc import Sequence

from ..base import Report
from ..inspect.inventory import base_of
from ..inspect.sbom import hashes_of, sbom
from ..lock.lock import Lock
from ..prepare import Prepared
from ..settings import ImageSettings
from .bundle import NewLayer, scratch
from .cache import Cache
from .image import Image


def bill_of_materials(
    prepared: Prepared,
    base: Image,
    layers: Sequence[NewLayer],
    lock: Lock,
    settings: ImageSettings,
    cache: Cache,
    report: Report,
) -> bytes:
    """What is in an image, as `inspect.sbom.sbom` writes it.

    Args:
        prepared: what is built.
        base: what the image starts from.
        layers: of ours that hold distributions.
        lock: that they were installed from, which has the checksums of their wheels.
        settings: with the labels.
        cache: where what was read of base and layers is remembered.
        report: told how far reading them is.
    """
    ours = base_of(scratch(layers, base.platform, cache), cache, report)
    labels = settings.clean_labels
    return sbom(
        labels=labels,
        platform=base.platform,
        base=base_of(base, cache, report),
        distributions=ours.distributions,
        requirements=prepared.requirements.lines,
        hashes=hashes_of(lock.text),
        base_name=labels.get("org.opencontainers.image.base.name"),
        base_digest=labels.get("org.opencontainers.image.base.digest"),
    )
