"""Uploads in parts over a place itself, without a server."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from mlpack.artifacts.open import open_artifacts
from mlpack.artifacts.uploads import Uploads
from mlpack.errors import InvalidInput, NotFound, StorageFailed


def sent(uploads, path, parts):
    upload = uploads.begin(path, len(parts))
    return upload, [(n, uploads.put(upload, n, [part])) for n, part in enumerate(parts, 1)]


PLACES = ["local", pytest.param("s3", marks=pytest.mark.cloud)]


@pytest.fixture(params=PLACES)
def place(request, tmp_path):
    if request.param == "local":
        return open_artifacts(str(tmp_path / "place"))
    return request.getfixturevalue("object_place")


def test_large_parts_and_small_ones(place):
    parts = [os.urandom(7_000_000), b"", os.urandom(6_000_001), b"end"]
    uploads = Uploads(place)
    upload, tags = sent(uploads, "a/b", parts)
    assert list(place.walk()) == []
    uploads.finish(upload, "a/b", tags)
    assert b"".join(place.read("a/b")) == b"".join(parts)
    assert [entry.path for entry in place.walk()] == ["a/b"]
    assert [entry.path for entry in place.list()] == ["a"]
    place.delete("")
    assert place.list(f".mlpack-uploads/{upload}") == []


def test_any_number_of_calls_may_finish(place):
    """A client repeats the call when a proxy gives up waiting for the first."""
    parts = [os.urandom(700_000) for _ in range(12)]
    uploads = Uploads(place)
    upload, tags = sent(uploads, "f", parts)
    with ThreadPoolExecutor(4) as pool:
        for call in [pool.submit(uploads.finish, upload, "f", tags) for _ in range(8)]:
            call.result()
    assert b"".join(place.read("f")) == b"".join(parts)
    assert [entry.path for entry in place.list(f".mlpack-uploads/{upload}")] == [
        f".mlpack-uploads/{upload}/manifest"
    ]


def test_a_part_that_is_lost_while_it_is_joined(place):
    """The file does not appear, and the upload can still be completed."""
    uploads = Uploads(place)
    upload, tags = sent(uploads, "f", [b"1", b"2", b"3"])
    received = place.list(f".mlpack-uploads/{upload}/parts")
    place.delete(received[1].path)
    with pytest.raises(InvalidInput, match="Part 2 was not received"):
        uploads.finish(upload, "f", tags)
    with pytest.raises(NotFound):
        place.read("f")
    tags[1] = 2, uploads.put(upload, 2, [b"two"])
    uploads.finish(upload, "f", tags)
    assert b"".join(place.read("f")) == b"1two3"


def test_a_part_that_breaks_off_while_it_is_joined(tmp_path, monkeypatch):
    place = open_artifacts(str(tmp_path / "place"))
    uploads = Uploads(place)
    upload, tags = sent(uploads, "sub/f", [b"1", b"2"])
    fetch = place.fetch

    def broken(path, destination=None):
        if path.rpartition("/")[2].startswith("2."):
            raise OSError(28, "No space left on device")
        return fetch(path, destination)

    monkeypatch.setattr(place, "fetch", broken)
    with pytest.raises(StorageFailed, match="No space left on device"):
        uploads.finish(upload, "sub/f", tags)
    assert not (tmp_path / "place" / "sub").exists()
    monkeypatch.undo()
    uploads.finish(upload, "sub/f", tags)
    assert (tmp_path / "place" / "sub" / "f").read_bytes() == b"12"


def test_a_system_that_cannot_copy_within_a_file_system(tmp_path, monkeypatch):
    def cannot(*_):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "copy_file_range", cannot)
    place = open_artifacts(str(tmp_path / "place"))
    upload, tags = sent(Uploads(place), "f", [b"1" * 3_000_000, b"2", b"3"])
    Uploads(place).finish(upload, "f", tags)
    assert (tmp_path / "place" / "f").read_bytes() == b"1" * 3_000_000 + b"23"
