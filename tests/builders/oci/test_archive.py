"""Archives: what engines and other tools write and read, and nothing hostile."""

import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlpack.builders.base import Progress
from mlpack.builders.oci import archive_file
from mlpack.builders.oci.archive import read_archive, write_archive
from mlpack.builders.oci.cache import Cache
from mlpack.builders.oci.compress import compress
from mlpack.builders.oci.image import Attachment, Bundle, Image
from mlpack.builders.oci.layout import read_layout, write_layout
from mlpack.builders.oci.repack import repacked
from mlpack.builders.oci.spec import OCI_LAYER, Platform, sha256
from mlpack.errors import InvalidInput, MlpackError, NotFound, StorageFailed

MakeImage = Callable[..., Image]
Run = Callable[..., str]


def read_all(image: Image) -> list[bytes]:
    found = []
    for layer in image.layers:
        with image.blobs.open(layer) as file:
            found.append(file.read())
    return found


def test_other_tools_read_it(make_image: MakeImage, tmp_path: Path, run: Run) -> None:
    image = make_image({"opt/a": b"hello", "b": b"1"})
    sbom = Attachment(image.descriptor, "application/vnd.cyclonedx+json", b"{}")
    file = tmp_path / "image.tar"
    write_archive(Bundle("churn:2", (image,), None, (sbom,)), file)
    assert run("skopeo", "inspect", f"docker-archive:{file}:churn:2")
    inspected = json.loads(run("skopeo", "inspect", f"oci-archive:{file}:2"))
    assert inspected["Digest"] == image.descriptor.digest
    run("skopeo", "copy", f"docker-archive:{file}:churn:2", f"oci:{tmp_path}/layout:2")
    run("umoci", "unpack", "--rootless", "--image", f"{tmp_path}/layout:2", tmp_path / "bundle")
    assert (tmp_path / "bundle/rootfs/opt/a").read_text() == "hello"


def test_what_we_write_we_read(make_image: MakeImage, tmp_path: Path) -> None:
    image = make_image({"a": b"hello"})
    write_archive(Bundle("churn", (image,)), tmp_path / "image.tar")
    for name in (None, "latest", "churn", "churn:latest"):
        assert read_archive(tmp_path / "image.tar", name).descriptor == image.descriptor
    found = read_archive(tmp_path / "image.tar")
    assert read_all(found) == read_all(image)
    with pytest.raises(NotFound, match="no image 'fraud'; there is: churn:latest"):
        read_archive(tmp_path / "image.tar", "fraud")
    with pytest.raises(InvalidInput, match="not for linux/arm64; it is for linux/amd64"):
        read_archive(tmp_path / "image.tar", None, Platform.parse("linux/arm64"))


def test_what_skopeo_writes_we_read(make_image: MakeImage, tmp_path: Path, run: Run) -> None:
    image = make_image({"a": b"hello", "b": b"1"})
    write_layout(Bundle("churn:1", (image,)), tmp_path / "layout")
    run("skopeo", "copy", f"oci:{tmp_path}/layout:1", f"oci-archive:{tmp_path}/oci.tar:x")
    assert read_archive(tmp_path / "oci.tar", "x").descriptor == image.descriptor
    docker = f"docker-archive:{tmp_path}/docker.tar:churn:1"
    run("skopeo", "copy", f"oci:{tmp_path}/layout:1", docker)
    found = read_archive(tmp_path / "docker.tar", "churn:1")
    assert found.diff_ids == image.diff_ids
    assert [sha256(each) for each in read_all(found)] == list(image.diff_ids)  # bare tars
    with pytest.raises(NotFound, match="no image 'fraud:1'; there is: churn:1"):
        read_archive(tmp_path / "docker.tar", "fraud:1")
    with pytest.raises(InvalidInput, match="not for linux/arm64 but for linux/amd64"):
        read_archive(tmp_path / "docker.tar", None, Platform.parse("linux/arm64"))


def test_bare_layers_are_compressed_once(make_image: MakeImage, tmp_path: Path, run: Run) -> None:
    image = make_image({"a": b"hello", "b": b"1"})
    write_layout(Bundle("churn:1", (image,)), tmp_path / "layout")
    docker = f"docker-archive:{tmp_path}/docker.tar:churn:1"
    run("skopeo", "copy", f"oci:{tmp_path}/layout:1", docker)
    cache = Cache(tmp_path / "another")
    found = repacked(read_archive(tmp_path / "docker.tar"), cache)
    assert found.layers == image.layers
    assert read_all(found) == read_all(image)
    # known by its diff_id: the archive is not read again
    bare = read_archive(tmp_path / "docker.tar")
    os.truncate(tmp_path / "docker.tar", 0)
    assert repacked(bare, cache).layers == image.layers
    same = repacked(image, cache)
    assert (same.manifest, same.layers) == (image.manifest, image.layers)


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_compressed_archives(kind: Any, make_image: MakeImage, tmp_path: Path) -> None:
    image = make_image({"a": b"hello"})
    write_archive(Bundle("churn", (image,)), tmp_path / "image.tar")
    packed = b"".join(compress([(tmp_path / "image.tar").read_bytes()], kind))
    (tmp_path / "packed").write_bytes(packed)
    found = read_archive(tmp_path / "packed")
    (tmp_path / "packed").unlink()
    assert read_all(found) == read_all(image)


