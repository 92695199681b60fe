"""``--check``: an image is compared with what its model and lock make, file by file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from mlpack.builders.base import BuildSpec, Output
from mlpack.builders.check import check
from mlpack.builders.oci.build import OciBuilder
from mlpack.builders.oci.cache import Cache
from mlpack.cli.main import cli
from mlpack.errors import InvalidInput, NotFound
from mlpack.tests.builders.oci_builder.bases import base_entries, entry, make_base, write_base
from mlpack.tests.package_index import PackageIndex


def test_what_was_built_is_what_is_built_again(
    spec: BuildSpec, tmp_path: Path, index: PackageIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = replace(spec, outputs=(*spec.outputs, Output("archive", tmp_path / "image.tar")))
    made = OciBuilder().build(spec)
    found = check(spec)
    assert [(each.same, each.built) for each in found] == [(True, made.digest)] * 2
    assert found[0].digest == made.digest
    # on another machine, another day: what is newer now does not count, the lock is in the image
    monkeypatch.setenv("MLPACK_LOCKS", str(tmp_path / "other-locks"))
    monkeypatch.setenv("MLPACK_CACHE_DIR", str(tmp_path / "other-cache"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "other-uv"))
    index.add("leaf", "3.0")
    assert [each.same for each in check(spec)] == [True, True]


def test_a_changed_model_names_its_files(spec: BuildSpec) -> None:
    OciBuilder().build(spec)
    (spec.model / "m.skops").write_bytes(b"changed")
    (spec.model / "more").touch()
    (found,) = check(spec)
    assert not found.same
    model = next(each for each in found.differences if each.part == "model")
    assert "opt/ml/model/m.skops differs" in model.details
    assert "opt/ml/model/more is missing in the image" in model.details
    configuration = found.differences[-1]
    assert any("mlpack.model.digest" in line for line in configuration.details)


def test_another_base_is_said(spec: BuildSpec, tmp_path: Path) -> None:
    OciBuilder().build(spec)
    cache = Cache(tmp_path / "base-cache")
    other = make_base([*base_entries(), entry("etc/more")], cache=cache)
    (found,) = check(replace(spec, base_image=write_base(tmp_path / "other", other)))
    assert found.differences[0].part == "base"
    assert "starts from sha256:" in found.differences[0].details[0]


def test_by_command(spec: BuildSpec, tmp_path: Path) -> None:
    OciBuilder().build(spec)
    command = ["build-docker", "-m", str(spec.model), "-n", spec.name, "--trust", "--check"]
    command += ["--base-image", str(spec.base_image), "--platform", "linux/amd64"]
    command += ["--output", f"layout:{tmp_path}/out"]
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 0, done.output
    assert "is what was built again" in done.output
    (spec.model / "m.skops").write_bytes(b"changed")
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 1
    assert "opt/ml/model/m.skops differs" in done.output


def test_what_somebody_else_made_cannot_be_built_again(spec: BuildSpec, tmp_path: Path) -> None:
    image = make_base(base_entries(), cache=Cache(tmp_path / "base-cache"))
    write_base(tmp_path / "out", image, name=spec.name)
    with pytest.raises(InvalidInput, match="--builder oci"):
        check(spec)


def test_there_is_no_such_image(spec: BuildSpec) -> None:
    with pytest.raises(NotFound):
        check(spec)
