"""Images into a real registry and out of it."""

from __future__ import annotations

import pytest

from mlpack.builders.base import Progress
from mlpack.builders.oci.cache import Cache
from mlpack.builders.oci.image import Bundle, Image
from mlpack.builders.remote.pull import download, read_remote
from mlpack.builders.remote.push import push, remote_digest
from mlpack.errors import InvalidInput, NotFound
from mlpack.tests.builders.remote.images import AMD64, ARM64, bundle, image, index, unique
from mlpack.tests.builders.remote.servers import Answer, Asked, Registry, proxy

pytestmark = pytest.mark.cloud


def layers_of(found: Image) -> list[bytes]:
    """All layers, read."""
    contents = []
    for layer in found.layers:
        with found.blobs.open(layer) as file:
            contents.append(file.read())
    return contents


def test_what_is_pushed_is_what_is_pulled(
    open_registry: Registry, cache: Cache, other_cache: Cache
) -> None:
    made, name = bundle(cache), f"{open_registry.host}/{unique()}:1"
    assert remote_digest(name) is None
    told: list[Progress] = []
    pushed = push(made, name, report=told.append)
    assert [blob.how for blob in pushed.blobs] == ["uploaded"] * 3
    assert pushed.uploaded == sum(blob.size for blob in pushed.blobs)
    assert pushed.digest == made.digest == remote_digest(name)
    last = {each.message: each for each in told if each.kind == "bytes"}
    assert len(last) == 3 and all(each.done == each.total for each in last.values())

    found = read_remote(name, AMD64, other_cache)
    assert found.descriptor == made.images[0].descriptor
    assert found.config == made.images[0].config
    told.clear()
    download(found, told.append)
    assert {each.total for each in told} == {layer.size for layer in found.layers}
    assert layers_of(found) == layers_of(made.images[0])


def test_nothing_changed_is_one_question(open_registry: Registry, cache: Cache) -> None:
    made = bundle(cache)
    with proxy(open_registry) as front:
        name = f"{front.host}/{unique()}:1"
        push(made, name)
        front.asked.clear()
        again = push(made, name)
    # the first tells whether a registry on this machine speaks TLS
    assert [each.method for each in front.asked] == ["GET", "HEAD"]
    assert front.asked[0].path == "/v2/"
    assert (again.uploaded, again.blobs) == (0, ())


def test_a_new_model_sends_only_its_own_layer(open_registry: Registry, cache: Cache) -> None:
    with proxy(open_registry) as front:
        name = f"{front.host}/{unique()}"
        push(bundle(cache, "base", "dependencies", "model 1"), f"{name}:1")
        front.asked.clear()
        pushed = push(bundle(cache, "base", "dependencies", "model 2"), f"{name}:2")
    assert [blob.how for blob in pushed.blobs] == ["existed", "existed", "uploaded", "uploaded"]
    assert front.count("PATCH") == 2  # the layer, the configuration
    assert front.asked[-1].method == "PUT" and "/manifests/2" in front.asked[-1].path


def test_layers_are_mounted_from_where_they_are(open_registry: Registry, cache: Cache) -> None:
    base, own = unique(), unique()
    push(bundle(cache, "base of mounts"), f"{open_registry.host}/{base}:1")
    with proxy(open_registry) as front:
        # nothing is remembered of this name of the registry
        made = bundle(cache, "base of mounts", "model")
        others = ["docker.io/library/python", f"{front.host}/{base}:1"]
        pushed = push(made, f"{front.host}/{own}:1", mount_from=others)
    assert [blob.how for blob in pushed.blobs] == ["mounted", "uploaded", "uploaded"]
    assert pushed.blobs[0].sent == 0
    assert front.count("PATCH") == 2
    assert front.count("POST") == front.count("POST", f"from={base.replace('/', '%2F')}") == 3


def test_where_blobs_are_is_remembered(open_registry: Registry, cache: Cache) -> None:
    push(bundle(cache, "remembered"), f"{open_registry.host}/{unique()}:1")
    pushed = push(bundle(cache, "remembered", "new"), f"{open_registry.host}/{unique()}:1")
    assert [blob.how for blob in pushed.blobs] == ["mounted", "uploaded", "uploaded"]


