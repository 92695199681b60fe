"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlpack.errors import MissingDependency, NotFound, StorageFailed
from mlpack.flavors import Model, load_model
from mlpack.flavors.staging import write_file


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    for content in (b"one", b"two"):
        write_file(tmp_path / "f", content)
        assert (tmp_path / "f").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_file(tmp_path / "f", b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StorageFailed, match="The disk is full"):
        write_file(tmp_path / "f", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
    assert (tmp_path / "f").read_bytes() == b"old"


def test_where_no_file_can_be(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There is no folder"):
        write_file(tmp_path / "none" / "f", b"")
    with pytest.raises(StorageFailed, match="It is a folder"):
        write_file(tmp_path, b"")


def test_a_pipe_is_written_to_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_file(pipe, b"through")
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_a_flavor_that_is_not_here_says_which_are(tmp_path: Path) -> None:
    pyfunc = {"loader_module": "mlflow.hologram"}
    Model.new(flavors={"hologram": {}, "python_function": pyfunc}).write(tmp_path)
    with pytest.raises(MissingDependency, match=r"'hologram'.* only pyfunc, sklearn"):
        load_model(tmp_path)
