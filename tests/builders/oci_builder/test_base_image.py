"""What a base image brings, read from its layers: links, whiteouts, libraries, Pythons."""

from pathlib import Path

import pytest

from mlpack.builders.oci.base_image import BaseFacts, check_base, facts_of
from mlpack.builders.oci.cache import Cache
from mlpack.builders.oci.layers import LayerEntry
from mlpack.builders.oci.spec import Platform
from mlpack.builders.oci.tree import read_tree
from mlpack.errors import BuildFailed
from mlpack.tests.builders.oci_builder.bases import base_entries, entry, make_base

AMD64, ARM64 = Platform.parse("linux/amd64"), Platform.parse("linux/arm64")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def facts(cache: Cache, *layers: list[LayerEntry], env: tuple[str, ...] = ()) -> BaseFacts:
    return facts_of(make_base(*layers, cache=cache, config={"Env": [*env]}), cache)


def test_debian(cache: Cache) -> None:
    found = facts(cache, base_entries())
    assert (found.python, found.version) == ("/usr/bin/python3.11", (3, 11))
    assert found.libc == ("glibc", (2, 36))
    assert found.system["ID"] == "debian"
    assert found.shell


def test_the_one_that_comes_first_on_the_path(cache: Cache) -> None:
    own = [
        entry("usr/local/bin/python3", link="python3.12"),
        entry("usr/local/bin/python3.12", b"elf", 0o755),
    ]
    assert facts(cache, base_entries(), own).version == (3, 12)
    assert facts(cache, base_entries(), own, env=("PATH=/usr/bin",)).version == (3, 11)


def test_python_in_a_place_of_its_own_without_a_number_in_its_name(cache: Cache) -> None:
    conda = [
        entry("opt/conda/bin/python3", b"elf", 0o755),
        entry("opt/conda/lib/python3.13/os.py"),
        entry("opt/conda/lib/python3.12/left-over"),
    ]
    found = facts(cache, base_entries(), conda, env=("PATH=/opt/conda/bin:/usr/bin",))
    assert (found.python, found.version) == ("/opt/conda/bin/python3", (3, 13))


def test_whiteouts(cache: Cache) -> None:
    gone = [entry("usr/bin/.wh.sh"), entry("usr/bin/.wh.python3")]
    found = facts(cache, base_entries(), gone)
    assert (found.python, found.shell) == (None, False)
    hidden = [entry("usr/bin/.wh..wh..opq"), entry("usr/bin/python3", b"elf", 0o755)]
    found = facts(cache, base_entries(), hidden)
    assert (found.python, found.shell) == ("/usr/bin/python3", False)


def test_a_folder_over_a_link_hides_what_the_link_led_to(cache: Cache) -> None:
    """What engines make of a layer with ``lib/…`` on a base where ``lib`` is a link."""
    image = make_base(base_entries(), [entry("lib/own.so")], cache=cache)
    tree = read_tree(image, lambda path: False)
    assert tree.resolve("/lib/own.so") == "lib/own.so"
    assert tree.resolve("/lib/os-release") is None
    assert tree.resolve("/usr/lib/os-release") == "usr/lib/os-release"


def test_links_in_a_circle_and_out_of_the_image(cache: Cache) -> None:
    layer = [
        entry("a", link="b"),
        entry("b", link="a"),
        entry("up", link="../../../etc/os-release"),
    ]
    tree = read_tree(make_base(base_entries(), layer, cache=cache), lambda path: False)
    assert tree.resolve("/a") is None
    assert tree.resolve("/up") == "usr/lib/os-release"


def test_alpine(cache: Cache) -> None:
    layer = [
        entry("usr/bin/python3", b"elf", 0o755),
        entry("usr/lib/python3.11/os.py"),
        entry("lib/ld-musl-x86_64.so.1", b"musl libc (x86_64)\nVersion %s\n\0" + b"1.2.4\0"),
    ]
    assert facts(cache, layer).libc == ("musl", (1, 2))
    installed = entry("lib/apk/db/installed", b"C:Q1\nP:musl\nV:1.3.0-r0\n")
    assert facts(cache, [*layer, installed]).libc == ("musl", (1, 3))


def test_it_is_read_once(cache: Cache) -> None:
    image = make_base(base_entries(), cache=cache)
    found = facts_of(image, cache)
    path = cache.path(image.layers[0].digest)
    assert path
    path.unlink()
    assert facts_of(image, cache) == found


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"python": None}, "has no python3"),
        ({"libc": None}, "neither glibc nor musl"),
        ({"version": (3, 10)}, "has Python 3.10, mlpack needs 3.11"),
        ({"version": (3, 12)}, "has Python 3.12, the model was saved with 3.11 and holds"),
    ],
)
def test_bases_that_cannot_be_used(changed: dict[str, object], told: str) -> None:
    fields = {"python": "/p", "version": (3, 11), "libc": ("glibc", (2, 36)), **changed}
    with pytest.raises(BuildFailed, match=told.replace(".", r"\.")):
        check_base(BaseFacts(**fields), "b", AMD64, asked=AMD64, python="3.11", code=True)  # type: ignore[arg-type]


def test_another_python_is_only_worth_a_notice_where_nothing_depends_on_it() -> None:
    found = BaseFacts("/p", (3, 12), ("glibc", (2, 36)))
    told = check_base(found, "b", AMD64, asked=AMD64, python="3.11", code=False)
    assert told and "--base-image python:3.11-slim" in told


def test_another_platform() -> None:
    found = BaseFacts("/p", (3, 11), ("glibc", (2, 36)))
    with pytest.raises(BuildFailed, match="is for linux/arm64, not for linux/amd64"):
        check_base(found, "b", ARM64, asked=AMD64, python="3.11", code=False)


def test_hostile_trees_take_neither_time_nor_the_stack(cache: Cache) -> None:
    many = [entry(f"a/f{number}") for number in range(5000)]
    hidden = [entry(f"a/.wh.f{number}") for number in range(5000)]
    deep = [entry("d/" * 2000 + "x")]
    tree = read_tree(make_base(many, hidden, deep, cache=cache), lambda _: False)
    assert tree.names("a") == [] and tree.get("d/" * 2000 + "x")
