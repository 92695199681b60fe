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


def varint(number, width=0):
    """Thrift's, as wide as one that it replaces."""
    groups = [2 * number >> shift & 0x7F for shift in range(0, 64, 7)]
    while len(groups) > max(width, 1) and not groups[-1]:
        groups.pop()
    return bytes([group | 0x80 for group in groups[:-1]] + [groups[-1]])


def test_a_file_that_lies_about_its_size_is_found_out_by_its_pages():
    rows = 3_000_000
    sink = io.BytesIO()
    plain = {"compression": "zstd", "use_dictionary": False, "write_statistics": False}
    huge = {"data_page_size": 2**30, "write_batch_size": rows, "max_rows_per_page": rows}
    pq.write_table(pa.table({"a": np.zeros(rows)}), sink, row_group_size=rows, **plain, **huge)
    body = sink.getvalue()
    length = int.from_bytes(body[-8:-4], "little")
    head, foot = body[: -8 - length], body[-8 - length : -8]
    claims = pq.read_metadata(io.BytesIO(body)).row_group(0)
    for claim in (rows, claims.total_byte_size, claims.column(0).total_uncompressed_size):
        foot = foot.replace(varint(claim), varint(100, len(varint(claim))))
    lie = head + foot + body[-8:]
    assert len(lie) < 10_000 and pq.read_metadata(io.BytesIO(lie)).num_rows == 100
    with pytest.raises(PayloadTooLarge):
        parse(lie, 10 * 1024**2)


def test_texts_that_repeat_the_start_of_others_are_refused():
    texts = ["x" * 10_000 + str(i) for i in range(1000)]
    sink = io.BytesIO()
    encoding = {"a": "DELTA_BYTE_ARRAY"}
    pq.write_table(pa.table({"a": texts}), sink, use_dictionary=False, column_encoding=encoding)
    with pytest.raises(InvalidInput, match="DELTA_BYTE_ARRAY are not read"):
        parse(sink.getvalue())


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd", "lz4", "brotli"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("dictionary", [True, False])
def test_files_of_many_writers(compression, version, dictionary):
    table = pa.table(
        {"a": np.arange(5000), "s": [f"t{i % 97}" for i in range(5000)], "l": [["u", None]] * 5000}
    )
    sink = io.BytesIO()
    pq.write_table(
        table,
        sink,
        compression=compression,
        use_dictionary=dictionary,
        data_page_version=version,
        row_group_size=2000,
        data_page_size=1000,
        write_page_index=True,
    )
    read = parse(sink.getvalue())
    assert read.column("a").tolist() == list(range(5000)) and read.column("s")[98] == "t1"
    assert read.column("l")[4999] == ["u", None]


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