def test_the_same_image_gives_the_same_bytes(make_image: MakeImage, tmp_path: Path) -> None:
    bundle = Bundle("churn:1", (make_image({"a": b"1"}),))
    for name in ("one", "two"):
        write_archive(bundle, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_several_platforms(make_multi: Callable[[str], Bundle], tmp_path: Path, run: Run) -> None:
    bundle = make_multi("churn:1")
    write_archive(bundle, tmp_path / "image.tar")
    for image in bundle.images:
        found = read_archive(tmp_path / "image.tar", "churn:1", image.platform)
        assert found.descriptor.digest == image.descriptor.digest
    shown = json.loads(run("skopeo", "inspect", f"docker-archive:{tmp_path}/image.tar"))
    assert shown["Architecture"] == Platform.of_machine().architecture


def test_zstd_is_told_of(make_image: MakeImage, tmp_path: Path) -> None:
    image = make_image({"a": b"1"}, compression="zstd")
    told: list[Progress] = []
    write_archive(Bundle("churn", (image,)), tmp_path / "image.tar", told.append)
    assert [each.message for each in told if each.kind == "notice"] == [
        "Engines before 23.0 cannot load layers compressed with zstd."
    ]


def test_written_whole_or_not_at_all(make_image: MakeImage, cache: Cache, tmp_path: Path) -> None:
    image = make_image({"a": b"1"})
    file = tmp_path / "image.tar"
    file.write_text("before")
    cached = cache.path(image.layers[0].digest)
    assert cached is not None
    cached.chmod(0o600)
    cached.write_bytes(cached.read_bytes()[:-1] + b"x")
    with pytest.raises(InvalidInput, match="damaged"):
        write_archive(Bundle("churn", (image,)), file)
    assert file.read_text() == "before"
    assert {each.name for each in tmp_path.iterdir()} == {"cache", "image.tar"}
    with pytest.raises(StorageFailed, match="Cannot write"):
        write_archive(Bundle("churn", (make_image({"a": b"1"}),)), tmp_path / "no/folder.tar")


def test_a_full_disk(make_image: MakeImage, small_disk: Path) -> None:
    write_archive(Bundle("churn", (make_image({"a": b"1"}),)), small_disk / "image.tar")
    write_layout(Bundle("churn", (make_image({"a": b"1"}),)), small_disk / "layout")
    before = (small_disk / "image.tar").read_bytes()
    large = Bundle("churn", (make_image({"a": os.urandom(3_000_000)}),))
    for write, place in (
        (write_archive, "image.tar"),
        (write_layout, "layout"),
        (write_layout, "new"),
    ):
        with pytest.raises(StorageFailed, match="disk is full"):
            write(large, small_disk / place)
    assert (small_disk / "image.tar").read_bytes() == before
    assert read_all(read_layout(small_disk / "layout"))
    assert {each.name for each in small_disk.iterdir()} == {"image.tar", "layout"}
    assert not list(small_disk.rglob(".*"))


def test_into_a_pipe(make_image: MakeImage, tmp_path: Path) -> None:
    bundle = Bundle("churn", (make_image({"a": b"1"}),))
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE) as reader:
        write_archive(bundle, tmp_path / "pipe")
        out, _ = reader.communicate()
    write_archive(bundle, tmp_path / "file")
    assert out == (tmp_path / "file").read_bytes()


