"""An image that an engine built, as what goes into registries, layouts and archives."""

from __future__ import annotations

from typing import Any

from .. import __version__
from .base import BuildSpec, Report
from .inspect.image_sbom import make_sbom
from .inspect.sbom import MEDIA_TYPE
from .labels import tagged
from .oci.cache import Cache
from .oci.engine import read_engine
from .oci.image import Attachment, Bundle, Image

_KIND = "engine-sbom-1"


def bundle_of_engine(
    client: Any, identity: str, spec: BuildSpec, cache: Cache, report: Report
) -> Bundle:
    """The image, and beside it its bill of materials, which an engine cannot put into it.

    Args:
        client: of the engine.
        identity: of the image.
        spec: that it was built from.
        cache: where its layers go.
        report: told how far reading it is.

    Raises:
        NotFound: the engine has it no more.
        EngineUnavailable: the engine broke off.
    """
    image = read_engine(client, identity, cache, compression=spec.compression, report=report)
    bill = _bill(image, cache, report)
    attachment = Attachment(image.descriptor, MEDIA_TYPE, bill)
    return Bundle(tagged(spec.name), (image,), None, (attachment,))


def _bill(image: Image, cache: Cache, report: Report) -> bytes:
    """Made once of an image: all of it is read for that."""
    key = f"{__version__} {image.descriptor.digest}"
    known = cache.recall(_KIND, key)
    if known is not None:
        return str(known["text"]).encode()
    bill = make_sbom(image, report)
    cache.remember(_KIND, key, {"text": bill.decode()})
    return bill
