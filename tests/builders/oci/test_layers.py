"""Layers: the same bytes whatever the machine, in little memory, and nothing of what changes."""

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tracemalloc
from pathlib import Path

import pytest
import zstandard

from mlpack.builders.base import Compression, Progress
from mlpack.builders.oci.cache import Cache
from mlpack.builders.oci.compress import compress, decompressed
from mlpack.builders.oci.layers import LayerEntry, MadeLayer, make_layer
from mlpack.errors import InvalidInput, MissingDependency, ModelChanged, StorageFailed

COMPRESSIONS: list[Compression] = ["gzip", "zstd", "none"]
# over a megabyte, so that it is cut into blocks, and not all the same
LARGE = b"".join(hashlib.sha256(bytes([i % 256, i >> 8])).digest() * 2 for i in range(60_000))

ENTRIES = [
    LayerEntry("opt/large", LARGE, len(LARGE)),
    LayerEntry("opt/run", b"#!", 2, 0o700),
    LayerEntry("ünï/line\nbreak " + "long" * 60, b"x", 1, 0o600),
    LayerEntry("opt/link", None, 0, link="run"),
    LayerEntry("empty/", None, 0),
]


def content(cache: Cache, made: MadeLayer, compression: Compression) -> bytes:
    with cache.open(made.descriptor) as file:
        return b"".join(decompressed(file, compression))


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_layer_is_what_its_digests_say(cache: Cache, compression: Compression) -> None:
    made = make_layer(ENTRIES, cache, compression=compression)
    stored = cache.path(made.descriptor.digest)
    assert stored is not None
    assert hashlib.sha256(stored.read_bytes()).hexdigest() == made.descriptor.digest[7:]
    assert stored.stat().st_size == made.descriptor.size
    tar = content(cache, made, compression)
    assert hashlib.sha256(tar).hexdigest() == made.diff_id[7:]
    assert made.size == len(LARGE) + 3
    with tarfile.open(fileobj=io.BytesIO(tar)) as file:
        found = {m.name: m for m in file.getmembers()}
    assert list(found) == sorted(found)
    assert set(found) == {"empty", "opt", "ünï", *(e.path.rstrip("/") for e in ENTRIES)}
    assert {m.uid for m in found.values()} == {0}
    assert {m.uname for m in found.values()} == {""}
    assert found["opt/run"].mode == found["opt"].mode == 0o755
    assert found["opt/large"].mode == 0o644
    assert found["opt/link"].linkname == "run"
    assert found["empty"].isdir()


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_other_tools_unpack_it(cache: Cache, compression: Compression, tmp_path: Path) -> None:
    made = make_layer(ENTRIES, cache, compression=compression)
    stored = cache.path(made.descriptor.digest)
    command = ["tar", f"--{compression}", "-xf", str(stored), "-C", str(tmp_path)]
    subprocess.run(command, check=True)
    assert (tmp_path / "opt/large").read_bytes() == LARGE


SCRIPT = """
import json, os, sys, time
from pathlib import Path
os.umask(int(sys.argv[2], 8)); time.tzset()
if sys.argv[3] == "one": os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from mlpack.builders.oci.cache import Cache
from mlpack.builders.oci.layers import LayerEntry, make_layer
folder = Path(sys.argv[1])
files = [p for p in folder.rglob("*") if p.is_file()]
entries = [LayerEntry(str(p.relative_to(folder)), p, p.stat().st_size) for p in files]
if sys.argv[3] == "one": entries.reverse()
for kind in ("gzip", "zstd", "none"):
    made = make_layer(entries, Cache(Path(sys.argv[4])), compression=kind)
    print(made.descriptor.digest, made.diff_id)
"""


