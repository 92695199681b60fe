"""Binary bodies in, answers out in the format that Accept names; params beside a body."""

import io
import json
import sys
from datetime import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from mlpack.errors import InvalidInput, NotAcceptable, PayloadTooLarge, SchemaMismatch
from mlpack.flavors.schema import ColSpec, Schema
from mlpack.flavors.signature import ModelSignature
from mlpack.serve import answers, arrow, npy, parquet
from mlpack.serve.positions import by_position

LIMIT = 10_000_000
ARROW, ARROW_FILE = arrow.STREAM, arrow.FILE
PARQUET, NPY, CSV = "application/vnd.apache.parquet", "application/x-npy", "text/csv"
FRAME = pd.DataFrame({"age": [40, 41], "income": [1.5, 2.5], "city": ["Rome", "Oslo"]})


def as_arrow(table, file=False, **options):
    if isinstance(table, pd.DataFrame):
        table = pa.Table.from_pandas(table)
    sink = io.BytesIO()
    writer = pa.ipc.new_file if file else pa.ipc.new_stream
    with writer(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as open_writer:
        open_writer.write_table(table)
    return sink.getvalue()


def as_npy(array, **options):
    sink = io.BytesIO()
    np.save(sink, array, **options)
    return sink.getvalue()


def as_parquet(table):
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


# --- Arrow ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", [False, True], ids=["stream", "file"])
@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_arrow_types_and_gaps(file, compression):
    when = datetime(2024, 1, 2)
    table = arrow.parse(
        as_arrow(
            pa.table(
                {
                    "i": [1, 2],
                    "j": [3, 4],
                    "small": pa.array([1, 2], pa.int8()),
                    "gap": [1, None],
                    "f": [1.5, None],
                    "s": ["x", None],
                    "b": [True, None],
                    "t": [when, None],
                    "zone": pa.array([when, None], pa.timestamp("us", "Europe/Rome")),
                    "raw": [b"x", None],
                    "list": [[1, 2], None],
                    "struct": [{"a": "u"}, None],
                    "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
                    "cat": pa.array(["u", None]).dictionary_encode(),
                    "money": [Decimal("1.5"), None],
                    "null": pa.nulls(2),
                    "ext": pa.ExtensionArray.from_storage(
                        pa.uuid(), pa.array([b"x" * 16] * 2, pa.binary(16))
                    ),
                }
            ),
            file,
            compression=compression,
        ),
        LIMIT,
    )
    first, second = table.to_records()
    assert first["i"] == 1 and first["gap"] == 1 and first["cat"] == "u" and first["raw"] == b"x"
    assert first["list"] == [1, 2] and first["struct"] == {"a": "u"} and first["map"] == [("k", 1)]
    assert first["money"] == Decimal("1.5") and first["ext"] == b"x" * 16
    gaps = {name for name, value in second.items() if value is None or value != value}
    assert gaps == set(table.names) - {"i", "j", "small", "ext"}
    assert {tuple(positions) for _, positions in table.blocks} == {(0, 1), (4,)}
    assert all(block.flags.writeable for block, _ in table.blocks)
    assert table.column("small").flags.writeable  # models may write into what they get


def test_arrow_in_several_batches_with_other_dictionaries():
    batches = [pa.record_batch({"c": pa.array(v).dictionary_encode()}) for v in ("ab", "ca")]
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    assert arrow.parse(sink.getvalue(), LIMIT).column("c") == ["a", "b", "c", "a"]


def test_a_dataframes_row_labels_are_no_feature():
    frame = pd.DataFrame({"a": [1, 2]}, index=pd.Index([5, 9], name="id"))
    assert arrow.parse(as_arrow(frame), LIMIT).names == ("a",)


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"a": np.zeros(3_000_000)}),
        pa.table({"a": pa.nulls(10**9)}),
        pa.table({"a": pa.StructArray.from_arrays([], fields=[], mask=pa.array([False] * 10**7))}),
        pa.table({"a": ["x" * 10**7, "y" * 10**7]}),
    ],
    ids=["zeros", "nulls", "empty structs", "texts"],
)
@pytest.mark.parametrize("file", [False, True], ids=["stream", "file"])
def test_arrow_that_unpacks_to_too_much_is_refused(table, file):
    bomb = as_arrow(table, file, compression="zstd")
    with pytest.raises(PayloadTooLarge, match="unpacks to more than the limit"):
        arrow.parse(bomb, LIMIT)


