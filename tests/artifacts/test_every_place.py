"""One suite over every kind of place: a folder, three object stores, a server before either."""

import os
import threading

import pytest

from mlpack.errors import InvalidInput, MlpackError, NotFound


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def everything(place):
    return [entry.path for entry in place.walk()]


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "empty").write_text("")
    (folder / "deep" / "er" / "b.bin").write_bytes(os.urandom(3000))
    return folder


def test_nothing_is_there_at_first(place):
    assert place.list() == [] and place.list("nope") == [] and everything(place) == []
    for call in (place.size, place.read, place.fetch):
        with pytest.raises(NotFound):
            call("nope")
    with pytest.raises(NotFound):
        place.fetch("")
    place.delete("nope")
    place.delete("nope/nope.txt")


def test_files_and_folders(place, source, tmp_path):
    place.put_file(source / "a.txt")
    place.put_file(source / "a.txt", "x/y")
    place.put_folder(source, "all")
    assert [(e.path, e.is_dir, e.size) for e in place.list()] == [
        ("a.txt", False, 1),
        ("all", True, None),
        ("x", True, None),
    ]
    assert [(e.path, e.is_dir, e.size) for e in place.list("all")] == [
        ("all/a.txt", False, 1),
        ("all/deep", True, None),
        ("all/empty", False, 0),
    ]
    assert place.list("a.txt") == [] and place.list("al") == []
    inside = ["all/a.txt", "all/deep/er/b.bin", "all/empty"]
    assert [e.path for e in place.walk("all")] == inside
    assert sorted(everything(place)) == sorted(["a.txt", *inside, "x/y/a.txt"])
    assert place.size("all/deep/er/b.bin") == 3000
    assert place.fetch("all/a.txt").read_text() == "a"
    out = tmp_path / "out"
    assert place.fetch("all/deep", out) == out / "all" / "deep"
    assert place.fetch("x/y/a.txt", out).read_text() == "a"
    assert set(contents(out)) == {"all/deep/er/b.bin", "x/y/a.txt"}
    assert place.fetch("", tmp_path / "all") == tmp_path / "all"
    assert contents(tmp_path / "all" / "all") == contents(source)


def test_a_folder_into_the_root(place, source):
    place.put_folder(source)
    assert contents(place.fetch("")) == contents(source)


def test_a_new_file(place):
    with place.new_file("deep/a.txt") as path:
        assert path.suffix == ".txt"
        path.write_text("old")
        assert everything(place) == []
    with place.new_file("deep/a.txt") as path:
        path.write_text("new")
    assert b"".join(place.read("deep/a.txt")) == b"new"
    with pytest.raises(ValueError, match="boom"), place.new_file("deep/b.txt") as path:
        path.write_text("half")
        raise ValueError("boom")
    assert everything(place) == ["deep/a.txt"]


def test_reading_in_pieces_and_from_an_offset(place):
    data = os.urandom(5_000_000)
    place.write("d/x.bin", [data[:1], data[1:]])
    for offset in (0, 1, 4_999_999):
        pieces = list(place.read("d/x.bin", offset))
        assert b"".join(pieces) == data[offset:]
    assert len(list(place.read("d/x.bin"))) > 1
    assert list(place.read("d/x.bin", 5_000_000)) == list(place.read("d/x.bin", 9_000_000)) == []
    with pytest.raises(NotFound):
        place.read("d")
    with pytest.raises(NotFound):
        place.read("d/x.bin/y")


def test_writing_nothing_and_over_what_was_there(place):
    place.write("a", [])
    assert place.size("a") == 0 and list(place.read("a")) == []
    place.write("a", [b"", b"12", b""])
    assert b"".join(place.read("a")) == b"12"


def test_a_write_that_breaks_off_leaves_nothing(place):
    def pieces(count):
        for _ in range(count):
            yield bytes(6_000_000)
        raise RuntimeError("the client went away")

    place.write("kept", [b"kept"])
    for count in (0, 1, 5):
        with pytest.raises(RuntimeError, match="went away"):
            place.write("new/x", pieces(count))
        with pytest.raises(RuntimeError, match="went away"):
            place.write("kept", pieces(count))
    assert everything(place) == ["kept"]
    assert b"".join(place.read("kept")) == b"kept"


