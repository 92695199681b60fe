"""Files in a folder: whole or not at all, and never outside of it."""

import os
from pathlib import Path

import pytest

from mlpack.artifacts.local import LocalArtifacts
from mlpack.errors import InvalidInput, NotFound, StorageFailed


@pytest.fixture
def place(tmp_path):
    return LocalArtifacts(tmp_path / "root")


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def test_files_and_folders(place, tmp_path):
    source = tmp_path / "source"
    (source / "deep" / "er").mkdir(parents=True)
    (source / "a.txt").write_text("a")
    (source / "deep" / "er" / "b.txt").write_text("b")
    place.put_file(source / "a.txt")
    place.put_file(source / "a.txt", "x/y")
    place.put_folder(source, "all")
    assert contents(place.root) == {
        "a.txt": "a",
        "x/y/a.txt": "a",
        "all/a.txt": "a",
        "all/deep/er/b.txt": "b",
    }
    assert [(e.path, e.is_dir, e.size) for e in place.list()] == [
        ("a.txt", False, 1),
        ("all", True, None),
        ("x", True, None),
    ]
    assert [e.path for e in place.list("all/deep")] == ["all/deep/er"]
    assert place.list("nope") == []
    assert place.list("a.txt") == []
    assert [e.path for e in place.walk("all")] == ["all/a.txt", "all/deep/er/b.txt"]


def test_a_file_is_replaced_as_a_whole(place, tmp_path):
    (tmp_path / "a.txt").write_text("new")
    with place.new_file("a.txt") as path:
        path.write_text("old")
    place.put_file(tmp_path / "a.txt")
    assert contents(place.root) == {"a.txt": "new"}


def test_a_write_that_fails_leaves_nothing(place):
    with pytest.raises(ValueError, match="boom"), place.new_file("deep/a.txt") as path:
        path.write_text("half")
        raise ValueError("boom")
    assert not place.root.exists()


def test_a_write_on_its_way_is_not_listed(place):
    with place.new_file("a.txt") as path:
        path.write_text("half")
        assert place.list() == [] and list(place.walk()) == []
    assert [e.path for e in place.list()] == ["a.txt"]


def test_a_folder_with_an_unreadable_file_leaves_nothing_new(place, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "kept.txt").write_text("new")
    (source / "a.txt").write_text("a")
    (source / "broken").symlink_to("nowhere")
    with place.new_file("kept.txt") as path:
        path.write_text("old")
    with pytest.raises(InvalidInput, match=r"Cannot read .*broken.*broken link"):
        place.put_folder(source)
    assert set(contents(place.root)) == {"kept.txt"}


def test_wrong_sources(place, tmp_path):
    (tmp_path / "f.txt").write_text("")
    (tmp_path / "d").mkdir()
    with pytest.raises(InvalidInput, match="is a folder; use log_artifacts"):
        place.put_file(tmp_path / "d")
    with pytest.raises(InvalidInput, match="is a file; use log_artifact"):
        place.put_folder(tmp_path / "f.txt")
    for put in (place.put_file, place.put_folder):
        with pytest.raises(InvalidInput, match="does not exist"):
            put(tmp_path / "nope")
    with pytest.raises(InvalidInput, match="contains the artifacts' own"):
        place.put_folder(tmp_path)
    assert not place.root.exists()


def test_links_in_what_is_logged_are_followed_but_not_round_and_round(place, tmp_path):
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (tmp_path / "data.txt").write_text("data")
    (source / "link.txt").symlink_to(tmp_path / "data.txt")
    (source / "sub" / "up").symlink_to(source)
    place.put_folder(source)
    assert contents(place.root) == {"link.txt": "data"}
    assert not (place.root / "link.txt").is_symlink()


def test_odd_names(place, tmp_path):
    for name in ("ä b.txt", "-rf", ".hidden", "x" * 200, "100%.txt", "a&b;c.txt"):
        (tmp_path / name).write_text("x")
        place.put_file(tmp_path / name)
        assert place.fetch(name).read_text() == "x"


def test_fetch(place, tmp_path):
    with place.new_file("d/a.txt") as path:
        path.write_text("a")
    assert place.fetch("d/a.txt") == place.root / "d" / "a.txt"
    assert place.fetch("d", tmp_path / "out") == tmp_path / "out" / "d"
    assert place.fetch("", tmp_path / "all") == tmp_path / "all"
    assert contents(tmp_path / "all") == {"d/a.txt": "a"}
    with pytest.raises(NotFound, match="no artifact 'nope'"):
        place.fetch("nope")


