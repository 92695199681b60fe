"""Images into a real engine and out of it: it runs them, and gets only what it lacks."""

import contextlib
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from docker.errors import APIError, ImageNotFound

from mlpack.builders.base import Compression, Progress
from mlpack.builders.oci import engine as engine_images
from mlpack.builders.oci.archive import manifest_of, read_archive, write_archive
from mlpack.builders.oci.cache import Cache
from mlpack.builders.oci.engine import load, read_engine
from mlpack.builders.oci.image import Bundle, Image
from mlpack.builders.oci.layers import LayerEntry, make_layer
from mlpack.builders.oci.open import open_image
from mlpack.builders.oci.spec import OCI_MANIFEST, Descriptor, Platform, canonical
from mlpack.errors import BuildFailed, EngineUnavailable, InvalidInput, NotFound

BASE = "python:3.11-slim"

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    """One cache for all tests here, so that the base image is read once."""
    return Cache(tmp_path_factory.mktemp("kept") / "cache")


@pytest.fixture(scope="module")
def base(kept: Cache, docker_engine: Any) -> Image:
    return read_engine(docker_engine, BASE, kept)


@pytest.fixture
def name(docker_engine: Any) -> Iterator[str]:
    """Of an image that is removed in the end."""
    given = f"mlpack-test-a/{uuid.uuid4().hex[:12]}:1"
    yield given
    with contextlib.suppress(ImageNotFound):
        docker_engine.images.remove(given, force=True)


def on_top(base: Image, cache: Cache, content: bytes, kind: Compression = "gzip") -> Image:
    """The base, a large layer, and a small one; it runs well if that holds the content."""
    large = os.urandom(2_000_000)
    made = [
        make_layer([LayerEntry("opt/large", large, len(large))], cache, compression=kind),
        make_layer([LayerEntry("opt/ü said", content, len(content))], cache, compression=kind),
    ]
    config = {
        **base.platform.to_dict(),
        "config": {
            "Env": base.settings["config"]["Env"],
            "Cmd": ["grep", "-qx", content.decode(), "/opt/ü said"],
        },
        "rootfs": {
            "type": "layers",
            "diff_ids": [*base.diff_ids, *(each.diff_id for each in made)],
        },
    }
    text = canonical(config)
    manifest = manifest_of(text, [*base.layers, *(each.descriptor for each in made)])
    return Image(
        Descriptor.of(OCI_MANIFEST, manifest, platform=base.platform), manifest, text, cache
    )


def sent(told: list[Progress]) -> int:
    return max(each.total for each in told if each.kind == "bytes")


@pytest.mark.parametrize("kind", ["gzip", "zstd", "none"])
def test_the_engine_gets_what_it_lacks_and_runs_it(
    kind: Compression, base: Image, kept: Cache, docker_engine: Any, name: str
) -> None:
    image = on_top(base, kept, b"hello", kind)
    told: list[Progress] = []
    identity = load(Bundle(name, (image,)), docker_engine, told.append)
    assert identity == image.config_descriptor.digest == docker_engine.images.get(name).id
    assert 2_000_000 < sent(told) < 2_100_000
    docker_engine.containers.run(
        name, remove=True, user="12345", read_only=True, cap_drop=["ALL"], network_mode="none"
    )
    # all of it is there: nothing is sent, but the name is set
    docker_engine.images.get(name).tag(f"{name}-kept")
    docker_engine.images.remove(name)
    told.clear()
    assert load(Bundle(name, (image,)), docker_engine, told.append) == identity
    assert told == []
    docker_engine.images.remove(f"{name}-kept")


