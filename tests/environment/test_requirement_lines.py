"""Requirement lines travel, so only those that can are let through."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpack.errors import InvalidInput
from mlpack.flavors.requirement_lines import check_line, read_lines


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("pandas", "pandas"),
        ("Scikit_Learn==1.5", "scikit-learn"),
        ("requests[socks] >=2, <3 ; python_version > '3.8'", "requests"),
        ("thing @ https://example.org/thing-1.0-py3-none-any.whl", "thing"),
        ("thing @ git+https://example.org/thing.git@v1#subdirectory=a", "thing"),
        ("thing @ git+ssh://git@example.org/thing.git", "thing"),
        ("thing @ https://${TOKEN}@example.org/thing.zip", "thing"),
        ("thing @ https://${USER}:${TOKEN}@example.org/thing.zip", "thing"),
    ],
)
def test_good_lines(line: str, name: str) -> None:
    assert check_line(line) == (name, line)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("-e .", "code_paths"),
        ("-e git+https://example.org/x.git#egg=x", "code_paths"),
        ("--editable=.", "code_paths"),
        ("./wheels/mine-1.0.whl", "code_paths"),
        ("mine-1.0-py3-none-any.whl", "code_paths"),
        ("/home/me/mine", "code_paths"),
        ("~/mine", "code_paths"),
        ("file:///home/me/mine", "code_paths"),
        ("mine @ file:///home/me/mine", "address"),
        ("mine @ http://example.org/mine.zip", "address"),
        ("mine @ git+http://example.org/mine.git", "address"),
        ("mine @ git+file:///home/me/mine", "address"),
        ("mine @ ext::sh -c whoami", "is not a requirement"),
        ("mine @ https://me:secret@example.org/mine.zip", "credentials"),
        ("mine @ https://secret@example.org/mine.zip", "credentials"),
        ("mine @ git+ssh://git:secret@example.org/mine.git", "credentials"),
        ("https://example.org/mine.zip", "code_paths|is not a requirement"),
        ("--config-settings=x", "option"),
        ("--global-option=x", "option"),
        ("pandas==1.0 && rm -rf /", "is not a requirement"),
        ("pandas; $(whoami)", "is not a requirement"),
        ("`whoami`", "is not a requirement"),
        ("pandas==", "is not a requirement"),
        ("pandas 1.0", "is not a requirement"),
    ],
)
def test_refused_lines(line: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason) as caught:
        read_lines([line])
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://me:secret@example.org/simple",
        "-i https://example.org/simple",
        "--extra-index-url=https://example.org",
        "--find-links /tmp",
        "--trusted-host h",
        "--pre",
    ],
)
def test_where_packages_come_from_is_not_kept(line: str) -> None:
    with pytest.warns(UserWarning, match="--index-url") as caught:
        lines = read_lines([line, "pandas==2.0"])
    assert lines.requirements == {"pandas": "pandas==2.0"}
    assert "secret" not in str(caught[0].message)


@pytest.mark.parametrize("line", ["mlpack", "mlpack-toolkit==0.1", "MLflow>=2", "mlflow_skinny"])
def test_ours_and_the_peer_are_left_out(line: str) -> None:
    with pytest.warns(UserWarning, match="left out"):
        assert read_lines([line]).requirements == {}


@pytest.mark.parametrize("separator", ["\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\x00"])
def test_no_second_line_inside_an_item(separator: str) -> None:
    with pytest.raises(InvalidInput, match="line break"):
        read_lines([f"pandas{separator}--index-url https://example.org"])


def test_not_a_string() -> None:
    with pytest.raises(InvalidInput, match="is a string"):
        read_lines([3])  # type: ignore[list-item]


def test_files(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "more.txt").write_text("numpy==2.0\n-c pins.txt\n")
    (tmp_path / "base" / "pins.txt").write_text("scipy==1.14\n")
    (tmp_path / "requirements.txt").write_text(
        "# made by pip-compile\n"
        "pandas==2.2.0 \\\n"
        "    --hash=sha256:aaaa \\\n"
        "    --hash=sha256:bbbb\n"
        "    # via -r requirements.in\n"
        "\n"
        "-r base/more.txt\n"
        "thing @ https://example.org/thing.zip#sha256=abc  # a note\n"
        "pandas==2.2.1\n"
    )
    lines = read_lines(tmp_path / "requirements.txt")
    assert lines.requirements == {
        "pandas": "pandas==2.2.1",
        "numpy": "numpy==2.0",
        "thing": "thing @ https://example.org/thing.zip#sha256=abc",
    }
    assert lines.constraints == {"scipy": "scipy==1.14"}
    assert read_lines(["-r" + str(tmp_path / "requirements.txt")]) == lines


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_lines(tmp_path / "absent.txt")
    (tmp_path / "self.txt").write_text("-r self.txt")
    with pytest.raises(InvalidInput, match="includes itself"):
        read_lines(tmp_path / "self.txt")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match="UTF-8"):
        read_lines(tmp_path / "binary.txt")


@settings(deadline=None, database=None, max_examples=60)
@given(st.text(max_size=60))
def test_anything_is_a_requirement_or_refused(line: str) -> None:
    try:
        name, checked = check_line(line)
    except InvalidInput:
        return
    assert name and "\n" not in checked and not checked.startswith("-")
