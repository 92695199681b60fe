"""pysimdjson stands in for Python's parser only where nobody can tell the difference."""

import json
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpack.errors import MlpackError
from mlpack.flavors.enforce import enforce
from mlpack.flavors.schema import ColSpec, Schema, TensorSpec
from mlpack.flavors.signature import ModelSignature
from mlpack.serve import fast_json, json_forms, simd_json

FLOATS = ModelSignature(Schema([ColSpec("double", "a"), ColSpec("double", "b")]))
MIXED = ModelSignature(Schema([ColSpec("double", "a"), ColSpec("long", "b")]))
TENSOR = ModelSignature(Schema([TensorSpec("float64", (-1, 2))]))


@pytest.fixture(autouse=True)
def small_ones_too(monkeypatch):
    monkeypatch.setattr(simd_json, "_WORTH_IT", 0)


def split(data, columns=("a", "b"), **more):
    return {"dataframe_split": {"columns": columns, "data": data, **more}}


def outcome(body, fast):
    """What the model would get, or what the caller would."""
    with pytest.MonkeyPatch.context() as patch:
        if not fast:
            patch.setattr(simd_json, "_library", lambda: None)
            patch.setattr(fast_json, "_parser", lambda: None)
        try:
            data, params = json_forms.parse(body, FLOATS)
            table = enforce(FLOATS, data)
        except MlpackError as error:
            return type(error), error.message
        columns = [np.asarray(column).tobytes() for column in table.columns]
        return columns, table.names, table.index, table.dropped, params


@pytest.mark.parametrize(
    "payload",
    [
        split([[1.5, 2], [-3, 1e-300]]),
        split([[1.5, 2], [3, 4]], index=["x", None]),
        split([[1.5, 2]], columns=["b", "a"]),
        split([[1.5, 2, 3]], columns=["b", "c", "a"]),
        split([[2**63, -(2**63)]]),
        split([[1.5, 2]] * 5000, index=list(range(5000))),
    ],
)
def test_plain_tables_are_read(payload):
    body = json.dumps(payload).encode()
    assert simd_json.read(body, FLOATS) is not None
    assert outcome(body, fast=True) == outcome(body, fast=False)


@pytest.mark.parametrize(
    "body",
    [
        *(json.dumps(split(data)).encode() for data in (
            [], [[]], [[1], [2]], [[1, 2], [3]], [[1, 2], [[3], 4]], [[1, [2]]], [[1, None]],
            [[1, True]], [[1, "2"]], [[1, {"x": 1}]], [[2**64, 1]], [[1, float("nan")]],
            [[1, float("inf")]], {"a": [1]}, None, [1, 2], [[1, 2], 3],
        )),
        *(json.dumps(split([[1, 2]], columns)).encode() for columns in (
            ["a", "a"], ["a"], ["a", 1], [["a"], "b"], "ab", None, [], ["a", "x"], ["a:", "b"],
        )),
        *(json.dumps(split([[1, 2]], index=index)).encode() for index in (
            [], [1, 2], [[1]], 3, None, {"a": 1}, ["[x"], ["x:"],
        )),
        json.dumps({**split([[1, 2]]), "params": {"k": 1}}).encode(),
        json.dumps({**split([[1, 2]]), "inputs": [1]}).encode(),
        json.dumps(split([[1, 2]], more=1)).encode(),
        b'{"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2]], "data": [[3, 4]]}}',
        b'{"dataframe_split": {"data": [[1, 2]]}}',
        b'{"dataframe_split": {"columns": ["a", "b"], "data": [[1, 1e400]]}}',
        b'{"dataframe_split": {"columns": ["a", "b"], "data": [[1, 01]]}}',
        b'{"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2]]}} x',
        b'\xef\xbb\xbf{"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2]]}}',
        b'{"dataframe_split": {"columns": ["a", "\xff"], "data": [[1, 2]]}}',
        b'{"dataframe_split": {"columns": ["a", "\\ud800"], "data": [[1, 2]]}}',
        b'{"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2]]}, "x\\u003a": 1}',
        b"[" * 100_000,
        b"[]",
        b"",
    ],
)  # fmt: skip
def test_everything_else_is_what_it_was(body):
    assert outcome(body, fast=True) == outcome(body, fast=False)


def test_other_signatures_are_not_its_own():
    body = json.dumps(split([[1.5, 2]])).encode()
    for signature in (None, MIXED, TENSOR):
        assert simd_json.read(body, signature) is None


def test_small_bodies_are_not_worth_it(monkeypatch):
    monkeypatch.undo()
    assert simd_json.read(json.dumps(split([[1.5, 2]])).encode(), FLOATS) is None


_cells = st.one_of(
    st.floats(), st.integers(-(2**70), 2**70), st.none(), st.booleans(), st.text(max_size=2)
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(st.one_of(st.floats(allow_nan=False), _cells), max_size=3), max_size=4),
    st.lists(st.sampled_from(["a", "b", "c", ":", "["]), max_size=3),
)
def test_whatever_comes_is_what_it_was(rows, columns):
    body = json.dumps(split(rows, columns)).encode()
    assert outcome(body, fast=True) == outcome(body, fast=False)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 2), min_size=1))
def test_floats_come_to_the_last_bit(rows):
    table = simd_json.read(json.dumps(split(rows)).encode(), FLOATS)
    assert np.array_equal(np.array(table.columns).T, np.array(rows))


def test_the_cells_are_the_tables_own():
    """A parser's memory is not looked at after it is gone, and a model may write to its input."""

    def read():
        for i in range(50):
            table = simd_json.read(json.dumps(split([[i, i + 0.5]] * 2000)).encode(), FLOATS)
            table.columns[0][:1] += 0.0
            seen.append(bool((np.asarray(table.columns[1]) == i + 0.5).all()))

    seen = []
    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [True] * 200
