"""Base images of a few files, in layouts, and what a build made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from mlpack.builders.base import BuildSpec
from mlpack.builders.inspect.layer_files import Budget, files_of
from mlpack.builders.oci.archive import manifest_of
from mlpack.builders.oci.cache import Cache
from mlpack.builders.oci.image import Bundle, Image
from mlpack.builders.oci.layers import LayerEntry, make_layer
from mlpack.builders.oci.layout import read_layout, write_layout
from mlpack.builders.oci.spec import OCI_INDEX, OCI_MANIFEST, Descriptor, Platform, canonical

GLIBC = b"GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36."
CONFIG = {"Env": ["BASE=1"], "Entrypoint": ["sh"], "WorkingDir": "/x", "User": "root"}


def entry(path: str, content: bytes = b"", mode: int = 0o644, link: str = "") -> LayerEntry:
    """One of a layer: a file, or a link."""
    if link:
        return LayerEntry(path, None, 0, link=link)
    return LayerEntry(path, content, len(content), mode)


def base_entries(version: str = "3.11") -> list[LayerEntry]:
    """What makes an image look like one with Python."""
    return [
        entry("lib", link="usr/lib"),
        entry("bin", link="usr/bin"),
        entry(f"usr/bin/python{version}", b"elf", 0o755),
        entry("usr/bin/python3", link=f"python{version}"),
        entry("usr/bin/sh", b"elf", 0o755),
        entry("usr/lib/os-release", b'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n'),
        entry("etc/os-release", link="../usr/lib/os-release"),
        entry("usr/lib/x86_64-linux-gnu/libc.so.6", GLIBC),
    ]


def make_base(
    *layers: list[LayerEntry],
    cache: Cache,
    platform: str = "linux/amd64",
    config: Mapping[str, object] | None = None,
) -> Image:
    """An image of these layers."""
    made = [make_layer(layer, cache) for layer in layers]
    where = Platform.parse(platform)
    rootfs = {"type": "layers", "diff_ids": [each.diff_id for each in made]}
    settings = {**where.to_dict(), "config": dict(CONFIG if config is None else config)}
    text = canonical({**settings, "rootfs": rootfs})
    manifest = manifest_of(text, [each.descriptor for each in made])
    described = Descriptor.of(OCI_MANIFEST, manifest, platform=where)
    return Image(described, manifest, text, cache)


def write_base(folder: Path, *images: Image, name: str = "base:1") -> str:
    """Images of one or more platforms as a layout; what to give as --base-image."""
    index = None
    if len(images) > 1:
        manifests = [each.descriptor.to_dict() for each in images]
        index = canonical({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests})
    write_layout(Bundle(name, images, index), folder)
    return f"layout:{folder}:{name.rpartition(':')[2]}"


def built(spec: BuildSpec, platform: str | None = None) -> Image:
    """What a build wrote into its layout."""
    (output,) = spec.outputs
    assert output.path is not None
    where = Platform.parse(platform) if platform else None
    return read_layout(output.path, spec.name.rpartition(":")[2], where)


def contents(image: Image, below: str = "") -> dict[str, bytes]:
    """The files of an image, by path."""
    return {path: content for path, content in _contents(image) if path.startswith(below)}


def _contents(image: Image) -> Iterator[tuple[str, bytes]]:
    for layer in image.layers:
        for each in files_of(image, layer, Budget()):
            if each.kind == "file":
                yield each.path, each.read(1 << 30)