def repeated(value, times):
    """A list of one dictionary's value again and again."""
    indices = pa.array(np.zeros(times, np.int8))
    words = pa.DictionaryArray.from_arrays(indices, pa.array([value]))
    return pa.table({"a": pa.ListArray.from_arrays(pa.array([0, times], pa.int32()), words)})


def test_dictionaries_inside_of_lists_may_not_multiply():
    assert arrow.parse(as_arrow(repeated("xyz", 3)), LIMIT).column("a") == [["xyz"] * 3]
    table = repeated("x" * 100_000, 1000)
    with pytest.raises(PayloadTooLarge):
        arrow.parse(as_arrow(table), LIMIT)
    with pytest.raises(PayloadTooLarge):
        parquet.parse(as_parquet(table), LIMIT)


@pytest.mark.parametrize("times", [100, 1000])
def test_a_text_that_a_dictionary_repeats_counts_each_time_and_is_made_once(times):
    column = pa.DictionaryArray.from_arrays(np.zeros(times, np.int8), ["x" * 50_000])
    for parse, body in (
        (arrow.parse, as_arrow(pa.table({"a": column}))),
        (parquet.parse, as_parquet(pa.table({"a": column}))),
    ):
        if times * 50_000 > LIMIT:
            with pytest.raises(PayloadTooLarge, match="Column 'a' unpacks to more"):
                parse(body, LIMIT)
        else:
            assert len(set(map(id, parse(body, LIMIT).column("a")))) == 1


@pytest.mark.parametrize(
    "value", [b"x" * 16, Decimal("1.5"), 5, 2.5, True, None, datetime(2024, 1, 2)]
)
def test_dictionaries_of_any_plain_values(value):
    kind = pa.binary(16) if isinstance(value, bytes) else None
    column = pa.DictionaryArray.from_arrays(pa.array([0, None, 0]), pa.array([value], kind))
    nested = pa.ListArray.from_arrays(pa.array([0, 3], pa.int32()), column)
    assert arrow.parse(as_arrow(pa.table({"a": column})), LIMIT).column("a") == [value, None, value]
    table = arrow.parse(as_arrow(pa.table({"a": nested})), LIMIT)
    assert table.column("a") == [[value, None, value]]


def test_dictionaries_of_lists_are_refused():
    column = pa.DictionaryArray.from_arrays(pa.array([0]), pa.array([[1]]))
    with pytest.raises(InvalidInput, match="a dictionary of list"):
        arrow.parse(as_arrow(pa.table({"a": column})), LIMIT)


@pytest.mark.parametrize(
    "column",
    [
        pa.RunEndEncodedArray.from_arrays([2], [5]),
        pa.array([[1], [2]], pa.list_view(pa.int64())),
        pa.array([[[1]], [[2]]], pa.list_(pa.list_view(pa.int64()))),
        pa.array(["x", "y"], pa.string_view()),
        pa.UnionArray.from_sparse(pa.array([0, 0], pa.int8()), [pa.array([1, 2])]),
        pa.array([{"x": b"1"}] * 2, pa.struct([pa.field("x", pa.binary_view())])),
    ],
    ids=lambda column: str(column.type),
)
def test_types_whose_values_can_overlap_are_refused(column):
    with pytest.raises(InvalidInput, match=r"Column 'odd' has the Arrow type"):
        arrow.parse(as_arrow(pa.table({"odd": column})), LIMIT)


def lying():
    """A column of text whose offsets point far outside of it."""
    offsets = pa.py_buffer(np.array([0, 10**6, 5], np.int32).tobytes())
    column = pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"hello")])
    return as_arrow(pa.table({"a": column}))


@pytest.mark.parametrize(
    "body",
    [
        b"x",
        b"ARROW1\0\0",
        b"ARROW1\0\0" + b"\xff" * 100,
        b"\xff\xff\xff\xff" + b"\x7f" * 60,
        lying(),
        as_arrow(pa.table({"a": pa.DictionaryArray.from_arrays([7], ["x"], safe=False)})),
        as_arrow(FRAME)[:-100],
        as_arrow(FRAME)[:300],
        b"\xef\xbb\xbf" + as_arrow(FRAME),
    ],
    ids=lambda body: str(body[:12]),
)
def test_what_is_no_arrow_or_lies_is_refused(body):
    with pytest.raises(InvalidInput) as caught:
        arrow.parse(body, LIMIT)
    assert "not a readable Arrow stream" in caught.value.message


