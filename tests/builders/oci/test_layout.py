"""OCI image layouts: what we write other tools read, the other way round, and nothing hostile."""

import json
import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlpack.builders.oci.archive import manifest_of
from mlpack.builders.oci.blob_reader import BlobDamaged
from mlpack.builders.oci.cache import Cache
from mlpack.builders.oci.image import Attachment, Bundle, Image
from mlpack.builders.oci.layout import read_layout, write_layout
from mlpack.builders.oci.spec import (
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    Platform,
    canonical,
    sha256,
)
from mlpack.errors import InvalidInput, MlpackError, NotFound, StorageFailed

MakeImage = Callable[..., Image]
Run = Callable[..., str]


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_other_tools_read_and_unpack_it(make_image: MakeImage, tmp_path: Path, run: Run) -> None:
    large = os.urandom(3_000_000)  # gzip of several members
    image = make_image({"opt/ünï\ncode": b"hello", "b": large})
    layout = tmp_path / "layout"
    sbom = Attachment(image.descriptor, "application/vnd.cyclonedx+json", b"{}")
    write_layout(Bundle("registry.example/churn:2", (image,), None, (sbom,)), layout)

    inspected = json.loads(run("skopeo", "inspect", f"oci:{layout}:2"))
    assert inspected["Digest"] == image.descriptor.digest
    assert inspected["Layers"] == [layer.digest for layer in image.layers]
    run("skopeo", "copy", f"oci:{layout}:2", f"oci:{tmp_path}/copy:two")
    assert read_layout(tmp_path / "copy", "two").descriptor == image.descriptor
    run("umoci", "stat", "--image", f"{layout}:2")
    run("umoci", "unpack", "--rootless", "--image", f"{layout}:2", tmp_path / "bundle")
    root = tmp_path / "bundle/rootfs"
    assert (root / "opt/ünï\ncode").read_text() == "hello"
    assert (root / "b").read_bytes() == large


def test_what_we_write_we_read(make_image: MakeImage, tmp_path: Path) -> None:
    image = make_image({"a": b"hello"}, compression="zstd")
    write_layout(Bundle("churn", (image,)), tmp_path / "layout")
    for name in (
        None,
        "latest",
        "churn:latest",
        "docker.io/library/churn:latest",
        image.descriptor.digest,
    ):
        found = read_layout(tmp_path / "layout", name)
        assert (found.descriptor, found.manifest, found.config) == (
            image.descriptor,
            image.manifest,
            image.config,
        )
    with found.blobs.open(found.layers[0]) as file:
        assert sha256(file.read()) == found.layers[0].digest
    with pytest.raises(NotFound, match=r"no image '3'; there is: churn:latest"):
        read_layout(tmp_path / "layout", "3")


