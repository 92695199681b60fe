# ruff: noqa: E501  (a case with its sentence reads best on one line)
"""`Table`: from every form, into matrices and frames."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlpack.errors import InvalidInput
from mlpack.flavors.enforce import enforce
from mlpack.flavors.schema import ColSpec, Schema
from mlpack.flavors.signature import ModelSignature
from mlpack.flavors.table import Table, concat

ROWS = [[1, "x", 1.5], [2, "y", 2.5]]


def test_split_records_and_dict_agree() -> None:
    split = Table.from_split(["a", "b", "c"], ROWS)
    records = Table.from_records([dict(zip("abc", row, strict=True)) for row in ROWS])
    columns = Table.from_dict({"a": [1, 2], "b": ("x", "y"), "c": np.array([1.5, 2.5])})
    for table in (records, columns):
        assert table.names == split.names
        assert table.to_records() == split.to_records()
    pd.testing.assert_frame_equal(split.to_pandas(), pd.DataFrame(ROWS, columns=list("abc")))


def test_records_may_lack_keys() -> None:
    table = Table.from_records([{"a": 1}, {"b": 2}])
    assert table.to_records() == [{"a": 1, "b": None}, {"a": None, "b": 2}]


def test_matrix_holds_all_columns() -> None:
    assert Table.from_dict({"a": [1, 2], "b": [1.5, 2]}).to_matrix().dtype == "float64"
    assert Table.from_dict({"a": [1, 2], "b": [3, 4]}).to_matrix().dtype == "int64"
    mixed = Table.from_split(None, ROWS).to_matrix()
    assert mixed.dtype == object
    assert mixed.tolist() == ROWS
    with pytest.raises(InvalidInput, match="Column 1 does not convert to float64"):
        Table.from_split(None, ROWS).to_matrix("float64")


def test_a_matrix_of_lists() -> None:
    matrix = Table.from_dict({"a": [[1, 2], [3, 4]]}).to_matrix()
    assert matrix.tolist() == [[[1, 2]], [[3, 4]]]
    assert matrix.shape == (2, 1)


def test_select_reorders() -> None:
    table = Table.from_split(["a", "b", "c"], ROWS).select(["c", "a"])
    assert table.to_records() == [{"c": 1.5, "a": 1}, {"c": 2.5, "a": 2}]
    with pytest.raises(InvalidInput, match="no column 'z' among"):
        table.select(["z"])


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"a": [1, 2], "b": [3, 4]}),
        pd.DataFrame({"a": [1, 2], "b": ["x", None]}),
        pd.DataFrame({"a": pd.Categorical(["x", "y"]), "b": pd.array([1, None], dtype="Int64")}),
        pd.DataFrame({"a": pd.to_datetime(["2024-01-01"]), "b": [[1, 2]]}),
        pd.DataFrame({"a": pd.to_datetime(["2024-01-01"], utc=True), "b": [{"k": 1}]}),
        pd.DataFrame({0: [1.5], 1: [2.5]}, index=["r"]),
        pd.DataFrame({"a": [1, 2]}, index=pd.RangeIndex(5, 7)),
        pd.DataFrame({"a": []}),
    ],
)
def test_frames_come_back_as_they_were(frame: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(Table.from_pandas(frame).to_pandas(), frame)


def test_without_the_way_in_that_pandas_3_offers(monkeypatch: pytest.MonkeyPatch) -> None:
    from mlpack.flavors import frames

    monkeypatch.setattr(frames, "_constructor", lambda: None)
    frames._string_dtype.cache_clear()
    inputs = [ColSpec("long", "a"), ColSpec("string", "b"), ColSpec("double", "c")]
    table = enforce(ModelSignature(inputs=Schema(inputs)), Table.from_split(["a", "b", "c"], ROWS))
    pd.testing.assert_frame_equal(table.to_pandas(), pd.DataFrame(ROWS, columns=list("abc")))
    frames._string_dtype.cache_clear()


def test_concat_joins_in_order() -> None:
    inputs = [ColSpec("double", "a"), ColSpec("double", "c"), ColSpec("string", "b")]
    signature = ModelSignature(inputs=Schema(inputs))
    parts = [
        enforce(signature, Table.from_split(["a", "b", "c"], rows)) for rows in (ROWS, ROWS[:1])
    ]
    joined = concat(parts)
    assert [r["b"] for r in joined.to_records()] == ["x", "y", "x"]
    assert len(joined.blocks) == 1
    pd.testing.assert_frame_equal(
        joined.to_pandas(), pd.concat([p.to_pandas() for p in parts], ignore_index=True)
    )


def test_concat_of_missing_integers_and_of_times() -> None:
    inputs = [ColSpec("long", "i", False), ColSpec("datetime", "t"), ColSpec("boolean", "b", False)]
    signature = ModelSignature(inputs=Schema(inputs))
    rows = [{"i": 1, "t": "2024-01-01", "b": True}, {"i": None, "t": "2024-01-02", "b": None}]
    one, other = (enforce(signature, [row]) for row in rows)
    both = enforce(signature, rows)
    pd.testing.assert_frame_equal(concat([one, other]).to_pandas(), both.to_pandas())
    assert both.to_records()[0]["t"] == dt.datetime(2024, 1, 1)


def test_concat_of_unlike_columns() -> None:
    frame = pd.DataFrame({"a": ["x"]})
    joined = concat([Table.from_pandas(frame), Table.from_dict({"a": ["y"]})])
    assert joined.to_records() == [{"a": "x"}, {"a": "y"}]
    with pytest.raises(InvalidInput, match="different columns"):
        concat([Table.from_dict({"a": [1]}), Table.from_dict({"b": [1]})])


BAD: list[tuple[Any, str]] = [
    (lambda: Table.from_split(["a"], [[1, 2]]), "Row 0 has 2 values, expected 1."),
    (lambda: Table.from_split(None, [[1], [1, 2]]), "Row 1 has 2 values, expected 1."),
    (lambda: Table.from_split(["a"], ["x"]), "Row 0 of 'data' must be a list, got a string."),
    (lambda: Table.from_split(["a"], {"a": 1}), "'data' must be a list of rows, got an object."),
    (lambda: Table.from_split("ab", [[1, 2]]), "Column names must be a list, got a string."),
    (lambda: Table.from_split(["a", "a"], [[1, 2]]), "These column names occur twice: ['a']."),
    (lambda: Table.from_split([None], [[1]]), "A column's name must be a string or an integer, got None."),
    (lambda: Table.from_split([["a"]], [[1]]), "A column's name must be a string or an integer, got ['a']."),
    (lambda: Table.from_split(["a"], [[1]], [1, 2]), "The index has 2 labels for 1 rows."),
    (lambda: Table.from_split(["a"], [[1]], "r"), "'index' must be a list of row labels, got a string."),
    (lambda: Table.from_split(["a"], [[1]], [[1]]), "'index' must hold strings or numbers."),
    (lambda: Table.from_records([1]), "Record 0 must be an object, got a number."),
    (lambda: Table.from_records({"a": 1}), "Records must be a list of objects, got an object."),
    (lambda: Table.from_dict({"a": 1}), "Column 'a' must be a list, got a number."),
    (lambda: Table.from_dict({"a": "xy"}), "Column 'a' must be a list, got a string."),
    (lambda: Table.from_dict({"a": np.eye(2)}), "Column 'a' must be one-dimensional."),
    (lambda: Table.from_pandas(pd.DataFrame([[1, 2]], columns=["a", "a"])), "These column names occur twice: ['a']."),
]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), BAD)
def test_bad_tables(make: Any, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        make()
    assert str(caught.value) == message