def member(name: str, content: bytes = b"", **more: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in more.items():
        setattr(info, key, value)
    return info, content


def archive_of(file: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(file, "w") as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return file


def saved_by_an_engine(file: Path, layers: list[str], *members: Any, count: int = 1) -> Path:
    """As engines before 25 write it: a folder a layer, equal ones linked."""
    tar = b"".join(compress([b"the layer"], "none"))
    config = {
        "os": "linux",
        "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": [sha256(tar)] * count},
    }
    manifest = [{"Config": "config.json", "RepoTags": ["churn:1"], "Layers": layers}]
    return archive_of(
        file,
        member("one/layer.tar", tar),
        member("config.json", json.dumps(config).encode()),
        member("manifest.json", json.dumps(manifest).encode()),
        *members,
    )


def test_equal_layers_are_links(tmp_path: Path) -> None:
    link = member("two/layer.tar", type=tarfile.SYMTYPE, linkname="../one/layer.tar")
    hard = member("three/layer.tar", type=tarfile.LNKTYPE, linkname="one/layer.tar")
    layers = [f"{each}/layer.tar" for each in ("one", "two", "three")]
    found = read_archive(saved_by_an_engine(tmp_path / "a", layers, link, hard, count=3))
    assert read_all(found) == [b"the layer"] * 3
    assert {layer.media_type for layer in found.layers} == {OCI_LAYER}


def special(layer: str, *members: Any) -> Callable[[Path], Path]:
    return lambda file: saved_by_an_engine(file, [layer], *members)


def manifest_says(content: bytes) -> Callable[[Path], Path]:
    return lambda file: archive_of(file, member("manifest.json", content))


def plain(content: bytes) -> Callable[[Path], Path]:
    def make(file: Path) -> Path:
        file.write_bytes(content)
        return file

    return make


def long_name(file: Path) -> Path:
    """A name of 10 GB, in a file that takes no room."""
    with file.open("wb") as out:
        info = tarfile.TarInfo("././@LongLink")
        info.type, info.size = tarfile.GNUTYPE_LONGNAME, 10 << 30
        out.write(info.tobuf(tarfile.GNU_FORMAT))
        out.truncate(11 << 30)
    return file


HOSTILE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "empty": (plain(b""), "no archive of an image"),
    "text": (plain(b"hello" * 1000), "no archive of an image"),
    "broken gzip": (plain(gzip.compress(bytes(5000))[:20]), "damaged"),
    "another tar": (lambda file: archive_of(file, member("a", b"1")), "it has no manifest.json"),
    "no json": (manifest_says(b"{"), "manifest.json is damaged"),
    "deep": (manifest_says(b"[" * 100_000), "manifest.json is damaged"),
    "no list": (manifest_says(b"{}"), "manifest.json is damaged"),
    "no image": (manifest_says(b"[]"), "holds 0 images"),
    "no config": (manifest_says(b"[{}]"), "lacks 'None'"),
    "file outside": (
        manifest_says(b'[{"Config": "../../../../../../etc/passwd"}]'),
        "lacks '../../../../../../etc/passwd'",
    ),
    "link outside": (
        special("l", member("l", type=tarfile.SYMTYPE, linkname="../../../../etc/passwd")),
        "lacks 'etc/passwd'",
    ),
    "link to itself": (
        special("l", member("l", type=tarfile.SYMTYPE, linkname="l")),
        "leads nowhere",
    ),
    "device": (
        special("d", member("d", type=tarfile.CHRTYPE, devmajor=1, devminor=5)),
        "lacks 'd'",
    ),
    "pipe": (special("d", member("d", type=tarfile.FIFOTYPE)), "lacks 'd'"),
    "missing layer": (special("none/layer.tar"), "lacks 'none/layer.tar'"),
    "too few layers": (lambda f: saved_by_an_engine(f, [], count=1), "different layers"),
    "huge manifest": (manifest_says(bytes(5 << 20)), "too large"),
    "a name of 10 GB": (long_name, "too long"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives(name: str, tmp_path: Path) -> None:
    make, told = HOSTILE[name]
    with pytest.raises(MlpackError, match=told) as caught:
        read_archive(make(tmp_path / "archive"))
    assert len(caught.value.message) < 500


def test_a_layer_that_is_not_the_one_in_the_configuration(tmp_path: Path) -> None:
    other = member("other/layer.tar", b"not it")
    found = read_archive(saved_by_an_engine(tmp_path / "a", ["other/layer.tar"], other))
    with pytest.raises(InvalidInput, match="damaged"):
        read_all(found)
    with pytest.raises(InvalidInput, match="damaged"):
        repacked(found, Cache(tmp_path / "cache"))


def test_what_decompresses_to_far_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bomb").write_bytes(gzip.compress(bytes(30_000_000)))
    monkeypatch.setattr(archive_file, "_SMALL", 1_000_000)
    with pytest.raises(InvalidInput, match="far too much"):
        read_archive(tmp_path / "bomb")


def test_too_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_file, "_MOST_MEMBERS", 10)
    archive_of(tmp_path / "a", *(member(str(each)) for each in range(12)))
    with pytest.raises(InvalidInput, match="too many"):
        read_archive(tmp_path / "a")


def test_a_file_that_is_not_there_or_none(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_archive(tmp_path / "none")
    with pytest.raises(MlpackError):
        read_archive(tmp_path)


def test_nothing_stays_open(make_image: MakeImage, tmp_path: Path) -> None:
    write_archive(Bundle("churn", (make_image({"a": b"1"}),)), tmp_path / "image.tar")
    script = """
import gc, os, sys
from pathlib import Path
from mlpack.builders.oci.archive import read_archive
for _ in range(20):
    image = read_archive(Path(sys.argv[1]))
    with image.blobs.open(image.layers[0]) as file:
        file.read()
del image, file
gc.collect()
print(len([n for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{n}")]))
"""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", script, tmp_path / "image.tar"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stderr == ""
    assert int(done.stdout) < 8
