"""Arbitrary binary bodies, tensors, encodings and Accepts: no 5xx, always a sound error."""

import gzip
import io
import json
import struct
import zlib

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from .test_fuzz import MANY, SIGNATURES

ARROW, PARQUET = "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"
NPY, CSV = "application/x-npy", "text/csv"


@pytest.fixture(params=SIGNATURES)
def app(request, client):
    return client(lambda data, params: [0, 1.5, None], SIGNATURES[request.param])


def sound(response):
    """An answer, or an error in JSON that is the caller's."""
    assert response.status_code in (200, 400, 406, 413, 415), response.data
    if response.status_code != 200:
        content = json.loads(response.data)
        assert content["error_code"] and content["message"]
        assert "Traceback" not in content["message"] and len(content["message"]) < 3000


names = st.lists(st.sampled_from("abcdefz"), min_size=1, max_size=4, unique=True)
columns = st.one_of(
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=2, max_size=2),
    st.lists(st.none() | st.floats(), min_size=2, max_size=2),
    st.lists(st.none() | st.text(max_size=3), min_size=2, max_size=2),
    st.lists(st.none() | st.binary(max_size=3), min_size=2, max_size=2),
    st.lists(st.none() | st.booleans(), min_size=2, max_size=2),
    st.lists(st.none() | st.datetimes(), min_size=2, max_size=2),
    st.lists(st.none() | st.dates() | st.none(), min_size=2, max_size=2),
    st.lists(st.none() | st.lists(st.integers(0, 5), max_size=2), min_size=2, max_size=2),
    st.lists(st.none() | st.fixed_dictionaries({"a": st.text(max_size=2)}), min_size=2, max_size=2),
    st.lists(st.decimals(-99, 99, places=2), min_size=2, max_size=2),
)


@st.composite
def tables(draw):
    return pa.table({name: pa.array(draw(columns)) for name in draw(names)})


def as_arrow(table, compression=None):
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return sink.getvalue()


def as_parquet(table):
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


@MANY
@given(table=tables(), compression=st.sampled_from([None, "lz4", "zstd"]))
def test_tables_of_any_types(app, table, compression):
    sound(app.post("/invocations", data=as_arrow(table, compression), content_type=ARROW))
    sound(app.post("/invocations", data=as_parquet(table), content_type=PARQUET))


@MANY
@given(table=tables(), data=st.data(), kind=st.sampled_from([ARROW, PARQUET]))
def test_damaged_tables(app, table, data, kind):
    body = bytearray(as_arrow(table) if kind == ARROW else as_parquet(table))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(body)))
    sound(app.post("/invocations", data=bytes(body[:end] or body), content_type=kind))


@MANY
@given(
    array=hnp.arrays(
        hnp.scalar_dtypes(), hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3)
    ),
    cut=st.integers(0, 200),
)
def test_arrays_of_any_type_and_shape(app, array, cut):
    sink = io.BytesIO()
    np.save(sink, array)
    sound(app.post("/invocations", data=sink.getvalue(), content_type=NPY))
    sound(app.post("/invocations", data=sink.getvalue()[:cut], content_type=NPY))


@MANY
@given(
    body=st.binary(max_size=100),
    prefix=st.sampled_from([b"", b"ARROW1\0\0", b"\xff\xff\xff\xff", b"\x93NUMPY\x01\0", b"PAR1"]),
    kind=st.sampled_from([ARROW, PARQUET, NPY]),
    encoding=st.sampled_from(["gzip", "deflate", "zstd", "br", "identity", "gzip, gzip", ""]),
)
def test_bytes_of_any_kind(app, body, prefix, kind, encoding):
    sound(app.post("/invocations", data=prefix + body, content_type=kind))
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    sound(app.post("/invocations", data=prefix + body, headers=headers))
    packers = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstandard.compress}
    if pack := packers.get(encoding):
        damaged = bytearray(pack(b'{"inputs": [[1, 2]]}'))
        damaged[len(body) % len(damaged)] ^= 0x55
        sound(app.post("/invocations", data=bytes(damaged), headers=headers))


@MANY
@given(
    accept=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)
    | st.lists(
        st.builds(
            "{}{}".format,
            st.sampled_from(["*/*", "text/*", "text/csv", ARROW, NPY, "application/json", "a/b"]),
            st.sampled_from(["", ";q=0", ";q=0.5", ";q=nan", ";q=-1", ";q=1e999", ";Q=1;x", ";"]),
        ),
        max_size=4,
    ).map(",".join)
)
def test_any_accept(app, accept):
    answer = app.post("/invocations", json={"inputs": 1}, headers={"Accept": accept})
    sound(answer)


