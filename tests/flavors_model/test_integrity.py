"""Checksums: damage is found and named, and a digest is strict."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlpack.errors import BadModel, ModelChanged
from mlpack.flavors import Model
from mlpack.flavors.integrity import checksum, digest, manifest, verify, verify_digest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "model.bin").write_bytes(b"abc")
    (tmp_path / "data/x").write_bytes(b"")
    files = manifest(tmp_path)
    Model.new(flavors={"f": {}}, mlpack={"files": files}).write(tmp_path)
    return tmp_path


def test_manifest_has_every_file(folder: Path) -> None:
    files = manifest(folder)
    assert list(files) == ["MLmodel", "data/x", "model.bin"]
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert files["model.bin"] == checksum(folder / "model.bin") == f"sha256:{abc}"


def test_digest_sees_every_change(folder: Path) -> None:
    first = digest(manifest(folder))
    assert first.startswith("sha256:") and len(first) == 71
    seen = {first}
    (folder / "empty").write_bytes(b"")
    seen.add(digest(manifest(folder)))
    (folder / "empty").rename(folder / "renamed")
    seen.add(digest(manifest(folder)))
    (folder / "renamed").unlink()
    assert digest(manifest(folder)) == first
    (folder / "MLmodel").write_text("flavors: {f: {}}\n")
    seen.add(digest(manifest(folder)))
    assert len(seen) == 4


def test_digest_does_not_mix_names_and_values() -> None:
    assert digest({"a": "b", "c": "d"}) != digest({"a": 'b"],["c', "": "d"})


def test_verify_names_what_differs_and_what_is_missing(folder: Path) -> None:
    model = Model.read(folder)
    verify(folder, model)
    (folder / "model.bin").write_bytes(b"abd")
    (folder / "data/x").unlink()
    with pytest.raises(ModelChanged, match=r"data/x is missing, model.bin differs"):
        verify(folder, model)


def test_verify_lets_notes_of_other_tools_be(folder: Path) -> None:
    (folder / "registered_model_meta").write_text("model_name: m\nmodel_version: 1\n")
    verify(folder, Model.read(folder))


def test_long_lists_are_cut(tmp_path: Path) -> None:
    files = {f"f{i}": "sha256:0" for i in range(9)}
    with pytest.raises(ModelChanged, match="and 4 more"):
        verify(tmp_path, Model.new(mlpack={"files": files}))


def test_verify_digest_is_strict(folder: Path) -> None:
    recorded = digest(manifest(folder))
    verify_digest(folder, recorded)
    (folder / "evil.py").write_text("")
    with pytest.raises(ModelChanged, match=r"evil.py was added"):
        verify_digest(folder, recorded)
    (folder / "evil.py").unlink()
    (folder / "model.bin").write_bytes(b"")
    with pytest.raises(ModelChanged, match=r"model.bin differs"):
        verify_digest(folder, recorded)
    (folder / "model.bin").write_bytes(b"abc")
    text = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(text + "run_id: other\n")
    with pytest.raises(ModelChanged, match="MLmodel differs"):
        verify_digest(folder, recorded)


def test_links_and_special_files_are_refused(folder: Path) -> None:
    (folder / "link").symlink_to("/etc/passwd")
    with pytest.raises(BadModel, match="symbolic link"):
        manifest(folder)
    (folder / "link").unlink()
    os.mkfifo(folder / "pipe")
    with pytest.raises(BadModel, match="special file"):
        manifest(folder)


def test_a_linked_folder_is_refused(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (folder / "code").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(BadModel, match="symbolic link"):
        manifest(folder)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "%2e%2e/x"])
def test_a_recorded_path_cannot_lead_out(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadModel, match="outside its folder"):
        verify(tmp_path, Model.new(mlpack={"files": {name: "sha256:0"}}))


def test_a_file_in_the_place_of_a_link_is_not_followed(folder: Path) -> None:
    model = Model.read(folder)
    (folder / "model.bin").unlink()
    (folder / "model.bin").symlink_to(folder / "data/x")
    with pytest.raises(ModelChanged, match=r"model.bin is missing"):
        verify(folder, model)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="There is no model"):
        manifest(tmp_path / "nothing")