def test_machine_umask_time_zone_and_cores_do_not_matter(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    (folder / "sub").mkdir(parents=True)
    (folder / "large").write_bytes(LARGE)
    (folder / "sub/small").write_text("x")
    said = []
    for zone, umask, cores in (("UTC", "022", "all"), ("Asia/Tokyo", "077", "one")):
        arguments = [str(folder), umask, cores, str(tmp_path / cores)]
        environment = {**os.environ, "TZ": zone, "LC_ALL": "C"}
        command = [sys.executable, "-c", SCRIPT, *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        said.append(done.stdout)
        os.utime(folder / "large", (1, 1))
        (folder / "large").chmod(0o600)
    assert said[0] == said[1]
    assert len(set(said[0].split())) == 3  # the bare tar's digest is everybody's diff_id


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_how_the_content_is_cut_does_not_matter(compression: Compression) -> None:
    whole = b"".join(compress([LARGE], compression))
    cut = [LARGE[at : at + 99_991] for at in range(0, len(LARGE), 99_991)]
    assert b"".join(compress(cut, compression)) == whole
    assert b"".join(decompressed(io.BytesIO(whole), compression)) == LARGE
    empty = b"".join(compress([], compression))
    assert b"".join(decompressed(io.BytesIO(empty), compression)) == b""


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_damaged_or_short_layer_is_told(compression: Compression) -> None:
    whole = b"".join(compress([LARGE], compression))
    middle = len(whole) // 2
    wrong = whole[:middle] + bytes(64) + whole[middle + 64 :]
    with pytest.raises(InvalidInput, match="damaged"):
        list(decompressed(io.BytesIO(wrong), compression))
    with pytest.raises(InvalidInput, match="damaged"):
        list(decompressed(io.BytesIO(whole[:middle]), compression))


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_bomb_is_read_in_small_pieces(compression: Compression) -> None:
    if compression == "gzip":
        bomb = gzip.compress(bytes(200_000_000), 9)
    else:  # one frame, unlike ours
        bomb = zstandard.ZstdCompressor(level=19).compress(bytes(200_000_000))
    tracemalloc.start()
    assert sum(map(len, decompressed(io.BytesIO(bomb), compression))) == 200_000_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000_000


def test_zstd_that_asks_for_much_memory_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=30, compression_level=1)
    squeeze = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    greedy = squeeze.compress(b"x" * 1000) + squeeze.flush()
    with pytest.raises(InvalidInput, match="damaged"):
        list(decompressed(io.BytesIO(greedy), "zstd"))


def test_gzip_padded_with_zeros_is_read() -> None:
    whole = b"".join(compress([LARGE], "gzip")) + bytes(10_000)
    assert b"".join(decompressed(io.BytesIO(whole), "gzip")) == LARGE


def test_zstd_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, cache: Cache) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(MissingDependency, match="pip install zstandard"):
        make_layer(ENTRIES, cache, compression="zstd")
    assert cache.info().size == 0


def test_with_a_key_it_is_made_once(cache: Cache) -> None:
    asked: list[int] = []

    def entries() -> list[LayerEntry]:
        asked.append(1)
        return ENTRIES

    first = make_layer(entries, cache, key="k")
    again = make_layer(entries, cache, key="k")
    assert (first.cached, again.cached, len(asked)) == (False, True, 1)
    assert (again.descriptor, again.diff_id, again.size) == (
        first.descriptor,
        first.diff_id,
        first.size,
    )
    make_layer(entries, cache, key="k", compression="none")
    assert len(asked) == 2


def test_a_layer_that_was_pruned_or_cut_short_is_made_anew(cache: Cache) -> None:
    made = make_layer(ENTRIES, cache, key="k")
    stored = cache.path(made.descriptor.digest)
    assert stored is not None
    stored.chmod(0o600)
    os.truncate(stored, 10)
    again = make_layer(ENTRIES, cache, key="k")
    assert not again.cached
    assert again.descriptor == made.descriptor
    assert stored.stat().st_size == made.descriptor.size
    stored.unlink()
    assert not make_layer(ENTRIES, cache, key="k").cached


def test_a_file_that_changes_while_it_is_read(tmp_path: Path, cache: Cache) -> None:
    path = tmp_path / "model"
    path.write_bytes(LARGE)

    def write_to_it(_: Progress) -> None:
        with path.open("r+b") as file:  # the size stays
            file.write(b"other")

    entries = [LayerEntry("model", path, len(LARGE)), LayerEntry("z", b"0" * 5_000_000, 5_000_000)]
    with path.open("r+b") as file:
        file.truncate(len(LARGE) - 1)
    with pytest.raises(ModelChanged, match="changed while it was read"):
        make_layer(entries, cache)
    big = tmp_path / "big"
    big.write_bytes(LARGE * 3)
    path = big
    with pytest.raises(ModelChanged, match="changed while it was read"):
        make_layer([LayerEntry("big", big, len(LARGE) * 3)], cache, report=write_to_it)
    wrong = hashlib.sha256(b"recorded").hexdigest()
    with pytest.raises(ModelChanged, match="on record"):
        make_layer([LayerEntry("big", big, len(LARGE) * 3, sha256=wrong)], cache)
    assert cache.info().size == 0
    assert list((cache.folder / "tmp").iterdir()) == []


def test_a_file_that_cannot_be_read(tmp_path: Path, cache: Cache) -> None:
    with pytest.raises(StorageFailed, match="Cannot read"):
        make_layer([LayerEntry("a", tmp_path / "missing", 3)], cache)


@pytest.mark.parametrize(
    "paths",
    [["../a"], ["/a"], ["a/../../b"], ["a//b"], ["."], [""], ["a\0b"], ["a", "a"], ["a", "a/b"]],
)
def test_paths_that_lead_out_or_are_there_twice(paths: list[str], cache: Cache) -> None:
    with pytest.raises(InvalidInput):
        make_layer([LayerEntry(path, b"", 0) for path in paths], cache)


MEASURED = """
import json, resource, sys
from pathlib import Path
from mlpack.builders.oci.cache import Cache
from mlpack.builders.oci.layers import LayerEntry, make_layer
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
size = 2 << 30
cache = Cache(Path(sys.argv[2]))
make_layer([LayerEntry("model", Path(sys.argv[1]), size)], cache, compression="zstd")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_model_of_two_gigabytes_takes_little_memory(tmp_path: Path) -> None:
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(2 << 30)
    command = [sys.executable, "-c", MEASURED, str(big), str(tmp_path / "cache")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(json.loads(done.stdout)) < 100_000  # kilobytes