def test_a_folder_is_not_overwritten_by_a_file(place):
    with place.new_file("d/a.txt") as path:
        path.write_text("a")
    with pytest.raises(InvalidInput, match="a folder has that name"), place.new_file("d") as path:
        pass


def test_many_files(place, tmp_path):
    source = tmp_path / "source"
    for i in range(200):
        folder = source / str(i % 7)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{i}.txt").write_text(str(i))
    place.put_folder(source)
    assert contents(place.root) == contents(source)


# --- ways out of the root ---

OUT = [
    "../x",
    "a/../../x",
    "a/..",
    "/etc/passwd",
    "//etc/passwd",
    "%2e%2e/x",
    "%252e%252e%252fx",
    "..%2fx",
    "a\\..\\x",
    "..\\x",
    "C:/x",
    "C:\\x",
    "~/x",
    "a#/../x",
    "a?x",
    "a\x00b",
    ".",
    "./",
]


@pytest.mark.parametrize("path", OUT, ids=repr)
def test_paths_that_leave_are_refused(place, tmp_path, path):
    (tmp_path / "f.txt").write_text("x")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "f.txt").write_text("x")
    before = sorted(tmp_path.rglob("*"))
    calls = [
        lambda: place.put_file(tmp_path / "f.txt", path),
        lambda: place.put_folder(tmp_path / "source", path),
        lambda: place.new_file(path).__enter__(),
        lambda: place.list(path),
        lambda: place.fetch(path),
        lambda: place.fetch(path, tmp_path / "out"),
    ]
    for call in calls:
        with pytest.raises(InvalidInput, match=r"not allowed|is empty"):
            call()
    assert sorted(tmp_path.rglob("*")) == before


@pytest.fixture
def with_links(place, tmp_path):
    """A root into which somebody put links that lead out."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    place.root.mkdir()
    (place.root / "folder").symlink_to(outside)
    (place.root / "file.txt").symlink_to(outside / "secret.txt")
    (place.root / "dangling").symlink_to(outside / "new.txt")
    (place.root / "up").symlink_to("..")
    return outside


def test_links_that_lead_out_are_not_listed(place, with_links):
    assert place.list() == [] and list(place.walk()) == []


@pytest.mark.parametrize(
    "path", ["folder", "folder/secret.txt", "file.txt", "dangling", "up", "up/outside/secret.txt"]
)
def test_links_that_lead_out_are_not_followed(place, with_links, tmp_path, path):
    (tmp_path / "new.txt").write_text("new")
    calls = [
        lambda: place.fetch(path),
        lambda: place.fetch(path, tmp_path / "out"),
        lambda: place.list(path),
        lambda: place.new_file(path).__enter__(),
        lambda: place.put_file(tmp_path / "new.txt", path),
    ]
    for call in calls:
        with pytest.raises(InvalidInput, match="out of its folder through a link"):
            call()
    assert contents(with_links) == {"secret.txt": "secret"}


def test_fetching_everything_leaves_links_that_lead_out_behind(place, with_links, tmp_path):
    with place.new_file("a.txt") as path:
        path.write_text("a")
    place.fetch("", tmp_path / "out")
    assert contents(tmp_path / "out") == {"a.txt": "a"}


def test_links_that_stay_inside_are_fine(place):
    with place.new_file("d/a.txt") as path:
        path.write_text("a")
    os.symlink("d/a.txt", place.root / "link.txt")
    assert place.fetch("link.txt").read_text() == "a"
    assert [e.path for e in place.list()] == ["d", "link.txt"]


def test_a_link_to_the_folder_it_is_in_is_not_walked_round_and_round(place):
    with place.new_file("d/a.txt") as path:
        path.write_text("a")
    os.symlink("..", place.root / "d" / "up")
    assert [e.path for e in place.walk()] == ["d/a.txt"]


def test_deleting_a_link_leaves_what_it_leads_to(place):
    with place.new_file("d/a.txt") as path:
        path.write_text("a")
    os.symlink("d", place.root / "link")
    place.delete("link")
    assert contents(place.root) == {"d/a.txt": "a"}
    assert not (place.root / "link").exists()


def test_a_root_that_cannot_be_made():
    place = LocalArtifacts(Path("/dev/full/root"))
    with pytest.raises(StorageFailed, match="Nothing of it was kept"):
        place.write("a.txt", [b"x"])
