"""How images are named, and what is said when there is none."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mlpack.builders.remote.pull as remote
from mlpack.builders.oci.archive import write_archive
from mlpack.builders.oci.cache import Cache
from mlpack.builders.oci.image import Bundle, Image
from mlpack.builders.oci.layout import write_layout
from mlpack.builders.oci.open import open_image
from mlpack.builders.oci.spec import Platform
from mlpack.errors import EngineUnavailable, InvalidInput, NotFound

MakeImage = Callable[..., Image]


@pytest.fixture
def places(make_image: MakeImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Image:
    """The same image in a layout and in an archive below the working folder; no engine."""
    image = make_image({"a": b"1"})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    write_layout(Bundle("churn:1", (image,)), Path("layout"))
    write_archive(Bundle("churn:1", (image,)), Path("image.tar"))
    return image


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A registry that has nothing; what it was asked for."""
    asked: list[str] = []

    def read(reference: Any, platform: Platform, cache: Cache, **_: Any) -> Image:
        asked.append(f"{reference} {platform}")
        raise NotFound("no such image in the registry")

    monkeypatch.setattr(remote, "read_remote", read)
    return asked


@pytest.mark.parametrize(
    "reference",
    [
        "layout:layout",
        "layout:layout:1",
        "layout:layout:churn:1",
        "oci:layout:1",
        "./layout",
        "layout",
        "layout:1",
        "archive:image.tar",
        "archive:image.tar:1",
        "docker-archive:image.tar:churn:1",
        "oci-archive:image.tar",
        "image.tar",
        "./image.tar:1",
    ],
)
def test_folders_and_files(reference: str, places: Image, cache: Cache) -> None:
    if reference == "layout:1":
        with pytest.raises(NotFound):  # the place named layout, with nothing in it
            open_image(reference, None, cache)
        return
    assert open_image(reference, None, cache).descriptor == places.descriptor
    with pytest.raises(InvalidInput, match="linux/amd64"):
        open_image(reference, Platform.parse("linux/s390x"), cache)


def test_a_path_with_a_colon(places: Image, cache: Cache) -> None:
    Path("layout").rename("a:b")
    for reference in ("layout:a:b", "layout:a:b:1", "./a:b"):
        assert open_image(reference, None, cache).descriptor == places.descriptor


@pytest.mark.parametrize(
    "reference", ["layout:none", "archive:none.tar", "none.tar", "./none", "/none:1"]
)
def test_places_where_nothing_is(reference: str, places: Image, cache: Cache) -> None:
    with pytest.raises(NotFound, match="There is no"):
        open_image(reference, None, cache)


def test_a_file_that_happens_to_have_the_name(
    places: Image, registry: list[str], cache: Cache
) -> None:
    Path("churn").write_text("x")
    Path("fraud").mkdir()
    for name in ("churn:2", "churn", "fraud:2"):
        with pytest.raises(NotFound, match="in the registry"):
            open_image(name, None, cache)
    with pytest.raises(InvalidInput, match="no archive of an image"):
        open_image("./churn", None, cache)


def test_a_plain_name_without_an_engine_is_the_registrys(
    places: Image, registry: list[str], cache: Cache
) -> None:
    for reference in ("churn:2", "registry:churn:2"):
        with pytest.raises(NotFound, match="in the registry"):
            open_image(reference, Platform.parse("linux/arm64"), cache)
    assert registry == ["docker.io/library/churn:2 linux/arm64"] * 2
    with pytest.raises(EngineUnavailable):
        open_image("engine:churn:2", None, cache)


@pytest.mark.parametrize("name", ["", "Churn", "a b", "x" * 5000, "churn:", "../..x\0"])
def test_names_that_are_none(name: str, places: Image, registry: list[str], cache: Cache) -> None:
    with pytest.raises((InvalidInput, NotFound)) as caught:
        open_image(name, None, cache)
    assert len(caught.value.message) < 500
    assert registry == []
