"""What may be a name, an alias, a stage, a version: what MLflow takes, and nothing dangerous."""

import pytest

from mlpack.errors import InvalidInput
from mlpack.registry import names


@pytest.mark.parametrize(
    "name",
    [
        "churn",
        "churn-model 2",
        "a.b_c",
        "naïve",
        "模型",
        "☃",
        "100%",
        "a#b?c",
        "a\\b",
        "m-1",
        "x" * 256,
    ],
)
def test_names_that_are_taken(name):
    assert names.registered_model_name(name) == name


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (None, "not blank"),
        (3, "not blank"),
        ("", "not blank"),
        ("  \t", "not blank"),
        ("a/b", "a slash"),
        ("..", "means something else"),
        (".", "means something else"),
        ("../../etc", "a slash"),
        ("a:b", "a colon"),
        ("a\nb", "cannot be shown"),
        ("a\x00", "cannot be shown"),
        ("a\u202eb", "cannot be shown"),  # turns the direction of what follows
        ("a\ud800", "cannot be shown"),
        ("m-" + "0" * 32, "means something else"),
        ("x" * 257, "at most 256"),
    ],
)
def test_names_that_are_refused(name, says):
    with pytest.raises(InvalidInput, match=says):
        names.registered_model_name(name)


@pytest.mark.parametrize(
    "alias", ["champion", "Champion", "v", "v1a", "a-b_c", "é", "1", "x" * 255]
)
def test_aliases_that_are_taken(alias):
    assert names.alias(alias) == alias


@pytest.mark.parametrize(
    "alias", ["", None, "a b", "a/b", "a@b", "latest", "LATEST", "v1", "V12", "a\n", "x" * 256]
)
def test_aliases_that_are_refused(alias):
    with pytest.raises(InvalidInput, match="alias"):
        names.alias(alias)


def test_stages_in_any_capitals():
    assert [names.stage(name) for name in ("production", "STAGING", "none", "Archived")] == [
        "Production",
        "Staging",
        "None",
        "Archived",
    ]
    for wrong in ("live", "", None, 3):
        with pytest.raises(InvalidInput, match="None, Staging, Production, Archived"):
            names.stage(wrong)


def test_versions_are_whole_numbers_from_one():
    assert [names.version(number) for number in (1, "12", "007")] == [1, 12, 7]
    for wrong in (
        0,
        -1,
        "0",
        "1.0",
        1.0,
        "",
        None,
        True,
        "v1",
        "٣",
        2**31,
        "9" * 5000,
        "1".zfill(20) + "23",
    ):
        with pytest.raises(InvalidInput, match="no version"):
            names.version(wrong)


def test_texts():
    assert names.description(None) == names.note(None) == ""
    assert names.tags({"a": 1, "b": "ü"}) == {"a": "1", "b": "ü"}
    for call in (
        lambda: names.description(3),
        lambda: names.description("x" * 100_001),
        lambda: names.note("\ud800"),
        lambda: names.note("a\x00"),
        lambda: names.tags({"a": "x" * 100_001}),
        lambda: names.tags({"../a": "x"}),
        lambda: names.tags({f"k{i}": "" for i in range(10_001)}),
        lambda: names.address("source", ""),
        lambda: names.address("source", "a\nb"),
        lambda: names.address("source", "x" * 5000),
    ):
        with pytest.raises(InvalidInput):
            call()


def test_what_is_expected_somewhere():
    assert [names.expected(each) for each in (None, 0, "0", 3, "3")] == [None, 0, 0, 3, 3]
    for wrong in (-1, "x", "", False, 1.0):
        with pytest.raises(InvalidInput, match="is no version"):
            names.expected(wrong)
