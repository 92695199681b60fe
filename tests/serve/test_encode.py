"""Whatever a model returns becomes valid JSON, or a message that says why not."""

import json
import re
from array import array
from collections import OrderedDict, deque, namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from pathlib import PurePosixPath
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlpack.errors import ModelFailed
from mlpack.flavors.table import Table
from mlpack.serve.encode import encode_predictions

INF = float("inf")
Point = namedtuple("Point", "x y")


@dataclass
class Span:
    start: int
    end: float


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Modelled:
    def model_dump(self):
        return {"a": np.int64(1)}


def encoded(value):
    """Parsed with a parser that refuses NaN and Infinity."""

    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    return json.loads(encode_predictions(value), parse_constant=refuse)["predictions"]


CASES = [
    # numpy
    (np.array([1, 2]), [1, 2]),
    (np.array([[0.1, np.nan], [INF, -INF]]), [[0.1, None], [None, None]]),
    (np.array([0.5, np.nan], dtype=np.float32), [0.5, None]),
    (np.array([0.25], dtype=np.longdouble), [0.25]),
    (np.array([np.inf], dtype=np.longdouble), [None]),
    (np.array([True, False]), [True, False]),
    (np.array(["a", "ü"]), ["a", "ü"]),
    (np.array([b"ab"]), ["YWI="]),
    (np.array([1, None, "x", np.nan, b"\x00"], dtype=object), [1, None, "x", None, "AA=="]),
    (np.array(["2024-01-02", "NaT"], dtype="datetime64[D]"), ["2024-01-02", None]),
    (np.array(["2024-01-02T03:04:05"], dtype="datetime64[ns]"), ["2024-01-02T03:04:05"]),
    (np.array(["2024-01-02T03:04:05.12"], dtype="M8[ns]"), ["2024-01-02T03:04:05.120"]),
    (np.array([1500, "NaT"], dtype="timedelta64[ms]"), [1.5, None]),
    (np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]), [{"a": 1, "b": 2.5}]),
    (np.array(3.5), 3.5),
    (np.array(np.nan), None),
    (np.empty((0, 3)), []),
    (np.ma.array([1.0, 2.0], mask=[False, True]), [1.0, None]),
    (np.float64(1.5), 1.5),
    (np.float32("nan"), None),
    (np.int8(-3), -3),
    (np.bool_(True), True),
    (np.str_("x"), "x"),
    (np.bytes_(b"ab"), "YWI="),
    (np.datetime64("2024-01-02"), "2024-01-02"),
    (scipy.sparse.csr_matrix([[0, 1.5]]), [[0, 1.5]]),
    # pandas
    (pd.DataFrame({"a": [1, 2], "b": [0.5, np.nan]}), [{"a": 1, "b": 0.5}, {"a": 2, "b": None}]),
    (pd.DataFrame({0: ["x"]}), [{"0": "x"}]),
    (pd.DataFrame({("a", 1): [2]}), [{'["a",1]': 2}]),
    (pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}), [{"a": 1}, {"a": None}]),
    (pd.DataFrame({"a": pd.Categorical(["x", None])}), [{"a": "x"}, {"a": None}]),
    (pd.DataFrame({"a": ["x", None]}), [{"a": "x"}, {"a": None}]),
    (
        pd.DataFrame({"t": [pd.Timestamp("2024-01-02"), pd.NaT]}),
        [{"t": "2024-01-02T00:00:00"}, {"t": None}],
    ),
    (
        pd.DataFrame({"t": [pd.Timestamp("2024-01-02", tz="UTC"), pd.NaT]}),
        [{"t": "2024-01-02T00:00:00+00:00"}, {"t": None}],
    ),
    (pd.DataFrame({"a": [b"ab"], "b": [[1, np.nan]]}), [{"a": "YWI=", "b": [1, None]}]),
    (pd.DataFrame(index=[0, 1]), [{}, {}]),
    (pd.DataFrame({"a": []}), []),
    (pd.Series([1.5, np.nan], name="y"), [{"y": 1.5}, {"y": None}]),
    (pd.Series([1]), [{"0": 1}]),
    (pd.Index([1, 2]), [1, 2]),
    (pd.array([1, None], dtype="Int64"), [1, None]),
    (pd.NA, None),
    (pd.NaT, None),
    (pd.Timestamp("2024-01-02T03:00"), "2024-01-02T03:00:00"),
    (pd.Timedelta("1min"), 60.0),
    (pd.Period("2024-01"), "2024-01"),
    # ours, pyarrow's
    (
        Table(("a", "b"), [[1, None], np.array([0.5, np.nan])]),
        [{"a": 1, "b": 0.5}, {"a": None, "b": None}],
    ),
    (pa.table({"a": [1, None]}), [{"a": 1}, {"a": None}]),
    # Python
    (None, None),
    (INF, None),
    (True, True),
    ([1, (2, {"a": {3}})], [1, [2, {"a": [3]}]]),
    ({"p": np.array([0.5]), 1: "x"}, {"p": [0.5], "1": "x"}),
    ({None: 2, np.int64(4): 5, True: 6}, {"null": 2, "4": 5, "true": 6}),
    (OrderedDict(a=1), {"a": 1}),
    ({"a": 1}.keys(), ["a"]),
    ({"a": 1}.values(), [1]),
    (deque([1]), [1]),
    (range(3), [0, 1, 2]),
    (array("d", [1.5]), [1.5]),
    ((x for x in (1, np.nan)), [1, None]),
    ({"lazy": iter([1, 2])}, {"lazy": [1, 2]}),
    (map(str, [1]), ["1"]),
    (Point(1, 2), [1, 2]),
    (Span(1, INF), {"start": 1, "end": None}),
    (Modelled(), {"a": 1}),
    (Colour.RED, "red"),
    (Level.HIGH, 3),
    (b"ab", "YWI="),
    (bytearray(b"ab"), "YWI="),
    (memoryview(b"ab"), "YWI="),
    (datetime(2024, 1, 2, tzinfo=UTC), "2024-01-02T00:00:00+00:00"),
    (date(2024, 1, 2), "2024-01-02"),
    (timedelta(seconds=90), 90.0),
    (Decimal("1.25"), 1.25),
    (Decimal("NaN"), None),
    (Decimal("sNaN"), None),
    (Decimal("1e999"), None),
    (Fraction(1, 4), 0.25),
    (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (PurePosixPath("a/b"), "a/b"),
    (10**40, 10**40),
    ("\ud800 ü \x00", "\ud800 ü \x00"),
]  # fmt: skip


def _without_address(value):
    """The same in every process, which running tests in several asks for."""
    return re.sub(r" at 0x\w+", "", repr(value))[:40]


@pytest.mark.parametrize(("value", "expected"), CASES, ids=_without_address)
def test_everything_has_its_form(value, expected):
    assert encoded(value) == expected


def _contains_itself():
    value = []
    value.append({"a": value})
    return value


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (object(), "builtins.object"),
        (len, "builtin_function_or_method"),
        (int, "builtins.type"),
        (1j, "complex"),
        (np.array([1j]), "complex128"),
        (_contains_itself(), "contains itself"),
        (10**5000, "digits"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "columns repeat"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_what_has_no_form_says_so(value, says):
    with pytest.raises(ModelFailed, match=says):
        encode_predictions(value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner)
        ),
    )
)
def test_any_python_value_is_valid_json(value):
    encoded(value)


@given(hnp.arrays(hnp.scalar_dtypes(), hnp.array_shapes(min_dims=0, min_side=0)))
def test_any_array_is_valid_json_of_its_shape(value):
    if value.dtype.kind == "c":
        return
    plain = encoded(value)
    for size in value.shape:
        assert len(plain) == size
        if not size:
            break
        plain = plain[0]
