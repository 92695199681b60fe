"""What was damaged on the disk is never handed on; layouts share the rest with the cache."""

from dataclasses import replace
from pathlib import Path

import pytest

from mlpack.builders.base import BuildSpec, Output, Progress
from mlpack.builders.inspect.verify import verify_image
from mlpack.builders.oci.build import OciBuilder
from mlpack.builders.oci.cache import Cache
from mlpack.builders.oci.open import open_image


@pytest.mark.parametrize("kind", ["layout", "archive"])
def test_a_damaged_layer_of_the_cache_is_made_anew(
    kind: str, spec: BuildSpec, tmp_path: Path
) -> None:
    first = OciBuilder().build(spec)
    layer = first.layers[-1]
    assert layer.digest is not None
    path = Cache.of_user().path(layer.digest)
    assert path is not None
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[:-1] + b"x")
    told: list[Progress] = []
    output = Output("layout" if kind == "layout" else "archive", tmp_path / "again")
    again = OciBuilder().build(replace(spec, outputs=[output]), told.append)
    assert again.digest == first.digest
    assert path.read_bytes() == data
    assert [each for each in told if "It is made anew" in each.message]


def test_a_layout_links_our_layers_whatever_the_base(spec: BuildSpec, tmp_path: Path) -> None:
    built = OciBuilder().build(spec)
    digest = built.layers[-1].digest
    assert digest is not None
    cached = Cache.of_user().path(digest)
    assert cached is not None
    assert (tmp_path / "out/blobs/sha256" / digest[7:]).samefile(cached)


def test_who_looks_sees_what_is_there_rather_than_the_cache_s_copy(
    spec: BuildSpec, tmp_path: Path
) -> None:
    made = OciBuilder().build(spec)
    name, digest = f"layout:{tmp_path}/out", made.layers[-2].digest
    assert digest is not None
    image = open_image(name, None, Cache.of_user(), compression="none")
    assert verify_image(image, name).good
    path = tmp_path / "out/blobs/sha256" / digest[7:]
    data = path.read_bytes()
    path.unlink()  # what is in the cache stays as it is
    path.write_bytes(data[:-1] + b"x")
    assert not verify_image(image, name).good
