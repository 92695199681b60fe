"""The bill of materials of an image that is there already: the one inside, or one made from it."""

from __future__ import annotations

from contextlib import suppress

from ...errors import MlpackError
from ..base import Report, ignore
from ..engine import connect
from ..engine_files import read_files
from ..labels import BASE_DIGEST, BASE_NAME
from ..oci.engine import platform_of
from ..oci.image import Image
from ..oci.open import is_plain_name
from ..oci.spec import Platform
from .explain import requirements_of
from .inventory import LOCK, SBOM, read_inventory
from .layer_files import Budget, files_of
from .parts import parts_of
from .sbom import hashes_of, sbom

_LARGEST = 64 << 20


def read_sbom(image: Image) -> bytes | None:
    """The bill of materials that its builder put into it; None if there is none.

    Raises:
        InvalidInput: a layer is damaged.
        NotFound: a layer is gone.
    """
    budget = Budget()
    for layer in reversed(image.layers):  # it is in one of ours, on top
        for entry in files_of(image, layer, budget):
            if entry.path == SBOM:
                return entry.read(_LARGEST) if entry.kind == "file" else None
    return None


def read_engine_sbom(reference: str, platform: Platform | None) -> bytes | None:
    """The one in an image of the engine, of which nothing else is read; None if there is none.

    Args:
        reference: as for `open_image`.
        platform: that the image must be for.
    """
    name = reference.removeprefix("engine:")
    if name == reference and not is_plain_name(reference):
        return None
    try:
        client = connect()
    except MlpackError:  # a registry may have it
        return None
    try:
        with suppress(MlpackError):
            there = platform_of(client, name)
            if there is not None and (platform is None or there.serves(platform)):
                return read_files(client, name, (SBOM,)).get(SBOM)
    finally:
        client.close()
    return None


def make_sbom(image: Image, report: Report = ignore) -> bytes:
    """A bill of materials of whatever is in an image, whoever made it.

    Checksums of wheels are in it if a lock is in the image.

    Raises:
        InvalidInput: the image is damaged, or asks for more than a real one does.
        NotFound: a layer is gone.
    """
    inventory = read_inventory(image, report)
    parts = parts_of(image, inventory)
    below = parts.count("base") if any(parts) else len(parts)
    base = inventory.base(below)
    return sbom(
        labels=image.labels,
        platform=image.platform,
        base=base,
        packages=tuple(each for each in inventory.packages() if each.layer >= below),
        distributions=[each for each in inventory.distributions() if each.layer >= below],
        requirements=requirements_of(inventory),
        hashes=hashes_of(inventory.text(LOCK) or ""),
        model=bool(inventory.model_files),
        base_name=image.labels.get(BASE_NAME),
        base_digest=image.labels.get(BASE_DIGEST),
    )
