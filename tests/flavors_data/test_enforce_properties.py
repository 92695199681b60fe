"""Whatever a caller sends, enforcement answers with data or with an `InvalidInput`."""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
import os
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlpack.errors import InvalidInput, SchemaMismatch
from mlpack.flavors.enforce import enforce, enforce_params
from mlpack.flavors.infer import infer_schema
from mlpack.flavors.schema import (
    AnyType,
    Array,
    ColSpec,
    DataType,
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

NAMES = st.sampled_from(["a", "b", "c", "0", "", "ä"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.sampled_from([2**31, -(2**31), 2**53 + 1, 2**63, 2**64, 10**400]),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["2024-01-01", "2024-13-01", "9999-01-01", "2024-01-01T00:00:00Z", "YWJj", "é="]
    ),
    st.sampled_from(["0001-01-01T00:00:00+14:00", "now", "NaT", "1e5", "\ud800"]),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
ROWS = st.lists(st.dictionaries(NAMES, JSON, max_size=3), max_size=3)
MATRICES = st.lists(st.lists(SCALARS, min_size=1, max_size=3), max_size=3)
PYTHON = st.one_of(
    st.sampled_from([b"x", 1 + 2j, object(), {1, 2}, pd.NaT, pd.NA, np.float32(1), np.str_("x")]),
    st.sampled_from([np.array(1.5), np.array([1, 2]), np.eye(2), np.array(["x", None], object)]),
    st.sampled_from([pd.DataFrame({"a": [1.5, None]}), pd.DataFrame({"a": pd.Categorical(["x"])})]),
    st.sampled_from([pd.DataFrame({"a": pd.array([1, None])}), pd.Series(["x"], name="a")]),
    st.sampled_from([pd.DataFrame({"a": [1], "b": [2]}).rename(columns={"b": "a"})]),
    st.sampled_from(
        [pd.DataFrame({("a", "b"): [1]}), pd.DataFrame({"a": pd.period_range("2024", periods=2)})]
    ),
    st.sampled_from(
        [pd.DataFrame({"a": pd.to_datetime(["2024-01-01"], utc=True)}), pd.DataFrame()]
    ),
    st.sampled_from([np.array(["1600-01-01"], "datetime64[D]"), np.array([1j]), np.zeros((0, 2))]),
)
DATA = st.one_of(JSON, ROWS, MATRICES, PYTHON, st.dictionaries(NAMES, st.one_of(JSON, PYTHON)))

TYPES = st.recursive(
    st.sampled_from(DataType) | st.just(AnyType()),
    lambda inner: st.one_of(
        inner.map(Array),
        inner.map(Map),
        st.lists(
            st.builds(Property, NAMES, inner, st.booleans()),
            min_size=1,
            max_size=2,
            unique_by=lambda p: p.name,
        ).map(Object),
    ),
    max_leaves=4,
)
NAMED = st.lists(
    st.builds(ColSpec, TYPES, NAMES | st.integers(0, 2), st.booleans()),
    min_size=1,
    max_size=3,
    unique_by=lambda c: c.name,
)
UNNAMED = st.lists(st.builds(ColSpec, TYPES), min_size=1, max_size=3)
DTYPES = ["float64", "float32", "float16", "int64", "int8", "uint8", "uint64", "bool", "str"]
DTYPES += ["bytes", "object", "datetime64[ns]", "datetime64[D]", "complex128", "timedelta64[ns]"]
SHAPES = st.lists(st.sampled_from([-1, 1, 2, 3]), max_size=3).map(tuple)
TENSORS = st.builds(TensorSpec, st.sampled_from(DTYPES), SHAPES).map(lambda t: [t])
NAMED_TENSORS = st.lists(
    st.builds(TensorSpec, st.sampled_from(DTYPES), SHAPES, NAMES),
    min_size=1,
    max_size=2,
    unique_by=lambda t: t.name,
)
SCHEMAS = st.one_of(NAMED, UNNAMED, TENSORS, NAMED_TENSORS).map(Schema)

# HYPOTHESIS_EXAMPLES=1500 for a thorough run
EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "20"))
many = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Table):
        pd.testing.assert_frame_equal(one.to_pandas(), other.to_pandas())
        return True
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    if one.dtype.kind in "OUS":
        return repr(one.tolist()) == repr(other.tolist())
    return np.array_equal(one, other, equal_nan=one.dtype.kind in "fcmM")