def test_damaged_arrow_is_refused_or_read_but_never_worse():
    table = pa.table(
        {"a": list(range(50)), "s": ["x"] * 50, "c": pa.array(["u"] * 50).dictionary_encode()}
    )
    for compression in (None, "lz4"):
        whole = as_arrow(table, compression=compression)
        for at in range(0, len(whole), 5):
            for byte in (b"\0", b"\xff", b"\x7f"):
                damaged = whole[:at] + byte + whole[at + 1 :]
                try:
                    arrow.parse(damaged, LIMIT)
                except (InvalidInput, PayloadTooLarge) as error:
                    assert "Traceback" not in error.message


# --- NPY ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(3, 2),
        np.asfortranarray(np.arange(6).reshape(3, 2)),
        np.array([True, False]),
        np.array(["x", "yz"]),
        np.array(["2024-01-02"], "M8[s]"),
        np.arange(3, dtype=">i4"),
        np.zeros((2, 3, 4), np.float16),
        np.array(5.0),
    ],
    ids=lambda a: f"{a.dtype}{a.shape}",
)
def test_npy_arrays(array):
    read = npy.parse(as_npy(array))
    assert read.shape == array.shape and (read == array).all() and read.flags.writeable
    assert read.dtype.isnative


def header(text):
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def npy_of(shape, descr="'<f8'", data=b""):
    return header(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n") + data


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not a readable NPY"),
        (b"\x93NUMPY", "not a readable NPY"),
        (b"\x93NUMPY\x01\x00\xff\xff{", "not a readable NPY"),
        (b"\x93NUMPY\x03\x00", "version 3.0"),
        (header("{'descr': __import__('os')}"), "not a readable NPY"),
        (header("(" * 5000), "not a readable NPY"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\x7f" + b" " * 20_000, "not a readable NPY"),
        (as_npy(np.array([{}], dtype=object), allow_pickle=True), "dtype 'object'"),
        (as_npy(np.array([(1, 2.0)], dtype="i4,f8")), "which is not read"),
        (npy_of("(2,)", data=b"\0" * 15), "promises 16 bytes of data, 15 came"),
        (npy_of("(2,)", data=b"\0" * 17), "promises 16 bytes"),
        (npy_of("(1000000000000000,)"), "promises"),
        (npy_of("(-1, -2)", data=b"\0" * 16), "not possible"),
        (npy_of("(10**12, 0)"), "not a readable NPY"),
        (npy_of("(1000000000000, 0)"), "no rows"),
        (npy_of("(1000000000000,)", descr="'|S0'"), "which is not read"),
        (npy_of("(" + "1," * 60 + ")", data=b"\0" * 8), "not possible"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_no_npy_or_lies_is_refused(body, says):
    with pytest.raises(InvalidInput) as caught:
        npy.parse(body)
    assert says in caught.value.message


def test_an_array_goes_by_position_to_a_model_of_columns():
    named = ModelSignature(Schema([ColSpec("double", "a"), ColSpec("double", "b")]))
    lone = ModelSignature(Schema([ColSpec("double")]))
    assert by_position(np.array([[1.0, 2.0]]), named).to_records() == [{"a": 1, "b": 2}]
    assert by_position(np.array([1.0, 2.0]), named).to_records() == [{"a": 1, "b": 2}]
    assert by_position(np.array([1.0, 2.0]), lone).column(0).tolist() == [1, 2]
    for shape in ((2, 3), (2, 2, 1), (3,), ()):
        with pytest.raises(SchemaMismatch, match=r"takes 2 columns.*send \(rows, 2\)"):
            by_position(np.zeros(shape), named)


# --- through the app ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (as_arrow(FRAME), ARROW),
        (as_arrow(FRAME, file=True), ARROW_FILE),
        (FRAME.to_parquet(), PARQUET),
        (FRAME.to_csv(index=False).encode(), CSV),
    ],
    ids=[ARROW, ARROW_FILE, PARQUET, CSV],
)
def test_every_table_brings_the_same_rows_and_params(client, people, body, content_type):
    got = []
    app = client(lambda data, params: got.append((data.to_records(), params)) or [0], people)
    rows = FRAME.to_dict("records")
    params = json.dumps({"threshold": 0.25})
    for query, header in ((None, None), (None, params), ({"params": params, "x": "1"}, None)):
        headers = {"Content-Type": content_type} | (
            {"X-Mlpack-Params": header} if header is not None else {}
        )
        answer = app.post("/invocations", data=body, headers=headers, query_string=query)
        assert answer.status_code == 200, answer.data
        assert got.pop() == (rows, {"threshold": 0.25 if query or header else 0.5})


@pytest.mark.parametrize(
    ("header", "query", "body", "says"),
    [
        ("nonsense", {}, {}, "The parameters beside the body cannot be read"),
        ("[1]", {}, {}, "are a JSON object"),
        ("{}", {"params": "{}"}, {}, "more than once"),
        ("{}", {}, {"params": {}}, "in the body and beside it"),
        ('{"k": nan}', {}, {}, "not valid JSON"),
        ('{"treshold": 1}', {}, {}, "did you mean 'threshold'"),
        ("\xff", {}, {}, "cannot be read"),
        (None, {"params": ""}, {}, "cannot be read"),
    ],
)
def test_params_beside_a_body_are_checked(client, people, header, query, body, says):
    app = client(lambda data, params: pytest.fail("the model was called"), people)
    payload = {"dataframe_records": FRAME.to_dict("records"), **body}
    headers = {} if header is None else {"X-Mlpack-Params": header}
    answer = app.post("/invocations", json=payload, headers=headers, query_string=query)
    assert answer.status_code == 400
    assert says in answer.json["message"]


def test_npy_reaches_a_model_of_tensors_and_one_of_columns(client, grid):
    app = client(lambda data, params: data.sum(axis=1), grid)
    array = np.arange(6.0).reshape(2, 3)
    answer = app.post("/invocations", data=as_npy(array), content_type=NPY)
    assert answer.json == {"predictions": [3.0, 12.0]}
    answer = app.post("/invocations", data=as_npy(array[:, :2]), content_type=NPY)
    assert answer.status_code == 400 and "(-1, 3)" in answer.json["message"]


def test_what_does_not_fit_is_named_with_its_column(client, people):
    app = client(lambda data, params: [0], people)
    body = as_arrow(FRAME.assign(age=["x", "y"]))
    answer = app.post("/invocations", data=body, content_type=ARROW)
    assert answer.status_code == 400 and "column 'age'" in answer.json["message"]


def test_a_binary_body_may_unpack_to_the_servers_limit(client, people):
    app = client(lambda data, params: [0], people, max_body=50_000)
    many = pd.DataFrame({"age": [40] * 5000, "income": 1.5, "city": "Rome"})
    for body, kind in ((as_arrow(many, compression="zstd"), ARROW), (many.to_parquet(), PARQUET)):
        assert len(body) < 50_000
        assert app.post("/invocations", data=body, content_type=kind).status_code == 413


# --- Accept ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json"),
        ("text/csv", CSV),
        ("Text/CSV; charset=utf-8", CSV),
        ("text/*", CSV),
        ("text/csv, */*", CSV),
        ("*/*, text/csv;q=0.5", "application/json"),
        ("application/json;q=0.2, text/csv;q=0.9", CSV),
        ("application/json, text/csv", "application/json"),
        ("text/csv, application/json", CSV),
        ("application/json;q=0, */*", CSV),
        ("application/x-parquet", PARQUET),
        (f"{ARROW};q=0.9,{NPY}", NPY),
        ("text/event-stream, application/json", "application/json"),
        ("text/csv;q=nonsense, application/json;q=0.1", "application/json"),
        (",,", "application/json"),
    ],
)
def test_accept(accept, chosen):
    assert answers.choose(accept).content_type == chosen


