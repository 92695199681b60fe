"""Puts layers on a base image: configuration, manifest, index. The same parts, the same bytes.

Format: https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md and manifest.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from ..base import Part
from ..settings import ImageSettings
from .cache import Cache
from .compress import compression_of, media_type
from .image import Blobs, Image
from .layers import MadeLayer
from .spec import (
    OCI_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    Platform,
    canonical,
)

MADE_BY = "mlpack: "  # begins what the history says of each layer of ours


@dataclass(frozen=True)
class NewLayer:
    """A layer that a build puts on top.

    Attributes:
        part: of the image.
        content: what it holds, in a few words; it stands in the image's history.
        made: the layer.
    """

    part: Part
    content: str
    made: MadeLayer


@dataclass(frozen=True)
class _Joined:
    """The blobs of a base image, and those of ours."""

    base: Blobs
    ours: Cache
    own: frozenset[str]

    def open(self, blob: Descriptor) -> AbstractContextManager[BinaryIO]:
        return (self.ours if blob.digest in self.own else self.base).open(blob)

    def path(self, digest: str, size: int | None = None) -> Path | None:
        """Of a layer of ours, so that layouts can link to it."""
        return self.ours.path(digest, size) if digest in self.own else None


def assemble(
    base: Image,
    layers: Sequence[NewLayer],
    settings: ImageSettings,
    *,
    created: str,
    ours: Cache,
) -> Image:
    """An image of one platform.

    Args:
        base: what it starts from.
        layers: on top of it, from below.
        settings: how it runs, and its labels.
        created: RFC 3339; the model's own time, so that the same model gives the same image.
        ours: where the layers are.
    """
    platform = base.platform
    config: dict[str, Any] = {
        "architecture": platform.architecture,
        "os": platform.os,
        **({"variant": platform.variant} if platform.variant else {}),
        "created": created,
        "config": settings.configuration(base.settings.get("config") or {}),
        "rootfs": {
            "type": "layers",
            "diff_ids": [*base.diff_ids, *(layer.made.diff_id for layer in layers)],
        },
        "history": [
            *_history(base),
            *(
                {
                    "created": created,
                    "created_by": f"{MADE_BY}{layer.part}",
                    "comment": layer.content,
                }
                for layer in layers
            ),
        ],
    }
    text = canonical(config)
    below = [replace(layer, media_type=_standard(layer.media_type)) for layer in base.layers]
    on_top = [layer.made.descriptor for layer in layers]
    manifest = canonical(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": Descriptor.of(OCI_CONFIG, text).to_dict(),
            "layers": [_bare(layer) for layer in (*below, *on_top)],
            "annotations": dict(settings.clean_labels),
        }
    )
    blobs: Blobs = ours
    if not isinstance(base.blobs, Cache) or base.blobs.folder != ours.folder:
        blobs = _Joined(base.blobs, ours, frozenset(layer.digest for layer in on_top))
    return Image(Descriptor.of(OCI_MANIFEST, manifest, platform=platform), manifest, text, blobs)


def scratch(layers: Sequence[NewLayer], platform: Platform, cache: Cache) -> Image:
    """The layers alone, as an image that nobody can run but everybody can read."""
    rootfs = {"type": "layers", "diff_ids": [layer.made.diff_id for layer in layers]}
    config = canonical(
        {"architecture": platform.architecture, "os": platform.os, "config": {}, "rootfs": rootfs}
    )
    manifest = canonical(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": Descriptor.of(OCI_CONFIG, config).to_dict(),
            "layers": [_bare(layer.made.descriptor) for layer in layers],
        }
    )
    described = Descriptor.of(OCI_MANIFEST, manifest, platform=platform)
    return Image(described, manifest, config, cache)


def make_index(images: Sequence[Image], annotations: Mapping[str, str]) -> bytes:
    """One name for several platforms.

    Args:
        images: one a platform.
        annotations: of the index.
    """
    return canonical(
        {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [image.descriptor.to_dict() for image in images],
            "annotations": dict(annotations),
        }
    )


def _bare(layer: Descriptor) -> dict[str, Any]:
    return Descriptor(layer.media_type, layer.digest, layer.size).to_dict()


def _standard(layer_type: str) -> str:
    """Docker's names of layer types as the standard has them; the bytes are the same."""
    if layer_type.startswith("application/vnd.docker.image.rootfs.diff."):
        return media_type(compression_of(layer_type))
    return layer_type


def _history(base: Image) -> list[Mapping[str, Any]]:
    """Of the base: as many entries with a layer as there are layers, or readers would be lost."""
    told = [each for each in base.settings.get("history") or () if isinstance(each, Mapping)]
    count = len(base.diff_ids)
    if sum(not each.get("empty_layer") for each in told) == count:
        return told
    return [{"created_by": "base image"} for _ in range(count)]
