"""One image of one platform, wherever its blobs are, and what a build hands on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, BinaryIO, Protocol

from .spec import OCI_EMPTY, OCI_INDEX, OCI_MANIFEST, Descriptor, Platform, canonical, sha256

EMPTY = b"{}"  # the configuration of what has none


class Blobs(Protocol):
    """Where an image's blobs come from: the cache, a layout, an archive, an engine, a registry."""

    def open(self, blob: Descriptor) -> AbstractContextManager[BinaryIO]:
        """The blob's bytes, as they are stored (compressed).

        Whoever reads to the end has them checked against the digest.

        Raises:
            NotFound: it is not there.
            InvalidInput: its bytes do not have its digest.
        """


@dataclass(frozen=True)
class Image:
    """An image of one platform.

    Attributes:
        descriptor: of the manifest; its platform is set.
        manifest: the manifest's bytes, exactly.
        config: the configuration's bytes, exactly.
        blobs: where the layers come from.
        origin: what its name led to in its registry, if it came from one: its own digest, or that
            of an index that it is in.
        platforms: of all images of the index that it is in; none if it is in none.
    """

    descriptor: Descriptor
    manifest: bytes
    config: bytes
    blobs: Blobs
    origin: str | None = None
    platforms: tuple[Platform, ...] = ()

    @property
    def known_as(self) -> str:
        """The digest by which others find it, or its own."""
        return self.origin or self.descriptor.digest

    @cached_property
    def layers(self) -> tuple[Descriptor, ...]:
        """From the base up."""
        return tuple(Descriptor.from_dict(each) for each in json.loads(self.manifest)["layers"])

    @cached_property
    def config_descriptor(self) -> Descriptor:
        """Of the configuration."""
        return Descriptor.from_dict(json.loads(self.manifest)["config"])

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """The configuration, parsed: ``config``, ``rootfs``, ``history``, …"""
        found: dict[str, Any] = json.loads(self.config)
        return found

    @property
    def diff_ids(self) -> tuple[str, ...]:
        """Digests of the unpacked layers, in the order of `layers`."""
        return tuple(self.settings["rootfs"]["diff_ids"])

    @property
    def labels(self) -> Mapping[str, str]:
        """Of the configuration."""
        return dict((self.settings.get("config") or {}).get("Labels") or {})

    @property
    def platform(self) -> Platform:
        """What it runs on."""
        return self.descriptor.platform or Platform.from_dict(self.settings)


@dataclass(frozen=True)
class Attachment:
    """Something about an image, pushed beside it as a referrer (an SBOM).

    Attributes:
        subject: the manifest that it is about.
        artifact_type: what it is, such as ``application/vnd.cyclonedx+json``.
        content: its bytes.
        annotations: of its manifest.
    """

    subject: Descriptor
    artifact_type: str
    content: bytes
    annotations: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def manifest(self) -> bytes:
        """Of an artifact whose subject is the image.

        Format: https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md, "Guidelines
        for Artifact Usage".
        """
        about = Descriptor(self.subject.media_type, self.subject.digest, self.subject.size)
        found: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": self.artifact_type,
            "config": Descriptor.of(OCI_EMPTY, EMPTY).to_dict(),
            "layers": [Descriptor.of(self.artifact_type, self.content).to_dict()],
            "subject": about.to_dict(),
        }
        if self.annotations:
            found["annotations"] = dict(self.annotations)
        return canonical(found)

    @property
    def descriptor(self) -> Descriptor:
        """Of its manifest."""
        return Descriptor.of(
            OCI_MANIFEST,
            self.manifest,
            artifact_type=self.artifact_type,
            annotations=self.annotations,
        )

    def contents(self) -> Iterator[tuple[Descriptor, bytes]]:
        """Its blobs, the manifest last."""
        yield Descriptor.of(OCI_EMPTY, EMPTY), EMPTY
        yield Descriptor.of(self.artifact_type, self.content), self.content
        yield self.descriptor, self.manifest


@dataclass(frozen=True)
class Bundle:
    """All that one build made.

    Attributes:
        name: name and tag.
        images: one a platform.
        index: the bytes of the image index; None when there is one image alone.
        attachments: what is pushed beside it.
    """

    name: str
    images: tuple[Image, ...]
    index: bytes | None = None
    attachments: tuple[Attachment, ...] = ()

    @property
    def digest(self) -> str:
        """What the name leads to: the index if there is one, else the only manifest."""
        return sha256(self.index) if self.index is not None else self.images[0].descriptor.digest

    @property
    def root(self) -> Descriptor:
        """Of what the name leads to."""
        if self.index is None:
            return self.images[0].descriptor
        return Descriptor.of(json.loads(self.index).get("mediaType", OCI_INDEX), self.index)

    def contents(self) -> Iterator[tuple[Descriptor, bytes | Blobs]]:
        """All blobs, each once, and each after those that it names: bytes, or where to open it."""
        seen: set[str] = set()
        for blob, source in self._contents():
            if blob.digest not in seen:
                seen.add(blob.digest)
                yield blob, source

    def _contents(self) -> Iterator[tuple[Descriptor, bytes | Blobs]]:
        for image in self.images:
            yield from ((layer, image.blobs) for layer in image.layers)
            yield image.config_descriptor, image.config
            yield image.descriptor, image.manifest
        if self.index is not None:
            yield self.root, self.index
        for attachment in self.attachments:
            yield from attachment.contents()