@pytest.mark.parametrize(
    ("accept", "says"),
    [
        ("image/png", "Accept one of application/json, text/csv"),
        ("application/json;q=0", "Accept one of"),
        ("text/event-stream", "gives its answer at once"),
        ("application/x-ndjson", "gives its answer at once"),
        ("x" * 10_000, "Accept one of"),
    ],
)
def test_what_is_not_sent_is_406_before_the_model_is_called(client, people, accept, says):
    app = client(lambda data, params: pytest.fail("the model was called"), people)
    payload = {"dataframe_records": FRAME.to_dict("records")}
    answer = app.post("/invocations", json=payload, headers={"Accept": accept})
    assert answer.status_code == 406
    assert answer.mimetype == "application/json" and says in answer.json["message"]
    assert len(answer.data) < 600


def test_without_pyarrow_arrow_is_406_and_415(client, people, monkeypatch):
    monkeypatch.setattr(answers, "find_spec", lambda name: None)
    monkeypatch.setattr(answers, "_negotiate", answers._negotiate.__wrapped__)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    app = client(lambda data, params: [0], people)
    answer = app.post("/invocations", data=b"x", headers={"Accept": ARROW})
    assert answer.status_code == 406 and "pyarrow is not installed" in answer.json["message"]
    answer = app.post("/invocations", data=b"x", content_type=ARROW)
    assert answer.status_code == 415 and "add pyarrow" in answer.json["message"]
    answer = app.post(
        "/invocations",
        json={"dataframe_records": FRAME.to_dict("records")},
        headers={"Accept": f"{ARROW}, application/json;q=0.1"},
    )
    assert answer.json == {"predictions": [0]}


