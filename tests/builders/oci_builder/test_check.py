"""``--check``: an image is compared with what its model and lock make, file by file."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mlpack.builders.base import BuildSpec, Output
from mlpack.builders.check import check
from mlpack.builders.oci.build import OciBuilder
from mlpack.builders.oci.cache import Cache
from mlpack.builders.oci.image import Image
from mlpack.builders.oci.spec import canonical, sha256
from mlpack.cli.main import cli
from mlpack.errors import InvalidInput, NotFound
from mlpack.tests.builders.oci_builder.bases import (
    base_entries,
    built,
    entry,
    make_base,
    write_base,
)
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
    configuration = next(each for each in found.differences if each.part == "configuration")
    assert any("mlpack.model.digest" in line for line in configuration.details)


def test_another_base_is_said(spec: BuildSpec, tmp_path: Path) -> None:
    OciBuilder().build(spec)
    cache = Cache(tmp_path / "base-cache")
    other = make_base([*base_entries(), entry("etc/more")], cache=cache)
    (found,) = check(replace(spec, base_image=write_base(tmp_path / "other", other)))
    assert found.differences[0].part == "base"
    assert "starts from sha256:" in found.differences[0].details[0]


def blob(folder: Path, digest: str) -> Path:
    return folder / "blobs/sha256" / digest.removeprefix("sha256:")


def test_a_layer_that_was_damaged_or_exchanged_is_told(spec: BuildSpec, tmp_path: Path) -> None:
    OciBuilder().build(spec)
    image, folder = built(spec), tmp_path / "out"
    path = blob(folder, image.layers[-2].digest)
    good = path.read_bytes()
    path.unlink()  # it is a link into the cache
    path.write_bytes(bytes([*good[:-1], good[-1] ^ 1]))
    (found,) = check(spec)
    assert not found.same and found.differences[0].content == f"layer {len(image.layers) - 1}"
    path.write_bytes(good)
    assert check(spec)[0].same
    # another layer in its place, all digests but the configuration's made to fit
    evil = gzip.compress(b"\0" * 10240)
    digest = sha256(evil)
    blob(folder, digest).write_bytes(evil)
    changed = json.loads(image.manifest)
    changed["layers"][-2] |= {"digest": digest, "size": len(evil)}
    changed["annotations"]["team"] = "evil"
    exchange_manifest(folder, image, changed)
    (found,) = check(spec)
    assert [each.part for each in found.differences] == ["layers"]
    assert "something else than the configuration says" in found.differences[0].details[0]
    changed["layers"] = json.loads(image.manifest)["layers"]
    exchange_manifest(folder, built(spec), changed)
    (found,) = check(spec)
    assert [each.part for each in found.differences] == ["annotations"]


def test_a_history_that_was_written_anew_is_told(spec: BuildSpec, tmp_path: Path) -> None:
    OciBuilder().build(spec)
    image = built(spec)
    settings = json.loads(image.config)
    settings["history"][-1]["comment"] = "nothing to see here"
    config = canonical(settings)
    changed = json.loads(image.manifest)
    changed["config"] |= {"digest": sha256(config), "size": len(config)}
    blob(tmp_path / "out", sha256(config)).write_bytes(config)
    exchange_manifest(tmp_path / "out", image, changed)
    (found,) = check(spec)
    assert [each.part for each in found.differences] == ["configuration"]


def exchange_manifest(folder: Path, image: Image, changed: Mapping[str, Any]) -> None:
    manifest = canonical(changed)
    blob(folder, sha256(manifest)).write_bytes(manifest)
    index = (folder / "index.json").read_text()
    index = index.replace(image.descriptor.digest, sha256(manifest))
    index = index.replace(f'"size":{len(image.manifest)}', f'"size":{len(manifest)}')
    (folder / "index.json").write_text(index)


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


@pytest.mark.docker
def test_an_image_that_is_not_on_the_engine_may_be_elsewhere(spec: BuildSpec) -> None:
    with pytest.raises(NotFound, match="--push for its registry"):
        check(replace(spec, outputs=()))
