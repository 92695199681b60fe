"""Kept copies of models from elsewhere, which somebody else has been at."""

import shutil
import tempfile
from pathlib import Path

import pytest

from mlpack.artifacts.local import LocalArtifacts
from mlpack.errors import ModelChanged, StorageFailed
from mlpack.flavors.integrity import digest, manifest
from mlpack.registry.cache import model_folder


class Elsewhere(LocalArtifacts):
    """A place whose files have to be fetched, as if it were on another machine."""

    fetched = 0

    def fetch(self, path, destination=None):
        self.fetched += 1
        return super().fetch(path, destination)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MLPACK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "there"
    (folder / "code").mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {f: {}}\n")
    (folder / "code" / "x.py").write_text("x = 1\n")
    return Elsewhere(folder)


@pytest.fixture
def sha(place):
    return digest(manifest(place.root))


def damage(kept):
    (kept / "code" / "x.py").write_text("x = 2\n")


def add(kept):
    (kept / "sitecustomize.py").write_text("x = 2\n")


def link_a_folder(kept):
    (kept / "code").rename(kept.parent.parent / "code")
    (kept / "code").symlink_to(kept.parent.parent / "code")


def link_all(kept):
    """To what is the same now, and can be changed once it was looked at."""
    kept.rename(kept.parent.parent / "moved")
    kept.symlink_to(kept.parent.parent / "moved")


def link_nowhere(kept):
    shutil.rmtree(kept)
    kept.symlink_to("/nowhere")


def a_file(kept):
    shutil.rmtree(kept)
    kept.write_text("")


@pytest.mark.parametrize("poison", [damage, add, link_a_folder, link_all, link_nowhere, a_file])
def test_what_is_not_as_it_was_is_fetched_again(cache, place, sha, poison):
    kept = model_folder(place, sha)
    assert model_folder(place, sha) == kept and place.fetched == 1
    poison(kept)
    assert model_folder(place, sha) == kept and place.fetched == 2
    assert not kept.is_symlink() and manifest(kept) == manifest(place.root)
    assert [path.name for path in (cache / "models").iterdir()] == [kept.name]


def test_a_file_that_has_another_name_elsewhere(cache, place, sha, tmp_path):
    """A hard link changes the copy, and is found out."""
    kept = model_folder(place, sha)
    (tmp_path / "hard").hardlink_to(kept / "code" / "x.py")
    with (tmp_path / "hard").open("r+b") as file:
        file.write(b"y")
    model_folder(place, sha)
    assert (kept / "code" / "x.py").read_text() == "x = 1\n" and place.fetched == 2


def test_what_was_changed_there_is_not_kept(cache, place, sha):
    damage(place.root)
    with pytest.raises(ModelChanged):
        model_folder(place, sha)
    assert list((cache / "models").iterdir()) == []


def test_a_folder_that_others_can_swap(cache, place, sha):
    cache.mkdir()
    for mode, refused in ((0o777, True), (0o1777, False), (0o775, False)):
        cache.chmod(mode)
        if refused:
            with pytest.raises(StorageFailed, match="Others may write to") as raised:
                model_folder(place, sha)
            assert f"chmod 700 on {cache}," in raised.value.message
        else:
            model_folder(place, sha)


def test_the_folder_on_another_disk(cache, place, sha, tmp_path):
    """One's own link to one's own folder is fine."""
    (tmp_path / "disk").mkdir(mode=0o700)
    cache.mkdir()
    (cache / "models").symlink_to(tmp_path / "disk")
    assert model_folder(place, sha).is_dir()
    (tmp_path / "disk").chmod(0o777)
    with pytest.raises(StorageFailed, match="Others may write to"):
        model_folder(place, sha)


def test_where_nothing_can_be_kept(place, sha, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("MLPACK_CACHE", "/proc/nowhere")
    found = model_folder(place, sha)
    assert manifest(found) == manifest(place.root)
    assert found.stat().st_mode & 0o077 == 0 and Path(tmp_path) in found.parents