@many
@given(SCHEMAS, DATA)
def test_data_or_invalid_input(schema: Schema, data: Any) -> None:
    signature = ModelSignature(inputs=schema)
    try:
        enforced = enforce(signature, data)
    except InvalidInput as error:
        assert str(error)
        assert "\n" not in str(error)
        assert len(str(error)) < 3000
        return
    if isinstance(enforced, Table):
        enforced.to_matrix()
        enforced.to_records()
    assert _same(enforced, enforce(signature, enforced))


@many
@given(NAMED.map(Schema), st.lists(NAMES, max_size=3, unique=True), MATRICES)
def test_split_form(schema: Schema, columns: list[str], rows: list[list[Any]]) -> None:
    try:
        table = Table.from_split(columns, rows)
        enforced = enforce(ModelSignature(inputs=schema), table)
    except InvalidInput:
        return
    assert enforced.n_rows == len(rows)
    assert set(enforced.names) <= set(schema.names)


_CELLS: dict[DataType, st.SearchStrategy[Any]] = {
    DataType.boolean: st.booleans(),
    DataType.integer: st.integers(-(2**31), 2**31 - 1),
    DataType.long: st.integers(-(2**63), 2**63 - 1),
    DataType.float: st.floats(width=32) | st.integers(-(2**24), 2**24),
    DataType.double: st.floats() | st.integers(-(2**53), 2**53),
    DataType.string: st.text(max_size=5),
    DataType.binary: st.binary(max_size=5).map(lambda b: base64.b64encode(b).decode()),
    DataType.datetime: st.datetimes(
        min_value=dt.datetime(1700, 1, 1), max_value=dt.datetime(2200, 1, 1)
    ).map(dt.datetime.isoformat),
}


def _cell(dtype: Any) -> st.SearchStrategy[Any]:
    """JSON values that fit a type."""
    if isinstance(dtype, DataType):
        return _CELLS[dtype]
    if isinstance(dtype, Array):
        return st.lists(_cell(dtype.dtype), max_size=3)
    if isinstance(dtype, Map):
        return st.dictionaries(NAMES, _cell(dtype.value_type), max_size=2)
    if isinstance(dtype, Object):
        required = {p.name: _cell(p.dtype) for p in dtype.properties if p.required}
        optional = {p.name: _cell(p.dtype) for p in dtype.properties if not p.required}
        return st.fixed_dictionaries(required, optional=optional)
    return JSON


def _rows(schema: Schema) -> st.SearchStrategy[list[list[Any]]]:
    cells = [_cell(c.type) if c.required else _cell(c.type) | st.none() for c in schema.columns]
    return st.lists(st.tuples(*cells).map(list), min_size=1, max_size=4)


FITTING = NAMED.map(Schema).flatmap(lambda schema: st.tuples(st.just(schema), _rows(schema)))


def _gaps_in_large_integers(schema: Schema, rows: list[list[Any]]) -> bool:
    """Missing values beside integers that a column of doubles cannot hold."""
    return any(
        any(v is None for v in cells) and any(isinstance(v, int) and float(v) != v for v in cells)
        for cells in zip(*rows, strict=True)
    )