params = st.sampled_from(["{}", '{"k": 1}', '{"k": "x"}', "[", "null", "1", "\xff", '{"z": NaN}'])


@MANY
@given(header=st.none() | params | st.text(max_size=5), query=st.none() | params)
def test_any_params_beside(app, header, query):
    headers = {} if header is None else {"X-Mlpack-Params": header.encode("latin-1", "replace")}
    headers = {k: v.replace(b"\n", b"").replace(b"\r", b"") for k, v in headers.items()}
    answer = app.post(
        "/invocations",
        data=b"a,b\n1,2\n",
        content_type=CSV,
        headers={k: v.decode("latin-1") for k, v in headers.items()},
        query_string={} if query is None else {"params": query},
    )
    sound(answer)


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.sampled_from("ab"), v, max_size=2),
    max_leaves=6,
)
datatypes = st.sampled_from(
    ["BOOL", "UINT8", "INT64", "FP16", "FP32", "FP64", "BYTES", "BF16", None, 5]
)
shapes = st.lists(st.integers(0, 4), max_size=3) | junk
parameters = st.dictionaries(
    st.sampled_from(["binary_data_size", "content_type", "binary_data"]),
    st.integers(-1, 20) | st.sampled_from(["np", "str", "base64", "datetime", "json"]),
    max_size=2,
)
tensors = st.fixed_dictionaries(
    {
        "name": st.sampled_from("abcdefz") | st.text(max_size=2),
        "shape": shapes,
        "datatype": datatypes,
    },
    optional={
        "data": st.lists(st.integers(0, 9) | st.floats() | st.text(max_size=3), max_size=4) | junk,
        "parameters": parameters | junk,
        "extra": junk,
    },
)
requests = st.fixed_dictionaries(
    {"inputs": st.lists(tensors, max_size=3) | junk},
    optional={
        "id": st.text(max_size=3) | junk,
        "parameters": st.dictionaries(
            st.sampled_from(["binary_data_output", "content_type", "k", "z"]), junk, max_size=2
        )
        | junk,
        "outputs": st.lists(
            st.fixed_dictionaries({"name": st.sampled_from(["output-0", "x"])}), max_size=2
        )
        | junk,
    },
)


@MANY
@given(request_=requests | junk, tail=st.binary(max_size=20), length=st.none() | st.integers(-5, 5))
def test_any_inference_request(app, request_, tail, length):
    text = json.dumps(request_).encode()
    sound(app.post("/v2/models/model/infer", data=text))
    headers = {"Inference-Header-Content-Length": str(len(text) + (length or 0))}
    sound(app.post("/v2/models/model/infer", data=text + tail, headers=headers))


@MANY
@given(pieces=st.lists(st.binary(max_size=4), max_size=4), lie=st.integers(-2, 2))
def test_any_binary_texts(app, pieces, lie):
    raw = b"".join(struct.pack("<I", max(0, len(p) + lie)) + p for p in pieces)
    tensor = {"name": "c", "shape": [len(pieces)], "datatype": "BYTES"}
    head = {"inputs": [{**tensor, "parameters": {"binary_data_size": len(raw)}}]}
    text = json.dumps(head).encode()
    headers = {"Inference-Header-Content-Length": str(len(text))}
    sound(app.post("/v2/models/model/infer", data=text + raw, headers=headers))


answers = st.one_of(
    hnp.arrays(
        hnp.boolean_dtypes()
        | hnp.integer_dtypes()
        | hnp.floating_dtypes()
        | hnp.unicode_string_dtypes()
        | hnp.datetime64_dtypes(),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
    ),
    tables().map(lambda table: table.to_pandas()),
    junk,
    st.lists(st.binary(max_size=3) | st.dates() | st.decimals() | st.complex_numbers(), max_size=3),
    st.dictionaries(st.sampled_from("ab"), st.lists(st.integers(), max_size=2)),
)


@MANY
@given(
    answer=answers,
    accept=st.sampled_from(["application/json", CSV, ARROW, PARQUET, NPY]),
    as_binary=st.booleans(),
)
def test_answers_of_any_kind_in_any_format(client, answer, accept, as_binary):
    app = client(lambda data, params: answer)
    for response in (
        app.post("/invocations", json={"inputs": 1}, headers={"Accept": accept}),
        app.post(
            "/v2/models/model/infer",
            json={
                "inputs": [{"name": "x", "shape": [1], "datatype": "FP64", "data": [1]}],
                "parameters": {"binary_data_output": as_binary},
            },
        ),
    ):
        if response.status_code == 500:  # what has no form is the model's fault, in words
            assert "model" in response.json["message"]
        else:
            sound(response)
    if accept == PARQUET and isinstance(answer, pd.DataFrame):
        assert response.status_code in (200, 406, 500)
