# ruff: noqa: E501  (a case with its sentence reads best on one line)
"""The sentences that a caller reads when data does not fit."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlpack.errors import InvalidInput, SchemaMismatch
from mlpack.flavors.enforce import enforce, enforce_params
from mlpack.flavors.schema import (
    Array,
    ColSpec,
    Map,
    Object,
    ParamSchema,
    ParamSpec,
    Property,
    Schema,
    TensorSpec,
)
from mlpack.flavors.signature import ModelSignature
from mlpack.flavors.table import Table

PEOPLE = [ColSpec("long", "age"), ColSpec("double", "height"), ColSpec("string", "name", False)]
OBJECT = Object([Property("id", "long"), Property("tag", "string", False)])


def _message(inputs: list[Any], data: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        enforce(ModelSignature(inputs=Schema(inputs)), data)
    return str(caught.value)


def _split(*rows: list[Any]) -> Table:
    return Table.from_split(["age", "height", "name"], list(rows))


COLUMN_CASES = [
    (_split([1, 1, "a"], [2, 2, "b"], [3, 3, "c"], ["x", 4, "d"]), "column 'age': expected long, got string 'x' in row 3."),
    (_split([1.5, 1, "a"]), "column 'age': expected long, got double 1.5 in row 0."),
    (_split([True, 1, "a"]), "column 'age': expected long, got boolean True in row 0."),
    (_split([2**63, 1, "a"]), "column 'age': expected long, got long 9223372036854775808 in row 0 (out of range)."),
    (_split([1, "1.5", "a"]), "column 'height': expected double, got string '1.5' in row 0."),
    (_split([1, 10**400, "a"]), "column 'height': expected double, got long of more than 30 digits in row 0 (out of range)."),
    (_split([1, 1, 7]), "column 'name': expected string, got long 7 in row 0."),
    (_split([1, 1, ["a"]]), "column 'name': expected string, got an array in row 0."),
    (_split([1, 1, {"a": 1}]), "column 'name': expected string, got an object in row 0."),
    (_split(["x", "y", "a"]), "column 'age': expected long, got string 'x' in row 0; column 'height': expected double, got string 'y' in row 0."),
    (_split([None, 1, "a"]), "column 'age': expected long, got null in row 0 (the signature requires a value here; a column is optional if it had missing values when the signature was inferred)."),
    ([{"age": 1, "name": "a"}], "missing column 'height'."),
    ([{"age": 1, "Height": 1}], "missing column 'height'; did you mean 'height' by 'Height'?"),
    ([{"age": 1, "z": 1}], "missing column 'height'; the input has these unknown ones: 'z'."),
    ([{"z": 1}], "missing columns 'age', 'height'; the input has these unknown ones: 'z'."),
    ([], "The input has no rows."),
    (None, "The input is null; send at least one row."),
    ([[1, 2, "a"]], "The signature names its columns, the input does not. Send rows as objects, or a table with the columns 'age', 'height', 'name'."),
    (np.eye(3), "The signature names its columns, an array does not; pass a DataFrame. Send rows as objects, or a table with the columns 'age', 'height', 'name'."),
    ({"age": [1, 2], "height": 1.5}, "Either every column is a list of values or none is: 'age' is a list, 'height' is not."),
    ({"age": [1, 2], "height": [1.5]}, "Columns differ in length: 'age' has 2 values, 'height' has 1."),
    (pd.DataFrame({"age": [1, None], "height": [1.5, 2]}), "column 'age': expected long, got dtype float64 (integers with missing values are floats in Python; log the model with a signature whose column is double, or convert the column)."),
    (pd.DataFrame({"age": [1.5], "height": [1.5]}), "column 'age': expected long, got dtype float64 (the conversion may lose values; if that is meant: .astype('int64'))."),
    (pd.DataFrame({"age": [1], "height": [2**60]}), f"column 'height': expected double, got long {2**60} in row 0 (not exact as float64)."),
    (pd.DataFrame({"age": ["x"], "height": [1]}), "column 'age': expected long, got string 'x' in row 0."),
]  # fmt: skip


@pytest.mark.parametrize(("data", "message"), COLUMN_CASES)
def test_columns(data: Any, message: str) -> None:
    assert _message(PEOPLE, data) == message


NESTED_CASES = [
    (Array("string"), ["a", 4], "expected array of string, got long 4 at [1] in row 0."),
    (Array("string"), "a", "expected array of string, got string 'a' in row 0."),
    (Array(Array("long")), [[1], [2, "x"]], "expected array of array of long, got string 'x' at [1][1] in row 0."),
    (OBJECT, {"id": "x"}, "expected {id: long, tag: string (optional)}, got string 'x' at .id in row 0."),
    (OBJECT, {"tag": "x"}, "expected {id: long, tag: string (optional)}, got an object without 'id' in row 0."),
    (OBJECT, {"id": 1, "no": 1}, "expected {id: long, tag: string (optional)}, got an unknown property 'no' in row 0 (known: ['id', 'tag'])."),
    (Map("double"), {"k": "x"}, "expected map of double, got string 'x' at ['k'] in row 0."),
    (Array(OBJECT), [{"id": 1}, {"id": None}], "expected array of {id: long, tag: string (optional)}, got null at [1].id in row 0 (the signature requires a value here; a column is optional if it had missing values when the signature was inferred)."),
]  # fmt: skip


@pytest.mark.parametrize(("dtype", "value", "message"), NESTED_CASES)
def test_nested(dtype: Any, value: Any, message: str) -> None:
    assert _message([ColSpec(dtype, "v")], [{"v": value}]) == f"column 'v': {message}"


FLOATS = TensorSpec("float64", (-1, 2))
TENSOR_CASES = [
    ([FLOATS], [[1, 2, 3]], "input: expected shape (-1, 2), got (1, 3)."),
    ([FLOATS], [[1, 2], [3]], "input: the lists at depth 1 differ in length: 2 and, at [1], 1."),
    ([FLOATS], [[1, "x"]], "input: expected float64, got string 'x' at [0][1]."),
    ([FLOATS], [1, 2], "input: expected a float64 tensor of shape (-1, 2), got long 1 where a list belongs, at [0]."),
    ([FLOATS], 5, "input: expected a float64 tensor of shape (-1, 2), got long 5."),
    ([FLOATS], None, "The input is null; send at least one row."),
    ([FLOATS], np.array([["x", "y"]]), "input: expected dtype float64, got <U1, which does not convert without loss. If the loss is meant, use .astype('float64')."),
    ([TensorSpec("float32", (-1, 2))], np.eye(2), "input: expected dtype float32, got float64, which does not convert without loss. If the loss is meant, use .astype('float32')."),
    ([TensorSpec("uint8", (-1,))], [1, 256], "input: expected uint8, got long 256 at [1] (out of range)."),
    ([TensorSpec("int64", (-1,))], [1, 2.5], "input: expected int64, got double 2.5 at [1]."),
    ([TensorSpec("float32", (-1,))], [1e39], "input: expected float32, got double 1e+39 at [0] (out of range)."),
    ([TensorSpec("float64", (-1,), "a")], {"b": [1]}, "missing tensor 'a'; the model takes 'a'."),
    ([TensorSpec("float64", (-1,), "a")], {"a": ["x"]}, "tensor 'a': expected float64, got string 'x' at [0]."),
    ([TensorSpec("float64", (-1,), "a"), TensorSpec("float64", (-1,), "b")], [1], "Expected an object with the tensors 'a', 'b', got an array."),
    ([FLOATS], pd.DataFrame({"a": [1.0], "b": ["x"]}), "input: expected float64, got string 'x' at [0][1]."),
    ([FLOATS], pd.DataFrame({"a": [1.0]}), "input: expected shape (-1, 2), got (1, 1)."),
]  # fmt: skip


@pytest.mark.parametrize(("inputs", "data", "message"), TENSOR_CASES)
def test_tensors(inputs: list[Any], data: Any, message: str) -> None:
    assert _message(inputs, data) == message


PARAMS = ModelSignature(
    params=ParamSchema(
        [
            ParamSpec("top_k", "long", 3),
            ParamSpec("weights", "double", [1.0], (-1,)),
            ParamSpec("since", "datetime", dt.date(2024, 1, 1)),
            ParamSpec("options", OBJECT, None),
        ]
    )
)
PARAM_CASES: list[tuple[Any, str]] = [
    ({"topk": 1}, "Unknown param 'topk'; did you mean 'top_k'?"),
    ({"q": 1}, "Unknown param 'q'; this model knows 'top_k', 'weights', 'since', 'options'."),
    ({"top_k": "3"}, "param 'top_k': expected long, got string '3'."),
    ({"top_k": True}, "param 'top_k': expected long, got boolean True."),
    ({"top_k": [3]}, "param 'top_k': expected long, got an array."),
    ({"weights": 1.0}, "param 'weights': expected a list of double, got double 1.0."),
    ({"weights": [1, "x"]}, "param 'weights': expected a list of double, got string 'x' at [1]."),
    ({"options": {"id": "x"}}, "param 'options': expected {id: long, tag: string (optional)}, got string 'x' at .id."),
    ([1], "'params' must be an object, got an array."),
]  # fmt: skip


@pytest.mark.parametrize(("params", "message"), PARAM_CASES)
def test_params(params: Any, message: str) -> None:
    with pytest.raises(SchemaMismatch) as caught:
        enforce_params(PARAMS, params)
    assert str(caught.value) == message


def test_params_of_a_model_without_any() -> None:
    assert enforce_params(None, None) == {}
    with pytest.raises(SchemaMismatch, match="declares no params, got 'k'"):
        enforce_params(None, {"k": 1})


def test_defaults_are_filled_in_and_not_shared() -> None:
    first = enforce_params(PARAMS, {"since": "2024-02-01T12:00:00Z", "top_k": 5})
    assert first == {
        "top_k": 5,
        "weights": [1.0],
        "since": dt.datetime(2024, 2, 1, 12),
        "options": None,
    }
    first["weights"].append(2.0)
    assert enforce_params(PARAMS, {})["weights"] == [1.0]


def test_long_values_are_shortened() -> None:
    message = _message(PEOPLE, _split(["x" * 10_000, 1, "a"]))
    assert len(message) < 200


def test_at_most_five_columns_are_listed() -> None:
    inputs = [ColSpec("long", f"c{i}") for i in range(8)]
    message = _message(inputs, [{f"c{i}": "x" for i in range(8)}])
    assert message.count("expected long") == 5
    assert message.endswith("and 3 more columns.")
