"""Tiny images made by hand, and what to look for in them."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import random
import tarfile
from collections.abc import Sequence

from mlpack.builders.oci.cache import Cache
from mlpack.builders.oci.image import Attachment, Bundle, Image
from mlpack.builders.oci.spec import (
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    Descriptor,
    Platform,
    canonical,
)

AMD64 = Platform("linux", "amd64")
ARM64 = Platform("linux", "arm64")
SBOM = "application/vnd.cyclonedx+json"


def layer(cache: Cache, name: str, size: int = 2000) -> tuple[Descriptor, str]:
    """A layer of one file that does not compress, and its diff id."""
    content = random.Random(name).randbytes(size)
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        info = tarfile.TarInfo(f"data/{name}")
        info.size = size
        tar.addfile(info, io.BytesIO(content))
    raw = file.getvalue()
    made = cache.add([gzip.compress(raw, 1, mtime=0)], f"{OCI_LAYER}+gzip")
    return made, f"sha256:{hashlib.sha256(raw).hexdigest()}"


def image(
    cache: Cache, *names: str, platform: Platform = AMD64, size: int = 2000, **settings: object
) -> Image:
    """An image of one layer a name; the names decide about every byte."""
    layers = [layer(cache, name, size) for name in names]
    config = canonical(
        {
            **platform.to_dict(),
            "config": {"Labels": {"names": " ".join(names)}, **settings},
            "rootfs": {"type": "layers", "diff_ids": [diff for _, diff in layers]},
            "history": [{"created_by": name} for name in names],
        }
    )
    manifest = canonical(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": Descriptor.of(OCI_CONFIG, config).to_dict(),
            "layers": [made.to_dict() for made, _ in layers],
        }
    )
    descriptor = Descriptor.of(OCI_MANIFEST, manifest, platform=platform)
    return Image(descriptor, manifest, config, cache)


def bundle(cache: Cache, *names: str, size: int = 2000) -> Bundle:
    """Of one image."""
    return Bundle("tiny:1", (image(cache, *(names or ("one", "two")), size=size),))


def index(images: Sequence[Image]) -> Bundle:
    """Of several platforms."""
    text = canonical(
        {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [each.descriptor.to_dict() for each in images],
        }
    )
    return Bundle("tiny:1", tuple(images), text)


def sbom(about: Image, text: str = "{}") -> Attachment:
    """Something to attach."""
    return Attachment(about.descriptor, SBOM, text.encode(), {"org.example.by": "tests"})


def unique() -> str:
    """A name that no other test takes."""
    return f"it/{os.urandom(6).hex()}"
