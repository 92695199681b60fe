"""An image that an engine built, as what goes into registries, layouts and archives."""

from __future__ import annotations

from typing import Any

from .base import BuildSpec, Report
from .inspect.sbom import MEDIA_TYPE
from .labels import tagged
from .oci.cache import Cache
from .oci.engine import read_engine
from .oci.image import Attachment, Bundle


def bundle_of_engine(
    client: Any, identity: str, bill: bytes, spec: BuildSpec, cache: Cache, report: Report
) -> Bundle:
    """The image, and beside it its bill of materials.

    Args:
        client: of the engine.
        identity: of the image.
        bill: as it is in the image.
        spec: that it was built from.
        cache: where its layers go.
        report: told how far reading it is.

    Raises:
        NotFound: the engine has it no more.
        EngineUnavailable: the engine broke off.
    """
    image = read_engine(client, identity, cache, compression=spec.compression, report=report)
    attachment = Attachment(image.descriptor, MEDIA_TYPE, bill)
    return Bundle(tagged(spec.name), (image,), None, (attachment,))
