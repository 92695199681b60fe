"""The build context: a readable tar, the same every time, in constant memory."""

import io
import os
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from mlpack.builders.tar_stream import Entry, member_header, tar_stream, write_entries
from mlpack.errors import ModelChanged, StorageFailed


def entries_of(folder: Path) -> list[Entry]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [Entry(f.relative_to(folder).as_posix(), f, f.stat().st_size) for f in files]


def test_holds_names_of_every_kind(tmp_path: Path) -> None:
    names = ["a b.txt", "ünï/cödé.bin", "line\nbreak", "x/" + "long" * 60 + "/y", "empty"]
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() if name != "empty" else b"")
    with tarfile.open(fileobj=io.BytesIO(b"".join(tar_stream(entries_of(tmp_path))))) as tar:
        files = {m.name: m for m in tar.getmembers() if m.isfile()}
        assert set(files) == set(names)
        assert tar.extractfile("ünï/cödé.bin").read() == "ünï/cödé.bin".encode()  # type: ignore[union-attr]
        assert {m.mode for m in files.values()} == {0o644}
        folders = [m for m in tar.getmembers() if m.isdir()]
        assert {m.mode for m in folders} == {0o755}
        assert len({m.mtime for m in tar.getmembers()}) == 1


def test_owners_modes_times_and_order_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("1")
    (tmp_path / "a").write_text("2")
    before = b"".join(tar_stream(entries_of(tmp_path)))
    os.utime(tmp_path / "a", (1, 1))
    (tmp_path / "b").chmod(0o600)
    assert b"".join(tar_stream(reversed(entries_of(tmp_path)))) == before


def test_a_big_file_needs_little_memory(tmp_path: Path) -> None:
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(300_000_000)
    tracemalloc.start()
    total = sum(len(piece) for piece in tar_stream([Entry("big", big, 300_000_000)]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total > 300_000_000
    assert peak < 5_000_000


def test_a_file_that_changes_meanwhile(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("12345")
    for size in (3, 8):
        with pytest.raises(ModelChanged, match="changed while it was read"):
            list(tar_stream([Entry("a", tmp_path / "a", size)]))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="Cannot read"):
        list(tar_stream([Entry("a", tmp_path / "missing", 3)]))


def test_the_same_entries_as_files(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("x")
    write_entries([Entry("a/b", source, 1), Entry("c", b"y", 1)], tmp_path / "out")
    assert (tmp_path / "out/a/b").read_text() == "x"
    assert (tmp_path / "out/c").read_text() == "y"


def test_a_file_of_more_than_eight_gigabytes() -> None:
    """The field for it in the old format ends there."""
    header = member_header("model/large", 9 << 30)
    with tarfile.open(fileobj=io.BytesIO(header + bytes(1024)), mode="r|") as tar:
        assert next(iter(tar)).size == 9 << 30
