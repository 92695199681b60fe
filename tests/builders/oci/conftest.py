"""What tests of the image format share: a cache of one's own, and small images made by hand."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from mlpack.builders.base import Compression
from mlpack.builders.oci.archive import manifest_of
from mlpack.builders.oci.cache import Cache
from mlpack.builders.oci.image import Bundle, Image
from mlpack.builders.oci.layers import LayerEntry, make_layer
from mlpack.builders.oci.spec import OCI_INDEX, OCI_MANIFEST, Descriptor, Platform, canonical

MakeImage = Callable[..., Image]


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """An empty one."""
    return Cache(tmp_path / "cache")


@pytest.fixture
def make_image(cache: Cache) -> MakeImage:
    """Makes an image of files, one layer each, on top of another image or of nothing."""

    def make(
        files: Mapping[str, bytes],
        *,
        platform: str = "linux/amd64",
        compression: Compression = "gzip",
        base: Image | None = None,
    ) -> Image:
        made = [
            make_layer([LayerEntry(path, data, len(data))], cache, compression=compression)
            for path, data in files.items()
        ]
        where = Platform.parse(platform)
        config = {
            **where.to_dict(),
            "config": {**(base.settings["config"] if base else {}), "Cmd": ["cat", *files]},
            "rootfs": {
                "type": "layers",
                "diff_ids": [*(base.diff_ids if base else ()), *(each.diff_id for each in made)],
            },
        }
        text = canonical(config)
        below = base.layers if base else ()
        manifest = manifest_of(text, [*below, *(each.descriptor for each in made)])
        described = Descriptor.of(OCI_MANIFEST, manifest, platform=where)
        return Image(described, manifest, text, cache)

    return make


@pytest.fixture
def make_multi(make_image: MakeImage) -> Callable[[str], Bundle]:
    """Makes an image of two platforms."""

    def make(name: str) -> Bundle:
        images = tuple(
            make_image({"which": each.encode()}, platform=each)
            for each in ("linux/amd64", "linux/arm64")
        )
        index = {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [each.descriptor.to_dict() for each in images],
        }
        return Bundle(name, images, canonical(index))

    return make


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=1777", "tmpfs", str(place)]
    subprocess.run([*as_root, *mount], check=True)
    yield place
    subprocess.run([*as_root, "umount", "-l", str(place)], check=True)


@pytest.fixture(scope="session")
def run() -> Callable[..., str]:
    """Runs a command; what it says when it fails is in the error."""

    def call(*command: object) -> str:
        done = subprocess.run([str(each) for each in command], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return call
