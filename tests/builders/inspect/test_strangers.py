"""Whatever strangers put into an image, reading it ends well or with one clear error."""

import io
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from mlpack.builders.inspect.databases import read_apk, read_dpkg, read_metadata, read_os_release
from mlpack.builders.inspect.explain import explain
from mlpack.builders.inspect.image_sbom import make_sbom
from mlpack.builders.inspect.layer_files import Budget, files_of, plain_path
from mlpack.builders.inspect.sbom import hashes_of
from mlpack.builders.inspect.verify import verify_image
from mlpack.errors import InvalidInput
from mlpack.tests.builders.inspect.small_images import SITE, make_image, make_tar

FILES = st.sampled_from(
    [
        f"{SITE}/a-1.dist-info/METADATA",
        f"{SITE}/a-1.dist-info/RECORD",
        f"{SITE}/b.egg-info",
        f"{SITE}/.wh.a-1.dist-info",
        "opt/ml/model/MLmodel",
        "opt/ml/model/requirements.txt",
        "opt/ml/.wh.model",
        "opt/mlpack/runtime/mlpack_toolkit-1.dist-info/METADATA",
        "var/lib/dpkg/status",
        "var/lib/dpkg/status.d/x",
        "lib/apk/db/installed",
        "etc/os-release",
    ]
)
TEXT = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [
            b"Name: a\nVersion: 1\nRequires-Dist: a[x]; extra == 'x' and python_version > 'z'",
            b"Name: a\nVersion: 1\nRequires-Dist: b ; platform_machine in '",
            b"Package: a\nVersion: 1",
            b"a[x]==1; extra == 'y'\n-r x\nb @ https://u:p@h/x.whl",
            b"flavors: {}\nmlpack: {files: [1, 2]}",
            b"mlpack: {files: {../../x: 1}}",
            b'ID=x\nVERSION_ID="\x1b[2J"',
        ]
    ),
)


@given(st.binary(max_size=2000))
def test_databases_are_read_as_far_as_they_can_be(content):
    list(read_dpkg(content))
    list(read_apk(content))
    read_metadata(content)
    read_os_release(content)
    hashes_of(content.decode("utf-8", "replace"))


@given(st.lists(st.dictionaries(FILES, TEXT, max_size=5), min_size=1, max_size=3))
def test_an_image_of_odd_files_is_told_as_far_as_it_goes(layers):
    image = make_image(layers)
    explain(image, "odd").to_dict()
    make_sbom(image)
    verify_image(image, "odd").to_dict()


@given(st.binary(max_size=3000), st.integers(0, 2048))
def test_a_damaged_layer_ends_with_one_error(noise, at):
    tar = io.BytesIO(make_tar({"a": b"x" * 600, "opt/ml/model/b": b"y"}))
    tar.seek(at)
    tar.write(noise)
    image = make_image([tar.getvalue()])
    with suppress(InvalidInput):
        for entry in files_of(image, image.layers[0], Budget()):
            entry.checksum()


@given(st.text())
def test_paths_stay_below_the_root(name):
    path = plain_path(name)
    assert path is None or (path and not path.startswith("/") and ".." not in path.split("/"))
