"""Docker's engine and skopeo read what we push, and we read what they push."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mlpack.builders.oci.cache import Cache
from mlpack.builders.oci.spec import DOCKER_MANIFEST, sha256
from mlpack.builders.remote.pull import download, read_remote
from mlpack.builders.remote.push import push
from mlpack.tests.builders.remote.images import AMD64, ARM64, bundle, image, index, unique
from mlpack.tests.builders.remote.servers import Registry
from mlpack.tests.builders.remote.test_push_and_pull import layers_of

pytestmark = pytest.mark.cloud


def skopeo(*arguments: str) -> str:
    """What it prints."""
    command = ["skopeo", "--insecure-policy", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_skopeo_reads_ours(open_registry: Registry, cache: Cache, tmp_path: Path) -> None:
    made = index([image(cache, "one", platform=AMD64), image(cache, "two", platform=ARM64)])
    name = f"{open_registry.host}/{unique()}:1"
    push(made, name)
    told = json.loads(skopeo("inspect", "--tls-verify=false", f"docker://{name}"))
    assert told["Digest"] == made.digest
    assert told["Labels"] == {"names": "one"}
    skopeo("copy", "--all", "--src-tls-verify=false", f"docker://{name}", f"dir:{tmp_path}/copy")
    assert sha256((tmp_path / "copy/manifest.json").read_bytes()) == made.digest


@pytest.mark.parametrize("kind", ["oci", "v2s2"])
def test_we_read_skopeos(
    open_registry: Registry, cache: Cache, other_cache: Cache, kind: str
) -> None:
    made, first, second = bundle(cache, "from skopeo"), unique(), unique()
    push(made, f"{open_registry.host}/{first}:1")
    skopeo(
        "copy",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        f"--format={kind}",
        f"docker://{open_registry.host}/{first}:1",
        f"docker://{open_registry.host}/{second}:1",
    )
    found = read_remote(f"{open_registry.host}/{second}:1", AMD64, other_cache)
    assert (found.descriptor.media_type == DOCKER_MANIFEST) == (kind == "v2s2")
    assert found.diff_ids == made.images[0].diff_ids
    download(found)
    assert layers_of(found) == layers_of(made.images[0])


@pytest.mark.docker
def test_the_engine_reads_ours_and_we_read_its(
    open_registry: Registry, cache: Cache, other_cache: Cache, docker_engine: Any
) -> None:
    made, name = bundle(cache, "for the engine"), f"{open_registry.host}/{unique()}"
    push(made, f"{name}:1")
    names = [f"{name}:1", f"{name}:2"]
    try:
        pulled = docker_engine.images.pull(name, tag="1")
        assert pulled.attrs["RootFS"]["Layers"] == list(made.images[0].diff_ids)
        assert pulled.attrs["RepoDigests"] == [f"{name}@{made.digest}"]
        pulled.tag(name, "2")
        for line in docker_engine.images.push(name, tag="2", stream=True, decode=True):
            assert "error" not in line, line
        found = read_remote(f"{name}:2", AMD64, other_cache)
        assert found.diff_ids == made.images[0].diff_ids
        download(found)
        layers_of(found)
    finally:
        for each in names:
            docker_engine.images.remove(each, force=True)
