"""The bill of materials in an engine's images: there, valid, the other builder's, and cheap."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mlpack.builders.docker_sbom as docker_sbom
from mlpack.builders import install
from mlpack.builders.base import BuildSpec, BuiltImage, Output
from mlpack.builders.docker import DockerBuilder
from mlpack.builders.docker_contents import read_contents
from mlpack.builders.engine_files import read_files
from mlpack.builders.inspect.image_sbom import read_engine_sbom
from mlpack.builders.inspect.sbom import PATH
from mlpack.builders.oci.build import OciBuilder
from mlpack.builders.oci.spec import Platform
from mlpack.errors import BuildFailed
from mlpack.tests.builders.lookers import assert_nobody_looks

MLMODEL = """\
flavors:
  python_function: {loader_module: mlflow.sklearn, python_version: 3.11.2, model_path: m.skops}
model_uuid: 12e6c174379849eeb366479b59b71e04
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    (folder / "MLmodel").write_text(MLMODEL)
    (folder / "requirements.txt").write_text("six\n")
    (folder / "m.skops").write_bytes(b"x")
    return folder


@pytest.fixture(scope="module")
def built(docker_engine: Any, runtime_as_it_is: None, model: Path) -> Iterator[BuiltImage]:
    made = DockerBuilder().build(BuildSpec(model, f"mlpack-test-sbom:{uuid.uuid4().hex}"))
    yield made
    docker_engine.images.remove(made.name, force=True)


@pytest.mark.docker
def test_it_is_inside_and_valid(docker_engine: Any, built: BuiltImage) -> None:
    (bill,) = built.sboms
    assert read_files(docker_engine, built.id, [PATH, "etc/nothing"]) == {PATH: bill}
    assert read_engine_sbom(built.name, None) == bill
    assert read_engine_sbom(f"engine:{built.id}", Platform.of_machine()) == bill
    assert read_engine_sbom(built.name, Platform("linux", "s390x")) is None
    assert read_engine_sbom("layout:nothing", None) is None
    assert read_engine_sbom("mlpack-test-sbom:nothing", None) is None
    # seconds of its grammars, which other tests need not wait for
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill.decode()) is None
    assert [(each.part, each.content) for each in built.layers[-2:]] == [
        ("model", "the model"),
        ("model", "the bill of materials"),
    ]
    assert "more" in built.layers[1].content
    config = docker_engine.images.get(built.id).attrs["Config"]
    assert (config["User"], config["Entrypoint"][0]) == ("65532:65532", "python")


@pytest.mark.docker
def test_the_other_builder_lists_the_same(model: Path, built: BuiltImage, tmp_path: Path) -> None:
    other = OciBuilder().build(
        BuildSpec(model, built.name, outputs=(Output("layout", tmp_path / "layout"),))
    )

    def listed(bill: bytes) -> dict[str, Any]:
        document = json.loads(bill)
        # what came out of no registry has no digest to an engine
        return {c["bom-ref"]: c for c in document["components"] if c["bom-ref"] != "base-image"}

    ours = listed(built.sboms[0])
    assert ours == listed(other.sboms[0])
    kinds = {ref.partition(":")[0] for ref in ours}
    assert {"deb", "pypi", "python", "system", "model"} <= kinds
    assert ours[next(ref for ref in ours if ref.startswith("pypi:six@"))]["hashes"]
    assert any(ref.startswith("pypi:pip@") for ref in ours)  # the base's own