@many
@given(FITTING)
def test_what_fits_passes(case: tuple[Schema, list[list[Any]]]) -> None:
    schema, rows = case
    table = Table.from_split(schema.names, rows)
    if _gaps_in_large_integers(schema, rows):
        return
    enforced = enforce(ModelSignature(inputs=schema), table)
    assert enforced.names == schema.names
    assert enforced.n_rows == len(rows)
    for spec, column in zip(schema.columns, enforced.columns, strict=True):
        if isinstance(spec.type, DataType) and spec.type.numpy != "object" and spec.required:
            assert column.dtype == spec.type.numpy


@many
@given(FITTING, st.data())
def test_one_odd_cell(case: tuple[Schema, list[list[Any]]], data: st.DataObject) -> None:
    schema, rows = case
    row = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.integers(0, len(schema) - 1))
    rows[row][column] = data.draw(JSON | PYTHON)
    try:
        enforce(ModelSignature(inputs=schema), Table.from_split(schema.names, rows))
    except SchemaMismatch as error:
        if not _gaps_in_large_integers(schema, rows):
            assert f"column {schema.names[column]!r}: expected" in str(error)
            assert f"in row {row}" in str(error)


HOMOGENEOUS = st.lists(st.sampled_from(list(DataType)), min_size=1, max_size=4).flatmap(
    lambda types: st.lists(st.tuples(*(_CELLS[t] | st.none() for t in types)), min_size=1)
)


@many
@given(HOMOGENEOUS)
def test_what_was_inferred_is_accepted(rows: list[tuple[Any, ...]]) -> None:
    names = [f"c{i}" for i in range(len(rows[0]))]
    records = [dict(zip(names, row, strict=True)) for row in rows]
    for data in (records, pd.DataFrame(records), pd.DataFrame(records).convert_dtypes()):
        try:
            schema = infer_schema(data)
        except InvalidInput:
            continue  # integers and floats in one column, or integers beyond 64 bits
        if not _gaps_in_large_integers(schema, list(map(list, rows))):
            enforce(ModelSignature(inputs=schema), data)


@many
@given(
    st.lists(st.sampled_from([t for t in DataType if t is not DataType.binary]), min_size=1),
    st.booleans(),
    JSON | st.dictionaries(st.sampled_from(["p0", "p1", "x", 1]), JSON | PYTHON),
)
def test_params_or_invalid_input(types: list[DataType], is_list: bool, params: Any) -> None:
    shape = (-1,) if is_list else None
    specs = [ParamSpec(f"p{i}", t, None, shape) for i, t in enumerate(types)]
    try:
        result = enforce_params(ModelSignature(params=ParamSchema(specs)), params)
    except InvalidInput:
        return
    assert list(result) == [spec.name for spec in specs]


@many
@given(st.one_of(JSON, st.lists(st.fixed_dictionaries({"type": JSON, "name": JSON}), max_size=2)))
def test_schema_strings_or_invalid_input(data: Any) -> None:
    text = json.dumps(data)
    for read in (Schema.from_json, ParamSchema.from_json):
        with suppress(InvalidInput):
            assert read(read(text).to_json()) == read(text)


@many
@given(SCHEMAS)
def test_schemas_survive_their_strings(schema: Schema) -> None:
    assert Schema.from_json(schema.to_json()) == schema


@pytest.mark.parametrize("depth", [50, 5000])
def test_deep_nesting_is_refused_or_passed(depth: int) -> None:
    deep: Any = 1
    for _ in range(depth):
        deep = [deep]
    for inputs in (
        [TensorSpec("float64", (-1, 2))],
        [TensorSpec("object", (-1,))],
        [ColSpec("double", "a")],
        [ColSpec(Array("double"), "a")],
        [ColSpec(AnyType())],
    ):
        for data in (deep, {"a": deep}, [{"a": deep}]):
            with suppress(InvalidInput):
                enforce(ModelSignature(inputs=Schema(inputs)), data)


def test_nan_is_a_double() -> None:
    signature = ModelSignature(inputs=Schema([ColSpec("double", "a")]))
    (column,) = enforce(signature, [{"a": float("nan")}]).columns
    assert math.isnan(column[0])
