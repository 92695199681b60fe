"""The cache: whole or not there, shared, bounded, and sound whatever happens to who writes it."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from mlpack.builders.oci import cache_room
from mlpack.builders.oci.blob_reader import BlobDamaged
from mlpack.builders.oci.cache import Cache, parse_size, user_folder
from mlpack.builders.oci.spec import OCI_CONFIG, OCI_LAYER, Descriptor, sha256
from mlpack.cli.main import cli
from mlpack.errors import InvalidInput, NotFound, StorageFailed


def add(cache: Cache, content: bytes) -> Descriptor:
    return cache.add([content], OCI_LAYER)


def left_over(cache: Cache) -> list[Path]:
    return [*(cache.folder / "tmp").iterdir(), *(cache.folder / "holds").iterdir()]


def age(cache: Cache, blob: Descriptor, days: int) -> None:
    path = cache.path(blob.digest)
    assert path is not None
    then = path.stat().st_mtime_ns - days * 86_400 * 10**9
    os.utime(path, ns=(then, then))


def test_what_is_added_is_found(cache: Cache) -> None:
    blob = cache.add([b"ab", b"", b"c"], OCI_LAYER)
    assert (blob.digest, blob.size) == (sha256(b"abc"), 3)
    with cache.open(blob) as file:
        assert file.read() == b"abc"
    assert Cache(cache.folder).path(blob.digest) == cache.path(blob.digest)
    assert cache.path(sha256(b"other")) is None
    with pytest.raises(NotFound, match="Build again"):
        cache.open(Descriptor(OCI_LAYER, sha256(b"other"), 5))


def test_only_the_user_may_look(cache: Cache) -> None:
    add(cache, b"abc")
    for path in [cache.folder, *(p for p in cache.folder.iterdir() if p.is_dir())]:
        assert path.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("expected", [sha256(b"abd"), Descriptor(OCI_LAYER, sha256(b"abc"), 2)])
def test_other_bytes_than_expected_are_refused(cache: Cache, expected: Descriptor | str) -> None:
    with pytest.raises(BlobDamaged):
        cache.add([b"abc"], OCI_LAYER, expected)
    assert cache.info().size == 0
    assert left_over(cache) == []


def test_damaged_bytes_are_noticed_and_removed(cache: Cache) -> None:
    blob = add(cache, b"abc")
    path = cache.path(blob.digest)
    assert path is not None
    path.chmod(0o600)
    path.write_bytes(b"abd")
    with pytest.raises(BlobDamaged), cache.open(blob) as file:
        file.read()
    assert cache.path(blob.digest) is None
    again = add(cache, b"abc")
    path.chmod(0o600)
    path.write_bytes(b"abcd")
    with pytest.raises(NotFound):
        cache.open(again)
    assert cache.path(blob.digest) is None


def test_records(cache: Cache) -> None:
    assert cache.recall("layer", "k") is None
    cache.remember("layer", "k/ü\n", {"a": [1]})
    cache.remember("layer", "k/ü\n", {"a": [2]})
    assert cache.recall("layer", "k/ü\n") == {"a": [2]}
    assert cache.recall("other", "k/ü\n") is None
    [path] = (cache.folder / "records/layer").iterdir()
    path.chmod(0o600)
    path.write_text('{"key": "k/ü')
    assert cache.recall("layer", "k/ü\n") is None
    assert not path.exists()
    with pytest.raises(InvalidInput):
        cache.remember("../x", "k", {})


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", limit=1000)
    old, older = add(cache, b"o" * 400), add(cache, b"p" * 400)
    age(cache, old, 1)
    age(cache, older, 2)
    new = add(Cache(cache.folder, limit=1000), b"n" * 400)
    assert cache.path(older.digest) is None
    assert cache.path(old.digest) is not None
    assert cache.path(new.digest) is not None


def test_what_a_build_holds_stays(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", limit=1000)
    used, unused = add(cache, b"o" * 400), add(cache, b"p" * 400)
    age(cache, used, 1)
    age(cache, unused, 1)
    other = Cache(cache.folder, limit=1000)
    with cache.hold():
        assert cache.path(used.digest)
        add(other, b"n" * 900)
        done = other.clear()
        assert (done.kept, done.kept_size) == (2, 1300)
        assert cache.path(used.digest) is not None
        assert not (cache.folder / "blobs/layers" / unused.digest[7:]).exists()
    assert cache.info().size <= 1000
    assert left_over(cache) == []


def test_one_larger_than_the_limit_can_be_used(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", limit=10)
    blob = add(cache, b"x" * 100)
    with cache.open(blob) as file:
        assert file.read() == b"x" * 100


WRITER = """
import os, sys, time
from pathlib import Path
from mlpack.builders.oci.cache import Cache
from mlpack.builders.oci.layers import LayerEntry, make_layer
def told(_):
    print("begun", flush=True)
    time.sleep(600)
cache = Cache(Path(sys.argv[1]))
with cache.hold():
    data = os.urandom(30_000_000)
    make_layer([LayerEntry("x", data[:1], 1), LayerEntry("y", data, len(data))], cache, report=told)
