"""A file is read once a process, and a changed one is another file."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlpack.flavors import hashing
from mlpack.flavors.hashing import checksum, checksums
from mlpack.flavors.integrity import manifest


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The handles of files that were read, one an item."""
    monkeypatch.setattr(hashing, "_seen", hashing._Seen())
    seen: list[int] = []
    real = hashing._hash

    def count(handle: int) -> str:
        seen.append(handle)
        return real(handle)

    monkeypatch.setattr(hashing, "_hash", count)
    return seen


def settled(path: Path, content: bytes) -> Path:
    """A file that was left alone for longer than a tick."""
    path.write_bytes(content)
    while time.time_ns() <= path.stat().st_ctime_ns + hashing._TICK_NS:
        time.sleep(0.005)
    return path


def sha(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_a_file_is_read_once(tmp_path: Path, reads: list[int]) -> None:
    path = settled(tmp_path / "a", b"abc")
    assert [checksum(path) for _ in range(3)] == [sha(b"abc")] * 3
    path.rename(tmp_path / "b")  # its times of change move on some file systems
    assert checksum(tmp_path / "b") == sha(b"abc")
    assert len(reads) <= 2


def test_a_file_that_changed_is_read_again(tmp_path: Path, reads: list[int]) -> None:
    path = settled(tmp_path / "a", b"abc")
    before = path.stat()
    assert checksum(path) == sha(b"abc")
    path.write_bytes(b"abd")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # nobody can set the other time
    assert checksum(path) == sha(b"abd")
    settled(tmp_path / "other", b"abe").replace(path)
    assert checksum(path) == sha(b"abe")
    assert len(reads) == 3


def test_a_change_within_the_tick_shows(tmp_path: Path, reads: list[int]) -> None:
    path = tmp_path / "a"
    for number in range(200):
        content = b"%04d" % number
        path.write_bytes(content)
        assert checksum(path) == sha(content)


def test_a_file_that_changes_while_it_is_read_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = settled(tmp_path / "a", b"abc")
    real = hashing._hash

    def change(handle: int) -> str:
        found = real(handle)
        path.write_bytes(b"abd")
        return found

    monkeypatch.setattr(hashing, "_hash", change)
    checksum(path)
    monkeypatch.setattr(hashing, "_hash", real)
    assert checksum(path) == sha(b"abd")


def test_threads_that_want_the_same_file_wait_for_one(tmp_path: Path, reads: list[int]) -> None:
    path = settled(tmp_path / "a", os.urandom(1 << 20))
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(checksum(path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [sha(path.read_bytes())] * 8
    assert len(reads) == 1


def test_large_files_keep_their_order(
    tmp_path: Path, reads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "_LARGE", 4)
    monkeypatch.setattr(hashing, "_THREADS", 4)
    contents = [b"x" * size for size in (9, 1, 8, 2, 7, 6)]
    paths = [settled(tmp_path / str(i), content) for i, content in enumerate(contents)]
    assert checksums(paths) == [sha(content) for content in contents]
    assert list(manifest(tmp_path).values()) == [sha(content) for content in contents]
    assert len(reads) == len(paths)
    with pytest.raises(FileNotFoundError):
        checksums([*paths, tmp_path / "none"])


def test_what_is_kept_is_bounded(
    tmp_path: Path, reads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "_MOST", 2)
    first, *rest = (settled(tmp_path / name, name.encode()) for name in "abc")
    for path in (first, *rest):
        checksum(path)
    assert len(hashing._seen._known) == 2
    checksum(rest[-1])
    assert len(reads) == 3
    checksum(first)
    assert len(reads) == 4


def test_a_forked_child_is_not_stuck(tmp_path: Path) -> None:
    path = settled(tmp_path / "a", b"abc")
    with hashing._seen._lock:  # as another thread may hold it
        child = os.fork()
        if child == 0:
            os._exit(0 if checksum(path) == sha(b"abc") else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_note_that_mlflow_leaves_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text("flavors: {}")
    before = manifest(tmp_path)
    (tmp_path / "registered_model_meta").write_text("model_name: m\nmodel_version: '1'\n")
    assert manifest(tmp_path) == before