def decoded(content_type, body):
    """Any answer as a DataFrame."""
    if content_type in (ARROW, ARROW_FILE):
        reader = pa.ipc.open_stream if content_type == ARROW else pa.ipc.open_file
        return reader(body).read_all().to_pandas()
    if content_type == NPY:
        return pd.DataFrame(np.load(io.BytesIO(body), allow_pickle=False))
    read = pd.read_csv if content_type == CSV else pd.read_parquet
    return read(io.BytesIO(body))


@pytest.mark.parametrize("content_type", [CSV, ARROW, ARROW_FILE, PARQUET])
@pytest.mark.parametrize(
    ("predictions", "expected"),
    [
        (np.array([1.5, np.nan]), {"prediction": [1.5, np.nan]}),
        (np.array([[1, 2], [3, 4]], np.int32), {"prediction_0": [1, 3], "prediction_1": [2, 4]}),
        (np.array(["a", "b,\n"]), {"prediction": ["a", "b,\n"]}),
        (np.array([True, False]), {"prediction": [True, False]}),
        (np.array(["x", None], dtype=object), {"prediction": ["x", np.nan]}),
        (pd.DataFrame({"a": [1, 2], 7: ["x", "y"]}), {"a": [1, 2], "7": ["x", "y"]}),
        (pd.Series([1, 2], name="y"), {"y": [1, 2]}),
        ([{"a": 1}, {"b": 2}], {"a": [1, np.nan], "b": [np.nan, 2]}),
        ({"p": np.array([0.5, 1]), "q": [1, 2]}, {"p": [0.5, 1], "q": [1, 2]}),
        ([np.float32(0.5), np.int64(2)], {"prediction": [0.5, 2.0]}),
        (7, {"prediction": [7]}),
    ],
    ids=lambda v: repr(v)[:30],
)
def test_answers_as_tables(client, content_type, predictions, expected):
    app = client(lambda data, params: predictions)
    answer = app.post("/invocations", json={"inputs": [1]}, headers={"Accept": content_type})
    assert answer.status_code == 200, answer.data
    assert answer.content_type == content_type
    frame = decoded(content_type, answer.data)
    pd.testing.assert_frame_equal(frame, pd.DataFrame(expected), check_dtype=False)


def test_times_keep_their_type_and_arrays_their_width(client):
    frame = pd.DataFrame({"t": pd.to_datetime(["2024-01-02", None]), "f": np.zeros(2, np.float32)})
    app = client(lambda data, params: frame)
    answer = app.post("/invocations", json={"inputs": [1]}, headers={"Accept": ARROW})
    schema = pa.ipc.open_stream(answer.data).schema
    assert pa.types.is_timestamp(schema.field("t").type) and schema.field("f").type == pa.float32()


def test_a_lone_missing_value_is_a_row_of_the_csv():
    assert answers.encode_csv([1, None]) == b'prediction\n1\n""\n'


@pytest.mark.parametrize(
    "predictions",
    [np.arange(6.0).reshape(3, 2), np.array([1, 2]), [0.5, 1.5], ["a", "b"], 5.0, [[1, 2], [3, 4]]],
    ids=repr,
)
def test_answers_as_npy(client, predictions):
    app = client(lambda data, params: predictions)
    answer = app.post("/invocations", json={"inputs": [1]}, headers={"Accept": NPY})
    assert answer.content_type == NPY
    array = np.load(io.BytesIO(answer.data), allow_pickle=False)
    assert array.tolist() == np.array(predictions).tolist()


