"""What enforcement makes of data that fits."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from mlpack.flavors.enforce import enforce
from mlpack.flavors.schema import (
    AnyType,
    Array,
    ColSpec,
    DataType,
    Object,
    Property,
    Schema,
    TensorSpec,
)
from mlpack.flavors.signature import ModelSignature
from mlpack.flavors.table import Table


def _enforce(inputs: list[Any], data: Any) -> Any:
    return enforce(ModelSignature(inputs=Schema(inputs)), data)


def _column(dtype: Any, values: list[Any], required: bool = True) -> Any:
    (column,) = _enforce([ColSpec(dtype, "a", required)], {"a": values}).columns
    return column


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        ("boolean", [True, False], np.array([True, False])),
        ("integer", [1, 2.0], np.array([1, 2], "int32")),
        ("long", [1, 2.0], np.array([1, 2], "int64")),
        ("float", [1, 2.5], np.array([1, 2.5], "float32")),
        ("double", [1, 2.5], np.array([1, 2.5], "float64")),
        ("datetime", ["2024-01-02"], np.array(["2024-01-02"], "datetime64[ns]")),
    ],
)
def test_scalar_columns(dtype: str, values: list[Any], expected: np.ndarray) -> None:
    column = _column(dtype, values)
    assert column.dtype == expected.dtype
    assert np.array_equal(column, expected)


def test_missing_values_of_optional_columns() -> None:
    assert _column("string", ["x", None], required=False) == ["x", None]
    assert _column("boolean", [True, None], required=False) == [True, None]
    for dtype in ("integer", "long", "double"):
        column = _column(dtype, [1, None], required=False)
        assert column.dtype == "float64"
        assert np.array_equal(column, [1, np.nan], equal_nan=True)
    assert np.isnat(_column("datetime", ["2024-01-01", None], required=False)[1])


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-31T12:30:15.123456789",
        "2024-05-31T12:30:15.123456789Z",
        "2024-05-31 14:30:15.123456789+02:00",
        "2024-05-31T07:00:15.123456789-0530",
    ],
)
def test_times_become_naive_utc_nanoseconds(text: str) -> None:
    assert _column("datetime", [text])[0] == np.datetime64("2024-05-31T12:30:15.123456789")


def test_times_from_python() -> None:
    zone = dt.timezone(dt.timedelta(hours=2))
    moments = [
        dt.date(2024, 5, 31),
        dt.datetime(2024, 5, 31, 2, tzinfo=zone),
        pd.Timestamp("2024-05-31", tz="UTC"),
        np.datetime64("2024-05-31", "D"),
    ]
    assert set(_column("datetime", moments)) == {np.datetime64("2024-05-31", "ns")}


def test_binary_is_base64_in_json_and_bytes_in_python() -> None:
    assert _column("binary", ["aGk=", "aG\nk=\n", b"hi", bytearray(b"hi")]) == [b"hi"] * 4


def test_columns_are_reordered_and_unknown_ones_named() -> None:
    inputs = [ColSpec("long", "a"), ColSpec("double", "b"), ColSpec("string", "c", False)]
    table = _enforce(inputs, [{"z": 0, "b": 1, "a": 2}])
    assert table.names == ("a", "b")
    assert table.to_records() == [{"a": 2, "b": 1.0}]
    assert table.dropped == ("z",)


def test_integer_names_arrive_as_strings_in_json() -> None:
    table = _enforce([ColSpec("long", 0), ColSpec("long", 1)], [{"1": 5, "0": 4}])
    assert table.to_records() == [{0: 4, 1: 5}]
    assert table.dropped == ()


@pytest.mark.parametrize(
    ("dtype", "data", "rows"),
    [
        ("string", ["x", "y"], 2),
        ("string", "x", 1),
        ("string", [["x"], ["y"]], 2),
        ("double", np.array([1.5, 2.5]), 2),
        (Array("long"), [[1, 2], [3]], 2),
        (AnyType(), [{"a": 1}, 5], 2),
        (Object([Property("a", "long")]), {"a": 1}, 1),
        (Object([Property("a", "long")]), [{"a": 1}, {"a": 2}], 2),
    ],
)
def test_one_unnamed_column(dtype: Any, data: Any, rows: int) -> None:
    assert _enforce([ColSpec(dtype)], data).n_rows == rows


def test_unnamed_columns_take_rows_of_values() -> None:
    table = _enforce([ColSpec("long"), ColSpec("string")], [[1, "x", "extra"], [2, "y", "extra"]])
    assert table.names == (0, 1)
    assert table.dropped == (2,)


@pytest.mark.parametrize(("value", "rows"), [(["x", "y"], 1), ([["x"], ["y"], []], 3), ([], 1)])
def test_an_array_column_in_a_dict(value: Any, rows: int) -> None:
    """A list of strings is one row's array; a list of lists is a column of them."""
    assert _enforce([ColSpec(Array("string"), "a")], {"a": value}).n_rows == rows


