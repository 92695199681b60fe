"""The grammar of addresses, and every known way out of a folder."""

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpack.errors import InvalidInput
from mlpack.uris import (
    LocalUri,
    LoggedModelUri,
    RegisteredModelUri,
    RemoteUri,
    RunUri,
    parse,
    safe_join,
    safe_relative,
)

MODEL_ID = "m-" + "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model", LocalUri(Path("model"))),
        ("./a b/ü", LocalUri(Path("./a b/ü"))),
        ("/abs/model", LocalUri(Path("/abs/model"))),
        ("file:///abs/a%20b", LocalUri(Path("/abs/a b"))),
        ("file://localhost/abs", LocalUri(Path("/abs"))),
        ("runs:/abc123/model", RunUri("abc123", "model")),
        ("runs:/abc123/a/b/", RunUri("abc123", "a/b")),
        ("runs:/abc123", RunUri("abc123", "")),
        (f"models:/{MODEL_ID}", LoggedModelUri(MODEL_ID)),
        (f"models:/{MODEL_ID}/code", LoggedModelUri(MODEL_ID, "code")),
        ("models:/churn/3", RegisteredModelUri("churn", version=3)),
        ("models:/churn/Production", RegisteredModelUri("churn", stage="Production")),
        ("models:/churn@champion", RegisteredModelUri("churn", alias="champion")),
        ("models:/churn/latest", RegisteredModelUri("churn", stage="latest")),
        ("models:/churn/3/data/x", RegisteredModelUri("churn", version=3, path="data/x")),
        ("models:/churn@new/MLmodel", RegisteredModelUri("churn", alias="new", path="MLmodel")),
        ("models:/me@home/3", RegisteredModelUri("me@home", version=3)),
        ("models:/me@home@new", RegisteredModelUri("me@home", alias="new")),
        ("models:/my model/1", RegisteredModelUri("my model", version=1)),
        ("models:/my%20model/1", RegisteredModelUri("my%20model", version=1)),  # as MLflow
        ("s3://bucket/key", RemoteUri("s3", "s3://bucket/key")),
    ],
)
def test_parse(text, expected):
    assert parse(text) == expected


def test_a_path_object_is_never_read_as_a_scheme():
    assert parse(Path("runs:/x")) == LocalUri(Path("runs:/x"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "runs:/",
        "runs:/abc\n",
        "runs://host/abc/model",
        "runs:/../model",
        "runs:/abc/../../etc/passwd",
        "runs:/abc/%2e%2e/secret",
        "runs:/abc/%252e%252e/secret",
        "runs:/abc/model#../../x",
        "runs:/abc/model?path=../x",
        "runs:/abc//etc/passwd",
        "runs:/abc/..\\..\\x",
        "models:churn/3",
        "models://churn/3",
        "models:/churn",
        "models:/@champion",
        "models:/churn@",
        f"models:/{MODEL_ID}/../x",
        "models:/churn/3/../x",
        "models:/churn/3/%2e%2e/x",
        "models:/churn@new/%252e%252e/x",
        "file://evil.example/etc/passwd",
        "gopher://x/y",
        "a\x00b",
    ],
)
def test_parse_refuses(text):
    with pytest.raises(InvalidInput):
        parse(text)


ESCAPES = [
    *("../x", "a/../../x", "/etc/passwd", "//etc/passwd", "..", "a/..", "%2e%2e/x", "..%2fx"),
    *("%252e%252e%252fx", "%2Fetc/passwd", "..\\x", "a\\..\\..\\x", "C:/x", "C:\\x", "c:x"),
    *("~/x", "a\x00", "%00", "a#b", "a?b", "%23/../x", "", ".", "./", "/"),
]


@pytest.mark.parametrize("path", ESCAPES)
def test_no_way_out(path, tmp_path):
    with pytest.raises(InvalidInput):
        safe_relative(path)
    with pytest.raises(InvalidInput):
        safe_join(tmp_path, path)


@pytest.mark.parametrize(
    ("path", "clean"),
    [("a", "a"), ("a//b/./c", "a/b/c"), ("a b/ü.png", "a b/ü.png"), ("100%.png", "100%.png"),
     ("..a/b..", "..a/b.."), ("a...b", "a...b")],
)  # fmt: skip
def test_ordinary_names_pass(path, clean):
    assert safe_relative(path) == clean


def test_a_name_longer_than_files_have_is_refused():
    assert safe_relative("a/" + "ü" * 127) == "a/" + "ü" * 127
    with pytest.raises(InvalidInput, match="takes 256 bytes"):
        safe_relative("a/" + "ü" * 128 + "/b")


def test_a_link_out_of_the_root_is_refused(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").write_text("s")
    os.symlink(tmp_path, root / "link")
    os.symlink("inside", root / "loop-free")
    with pytest.raises(InvalidInput, match="link"):
        safe_join(root, "link/secret")
    assert safe_join(root, "loop-free").name == "loop-free"


@given(st.text(max_size=60))
def test_whatever_passes_stays_below_the_root(tmp_path_factory, text):
    root = Path("/some/root")
    try:
        joined = root / safe_relative(text)
    except InvalidInput:
        return
    assert Path(os.path.normpath(joined)).is_relative_to(root)


@given(st.text(max_size=80))
def test_parse_raises_only_its_own_error(text):
    with contextlib.suppress(InvalidInput):
        parse(text)
