"""The values that image manifests are made of.

Format: https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md and image-index.md.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...errors import InvalidInput

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"  # then +gzip or +zstd
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"

INDEXES = frozenset({OCI_INDEX, DOCKER_INDEX})
MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_OTHER_DIGEST = re.compile(r"([a-z0-9+._-]{1,32}):[A-Za-z0-9=_-]{1,256}")
_PLATFORM = re.compile(r"([a-z0-9]+)/([a-z0-9_]+)(?:/(v\d+))?")
_SAME = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Platform:
    """What an image runs on, such as ``linux/arm64``.

    Attributes:
        os: such as ``linux``.
        architecture: Go's name of it: ``amd64``, ``arm64``.
        variant: such as ``v7``, if there are several.
    """

    os: str
    architecture: str
    variant: str | None = None

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Raises `InvalidInput` unless ``text`` is like ``linux/amd64`` or ``linux/arm/v7``."""
        match = _PLATFORM.fullmatch(text)
        if match is None:
            raise InvalidInput(f"{text!r} is not a platform such as linux/amd64.")
        architecture = _SAME.get(match[2], match[2])
        # arm64 has one variant, which most images do not name
        variant = None if (architecture, match[3]) == ("arm64", "v8") else match[3]
        return cls(match[1], architecture, variant)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Platform:
        """From a descriptor's ``platform``, or from an image's configuration."""
        parts = [str(found.get("os") or "linux"), str(found.get("architecture") or "unknown")]
        if found.get("variant"):
            parts.append(str(found["variant"]))
        try:
            return cls.parse("/".join(parts))
        except InvalidInput:
            return cls(parts[0], parts[1])

    @classmethod
    def of_machine(cls) -> Platform:
        """What containers on this machine run on."""
        machine = platform.machine().lower()
        return cls("linux", _SAME.get(machine, machine))

    def serves(self, wanted: Platform) -> bool:
        """Does an image for this platform run where ``wanted`` is asked for?"""
        same = (self.os, self.architecture) == (wanted.os, wanted.architecture)
        return same and (not self.variant or not wanted.variant or self.variant == wanted.variant)

    def to_dict(self) -> dict[str, str]:
        """As in a descriptor."""
        found = {"architecture": self.architecture, "os": self.os}
        return {**found, **({"variant": self.variant} if self.variant else {})}

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A blob: what it is, its digest and its size in bytes."""

    media_type: str
    digest: str
    size: int
    platform: Platform | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    artifact_type: str | None = None

    @classmethod
    def of(cls, media_type: str, content: bytes, **more: Any) -> Descriptor:
        """Of bytes in memory."""
        return cls(media_type, sha256(content), len(content), **more)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Descriptor:
        """As read from a manifest.

        Raises:
            InvalidInput: a field is missing or of the wrong form; digests become file names.
        """
        if not isinstance(found, Mapping):
            raise InvalidInput("The image's manifest holds something that is no descriptor.")
        size, digest = found.get("size"), str(found.get("digest"))
        other = _OTHER_DIGEST.fullmatch(digest)
        if other and other[1] != "sha256":
            raise InvalidInput(
                f"The image's manifest has digests of the kind {other[1]}; only sha256 is known."
            )
        if not _DIGEST.fullmatch(digest) or not isinstance(size, int) or size < 0:
            raise InvalidInput(f"The image's manifest holds no valid descriptor: {digest[:80]!r}.")
        where, annotations = found.get("platform"), found.get("annotations")
        return cls(
            media_type=str(found.get("mediaType") or ""),
            digest=digest,
            size=size,
            platform=Platform.from_dict(where) if isinstance(where, Mapping) else None,
            annotations={
                str(key): str(value)
                for key, value in (annotations if isinstance(annotations, Mapping) else {}).items()
            },
            artifact_type=str(found["artifactType"]) if found.get("artifactType") else None,
        )

    def to_dict(self) -> dict[str, Any]:
        """As written into a manifest."""
        found: dict[str, Any] = {"mediaType": self.media_type}
        found |= {"digest": self.digest, "size": self.size}
        if self.platform:
            found["platform"] = self.platform.to_dict()
        if self.annotations:
            found["annotations"] = dict(sorted(self.annotations.items()))
        if self.artifact_type:
            found["artifactType"] = self.artifact_type
        return found


def sha256(content: bytes) -> str:
    """``sha256:…`` of bytes in memory."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def canonical(value: Mapping[str, Any]) -> bytes:
    """JSON whose bytes depend on the value alone."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