def test_large_files_go_both_ways(place, tmp_path):
    (tmp_path / "large.bin").write_bytes(os.urandom(40_000_001))
    place.put_file(tmp_path / "large.bin", "d")
    assert place.size("d/large.bin") == 40_000_001
    fetched = place.fetch("d/large.bin", tmp_path / "out")
    assert fetched.read_bytes() == (tmp_path / "large.bin").read_bytes()
    assert [path.name for path in fetched.parent.iterdir()] == ["large.bin"]


def test_delete(place, source):
    place.put_folder(source, "one")
    place.put_folder(source, "one more")
    place.delete("one/deep/er/b.bin")
    assert [e.path for e in place.walk("one")] == ["one/a.txt", "one/empty"]
    place.delete("one")
    assert {path.partition("/")[0] for path in everything(place)} == {"one more"}
    place.delete("")
    assert everything(place) == []


ODD = ["ä b.txt", "-rf", ".hidden", "100%.txt", "a%zz", "a&b;c.txt", "a+b=c@d!$'()*,.txt"]
ODD += ["[x]{y}^`|<>.txt", "a:b", "日本😀", "x" * 200, 'quo"te', "~x~"]


@pytest.mark.parametrize("name", ODD)
def test_odd_names(place, tmp_path, name):
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / name).write_text(name)
    place.put_file(folder / name, "d e")
    place.put_folder(folder, "ordner ü%")
    assert {e.path for e in place.walk()} == {f"d e/{name}", f"ordner ü%/{name}"}
    assert place.size(f"d e/{name}") == len(name.encode())
    assert place.fetch(f"ordner ü%/{name}").read_text() == name
    assert contents(place.fetch("d e")) == {name: name.encode()}
    place.delete(f"d e/{name}")
    assert [e.path for e in place.walk()] == [f"ordner ü%/{name}"]


def test_many_files(place, tmp_path):
    source = tmp_path / "source"
    for i in range(120):
        folder = source / str(i % 7)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{i}.txt").write_text(str(i))
    place.put_folder(source, "many")
    assert contents(place.fetch("many")) == contents(source)


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
    assert everything(place) == []


def test_a_folder_with_an_unreadable_file_leaves_nothing_new(place, source):
    place.write("kept.txt", [b"old"])
    (source / "broken").symlink_to("nowhere")
    with pytest.raises(InvalidInput, match=r"Cannot read .*broken.*broken link"):
        place.put_folder(source)
    assert everything(place) == ["kept.txt"]


def test_links_in_what_is_logged_are_followed_but_not_round_and_round(place, tmp_path):
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (tmp_path / "data.txt").write_text("data")
    (source / "link.txt").symlink_to(tmp_path / "data.txt")
    (source / "sub" / "up").symlink_to(source)
    place.put_folder(source)
    assert contents(place.fetch("")) == {"link.txt": b"data"}


OUT = ["../x", "a/../../x", "a/..", "/etc/passwd", "//etc/passwd", "%2e%2e/x"]
OUT += ["%252e%252e%252fx", "..%2fx", "a\\..\\x", "..\\x", "C:/x", "C:\\x"]
OUT += ["~/x", "a#/../x", "a?x", "a\x00b", ".", "./"]


@pytest.mark.parametrize("path", OUT, ids=repr)
def test_paths_that_leave_are_refused(place, source, tmp_path, path):
    calls = [
        lambda: place.put_file(source / "a.txt", path),
        lambda: place.put_folder(source, path),
        lambda: place.new_file(path).__enter__(),
        lambda: place.list(path),
        lambda: list(place.walk(path)),
        lambda: place.fetch(path),
        lambda: place.fetch(path, tmp_path / "out"),
        lambda: place.size(path),
        lambda: place.read(path),
        lambda: place.write(path, [b"x"]),
        lambda: place.delete(path),
    ]
    for call in calls:
        with pytest.raises(InvalidInput, match=r"not allowed|is empty"):
            call()
    assert everything(place) == [] and not (tmp_path / "out").exists()


def test_several_threads_write_one_file(place):
    errors = []

    def write(i):
        try:
            for _ in range(5):
                place.write("same", [bytes([i]) * 1000])
        except MlpackError as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    data = b"".join(place.read("same"))
    assert len(data) == 1000 and len(set(data)) == 1
