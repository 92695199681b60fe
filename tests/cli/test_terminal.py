"""What is printed: no commands to the terminal in it, aligned, and readable where it is narrow."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpack.cli import terminal
from mlpack.cli.output import fit, print_fields, print_json, print_table
from mlpack.cli.terminal import clean, width, wrap
from mlpack.cli.tree import Node, draw


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07name", "name"),
        ("\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b2Jgone", "gone"),
        ("a\x1b", "a"),
        ("a\x08\x7fb", "ab"),
        ("user\u202etxt.exe", "usertxt.exe"),
        ("\u2066x\u2069", "x"),
        ("one\r\ntwo\u2028three\tfour", "one two three four"),
        ("half \ud800", "half "),
        ("Größe 模型 👩‍🔬", "Größe 模型 👩‍🔬"),
    ],
)
def test_text_of_others_commands_no_terminal(text, shown):
    assert clean(text) == shown


def test_lines_are_kept_where_they_are_wanted():
    assert clean("a\r\nb\x1b[2J\rc\td", lines=True) == "a\nb\nc    d"


@given(st.text())
def test_nothing_harmful_is_left(text):
    for shown in (clean(text), clean(text, lines=True)):
        shown.encode()
        assert not any(ord(char) < 32 and char != "\n" for char in shown)
        assert not any(0x7F <= ord(char) <= 0x9F for char in shown)
    assert "\n" not in clean(text)


@given(st.text(), st.integers(2, 30))
def test_wrapped_lines_fit_and_lose_nothing_but_spaces(text, at):
    lines = wrap(clean(text), at)
    assert all(width(line) <= at for line in lines)
    assert "".join("".join(lines).split()) == "".join(clean(text).split())


def test_json_is_ascii(capsys):
    print_json({"name": "模\u202e\x1b[31m"})
    shown = capsys.readouterr().out
    assert shown.isascii() and "\x1b" not in shown
    assert json.loads(shown) == {"name": "模\u202e\x1b[31m"}


def test_json_has_no_word_for_nan(capsys):
    print_json({"m": [float("nan"), (float("-inf"), 1.5)], "at": Path("x")})
    assert json.loads(capsys.readouterr().out) == {"m": ["NaN", ["-Infinity", 1.5]], "at": "x"}


def test_a_table_for_a_pipe_is_never_cut(capsys):
    print_table(("name", "text"), [("模型", "x" * 300), ("\x1b[1mb", None)])
    head, first, second = capsys.readouterr().out.splitlines()
    assert head == "NAME  TEXT" and first == f"模型  {'x' * 300}" and second == "b"


def _narrow(monkeypatch, at):
    monkeypatch.setattr(terminal.sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: shutil.os.terminal_size((at, 20)))


@pytest.mark.parametrize("at", [40, 60, 100])
def test_a_table_for_a_narrow_terminal_wraps_its_widest_cells(monkeypatch, capsys, at):
    with monkeypatch.context() as patch:
        _narrow(patch, at)
        rows = [("1", None, "because of the colour " * 9), ("2", "", "no")]
        print_table(("id", "empty", "why"), rows)
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= at for line in lines)
    assert lines[1].startswith("1   because") and lines[2].startswith("    ")
    assert lines[-1] == "2   no"


def test_the_widest_columns_give_way_as_far_as_they_may():
    assert fit([4, 30, 4], [4, 9, 4], 40) == [4, 28, 4]
    assert fit([30, 30, 30], [10] * 3, 40) == [12, 12, 12]
    assert fit([30, 30, 30], [10, 20, 10], 40) == [10, 20, 10]
    assert fit([11] * 8, [10] * 8, 40) == [10] * 8
    assert fit([99, 99], [1, 1], None) == [99, 99]


def test_an_id_is_never_broken(monkeypatch, capsys):
    with monkeypatch.context() as patch:
        _narrow(patch, 40)
        print_table(("id", "when"), [("f" * 32, "2026-05-04 09:10:02")])
    assert capsys.readouterr().out.splitlines()[1:] == [
        f"{'f' * 32}  2026-05-04",
        f"{' ' * 32}  09:10:02",
    ]


def test_fields_are_aligned(capsys):
    print_fields([("a", "1\n2"), ("längere", "3"), ("empty", None)])
    assert capsys.readouterr().out.splitlines() == ["a        1", "         2", "längere  3"]


def test_a_tree():
    root = Node("root")
    root.add("one").add("two").add("three")
    root.add("four")
    assert list(draw(root)) == [
        "root",
        "├── one",
        "│   └── two",
        "│       └── three",
        "└── four",
    ]


def test_a_tree_in_a_narrow_terminal():
    root = Node("root")
    root.add(("a word and " * 4).strip()).add("below")
    root.add("end")
    assert list(draw(root, 28)) == [
        "root",
        "├── a word and a word",
        "│   │   and a word and a",
        "│   │   word and",
        "│   └── below",
        "└── end",
    ]
