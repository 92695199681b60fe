"""Where images go: registries (only what is new is sent), archives, and places named in vain."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mlpack.builders.base import BuildSpec, Output, Progress
from mlpack.builders.check import check
from mlpack.builders.choose import choose, get_builder
from mlpack.builders.oci.archive import read_archive
from mlpack.builders.oci.build import OciBuilder
from mlpack.builders.oci.cache import Cache
from mlpack.builders.oci.spec import Platform
from mlpack.builders.publish import Credentials, publish
from mlpack.builders.remote.pull import read_remote
from mlpack.builders.remote.referrers import list_referrers
from mlpack.errors import EngineUnavailable, InvalidInput, RegistryFailed
from mlpack.tests.builders.oci_builder.bases import (
    base_entries,
    built,
    contents,
    entry,
    make_base,
    write_base,
)
from mlpack.tests.builders.remote.servers import Registry, registry

AMD64 = Platform.parse("linux/amd64")
NO_ENGINE = "unix:///nonexistent/docker.sock"
REGISTRY = (Output("registry"),)


@pytest.fixture(scope="session")
def a_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", NO_ENGINE)


@pytest.mark.cloud
def test_to_a_registry_only_what_it_does_not_have(
    spec: BuildSpec, a_registry: Registry, tmp_path: Path, no_engine: None
) -> None:
    spec = replace(spec, name=f"{a_registry.host}/d/one:1", outputs=REGISTRY)
    first = OciBuilder().build(spec)
    assert first.outputs == (spec.name,)
    assert all(layer.sent for layer in first.layers)
    image = read_remote(spec.name, AMD64, Cache(tmp_path / "other"))
    assert image.descriptor.digest == first.digest
    assert contents(image)["opt/ml/model/m.skops"] == b"x" * 1000
    (bill,) = list_referrers(spec.name, str(first.digest))
    assert bill.artifact_type == "application/vnd.cyclonedx+json"
    # a new version of the model under a new tag
    (spec.model / "m.skops").write_bytes(b"new")
    second = OciBuilder().build(replace(spec, name=f"{a_registry.host}/d/one:2"))
    assert [bool(layer.sent) for layer in second.layers] == [False] * 4 + [True] * 2
    # another repository mounts what the registry has
    third = OciBuilder().build(replace(spec, name=f"{a_registry.host}/d/two:1"))
    assert not any(layer.sent for layer in third.layers[:-1])
    # and from there it is a base image
    below = replace(
        spec,
        name="mlpack-test-d/on:1",
        base_image=f"registry:{a_registry.host}/d/two:1",
        outputs=(Output("layout", tmp_path / "on-top"),),
    )
    OciBuilder().build(below)
    labels = built(below).labels
    assert labels["org.opencontainers.image.base.name"] == f"{a_registry.host}/d/two:1"
    assert labels["org.opencontainers.image.base.digest"] == third.digest


@pytest.mark.cloud
def test_published(spec: BuildSpec, a_registry: Registry, tmp_path: Path, no_engine: None) -> None:
    reference = f"{a_registry.host}/d/published:1"
    first = publish(spec, reference)
    assert first.uploaded > 1000
    assert first.pinned == f"{a_registry.host}/d/published@{first.digest}"
    again = publish(spec, reference)
    assert (again.digest, again.size, again.uploaded) == (first.digest, first.size, 0)
    copied = publish(f"registry:{reference}", f"{a_registry.host}/d/copied:1")
    assert (copied.digest, copied.size) == (first.digest, first.size)
    with pytest.raises(InvalidInput):
        publish(spec, f"{a_registry.host}/Capital:1")


@pytest.mark.cloud
def test_credentials_that_were_given(spec: BuildSpec, tmp_path: Path, no_engine: None) -> None:
    """As targets give those of a cloud's registry; they are nowhere to be seen."""
    command = ["htpasswd", "-Bbn", "-C", "4", "anna", "h4rdly-secret"]
    users = subprocess.run(command, capture_output=True, check=True).stdout
    folder = tmp_path / "registry"
    folder.mkdir()
    (folder / "users").write_bytes(users)
    auth = {"htpasswd": {"realm": "tests", "path": str(folder / "users")}}
    seen: list[Progress] = []
    right = Credentials("anna", "h4rdly-secret")
    with registry(folder, auth=auth) as running:
        reference = f"{running.host}/d/mine:1"
        with pytest.raises(RegistryFailed):
            publish(spec, reference, report=seen.append)
        done = publish(spec, reference, credentials=right, report=seen.append)
        assert publish(spec, reference, credentials=right).uploaded == 0
    told = [*(event.message for event in seen), repr(done), repr(right)]
    told += [path.read_bytes().decode("latin-1") for path in (folder / "store").rglob("data")]
    assert not [text for text in told if "h4rdly-secret" in text]


