"""Parquet bodies: types, gaps, row labels, damaged and malicious files."""

import io
import math
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlpack.errors import InvalidInput, PayloadTooLarge, UnsupportedMediaType
from mlpack.serve import parquet


def parse(body, limit=10**8):
    return parquet.parse(body, limit)


def as_bytes(table):
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def test_types_and_gaps():
    when = pd.Timestamp("2024-01-02")
    table = parse(
        as_bytes(
            pa.table(
                {
                    "i": [1, 2],
                    "gap": [1, None],
                    "f": [1.5, None],
                    "s": ["x", None],
                    "b": [True, None],
                    "t": [when, None],
                    "raw": [b"x", None],
                    "list": [[1, 2], None],
                    "cat": pa.array(["u", "v"]).dictionary_encode(),
                }
            )
        )
    )
    assert isinstance(table.column("i"), np.ndarray)
    assert table.column("gap") == [1, None]
    assert math.isnan(table.column("f")[1])
    assert table.column("s") == ["x", None]
    assert table.column("b") == [True, None]
    assert np.isnat(table.column("t")[1])
    assert table.column("raw") == [b"x", None]
    assert table.column("list") == [[1, 2], None]
    assert table.column("cat") == ["u", "v"]


def test_a_dataframes_row_labels_are_no_feature():
    frame = pd.DataFrame({"a": [1, 2]}, index=[5, 9])
    assert parse(frame.to_parquet()).names == ("a",)


@pytest.mark.parametrize("body", [b"", b"PAR1", b"x" * 100, b"PAR1" + b"\0" * 50 + b"PAR1"])
def test_what_is_no_parquet_is_refused(body):
    with pytest.raises(InvalidInput, match="not a readable Parquet"):
        parse(body)


def test_damaged_pages_are_refused():
    whole = bytearray(as_bytes(pa.table({"a": list(range(1000))})))
    for at in range(4, len(whole), 7):
        damaged = bytes(whole[:at]) + b"\xff" + bytes(whole[at + 1 :])
        try:
            parse(damaged)
        except (InvalidInput, PayloadTooLarge) as error:
            assert "Traceback" not in error.message


def test_no_rows_are_refused():
    with pytest.raises(InvalidInput, match="no rows"):
        parse(as_bytes(pa.table({"a": pa.array([], pa.int64())})))


def test_a_small_file_that_unpacks_to_a_large_table_is_refused():
    bomb = as_bytes(pa.table({"a": pa.array(np.zeros(3_000_000))}))
    assert len(bomb) < 100_000
    with pytest.raises(PayloadTooLarge, match="unpacks to more than the limit"):
        parse(bomb, 10 * 1024**2)


def test_without_pyarrow_it_is_415(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UnsupportedMediaType, match="pyarrow is not installed"):
        parse(b"PAR1")


def test_through_the_app(client, people):
    frame = pd.DataFrame({"age": [40], "income": [1.5], "city": ["Rome"]})
    app = client(lambda data, params: data.to_matrix()[:, 0].tolist(), people)
    for kind in ("application/vnd.apache.parquet", "application/x-parquet"):
        response = app.post("/invocations", data=frame.to_parquet(), content_type=kind)
        assert response.json == {"predictions": [40]}