def test_an_engine_that_wants_all_of_it(
    base: Image, kept: Cache, docker_engine: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = on_top(base, kept, b"all")
    monkeypatch.setattr(engine_images, "_present", lambda *_: len(image.layers))
    told: list[Progress] = []
    load(Bundle(name, (image,)), docker_engine, told.append)
    assert sent(told) > 30_000_000
    docker_engine.containers.run(name, remove=True, network_mode="none")


def test_the_engine_loads_the_file(
    base: Image, kept: Cache, docker_engine: Any, name: str, tmp_path: Path
) -> None:
    image = on_top(base, kept, b"from a file")
    write_archive(Bundle(name, (image,)), tmp_path / "image.tar")
    with (tmp_path / "image.tar").open("rb") as file:
        [loaded] = docker_engine.images.load(file)
    assert loaded.tags == [name]
    assert loaded.id == image.config_descriptor.digest
    docker_engine.containers.run(name, remove=True, network_mode="none")


def test_what_the_engine_saves_we_read(
    base: Image, kept: Cache, docker_engine: Any, name: str, tmp_path: Path
) -> None:
    image = on_top(base, kept, b"saved")
    load(Bundle(name, (image,)), docker_engine)
    with (tmp_path / "saved.tar").open("wb") as file:
        file.writelines(docker_engine.images.get(name).save(named=name))
    for asked in (None, name):
        found = read_archive(tmp_path / "saved.tar", asked)
        assert (found.diff_ids, found.config) == (image.diff_ids, image.config)
    with found.blobs.open(found.layers[-1]) as layer:
        assert b"saved" in layer.read()


def test_an_image_of_the_engine_is_read_once(
    base: Image, kept: Cache, docker_engine: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = on_top(base, kept, b"once")
    load(Bundle(name, (image,)), docker_engine)
    first = read_engine(docker_engine, name, kept)
    assert (first.config, first.layers) == (image.config, image.layers)  # as we compressed them

    def not_again(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(docker_engine.api, "get_image", not_again)
    again = read_engine(docker_engine, image.config_descriptor.digest, kept)
    assert again.descriptor == first.descriptor
    # one that was loaded with the cache at hand was never asked for
    other = on_top(base, kept, b"twice")
    load(Bundle(name, (other,)), docker_engine, cache=kept)
    assert read_engine(docker_engine, name, kept).descriptor == other.descriptor


def test_an_image_whose_layers_were_pruned_is_read_again(
    base: Image, docker_engine: Any, name: str, kept: Cache
) -> None:
    image = on_top(base, kept, b"pruned")
    load(Bundle(name, (image,)), docker_engine)
    found = read_engine(docker_engine, name, kept)
    path = kept.path(found.layers[-1].digest)
    assert path is not None
    path.unlink()
    again = read_engine(docker_engine, name, kept)
    assert again.layers == found.layers
    assert kept.path(found.layers[-1].digest) == path


def test_names(base: Image, kept: Cache, docker_engine: Any) -> None:
    for reference in (BASE, f"engine:{BASE}"):
        assert open_image(reference, None, kept).descriptor == base.descriptor
        assert open_image(reference, base.platform, kept).descriptor == base.descriptor
    other = Platform.parse("linux/s390x")
    with pytest.raises(InvalidInput, match=rf"not for linux/s390x but for {base.platform}"):
        open_image(f"engine:{BASE}", other, kept)
    with pytest.raises(NotFound, match="engine has no image 'mlpack-test-a/none:1'"):
        open_image("engine:mlpack-test-a/none:1", None, kept)


class Broken:
    """An engine that has nothing, and fails when something is loaded."""

    timeout = 60

    def __init__(self, error: Exception | str) -> None:
        self.error = error
        self.api = self

    def version(self) -> dict[str, str]:
        return {"Os": "linux", "Arch": "amd64"}

    def inspect_image(self, name: str) -> None:
        raise ImageNotFound(name)

    def info(self) -> dict[str, Any]:
        return {"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}

    def load_image(self, data: Iterator[bytes], quiet: bool) -> Iterator[dict[str, Any]]:
        assert self.timeout is None
        for _ in data:
            pass
        if isinstance(self.error, Exception):
            raise self.error
        yield {"errorDetail": {"message": self.error}, "error": self.error}


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        ("no space left on device", BuildFailed, "no space left on device"),
        (APIError("x", explanation="too bad"), BuildFailed, "too bad"),
        (requests.exceptions.ConnectionError("x"), EngineUnavailable, "broke"),
    ],
)
def test_an_engine_that_fails(
    error: Exception | str, kind: type[Exception], told: str, base: Image, kept: Cache
) -> None:
    broken = Broken(error)
    with pytest.raises(kind, match=told):
        load(Bundle("churn", (on_top(base, kept, b"x"),)), broken)
    assert broken.timeout == 60


def test_a_layer_that_is_damaged_does_not_get_far(
    base: Image, kept: Cache, docker_engine: Any, name: str
) -> None:
    image = on_top(base, kept, b"damaged")
    path = kept.path(image.layers[-1].digest)
    assert path is not None
    data = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(data[:-1] + b"x")
    with pytest.raises(InvalidInput, match="damaged"):
        load(Bundle(name, (image,)), docker_engine)
    assert docker_engine.images.list(name) == []
    assert json.loads(image.manifest)["layers"][-1]["size"] == len(data)
