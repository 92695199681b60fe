"""The same base from an engine and from a registry gives the same image."""

import contextlib
import gzip
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from docker.errors import ImageNotFound

from mlpack.builders.base import BuildSpec, BuiltImage, Output, Progress
from mlpack.builders.check import check
from mlpack.builders.oci.archive import manifest_of
from mlpack.builders.oci.build import OciBuilder
from mlpack.builders.oci.cache import Cache
from mlpack.builders.oci.image import Bundle, Image
from mlpack.builders.oci.spec import OCI_MANIFEST, Descriptor
from mlpack.builders.remote.push import push
from mlpack.builders.remote.reference import digest_among
from mlpack.tests.builders.oci_builder.bases import base_entries, make_base
from mlpack.tests.builders.remote.servers import Registry, registry

A, B = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


@pytest.mark.parametrize(
    ("pinned", "name", "digest"),
    [
        ([f"python@{A}"], "docker.io/library/python:3.11-slim", A),
        ([f"mirror:5000/python@{B}", f"python@{A}"], "python:3.11-slim", A),
        ([f"x/python@{A}", f"x/python@{B}"], f"x/python@{B}", B),
        ([f"x/python@{A}"], "y/python:1", None),
        ([f"python@{A}"], A, None),
        (["<none>@<none>"], "python", None),
    ],
)
def test_the_digest_that_an_engine_knows(pinned: list[str], name: str, digest: str | None) -> None:
    assert digest_among(pinned, name) == digest


def put_base(name: str, cache: Cache) -> None:
    """A base into a registry, compressed as nobody here would."""
    image = make_base(base_entries(), cache=cache)
    with cache.open(image.layers[0]) as file:
        content = gzip.compress(gzip.decompress(file.read()), 1, mtime=1)
    layer = cache.add([content], image.layers[0].media_type)
    manifest = manifest_of(image.config, [layer])
    described = Descriptor.of(OCI_MANIFEST, manifest, platform=image.platform)
    push(Bundle(name, (Image(described, manifest, image.config, cache),)), name, cache=cache)


@pytest.fixture
def named(tmp_path: Path, docker_engine: Any) -> Iterator[tuple[str, Registry, Any]]:
    """A base in a registry and, from there, on the engine."""
    with registry(tmp_path / "registry") as server:
        name = f"{server.host}/mlpack-test-base/{uuid.uuid4().hex[:12]}:1"
        put_base(name, Cache(tmp_path / "other"))
        docker_engine.images.pull(name)
        yield name, server, docker_engine
        with contextlib.suppress(ImageNotFound):
            docker_engine.images.remove(name, force=True)


@pytest.mark.docker
@pytest.mark.cloud
def test_with_and_without_the_engines_copy(
    spec: BuildSpec,
    named: tuple[str, Registry, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name, server, engine = named
    spec = replace(spec, base_image=name)
    told: list[Progress] = []

    def build(cache: str, **changes: Any) -> BuiltImage:
        monkeypatch.setenv("MLPACK_CACHE_DIR", str(tmp_path / cache))
        told.clear()
        return OciBuilder().build(replace(spec, **changes), told.append)

    there = build("one")
    assert there.base_digest in engine.images.get(name).attrs["RepoDigests"][0]
    copy = build("two", base_image=f"engine:{name}")  # asked for, so without the registry
    assert (copy.id, copy.base_digest) == (there.id, there.base_digest)
    assert copy.digest != there.digest  # compressed by another
    [again] = check(spec)
    assert again.same and "packing" in again.note
    engine.images.remove(name)
    gone = build("three")
    assert (gone.digest, gone.id) == (there.digest, there.id)
    sent = build("four", name=f"{server.host}/mlpack-test-base/x:1", outputs=(Output("registry"),))
    assert sent.layers[0].sent == 0
    assert not [each for each in told if each.kind == "notice"]


@pytest.mark.docker
@pytest.mark.cloud
def test_the_engines_copy_does_when_the_registry_is_gone(
    spec: BuildSpec, tmp_path: Path, docker_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLPACK_CACHE_DIR", str(tmp_path / "cold"))
    with registry(tmp_path / "registry") as server:
        name = f"{server.host}/mlpack-test-base/{uuid.uuid4().hex[:12]}:1"
        put_base(name, Cache(tmp_path / "other"))
        docker_engine.images.pull(name)
    try:
        for _ in range(2):  # the second time the registry is not even asked
            told: list[Progress] = []
            made = OciBuilder().build(replace(spec, base_image=name), told.append)
            [notice] = [each.message for each in told if each.kind == "notice"]
            assert "may differ" in notice and "No registry answers" in notice
            assert f"--base-image registry:{name.rpartition(':')[0]}@sha256:" in notice
            assert made.base_digest in notice
    finally:
        docker_engine.images.remove(name, force=True)