def test_layers_are_links_into_the_cache(
    make_image: MakeImage, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = make_image({"a": b"hello"})
    write_layout(Bundle("churn", (image,)), tmp_path / "layout")
    blob = tmp_path / "layout/blobs/sha256" / image.layers[0].digest[7:]
    cached = cache.path(image.layers[0].digest)
    assert cached is not None and blob.samefile(cached)

    def on_another_disk(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", on_another_disk)
    write_layout(Bundle("churn", (image,)), tmp_path / "copied")
    assert files_of(tmp_path / "copied") == files_of(tmp_path / "layout")
    assert not (tmp_path / "copied/blobs/sha256" / blob.name).samefile(cached)


def test_the_same_image_gives_the_same_folder(make_image: MakeImage, tmp_path: Path) -> None:
    bundle = Bundle("churn:1", (make_image({"a": b"1"}),))
    for name in ("one", "two"):
        write_layout(bundle, tmp_path / name)
    before = files_of(tmp_path / "one")
    write_layout(bundle, tmp_path / "one")  # once more into the same
    assert before == files_of(tmp_path / "one") == files_of(tmp_path / "two")


def test_images_are_added_and_replaced_by_name(
    make_image: MakeImage, tmp_path: Path, run: Run
) -> None:
    layout = tmp_path / "layout"
    first, second, other = (make_image({"a": each}) for each in (b"1", b"2", b"3"))

    def write(name: str, image: Image) -> None:
        sbom = Attachment(image.descriptor, "application/vnd.cyclonedx+json", b"{}")
        write_layout(Bundle(name, (image,), None, (sbom,)), layout)

    write("churn:1", first)
    write("churn:1", second)
    write("fraud:1", other)
    run("skopeo", "copy", f"oci:{layout}:fraud:1", f"oci:{layout}:third")
    write("churn:1", first)
    write("churn:1", second)
    assert read_layout(layout, "churn:1").descriptor == second.descriptor
    assert read_layout(layout, "1").descriptor == second.descriptor
    assert read_layout(layout, "fraud:1").descriptor == other.descriptor
    assert read_layout(layout, "third").descriptor == other.descriptor
    entries = json.loads((layout / "index.json").read_bytes())["manifests"]
    assert len([each for each in entries if "artifactType" in each]) == 2  # none of what is gone
    with pytest.raises(InvalidInput, match="name one of them: churn:1, fraud:1, third"):
        read_layout(layout)


def test_several_platforms(make_multi: Callable[[str], Bundle], tmp_path: Path, run: Run) -> None:
    bundle = make_multi("churn:1")
    write_layout(bundle, tmp_path / "layout")
    for image in bundle.images:
        found = read_layout(tmp_path / "layout", "1", image.platform)
        assert (found.descriptor.digest, found.platform) == (
            image.descriptor.digest,
            image.platform,
        )
    with pytest.raises(
        InvalidInput, match="not for linux/s390x; it is for linux/amd64, linux/arm64"
    ):
        read_layout(tmp_path / "layout", None, Platform.parse("linux/s390x"))
    run("skopeo", "copy", "--all", f"oci:{tmp_path}/layout:1", f"oci:{tmp_path}/copy:1")
    assert read_layout(tmp_path / "copy", "1", Platform.parse("linux/arm64"))
    wanted = json.loads(run("skopeo", "inspect", "--raw", f"oci:{tmp_path}/copy:1"))
    assert len(wanted["manifests"]) == 2


def test_one_image_for_another_platform(make_image: MakeImage, tmp_path: Path) -> None:
    image = make_image({"a": b"1"}, platform="linux/arm64")
    write_layout(Bundle("churn", (image,)), tmp_path / "layout")
    assert read_layout(tmp_path / "layout").platform == image.platform  # the only one
    with pytest.raises(InvalidInput, match="not for linux/amd64; it is for linux/arm64"):
        read_layout(tmp_path / "layout", None, Platform.parse("linux/amd64"))


def test_a_folder_that_holds_something_else(make_image: MakeImage, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes").write_text("x")
    bundle = Bundle("churn", (make_image({"a": b"1"}),))
    with pytest.raises(InvalidInput, match="no OCI image layout"):
        write_layout(bundle, tmp_path / "mine")
    assert files_of(tmp_path / "mine") == {"notes": b"x"}
    with pytest.raises(InvalidInput, match="no OCI image layout"):
        write_layout(bundle, tmp_path / "mine/notes")
    with pytest.raises(InvalidInput, match="no file oci-layout"):
        read_layout(tmp_path / "mine")
    with pytest.raises(NotFound):
        read_layout(tmp_path / "none")


def test_a_damaged_layer_is_not_handed_on(
    make_image: MakeImage, cache: Cache, tmp_path: Path
) -> None:
    image = make_image({"a": b"1"})
    path = cache.path(image.layers[0].digest)
    assert path is not None
    data = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(data[:-1] + b"x")
    with pytest.raises(BlobDamaged):
        write_layout(Bundle("churn", (image,)), tmp_path / "layout")
    assert not (tmp_path / "layout").exists()
    assert [each.name for each in tmp_path.iterdir()] == ["cache"]
    again = make_image({"a": b"1"})
    write_layout(Bundle("churn", (again,)), tmp_path / "layout")
    # damaged in the layout: made good by the next build
    blob = tmp_path / "layout/blobs/sha256" / path.name
    blob.unlink()
    blob.write_bytes(data[:-1] + b"x")
    with (
        pytest.raises(BlobDamaged),
        read_layout(tmp_path / "layout").blobs.open(again.layers[0]) as f,
    ):
        f.read()
    write_layout(Bundle("churn", (again,)), tmp_path / "layout")
    assert blob.read_bytes() == data


def test_a_layout_that_cannot_be_written(
    make_image: MakeImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = tmp_path / "layout"
    write_layout(Bundle("churn", (make_image({"a": b"1"}),)), layout)
    before = files_of(layout)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    image = make_image({"a": b"2"})
    monkeypatch.setattr(os, "fchmod", full)
    with pytest.raises(StorageFailed, match="disk is full"):
        write_layout(Bundle("churn", (image,)), layout)
    with pytest.raises(StorageFailed, match="disk is full"):
        write_layout(Bundle("churn", (image,)), tmp_path / "new")
    assert not (tmp_path / "new").exists()
    found = files_of(layout)
    assert {name: found[name] for name in before} == before
    assert not [name for name in found if "/." in name]


Change = Callable[[Path, dict[str, Any]], None]


def replace_index(layout: Path, content: bytes) -> None:
    (layout / "index.json").write_bytes(content)


def root_of(media_type: str, document: dict[str, Any]) -> Change:
    """Let the layout's only entry be a document of somebody's own."""

    def change(layout: Path, _: dict[str, Any]) -> None:
        content = json.dumps(document).encode()
        blob = Descriptor.of(media_type, content)
        (layout / "blobs/sha256" / blob.digest[7:]).write_bytes(content)
        replace_index(layout, json.dumps({"manifests": [blob.to_dict()]}).encode())

    return change


def entry_with(**fields: Any) -> Change:
    """Change fields of the layout's only entry."""

    def change(layout: Path, index: dict[str, Any]) -> None:
        index["manifests"][0] |= fields
        replace_index(layout, json.dumps(index).encode())

    return change


def link_the_manifest(layout: Path, index: dict[str, Any]) -> None:
    path = layout / "blobs/sha256" / index["manifests"][0]["digest"][7:]
    path.rename(layout / "elsewhere")
    path.symlink_to(layout / "elsewhere")


def pipe_for_the_manifest(layout: Path, index: dict[str, Any]) -> None:
    path = layout / "blobs/sha256" / index["manifests"][0]["digest"][7:]
    path.unlink()
    os.mkfifo(path)


def huge_index(layout: Path, _: dict[str, Any]) -> None:
    with (layout / "index.json").open("wb") as file:
        file.truncate(1 << 40)


def nested(layout: Path, index: dict[str, Any]) -> None:
    entry = index["manifests"][0]
    for _ in range(10):
        content = json.dumps({"manifests": [entry]}).encode()
        entry = Descriptor.of(OCI_INDEX, content).to_dict()
        (layout / "blobs/sha256" / entry["digest"][7:]).write_bytes(content)
    replace_index(layout, json.dumps({"manifests": [entry]}).encode())


HOSTILE: dict[str, tuple[Change, str]] = {
    "no json": (lambda layout, _: replace_index(layout, b"{"), "not a JSON object"),
    "deep json": (lambda layout, _: replace_index(layout, b"[" * 100_000), "not a JSON object"),
    "a list": (lambda layout, _: replace_index(layout, b"[]"), "not a JSON object"),
    "no manifests": (lambda layout, _: replace_index(layout, b"{}"), "no list of manifests"),
    "a number": (lambda layout, _: replace_index(layout, b'{"manifests": [3]}'), "no descriptor"),
    "huge index": (huge_index, "too large"),
    "huge manifest": (entry_with(size=1 << 40), "too large"),
    "another size": (entry_with(size=3), "damaged"),
    "negative size": (entry_with(size=-1), "no valid descriptor"),
    "path as digest": (entry_with(digest="sha256:../../../../etc/passwd"), "no valid descriptor"),
    "sha512": (entry_with(digest="sha512:" + "a" * 128), "kind sha512; only sha256"),
    "missing": (entry_with(digest="sha256:" + "0" * 64), "lacks the blob"),
    "schema 1": (
        entry_with(mediaType="application/vnd.docker.distribution.manifest.v1+json"),
        "holds no image",
    ),
    "link": (link_the_manifest, "is a symbolic link"),
    "pipe": (pipe_for_the_manifest, "not a file"),
    "nested": (nested, "nested too deeply"),
    "no config": (root_of(OCI_MANIFEST, {"layers": []}), "no valid descriptor"),
    "config of a kind of its own": (
        root_of(
            OCI_MANIFEST,
            {"config": Descriptor.of("application/x", b"{}").to_dict(), "layers": []},
        ),
        "not a container image but 'application/x'",
    ),
    "index of nothing": (root_of(OCI_INDEX, {"manifests": []}), "it is for nothing"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_layouts(name: str, make_image: MakeImage, tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    write_layout(Bundle("churn", (make_image({"a": b"1"}),)), layout)
    change, told = HOSTILE[name]
    change(layout, json.loads((layout / "index.json").read_bytes()))
    with pytest.raises(MlpackError, match=told) as caught:
        read_layout(layout)
    assert len(caught.value.message) < 500


def test_layers_and_configuration_that_differ(make_image: MakeImage, tmp_path: Path) -> None:
    image = make_image({"a": b"1", "b": b"2"})
    manifest = json.loads(image.manifest)
    for layers, told in (
        (manifest["layers"][:1], "different layers"),
        ([{**each, "mediaType": "text/plain"} for each in manifest["layers"]], "unknown type"),
        ("all", "no list of layers"),
    ):
        shutil.rmtree(tmp_path / "layout", ignore_errors=True)
        write_layout(Bundle("churn", (image,)), tmp_path / "layout")
        root_of(OCI_MANIFEST, {**manifest, "layers": layers})(tmp_path / "layout", {})
        with pytest.raises(InvalidInput, match=told):
            read_layout(tmp_path / "layout")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"config": []}, "config in its"),
        ({"config": {"Labels": ["a"]}}, "Labels in its"),
        ({"config": {"Labels": {"a": 1}}}, "Labels in its"),
        ({"config": {"Env": "A=1"}}, "Env in its"),
        ({"config": {"Entrypoint": [1]}}, "Entrypoint in its"),
        ({"config": {"User": 3}}, "User in its"),
        ({"history": [3]}, "history in its"),
        ({"rootfs": None}, "different layers"),
        ({"rootfs": {"diff_ids": ["../a"]}}, "no valid descriptor"),
        ({"created": "\ud800"}, "not a JSON object"),
    ],
)
def test_configurations_of_odd_form(
    changed: dict[str, Any], told: str, make_image: MakeImage, tmp_path: Path
) -> None:
    image = make_image({"a": b"1"})
    config = json.dumps({**image.settings, **changed}).encode()
    odd = Image(image.descriptor, manifest_of(config, image.layers), config, image.blobs)
    described = Descriptor.of(OCI_MANIFEST, odd.manifest, platform=image.platform)
    write_layout(Bundle("churn", (replace(odd, descriptor=described),)), tmp_path / "layout")
    with pytest.raises(InvalidInput, match=told):
        read_layout(tmp_path / "layout")


@pytest.mark.parametrize("there", [True, False])
def test_two_builds_into_one_layout(there: bool, tmp_path: Path, make_image: MakeImage) -> None:
    """Neither loses the other's name, whichever of them makes the folder."""
    layout = tmp_path / "layout"
    if there:
        write_layout(Bundle("churn:0", (make_image({"a": b"0"}),)), layout)
    images = [make_image({"a": bytes([n])}) for n in range(8)]
    threads = [
        threading.Thread(target=write_layout, args=(Bundle(f"churn:t{n}", (image,)), layout))
        for n, image in enumerate(images)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, image in enumerate(images):
        assert read_layout(layout, f"t{number}").descriptor == image.descriptor


def test_two_images_for_one_platform(make_image: MakeImage, tmp_path: Path) -> None:
    """What one reader checks, another would not run."""
    images = (make_image({"a": b"good"}), make_image({"a": b"evil"}))
    manifests = [each.descriptor.to_dict() for each in images]
    index = canonical({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests})
    write_layout(Bundle("a:1", images, index), tmp_path / "l")
    with pytest.raises(InvalidInput, match="two different images for linux/"):
        read_layout(tmp_path / "l", "1")