def test_a_dataframe_keeps_its_row_labels() -> None:
    frame = pd.DataFrame({"b": [1.5, 2.5], "a": ["x", "y"]}, index=["r1", "r2"])
    table = _enforce([ColSpec("string", "a"), ColSpec("double", "b")], frame)
    pd.testing.assert_frame_equal(table.to_pandas(), frame[["a", "b"]])


def test_categories_stay_categories() -> None:
    frame = pd.DataFrame({"a": pd.Categorical(["x", "y"])})
    assert _enforce([ColSpec("string", "a")], frame).to_pandas()["a"].dtype == "category"


def test_a_model_may_write_into_its_frame_without_harm() -> None:
    original = pd.DataFrame({"a": ["x", "y"], "b": [1.0, 2.0]})
    inputs = [ColSpec("string", "a"), ColSpec("double", "b")]
    table = _enforce(inputs, original)
    frame = table.to_pandas()
    frame.loc[0, "a"] = "changed"
    frame.loc[0, "b"] = 99.0
    frame.columns.name = "changed"
    assert original.loc[0, "a"] == "x"
    again = table.to_pandas()
    assert again.loc[0].tolist() == ["x", 1.0]
    assert again.columns.name is None


TENSOR = TensorSpec("float64", (-1, 2))


@pytest.mark.parametrize(
    "data",
    [
        [[1, 2], [3, None]],
        np.array([[1, 2], [3, np.nan]]),
        np.array([[1, 2], [3, np.nan]], "float32"),
        pd.DataFrame({"a": [1, 3], "b": [2, None]}),
        pd.DataFrame({"a": [[1, 2], [3, None]]}),
        Table.from_split(["a", "b"], [[1, 2], [3, None]]),
        {"only": [[1, 2], [3, None]]},
    ],
)
def test_one_tensor_from_many_forms(data: Any) -> None:
    result = _enforce([TENSOR], data)
    assert result.dtype == "float64"
    assert np.array_equal(result, [[1, 2], [3, np.nan]], equal_nan=True)


def test_named_tensors_by_column_and_by_row() -> None:
    inputs = [TensorSpec("float32", (-1, 2), "x"), TensorSpec("str", (-1,), "s")]
    for data in (
        {"x": [[1, 2], [3, 4]], "s": ["a", "b"], "ignored": 1},
        [{"x": [1, 2], "s": "a"}, {"x": [3, 4], "s": "b"}],
    ):
        result = _enforce(inputs, data)
        assert result["x"].tolist() == [[1, 2], [3, 4]]
        assert result["x"].dtype == "float32"
        assert result["s"].tolist() == ["a", "b"]
        assert list(result) == ["x", "s"]


def test_sparse_matrices_pass() -> None:
    matrix = scipy.sparse.csr_matrix(np.eye(2))
    assert _enforce([TENSOR], matrix) is matrix


def test_any_length_of_rows_in_a_ragged_tensor() -> None:
    ragged = np.empty(2, dtype=object)
    ragged[:] = [np.zeros(2), np.zeros(3)]
    assert _enforce([TensorSpec("float64", (-1, -1))], ragged) is ragged


def test_nothing_is_checked_without_a_signature() -> None:
    data = [{"a": 1}]
    assert enforce(None, data) is data
    assert isinstance(enforce(None, pd.DataFrame({"a": [1]})), Table)


def test_every_scalar_type_survives_twice() -> None:
    inputs = [ColSpec(t, t.name) for t in DataType]
    values = [True, 1, 2, 1.5, 2.5, "x", "aGk=", "2024-01-01"]
    row = dict(zip((t.name for t in DataType), values, strict=True))
    once = _enforce(inputs, [row])
    twice = _enforce(inputs, once.to_pandas())
    pd.testing.assert_frame_equal(once.to_pandas(), twice.to_pandas())
