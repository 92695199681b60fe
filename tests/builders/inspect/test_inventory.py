"""What is found in layers: packages, distributions, what is hidden; and images that mean harm."""

import io
import tarfile
import tracemalloc

import pytest

from mlpack.builders.inspect import layer_files
from mlpack.builders.inspect.contents import Base
from mlpack.builders.inspect.inventory import read_inventory
from mlpack.builders.inspect.layer_files import Budget, files_of
from mlpack.errors import InvalidInput, NotFound
from mlpack.tests.builders.inspect.small_images import (
    DEBIAN,
    SITE,
    Link,
    installed,
    make_image,
    make_tar,
)


def paths(image):
    budget = Budget()
    return [
        (entry.kind, entry.path)
        for layer in image.layers
        for entry in files_of(image, layer, budget)
    ]


def test_the_base_tells_its_system_and_packages():
    found = read_inventory(make_image([DEBIAN]))
    assert found.system().title == "Debian 12"
    assert [(p.name, p.version, p.source) for p in found.packages()] == [
        ("libc6", "2.36-9", "glibc"),
        ("python3.11", "3.11.2-6", None),
    ]
    assert found.python() == "3.11.2"
    assert Base.from_dict(found.base(1).to_dict()) == found.base(1)


def test_distroless_and_alpine_have_databases_of_their_own():
    distroless = {
        "var/lib/dpkg/status.d/libc6": "Package: libc6\nVersion: 2.36\nArchitecture: amd64\n",
        "var/lib/dpkg/status.d/libc6.md5sums": "abc  lib/x\n",
    }
    alpine = {
        "lib/apk/db/installed": "C:Q1\nP:musl\nV:1.2.4-r2\nA:x86_64\nL:MIT\no:musl\n\nP:busybox\n"
        "V:1.36\nA:x86_64\no:bb\n",
    }
    assert [p.name for p in read_inventory(make_image([distroless])).packages()] == ["libc6"]
    musl, busybox = read_inventory(make_image([alpine])).packages()
    assert (musl.kind, musl.license, musl.source) == ("apk", "MIT", None)
    assert busybox.source == "bb"


@pytest.mark.parametrize(
    ("files", "environment", "version"),
    [
        ({}, ["PYTHON_VERSION=3.12.4"], "3.12.4"),
        (
            {"usr/local/include/python3.12/patchlevel.h": '#define PY_VERSION "3.12.1"'},
            [],
            "3.12.1",
        ),
        ({"usr/bin/python3.9": b"", "usr/bin/python3.11": b""}, [], "3.11"),
        ({}, [], None),
    ],
)
def test_the_version_of_python_is_told_as_exactly_as_it_is_known(files, environment, version):
    assert read_inventory(make_image([files], Env=environment)).python() == version


def test_distributions_weigh_what_their_files_do_with_their_bytecode():
    image = make_image([DEBIAN, {**installed("big", "1", code=5000), **installed("small", "2.0")}])
    big, small = read_inventory(image).distributions()
    assert (big.name, big.layer, big.place) == ("big", 1, SITE)
    assert big.size > 10_000 > small.size > 200
    assert [layer.files for layer in read_inventory(image).layers] == [3, 8]


def test_what_a_later_layer_hides_is_not_there():
    lower = {**installed("a", "1"), **installed("b", "1"), **installed("c", "1")}
    upper = {
        f"{SITE}/a-1.dist-info/.wh.METADATA": "",
        f"{SITE}/.wh.b-1.dist-info": "",
        f"{SITE}/c-1.dist-info/.wh..wh..opq": "",
        f"{SITE}/c-1.dist-info/METADATA": "Name: c\nVersion: 2\n",
    }
    found = read_inventory(make_image([lower, upper]))
    assert [(d.name, d.version) for d in found.distributions()] == [("c", "2")]
    assert f"{SITE}/b-1.dist-info/METADATA" in found.layers[1].hides


def test_a_link_in_place_of_a_folder_hides_what_was_in_it():
    lower = {"opt/ml/model/MLmodel": "real"}
    found = read_inventory(make_image([lower, {"opt/ml": Link("/evil")}]))
    assert found.model_files == {}
    assert found.found["opt/ml"].kind == "symlink"


def test_paths_are_below_the_root():
    image = make_image([{"/abs": "x", "./c": "x", "./": None}])
    assert paths(image) == [("file", "abs"), ("file", "c")]


@pytest.mark.parametrize("path", ["../etc/passwd", "a/../../b", "opt/../opt/x", "a/.."])
def test_paths_that_lead_back_are_refused(path):
    with pytest.raises(InvalidInput, match=r"'\.\.' in it"):
        paths(make_image([{path: "x"}]))


def test_a_bomb_is_not_unpacked():
    tar = make_tar({"zeros": b"\0" * (1 << 20)})
    image = make_image([tar])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layer_files, "_NEVER_TOO_LARGE", 1 << 16)
        with pytest.raises(InvalidInput, match="400 times"):
            paths(image)


def test_too_many_entries_are_refused():
    image = make_image([{f"f{n}": "" for n in range(50)}])
    with pytest.raises(InvalidInput, match="more than"):
        list(files_of(image, image.layers[0], Budget(entries=49)))


def test_too_many_files_of_interest_are_refused(monkeypatch):
    monkeypatch.setattr("mlpack.builders.inspect.inventory._MOST_FOUND", 5)
    with pytest.raises(InvalidInput, match="more than 5 files"):
        read_inventory(make_image([{f"opt/ml/model/{n}": "" for n in range(6)}]))


def test_many_entries_take_no_memory():
    image = make_image([{f"usr/share/{n}": "" for n in range(8_000)}])
    tracemalloc.start()
    read_inventory(image)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 7 << 20  # the pieces that are read, not the entries


def test_a_header_that_asks_for_memory_is_refused():
    buffer = io.BytesIO()
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 1 << 33
    buffer.write(info.tobuf(tarfile.USTAR_FORMAT if info.size < 1 << 33 else tarfile.GNU_FORMAT))
    buffer.write(b"0" * (4 << 20))
    with pytest.raises(InvalidInput, match="no readable tar"):
        paths(make_image([buffer.getvalue()]))


@pytest.mark.parametrize(
    "tar",
    [
        b"not a tar at all" * 100,
        make_tar({"a": "x" * 2000})[:1024],  # cut off
        make_tar({"a": "x"}) + make_tar({"hidden": "y"}),  # behind the end
        make_tar({"a": ""})[:512] + b"garbage" * 200,
    ],
)
def test_damaged_layers_are_one_clear_error(tar):
    with pytest.raises(InvalidInput, match="no readable tar"):
        paths(make_image([tar]))


def test_a_database_of_an_unbelievable_size_is_refused(monkeypatch):
    monkeypatch.setattr("mlpack.builders.inspect.inventory._LARGEST", 10)
    with pytest.raises(InvalidInput, match="at most 10"):
        read_inventory(make_image([DEBIAN]))


def test_a_layer_that_is_gone_is_said_so():
    image = make_image([DEBIAN])
    image.blobs.blobs.clear()
    with pytest.raises(NotFound):
        read_inventory(image)
