"""Layers of an image that come as bare tars, compressed into the cache, once."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from ...errors import InvalidInput, NotFound
from ..base import Compression, Progress, Report, ignore
from .archive import manifest_of
from .blob_reader import pieces
from .cache import Cache
from .compress import compress, compression_of, media_type
from .image import Blobs, Image
from .layers import recall_layer, remember_layer
from .spec import OCI_MANIFEST, Descriptor


@dataclass(frozen=True)
class CachedFirst:
    """What the cache has comes from there, the rest from where the image is; a `Blobs`."""

    cache: Cache
    behind: Blobs

    def open(self, blob: Descriptor) -> AbstractContextManager[BinaryIO]:
        """See `Blobs.open`."""
        try:
            return self.cache.open(blob)
        except NotFound:
            return self.behind.open(blob)

    def path(self, digest: str, size: int | None = None) -> Path | None:
        """See `Cache.path`."""
        return self.cache.path(digest, size)


def repacked(
    image: Image,
    cache: Cache,
    compression: Compression = "gzip",
    *,
    copy: bool = False,
    report: Report = ignore,
) -> Image:
    """The image with its layers compressed, as registries want them.

    A layer whose tar the cache has compressed already is not read. Layers that come compressed,
    however, stay as they are. If nothing had to change, the manifest is the same.

    Args:
        image: of an engine or an archive.
        cache: where compressed layers go.
        compression: ``none`` leaves all layers as they are.
        copy: put the others into the cache, too, because where they are will be gone.
        report: told how far it is.

    Raises:
        InvalidInput: a layer is damaged.
        StorageFailed: the cache cannot be written.
    """
    layers = []
    total, done = sum(layer.size for layer in image.layers), 0
    for layer, diff_id in zip(image.layers, image.diff_ids, strict=True):
        if compression_of(layer.media_type) == "none" and compression != "none":
            layers.append(_compressed(image, layer, diff_id, cache, compression))
        else:
            layers.append(layer)
            if copy and cache.path(layer.digest, layer.size) is None:
                with image.blobs.open(layer) as file:
                    cache.add(pieces(file), layer.media_type, layer)
            # of a folder's or file's layers nobody has looked into them, and this would be believed
            if copy or layer.digest == diff_id:
                remember_layer(cache, diff_id, compression_of(layer.media_type), layer)
        done += layer.size
        report(Progress("bytes", "Compressing the base image", "base", done, total))
    blobs: Blobs = cache if copy else CachedFirst(cache, image.blobs)
    if compression == "none" and not copy:
        blobs = image.blobs  # who only looks wants to see what is there, not what should be
    if tuple(layers) == image.layers:
        return replace(image, blobs=blobs)
    manifest = manifest_of(image.config, layers)
    described = Descriptor.of(OCI_MANIFEST, manifest, platform=image.platform)
    return replace(image, descriptor=described, manifest=manifest, blobs=blobs)


def _compressed(
    image: Image, layer: Descriptor, diff_id: str, cache: Cache, compression: Compression
) -> Descriptor:
    if layer.digest != diff_id:
        raise InvalidInput(f"The image's layer {layer.digest} is not the one it should be.")
    known = recall_layer(cache, diff_id, compression)
    if known is None:
        with image.blobs.open(layer) as file:  # to its end, so that the bytes are compared
            kind = media_type(compression)
            known = cache.add(compress(pieces(file), compression), kind)
        remember_layer(cache, diff_id, compression, known)
    return known