def test_layers_of_a_pulled_base_are_mounted_and_never_fetched(
    open_registry: Registry, cache: Cache, other_cache: Cache
) -> None:
    name = f"{open_registry.host}/{unique()}:1"
    push(bundle(cache, "lazy base"), name)
    base = read_remote(name, AMD64, other_cache)
    pushed = push(Bundle("copy:1", (base,)), f"{open_registry.host}/{unique()}:1")
    assert pushed.blobs[0].how == "mounted"
    assert other_cache.path(base.layers[0].digest) is None


def test_several_platforms_make_one_index(
    open_registry: Registry, cache: Cache, other_cache: Cache
) -> None:
    made = index([image(cache, "amd", platform=AMD64), image(cache, "arm", platform=ARM64)])
    with proxy(open_registry) as front:
        name = f"{front.host}/{unique()}:1"
        pushed = push(made, name)
        puts = [each.path.rpartition("/")[2] for each in front.asked if "/manifests/" in each.path]
    assert puts[1:] == [*(each.descriptor.digest for each in made.images), "1"]
    assert pushed.digest == made.digest
    name = name.replace(front.host, open_registry.host)
    for which, platform in enumerate((AMD64, ARM64)):
        found = read_remote(name, platform, other_cache)
        assert found.descriptor == made.images[which].descriptor
        assert found.platform == platform
    with pytest.raises(InvalidInput, match=r"not for linux/s390x; it is for linux/amd64, linux/a"):
        read_remote(name, AMD64.parse("linux/s390x"), other_cache)


def test_an_image_of_another_platform_is_refused(open_registry: Registry, cache: Cache) -> None:
    name = f"{open_registry.host}/{unique()}:1"
    push(bundle(cache), name)
    with pytest.raises(InvalidInput, match="is not for linux/arm64; it is for linux/amd64"):
        read_remote(name, ARM64, cache)


def test_a_digest_in_the_cache_asks_nobody(
    open_registry: Registry, cache: Cache, other_cache: Cache
) -> None:
    made = bundle(cache)
    with proxy(open_registry) as front:
        name = f"{front.host}/{unique()}"
        push(made, f"{name}:1")
        read_remote(f"{name}:1", AMD64, other_cache)
        front.asked.clear()
        read_remote(f"{name}:1", AMD64, other_cache)
        assert [each.method for each in front.asked] == ["GET", "HEAD"]
        front.asked.clear()
        read_remote(f"{name}:1@{made.digest}", AMD64, other_cache)
        assert front.asked == []


def test_missing_images(open_registry: Registry, cache: Cache) -> None:
    name = f"{open_registry.host}/{unique()}:nothing"
    with pytest.raises(NotFound, match=rf"no image {name}.*Check its name and tag"):
        read_remote(name, AMD64, cache)


def test_a_digest_to_push_to_must_be_the_images(open_registry: Registry, cache: Cache) -> None:
    made, name = bundle(cache), f"{open_registry.host}/{unique()}"
    push(made, f"{name}@{made.digest}")
    assert remote_digest(f"{name}@{made.digest}") == made.digest
    with pytest.raises(InvalidInput, match="names another image"):
        push(bundle(cache, "other"), f"{name}@{made.digest}")


def test_blobs_that_are_elsewhere_are_there(open_registry: Registry, cache: Cache) -> None:
    """Addresses that object stores sign for GET answer no HEAD."""
    made, name = bundle(cache), unique()
    push(made, f"{open_registry.host}/{name}:1")
    away = {"Location": "http://localhost:1/signed"}

    def elsewhere(asked: Asked) -> Answer | None:
        blob = asked.method == "HEAD" and "/blobs/" in asked.path
        return Answer(307, away) if blob else None

    with proxy(open_registry, elsewhere) as front:
        pushed = push(made, f"{front.host}/{name}:2")
    assert {blob.how for blob in pushed.blobs} == {"existed"}
