"""Images of a few files, made in memory."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from mlpack.builders.oci.image import Image
from mlpack.builders.oci.spec import (
    OCI_CONFIG,
    OCI_LAYER,
    OCI_MANIFEST,
    Descriptor,
    Platform,
    sha256,
)
from mlpack.errors import NotFound


@dataclass
class Memory:
    """Blobs in memory; a `Blobs`."""

    blobs: dict[str, bytes] = field(default_factory=dict)

    @contextmanager
    def open(self, blob: Descriptor) -> Iterator[BinaryIO]:
        if blob.digest not in self.blobs:
            raise NotFound(f"no {blob.digest}")
        yield io.BytesIO(self.blobs[blob.digest])


@dataclass(frozen=True)
class Link:
    """A symbolic or hard link in a layer."""

    target: str
    hard: bool = False


def make_tar(files: Mapping[str, bytes | str | Link | None]) -> bytes:
    """A tar; None makes a folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            if content is None:
                info.type = tarfile.DIRTYPE
            elif isinstance(content, Link):
                info.type = tarfile.LNKTYPE if content.hard else tarfile.SYMTYPE
                info.linkname = content.target
            else:
                content = content.encode() if isinstance(content, str) else content
                info.size = len(content)
            is_bytes = isinstance(content, bytes)
            tar.addfile(info, io.BytesIO(content) if is_bytes else None)
    return buffer.getvalue()


def make_image(
    layers: Sequence[Mapping[str, bytes | str | Link | None] | bytes],
    *,
    labels: Mapping[str, str] | None = None,
    history: Sequence[str] = (),
    architecture: str = "amd64",
    **config: Any,
) -> Image:
    """An image of layers, each a mapping of files or the bytes of a tar."""
    blobs = Memory()
    descriptors, diff_ids = [], []
    for layer in layers:
        tar = layer if isinstance(layer, bytes) else make_tar(layer)
        stored = gzip.compress(tar, mtime=0)
        descriptor = Descriptor.of(f"{OCI_LAYER}+gzip", stored)
        blobs.blobs[descriptor.digest] = stored
        descriptors.append(descriptor)
        diff_ids.append(sha256(tar))
    settings = {
        "os": "linux",
        "architecture": architecture,
        "config": {**config, "Labels": dict(labels or {})},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [{"created_by": each} for each in history],
    }
    content = json.dumps(settings).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": Descriptor.of(OCI_CONFIG, content).to_dict(),
            "layers": [each.to_dict() for each in descriptors],
        }
    ).encode()
    platform = Platform("linux", architecture)
    return Image(Descriptor.of(OCI_MANIFEST, manifest, platform=platform), manifest, content, blobs)


SITE = "opt/venv/lib/python3.11/site-packages"


def installed(name: str, version: str, *requires: str, code: int = 100) -> dict[str, bytes]:
    """Files of a distribution with ``code`` bytes of code."""
    info = f"{SITE}/{name}-{version}.dist-info"
    lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {r}" for r in requires)]
    metadata = "\n".join(lines).encode()
    record = (
        f"{name}/__init__.py,,{code}\n{name}-{version}.dist-info/METADATA,,{len(metadata)}\n"
        f"{name}-{version}.dist-info/RECORD,,\n"
    )
    return {
        f"{SITE}/{name}/__init__.py": b"#" * code,
        f"{SITE}/{name}/__pycache__/__init__.cpython-311.pyc": b"p" * code,
        f"{info}/METADATA": metadata,
        f"{info}/RECORD": record.encode(),
    }


DEBIAN = {
    "etc/os-release": 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n',
    "var/lib/dpkg/status": (
        "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9\n"
        "Source: glibc (2.36)\nDescription: GNU\n more\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n"
        "Package: python3.11\nStatus: install ok installed\nVersion: 3.11.2-6\n"
    ),
    "usr/bin/python3.11": b"elf",
}
