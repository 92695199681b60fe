"""Connections that break, registries that are busy: what is taken up again, and for how long."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from pathlib import Path

import pytest

from mlpack.builders.base import Progress
from mlpack.builders.oci.cache import Cache
from mlpack.builders.remote.pull import download, read_remote
from mlpack.builders.remote.push import push, remote_digest
from mlpack.errors import InvalidInput, RegistryFailed
from mlpack.tests.builders.remote.fake import FakeRegistry
from mlpack.tests.builders.remote.images import AMD64, bundle, unique
from mlpack.tests.builders.remote.servers import (
    Answer,
    Asked,
    Registry,
    proxy,
    registry,
    serving,
)
from mlpack.tests.builders.remote.test_push_and_pull import layers_of
from mlpack.tests.ports import free_port

pytestmark = pytest.mark.cloud

BIG = 5_000_000


def test_a_broken_upload_begins_anew_where_the_registry_forgets(
    open_registry: Registry, cache: Cache
) -> None:
    cuts = [1_000_000, 2_500_000, 0]

    def cut(asked: Asked) -> int | None:
        return cuts.pop(0) if asked.method == "PATCH" and cuts else None

    made = bundle(cache, "begins anew", size=BIG)
    with proxy(open_registry, cut_upload=cut) as front:
        name = unique()
        push(made, f"{front.host}/{name}:1")
    assert not cuts and front.count("PATCH") == 5  # with the configuration's
    assert remote_digest(f"{open_registry.host}/{name}:1") == made.digest


def test_a_broken_upload_goes_on_where_the_registry_remembers(cache: Cache) -> None:
    fake = FakeRegistry(keeps=[1_000_000, 2_000_000])
    made = bundle(cache, "goes on", size=BIG)
    with serving(fake.answer) as server:
        push(made, f"{server.host}/goes/on:1")
    sent = [len(each.body) for each in server.asked if each.method == "PATCH"]
    size = made.images[0].layers[0].size
    assert sent[:3] == [size, size - 1_000_000, size - 3_000_000]
    assert server.count("POST") == 2  # one upload a blob
    assert sum(map(len, fake.blobs.values())) == size + made.images[0].config_descriptor.size


def test_what_was_kept_may_be_wrong(cache: Cache) -> None:
    fake = FakeRegistry(keeps=[1_000_000])
    made = bundle(cache, "kept wrongly", size=BIG)

    def corrupt(asked: Asked) -> Answer:
        answer = fake.answer(asked)
        if answer.status == 0:
            next(iter(fake.uploads.values()))[5] ^= 1
        return answer

    with serving(corrupt) as server:
        push(made, f"{server.host}/kept/wrongly:1")
    assert set(fake.blobs) >= {made.images[0].layers[0].digest}


def test_an_answer_that_got_lost_is_looked_up(cache: Cache) -> None:
    fake, lost = FakeRegistry(), []

    def lose(asked: Asked) -> Answer:
        answer = fake.answer(asked)
        if asked.method == "PUT" and "/blobs/" in asked.path and not lost:
            lost.append(asked)
            return Answer(0)
        return answer

    with serving(lose) as server:
        push(bundle(cache), f"{server.host}/lost:1")
    assert server.count("PATCH") == 3  # nothing was sent again


def test_smaller_requests_pass_a_proxy_with_a_limit(cache: Cache) -> None:
    fake = FakeRegistry(most=17 << 20)
    made = bundle(cache, "larger than the limit", size=40 << 20)
    with serving(fake.answer) as server:
        push(made, f"{server.host}/large:1")
    assert made.images[0].layers[0].digest in fake.blobs
    assert server.count("PATCH") == 1 + 3 + 1


def test_memory_stays_constant(open_registry: Registry, cache: Cache, other_cache: Cache) -> None:
    made, name = bundle(cache, "many bytes", size=40 << 20), f"{open_registry.host}/{unique()}:1"
    tracemalloc.start()
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    push(made, name)
    download(read_remote(name, AMD64, other_cache))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - before < 20 << 20
    assert layers_of(read_remote(name, AMD64, other_cache)) == layers_of(made.images[0])


def test_a_broken_download_goes_on(
    open_registry: Registry, cache: Cache, other_cache: Cache
) -> None:
    made, name = bundle(cache, "broken download", size=BIG), unique()
    push(made, f"{open_registry.host}/{name}:1")
    layer = made.images[0].layers[0]
    cuts = [1_500_000, 1_000_000, 0]

    def cut(asked: Asked) -> int | None:
        return cuts.pop(0) if layer.digest in asked.path and cuts else None

    with proxy(open_registry, cut_download=cut) as front:
        found = read_remote(f"{front.host}/{name}:1", AMD64, other_cache)
        download(found)
    ranges = [each.headers.get("Range") for each in front.asked if layer.digest in each.path]
    assert ranges == [None, "bytes=1500000-", "bytes=2500000-", "bytes=2500000-"]
    assert layers_of(found) == layers_of(made.images[0])


def test_a_broken_download_goes_on_without_ranges(cache: Cache, other_cache: Cache) -> None:
    fake, made = FakeRegistry(), bundle(cache, "without ranges", size=BIG)
    cuts = [2_000_000]

    def answer(asked: Asked) -> Answer:
        found = fake.answer(asked)
        if asked.method == "GET" and made.images[0].layers[0].digest in asked.path and cuts:
            found.cut = cuts.pop()
        return found

    with serving(answer) as server:
        push(made, f"{server.host}/without/ranges:1")
        found = read_remote(f"{server.host}/without/ranges:1", AMD64, other_cache)
        told: list[Progress] = []
        download(found, told.append)
    assert layers_of(found) == layers_of(made.images[0])
    assert [each.done for each in told] == sorted(each.done for each in told)


def test_manifests_come_again(open_registry: Registry, cache: Cache, other_cache: Cache) -> None:
    name, cuts = unique(), [100]
    push(bundle(cache), f"{open_registry.host}/{name}:1")

    def cut(asked: Asked) -> int | None:
        got = asked.method == "GET" and "/manifests/" in asked.path
        return cuts.pop() if got and cuts else None

    with proxy(open_registry, cut_download=cut) as front:
        read_remote(f"{front.host}/{name}:1", AMD64, other_cache)
    assert not cuts


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 0])
def test_busy_registries_are_asked_again(
    open_registry: Registry, cache: Cache, other_cache: Cache, status: int
) -> None:
    refused: Counter[str] = Counter()

    def busy(asked: Asked) -> Answer | None:
        kind = f"{asked.method} {'manifest' if '/manifests/' in asked.path else 'blob'}"
        refused[kind] += 1
        if asked.path == "/v2/" or refused[kind] > 2:
            return None
        return Answer(status, {"Retry-After": "0"})

    with proxy(open_registry, busy) as front:
        name = f"{front.host}/{unique()}:1"
        made = bundle(cache)
        push(made, name)
        download(read_remote(name, AMD64, other_cache))
    assert {"HEAD blob", "POST blob", "PATCH blob", "PUT blob", "PUT manifest"} <= set(refused)
    assert {"HEAD manifest", "GET manifest", "GET blob"} <= set(refused)


def test_how_long_a_registry_may_make_us_wait(
    open_registry: Registry, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("mlpack.builders.remote.connections.pause", waited.append)
    monkeypatch.setattr("mlpack.builders.remote.upload.pause", waited.append)
    asked_to = ["7", "99999999999", "soon", "Fri, 01 Jan 2100 00:00:00 GMT", None]

    def busy(asked: Asked) -> Answer | None:
        if asked.method in ("HEAD", "PATCH") and asked_to:
            wait = asked_to.pop(0)
            return Answer(503, {"Retry-After": wait} if wait else {})
        return None

    with proxy(open_registry, busy) as front:
        push(bundle(cache), f"{front.host}/{unique()}:1")
    assert 7 in waited
    assert max(waited) == 60


def test_patience_ends(open_registry: Registry, cache: Cache) -> None:
    name = unique()
    push(bundle(cache), f"{open_registry.host}/{name}:1")
    answers = {
        429: "takes no more requests from here for now.*docker login",
        502: r"fails \(502\) and did so again",
        0: "The connection to .* broke, and again",
    }
    for status, message in answers.items():

        def busy(asked: Asked, status: int = status) -> Answer | None:
            return Answer(status) if asked.method in ("HEAD", "PATCH") else None

        with proxy(open_registry, busy) as front:
            with pytest.raises(RegistryFailed, match=message):
                push(bundle(cache, "new"), f"{front.host}/{name}:1")
            assert len(front.asked) < 20


def test_uploads_that_always_break_end_in_words(open_registry: Registry, cache: Cache) -> None:
    def cut(asked: Asked) -> int | None:
        return 1000 if asked.method == "PATCH" else None

    with (
        proxy(open_registry, cut_upload=cut) as front,
        pytest.raises(RegistryFailed, match="broke, and again when tried anew"),
    ):
        push(bundle(cache, "always", size=BIG), f"{front.host}/{unique()}:1")
    assert front.count("PATCH") <= 12
    assert front.count("PUT") == 0


def test_nobody_sees_half_an_image(open_registry: Registry, cache: Cache) -> None:
    """One of three layers is refused: no manifest, and the others stop."""
    made = bundle(cache, "half 1", "half 2", "half 3", size=BIG)

    def refuse(asked: Asked) -> Answer | None:
        if asked.method == "PATCH":
            return Answer(403, {}, b'{"errors": [{"code": "DENIED", "message": "quota exceeded"}]}')
        return None

    with proxy(open_registry, refuse) as front:
        name = unique()
        with pytest.raises(RegistryFailed, match=r"storage that .* may use is full"):
            push(made, f"{front.host}/{name}:1")
    assert front.count("PUT") == 0
    assert remote_digest(f"{open_registry.host}/{name}:1") is None


def test_a_layer_damaged_in_the_cache_is_not_sent_as_if_it_were_whole(
    open_registry: Registry, cache: Cache
) -> None:
    made, name = bundle(cache, "to be damaged"), f"{open_registry.host}/{unique()}:1"
    path = cache.path(made.images[0].layers[0].digest)
    assert path is not None
    path.chmod(0o644)
    path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(InvalidInput, match="damaged"):
        push(made, name)
    assert remote_digest(name) is None


def test_nobody_is_there(cache: Cache) -> None:
    host = f"127.0.0.1:{free_port()}"
    with pytest.raises(RegistryFailed, match=rf"No registry answers at http://{host}"):
        push(bundle(cache), f"{host}/it:1")
    with pytest.raises(RegistryFailed, match="No machine is known by the name"):
        remote_digest("registry.invalid/it:1")


def test_a_registry_that_may_only_be_read(tmp_path: Path, cache: Cache) -> None:
    read_only = {"maintenance": {"readonly": {"enabled": True}}}
    with (
        registry(tmp_path / "read-only", storage=read_only) as running,
        pytest.raises(RegistryFailed, match="is read-only now"),
    ):
        push(bundle(cache), f"{running.host}/it:1")