@pytest.mark.docker
def test_the_same_again(
    docker_engine: Any,
    model: Path,
    built: BuiltImage,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    spec = BuildSpec(model, built.name)
    with monkeypatch.context() as patch:
        # nothing new: nothing is read, nothing is built on top
        patch.setattr(docker_sbom, "read_contents", None)
        again = DockerBuilder().build(spec)
    assert (again.id, again.sboms) == (built.id, built.sboms)
    assert all(layer.cached for layer in again.layers)
    # on another machine, with another cache
    monkeypatch.setenv("MLPACK_CACHE_DIR", str(tmp_path / "cache"))
    elsewhere = DockerBuilder().build(spec)
    assert (elsewhere.id, elsewhere.sboms) == (built.id, built.sboms)
    # and without any
    monkeypatch.setenv("MLPACK_CACHE_DIR", "/proc/nothing")
    assert DockerBuilder().build(spec).sboms == built.sboms
    assert_nobody_looks(docker_engine)


@pytest.mark.docker
def test_an_image_that_is_gone_is_made_again(
    docker_engine: Any, model: Path, runtime_as_it_is: None
) -> None:
    spec = BuildSpec(model, f"mlpack-test-sbom:{uuid.uuid4().hex}", labels={"a": uuid.uuid4().hex})
    first = DockerBuilder().build(spec)
    docker_engine.images.remove(spec.name, force=True)
    second = DockerBuilder().build(spec)
    try:
        assert second.sboms == first.sboms
        assert docker_engine.images.get(spec.name).id == second.id
    finally:
        docker_engine.images.remove(spec.name, force=True)


@pytest.mark.docker
def test_an_image_without_a_note(docker_engine: Any) -> None:
    with pytest.raises(BuildFailed, match="no good note"):
        read_contents(docker_engine, docker_engine.images.get("python:3.11-slim").id)
    assert_nobody_looks(docker_engine)


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"[]",
        b'{"python": "3.11.2", "locked": true}',
        b'{"python": "../x", "locked": true, "distributions": []}',
        b'{"python": "3.11.2", "locked": 1, "distributions": []}',
        b'{"python": "3.11.2", "locked": true, "distributions": [{"place": "x", "size": "1"}]}',
        b'{"python": "3.11.2", "locked": true, "distributions": '
        b'[{"place": "x", "size": 1, "metadata": "Name: \\ud800"}]}',
    ],
)
def test_notes_that_a_strange_python_may_write(
    note: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "mlpack.builders.docker_contents.read_files", lambda *_: {install.NOTE_PATH: note}
    )
    with pytest.raises(BuildFailed, match="no good note"):
        read_contents(None, "x")


METADATA = """\
Metadata-Version: 2.1
Name: Thing
Version: 1.0
Classifier: Programming Language :: Python
Classifier: License :: OSI Approved :: MIT License
License: Long
        text in many lines
Requires-Dist: other>=1
Description: x

Version: 9
"""


def test_what_the_installation_notes(tmp_path: Path) -> None:
    site = tmp_path / "opt/venv/lib/python3.11/site-packages"
    thing = site / "thing-1.0.dist-info"
    (tmp_path / "usr/lib/python3/dist-packages/old.egg-info").mkdir(parents=True)
    (tmp_path / "usr/lib/python3/dist-packages/old.egg-info/PKG-INFO").write_text("Name: old\n")
    (tmp_path / "elsewhere/x.dist-info").mkdir(parents=True)
    (tmp_path / "elsewhere/x.dist-info/METADATA").write_text(METADATA)
    thing.mkdir(parents=True)
    (thing / "METADATA").write_text(METADATA)
    (thing / "RECORD").write_text("thing.py,sha256=x,12\nthing.so,sha256=y,30\nRECORD,,\n")
    (site / "link.egg-info").symlink_to("/etc/passwd")
    noted = install.contents(tmp_path)["distributions"]
    assert isinstance(noted, list)
    assert sorted(noted, key=lambda each: str(each["place"])) == [
        {
            "place": "opt/venv/lib/python3.11/site-packages",
            "metadata": "Name: Thing\nVersion: 1.0\nClassifier: License :: OSI Approved :: MIT "
            "License\nRequires-Dist: other>=1\n",
            "size": 42,
        },
        {"place": "usr/lib/python3/dist-packages", "metadata": "Name: old\n", "size": 0},
    ]