@pytest.mark.parametrize(
    ("accept", "predictions"),
    [
        (NPY, [{"a": 1}]),
        (NPY, [[1], [1, 2]]),
        (NPY, [1, "x", None]),
        (ARROW, {"a": [1], "b": [1, 2]}),
        (CSV, {"a": [1], "b": [1, 2]}),
        (PARQUET, [1, "x"]),
    ],
    ids=repr,
)
def test_an_answer_that_has_no_such_form_is_406(client, accept, predictions):
    app = client(lambda data, params: predictions)
    answer = app.post("/invocations", json={"inputs": [1]}, headers={"Accept": accept})
    assert answer.status_code == 406, answer.data
    assert "JSON" in answer.json["message"] or "application/json" in answer.json["message"]


def test_an_answer_that_contains_itself_is_the_models_failure(client):
    circular = []
    circular.append(circular)
    app = client(lambda data, params: circular)
    for accept in (CSV, ARROW, PARQUET, NPY):
        answer = app.post("/invocations", json={"inputs": [1]}, headers={"Accept": accept})
        assert answer.status_code in (406, 500) and "message" in answer.json


def test_npy_refuses_what_masks_hide():
    assert np.isnan(np.load(io.BytesIO(npy.encode(np.ma.array([1.0], mask=[True])))))[0]
    with pytest.raises(NotAcceptable):
        npy.encode(np.ma.array([1], mask=[True]))


# --- names, and what hides in metadata -----------------------------------------------------------


def test_columns_that_repeat_miss_or_are_strangers(client, people):
    twice = pa.table([pa.array([1]), pa.array([2])], ["age", "age"])
    app = client(lambda data, params: [0], people)
    answer = app.post("/invocations", data=as_arrow(twice), content_type=ARROW)
    assert answer.status_code == 400 and "occur twice: ['age']" in answer.json["message"]
    answer = app.post("/invocations", data=as_arrow(FRAME[["age"]]), content_type=ARROW)
    assert answer.status_code == 400 and "missing columns 'income'" in answer.json["message"]
    for body, kind in (
        (as_arrow(FRAME.assign(x=1)), ARROW),
        (FRAME.assign(x=1).to_parquet(), PARQUET),
    ):
        answer = app.post("/invocations", data=body, content_type=kind)
        assert answer.headers["X-Mlpack-Ignored-Columns"] == "x"


@pytest.mark.parametrize("old", [b"abcdefgh", b"ijklmnop"])
def test_names_that_are_no_text_are_refused(old):
    table = pa.table({"abcdefgh": [1], "s": [{"ijklmnop": 1}]})
    for parse, body in ((arrow.parse, as_arrow(table)), (parquet.parse, as_parquet(table))):
        with pytest.raises(InvalidInput):
            parse(body.replace(old, b"\xff\xfe" * 4), LIMIT)


@pytest.mark.parametrize("text", [b"{", b"null", b"[1]", b'{"index_columns": 5}', b"[" * 10**5])
def test_metadata_of_strangers_is_no_trouble(text):
    table = pa.table({"a": [1]}).replace_schema_metadata({b"pandas": text})
    assert arrow.parse(as_arrow(table), LIMIT).names == ("a",)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([2**62], pa.timestamp("s")),
        pa.array([1], pa.timestamp("us", "Not/AZone")),
        pa.array([2**30], pa.date32()),
        pa.array([2**62], pa.duration("s")),
        pa.array([[2**62]], pa.list_(pa.timestamp("s"))),
        pa.array([[1]], pa.list_(pa.timestamp("ns", "Not/AZone"))),
        pa.array([(1, 2, 3)], pa.month_day_nano_interval()),
    ],
    ids=lambda column: str(column.type),
)
def test_times_beyond_pythons_are_read_or_refused(client, column):
    for signature in (None, ModelSignature(Schema([ColSpec("datetime", "a")]))):
        app = client(lambda data, params: [0], signature)
        body = as_arrow(pa.table({"a": column}))
        assert app.post("/invocations", data=body, content_type=ARROW).status_code in (200, 400)