@pytest.mark.cloud
def test_checked_on_another_day(
    spec: BuildSpec, a_registry: Registry, tmp_path: Path, no_engine: None
) -> None:
    """The base's tag leads elsewhere by then; what the image was made from is still there."""
    base, cache = f"{a_registry.host}/d/base:1", Cache(tmp_path / "base-cache")
    publish(str(spec.base_image), base)
    name = f"{a_registry.host}/d/checked:1"
    spec = replace(spec, name=name, base_image=base, outputs=REGISTRY)
    made = OciBuilder().build(spec)
    newer = make_base([*base_entries(), entry("etc/newer")], cache=cache)
    publish(write_base(tmp_path / "newer", newer), base)
    by_digest = replace(spec, name=f"{name.rpartition(':')[0]}@{made.digest}")
    for asked in (spec, by_digest):
        (found,) = check(asked)
        assert found.same and found.built == found.digest == made.digest


def test_a_registry_that_is_down_is_found_out_before_anything_is_built(
    spec: BuildSpec, no_engine: None
) -> None:
    seen: list[Progress] = []
    with pytest.raises(RegistryFailed, match=r"No registry answers at http://127\.0\.0\.1:1"):
        OciBuilder().build(replace(spec, name="127.0.0.1:1/d/x", outputs=REGISTRY), seen.append)
    assert seen == []


def test_to_an_archive_and_a_layout_at_once(spec: BuildSpec, tmp_path: Path) -> None:
    file = tmp_path / "image.tar"
    spec = replace(spec, outputs=(*spec.outputs, Output("archive", file)))
    made = OciBuilder().build(spec)
    assert made.outputs == (str(tmp_path / "out"), str(file))
    image = read_archive(file, None, AMD64)
    assert image.config_descriptor.digest == made.id
    assert contents(image)["opt/ml/model/m.skops"] == b"x" * 1000


@pytest.mark.skipif("not __import__('shutil').which('umoci')", reason="umoci is not installed")
def test_other_tools_read_the_layout(spec: BuildSpec, tmp_path: Path) -> None:
    made = OciBuilder().build(spec)
    run = {"capture_output": True, "text": True, "check": True}
    asked = ["skopeo", "inspect", f"oci:{tmp_path}/out:1", "--format", "{{.Digest}}"]
    assert subprocess.run(asked, **run).stdout.strip() == made.digest  # type: ignore[call-overload]
    unpack = ["umoci", "raw", "unpack", "--rootless", "--image", f"{tmp_path}/out:1"]
    subprocess.run([*unpack, str(tmp_path / "root")], **run)  # type: ignore[call-overload]
    root = tmp_path / "root"
    assert (root / "opt/ml/model/m.skops").read_bytes() == b"x" * 1000
    assert (root / "opt/venv/bin/python").readlink() == Path("/usr/bin/python3.11")
    assert (root / "bin").is_symlink(), "a layer of ours did not replace the base's link"


def test_no_engine_and_no_place_named(spec: BuildSpec, no_engine: None) -> None:
    nowhere = replace(spec, outputs=(), base_image="python:3.11-slim")
    for build in (OciBuilder().build, lambda one: get_builder("auto", one).build(one)):
        with pytest.raises(EngineUnavailable) as caught:
            build(nowhere)
        assert "--push" in caught.value.message and "--output" in caught.value.message


@pytest.mark.parametrize(
    ("changes", "chosen"),
    [
        ({"outputs": REGISTRY}, "oci"),
        ({"outputs": (Output("archive", Path("x.tar")),)}, "oci"),
        ({"outputs": (Output("engine"),)}, "oci"),
        ({"platforms": ("linux/amd64", "linux/arm64")}, "oci"),
        ({"outputs": REGISTRY, "system_packages": ("libgomp1",)}, "docker"),
    ],
)
def test_chosen_without_an_engine(
    spec: BuildSpec, no_engine: None, changes: dict[str, object], chosen: str
) -> None:
    assert choose("auto", replace(spec, **changes)) == chosen  # type: ignore[arg-type]


def test_there_is_no_such_builder(spec: BuildSpec) -> None:
    with pytest.raises(InvalidInput, match="auto, docker, oci"):
        get_builder("podman", spec)


def test_an_engine_builds_for_one_platform(spec: BuildSpec) -> None:
    two = replace(spec, base_image=None, platforms=("linux/amd64", "linux/arm64"))
    with pytest.raises(InvalidInput, match="--builder oci"):
        get_builder("docker", two).build(two, lambda _: None)
    with pytest.raises(InvalidInput, match="--builder oci"):
        get_builder("docker", spec).build(spec, lambda _: None)  # from a layout


def test_the_progress_names_every_part(spec: BuildSpec) -> None:
    seen: list[Progress] = []
    OciBuilder().build(spec, seen.append)
    parts = [event.part for event in seen if event.kind in ("part", "cached")]
    assert list(dict.fromkeys(each for each in parts if each)) == [
        "base",
        "dependencies",
        "runtime",
        "model",
    ]