"""


def test_a_killed_builder_leaves_nothing_for_long(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    command = [sys.executable, "-c", WRITER, str(cache.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as builder:
        assert builder.stdout and builder.stdout.readline() == "begun\n"
        before = left_over(cache)
        assert len(before) == 2  # the layer, and the hold
        add(Cache(cache.folder), b"abc")
        cache.clear()
        assert sorted(left_over(cache)) == sorted(before)  # it lives
        builder.send_signal(signal.SIGKILL)
        builder.wait()
    assert cache.info().size == 3
    assert sorted(left_over(cache)) == sorted(before)
    Cache(cache.folder)
    assert left_over(cache) == []


SHARER = """
import sys
from pathlib import Path
from mlpack.builders.oci.cache import Cache
from mlpack.builders.oci.layers import LayerEntry, make_layer
cache = Cache(Path(sys.argv[1]), limit=3_000_000)
for number in range(40):
    data = str(number).encode() * 50_000
    with cache.hold():
        entries = [LayerEntry("x", data, len(data))]
        made = make_layer(entries, cache, key=str(number), compression="none")
        with cache.open(made.descriptor) as file:
            assert len(file.read()) == made.descriptor.size
        cache.remember("note", str(number % 3), {"by": sys.argv[2]})
        cache.recall("note", str(number % 3))
print(cache.clear(3600).removed)
"""


def test_builds_at_once_in_processes_and_threads(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    command = [sys.executable, "-c", SHARER, str(folder)]
    builders = [subprocess.Popen([*command, str(n)], stderr=subprocess.PIPE) for n in range(3)]
    cache = Cache(folder, limit=3_000_000)
    failures = []

    def work(number: int) -> None:
        try:
            for each in range(40):
                with cache.hold():
                    blob = add(cache, bytes([each]) * 100_000)
                    with cache.open(blob) as file:
                        assert len(file.read()) == 100_000
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for builder in builders:
        _, said = builder.communicate()
        assert builder.returncode == 0, said.decode()
    assert failures == []
    assert left_over(cache) == []
    # the last hold may have ended while others held everything
    with cache.hold():
        pass
    assert cache.info().size <= 3_000_000


def test_a_full_disk(small_disk: Path) -> None:
    cache = Cache(small_disk / "cache")
    kept = add(cache, b"abc")
    with pytest.raises(StorageFailed, match=r"disk is full.*MLPACK_CACHE_DIR"):
        cache.add((os.urandom(100_000) for _ in range(50)), OCI_LAYER)
    assert left_over(cache) == []
    assert cache.info().size == 3
    with cache.open(kept) as file:
        assert file.read() == b"abc"
    # full to the last byte: a small file fails when it is flushed
    with (small_disk / "filler").open("wb", buffering=0) as file, pytest.raises(OSError):
        while True:
            file.write(bytes(4096))
    with pytest.raises(StorageFailed, match="disk is full"):
        cache.remember("layer", "k", {"a": "b" * 5000})
    assert cache.recall("layer", "k") is None
    assert left_over(cache) == []


def test_errors_of_who_brings_the_bytes_come_out_as_they_are(cache: Cache) -> None:
    def broken() -> Iterator[bytes]:
        yield b"abc"
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError):
        cache.add(broken(), OCI_LAYER)
    assert left_over(cache) == []


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("MLPACK_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_folder() == tmp_path / ".cache/mlpack/images"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert user_folder() == tmp_path / "xdg/mlpack/images"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # to be ignored, says the specification
    assert user_folder() == tmp_path / ".cache/mlpack/images"
    monkeypatch.setenv("MLPACK_CACHE_DIR", str(tmp_path / "own"))
    monkeypatch.setenv("MLPACK_CACHE_LIMIT", "2.5 GB")
    found = Cache.of_user()
    assert (found.folder, found.limit) == (tmp_path / "own", 2_500_000_000)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MLPACK_CACHE_DIR", str(tmp_path / "file/x"))
    with pytest.raises(StorageFailed, match="MLPACK_CACHE_DIR"):
        Cache.of_user()


def test_a_cache_that_is_somebody_elses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    with pytest.raises(StorageFailed, match="belongs to another user"):
        Cache(folder)


@pytest.mark.parametrize(
    ("text", "size"), [("20GB", 20 * 10**9), ("512 mb", 512 * 10**6), ("7", 7), ("1.5K", 1500)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1", "1 parsec", "1e9", "١GB٢"])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(InvalidInput, match="MLPACK_CACHE_LIMIT"):
        parse_size(text)


def test_the_commands(monkeypatch: pytest.MonkeyPatch, cache: Cache) -> None:
    monkeypatch.setenv("MLPACK_CACHE_DIR", str(cache.folder))
    blob = add(cache, b"x" * 1234)
    cache.add([b"{}"], OCI_CONFIG)
    cache.remember("layer", "k", {})

    def said(*words: str) -> str:
        done = CliRunner().invoke(cli, ["cache", *words])
        assert done.exit_code == 0, done.output
        return done.output

    shown = said("info")
    assert "layers" in shown and "1.2 kB" in shown and "records of layer" in shown
    assert f"of at most 10.0 GB in {cache.folder}" in shown
    found = json.loads(said("info", "--json"))
    assert found["kinds"]["layers"] == {"count": 1, "size": 1234}
    assert found["kinds"]["manifests"] == {"count": 1, "size": 2}
    assert found["limit"] == 10 * 10**9
    assert "Removed 0 files" in said("clear", "--older-than", "30d")
    age(cache, blob, 31)
    assert "Removed 1 files, 1.2 kB" in said("clear", "--older-than", "30d")
    add(cache, b"y")
    with cache.hold():
        add(cache, b"z")
        assert "Kept 1 files, 1 bytes: a build that runs uses them" in said("clear")
    done = json.loads(said("clear", "--json"))
    assert (done["removed"], done["kept"]) == (1, 0)
    assert json.loads(said("info", "--json"))["size"] == 0


def test_a_builder_that_was_suspended_keeps_nobody_for_ever(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_room, "_PATIENCE", 0.2)
    with cache.making("k"), Cache(cache.folder).making("k"):
        pass


def test_a_disk_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(cache_room.fcntl, "flock", unknown)
    with pytest.raises(StorageFailed, match=r"without locks.*MLPACK_CACHE_DIR"):
        Cache(tmp_path / "cache")
