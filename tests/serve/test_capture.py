"""Captured requests: what is written, where, how much of it, and that nobody waits for it."""

import json
import stat
import threading

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpack.errors import InvalidInput, ModelFailed
from mlpack.flavors.column_types import Array
from mlpack.flavors.enforce import enforce
from mlpack.flavors.schema import ColSpec, Schema, TensorSpec
from mlpack.flavors.signature import ModelSignature
from mlpack.flavors.table import Table
from mlpack.serve import capture as module
from mlpack.serve.capture import Capture
from mlpack.serve.capture_files import CaptureFolder, folder_name
from mlpack.serve.capture_rows import Captured, RowMaker
from mlpack.serve.exchange import Answer, Exchange


class Counts:
    def __init__(self):
        self.captured, self.dropped = {}, {}

    def of(self, kind):
        def count(amount, label):
            kind[label] = kind.get(label, 0) + amount

        return count


@pytest.fixture
def capture(tmp_path):
    """``capture(signature, …)``: one that runs, on ``tmp_path / "kept"``."""
    made = []

    def make(signature=None, rate=1.0, max_bytes=10**9, folder=None, name="m"):
        counts = Counts()
        one = Capture(
            folder or CaptureFolder(tmp_path / "kept", max_bytes),
            rate,
            {name: signature},
            counts.of(counts.captured),
            counts.of(counts.dropped),
        )
        one.counts = counts
        one.start()
        made.append(one)
        return one

    yield make
    for one in made:
        one.stop(60)


def exchange(data, predictions=None, model="m", error=None, **facts):
    made = Exchange({}, body=b"x" * 10)
    made.model, made.error = model, error
    made.facts.update(request_id="r1", version="3", data=data, **facts)
    if predictions is not None:
        made.facts["predictions"] = predictions
    return made


def files(root):
    return sorted(root.rglob("*.parquet"))


def written(one, tmp_path):
    one.stop(60)
    return pa.concat_tables([pq.read_table(f) for f in files(tmp_path / "kept")])


def test_rows_typed_by_the_signature(capture, people, tmp_path):
    signature = ModelSignature(people.inputs, Schema([ColSpec("double", None)]), people.params)
    one = capture(signature)
    data = enforce(
        signature,
        Table(["age", "income", "city"], [[40, 41], [1.5, float("nan")], ["Rome", "Oslo"]]),
    )
    one.observe(exchange(data, np.array([0.25, 0.75])), Answer(b"{}"))
    table = written(one, tmp_path)
    kinds = {field.name: str(field.type) for field in table.schema}
    assert kinds == {
        "request_id": "string",
        "time": "timestamp[us, tz=UTC]",
        "model": "string",
        "version": "string",
        "shadow": "bool",
        "error": "string",
        "row": "int32",
        "input.age": "int64",
        "input.income": "double",
        "input.city": "string",
        "input.member": "bool",
        "input_other": "string",
        "prediction": "double",
        "prediction_other": "string",
    }
    rows = table.drop(["time", "input.income"]).to_pylist()
    about = {"request_id": "r1", "model": "m", "version": "3", "shadow": False, "error": None}
    empty = {"input.member": None, "input_other": None, "prediction_other": None}
    assert rows == [
        {**about, "row": 0, "input.age": 40, "input.city": "Rome", "prediction": 0.25, **empty},
        {**about, "row": 1, "input.age": 41, "input.city": "Oslo", "prediction": 0.75, **empty},
    ]
    assert str(table["input.income"].to_pylist()) == "[1.5, nan]"
    assert one.counts.captured == {"m": 1} and one.counts.dropped == {}


def test_tensors(capture, grid, tmp_path):
    signature = ModelSignature(grid.inputs, Schema([TensorSpec("int64", (-1,))]))
    one = capture(signature)
    one.observe(exchange(np.arange(6.0).reshape(2, 3), np.array([1, 2])), Answer(b"{}"))
    table = written(one, tmp_path)
    assert table["input"].to_pylist() == [[0, 1, 2], [3, 4, 5]]
    assert table["prediction"].to_pylist() == [1, 2]
    assert table.schema.field("input").type == pa.list_(pa.float64())


def test_named_and_deep_tensors(capture, tmp_path):
    inputs = Schema([TensorSpec("float32", (-1, 2, 2), "a"), TensorSpec("str", (-1,), "b")])
    one = capture(ModelSignature(inputs))
    data = {"a": np.zeros((2, 2, 2), np.float32), "b": np.array(["x", "y"])}
    one.observe(exchange(data, [0, {"any": 1}]), Answer(b"{}"))
    table = written(one, tmp_path)
    assert table["input.a"].to_pylist() == [[[0, 0], [0, 0]]] * 2
    assert table["input.b"].to_pylist() == ["x", "y"]
    assert table["prediction"].to_pylist() == ["0", '{"any": 1}']


def test_without_a_signature_all_is_json(capture, tmp_path):
    one = capture()
    one.observe(exchange([{"a": 1}, {"a": None}], ["x", "y"]), Answer(b"{}"))
    one.observe(exchange("how are you?", {"text": "well"}), Answer(b"{}"))
    rows = written(one, tmp_path).to_pylist()
    assert [json.loads(row["input"]) for row in rows[:2]] == [{"a": 1}, {"a": None}]
    assert [row["prediction"] for row in rows[:2]] == ['"x"', '"y"']
    assert json.loads(rows[2]["input_other"]) == "how are you?"
    assert json.loads(rows[2]["prediction_other"]) == {"text": "well"}


@pytest.mark.parametrize(
    "predictions", [[1.0], [1.0, 2.0, 3.0], ["a", "b"], {"odd": 1}, np.zeros((2, 2)), 7]
)
def test_predictions_that_do_not_fit_change_no_schema(capture, grid, tmp_path, predictions):
    signature = ModelSignature(grid.inputs, Schema([ColSpec("double", None)]))
    one = capture(signature)
    for answer in ([1.0, 2.0], predictions):
        one.observe(exchange(np.zeros((2, 3)), answer), Answer(b"{}"))
    table = written(one, tmp_path)
    assert table["prediction"].to_pylist() == [1.0, 2.0, None, None]
    others = table["prediction_other"].to_pylist()
    assert others[:2] == [None, None] and others[3] is None
    expected = predictions.tolist() if isinstance(predictions, np.ndarray) else predictions
    assert json.loads(others[2]) == expected


def test_requests_that_failed_streams_and_shadows(capture, grid, tmp_path):
    one = capture(grid)
    one.observe(exchange(np.zeros((1, 3)), error=ModelFailed("secret")), Answer(b"", status=500))
    one.observe(exchange(np.zeros((1, 3)), iter([1])), Answer(iter([b"1"])))
    one.observe(exchange(np.zeros((1, 3)), [5], shadow=True), Answer(b"{}"))
    one.observe(Exchange({}), Answer(b"", status=400))  # could not be read: nothing to keep
    rows = written(one, tmp_path).to_pylist()
    assert [row["error"] for row in rows] == ["INTERNAL_ERROR", None, None]
    assert [row["prediction"] for row in rows] == [None, None, "5"]
    assert [row["shadow"] for row in rows] == [False, False, True]
    assert "secret" not in str(rows)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=10,
)
ARRAYS = st.sampled_from(
    [
        np.zeros((2, 3)),
        np.zeros(2, "float16"),
        np.zeros((2, 2, 2), complex),
        np.array(["a", b"b", None], object),
        np.zeros((0, 3)),
        np.array(5),
        np.array(["2020-01-01"], "datetime64[D]"),
        np.zeros(2, [("a", "i4")]),
        np.ma.masked_array([1, 2], [True, False]),
        Table(["a", "b"], [[1, None], ["x", "y"]]),
        Table([0, 1], [[1.5], [2**70]]),
    ]
)
SIGNATURES = [
    None,
    ModelSignature(
        Schema([ColSpec("long", "a"), ColSpec("string", "b")]), Schema([ColSpec("long")])
    ),
    ModelSignature(Schema([TensorSpec("float64", (-1, 3))]), Schema([TensorSpec("str", (-1,))])),
    ModelSignature(
        Schema([TensorSpec("float16", (-1, 2), "x"), TensorSpec("complex64", (2,), "y")])
    ),
    ModelSignature(
        Schema([ColSpec("datetime", "d"), ColSpec("binary", "b")]),
        Schema([ColSpec(Array("double"), "v"), ColSpec("float", "w")]),
    ),
]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SIGNATURES), VALUES | ARRAYS, VALUES | ARRAYS)
def test_whatever_a_model_takes_and_returns_has_rows_of_one_schema(signature, data, predictions):
    maker = RowMaker(signature)
    rows = maker.rows(Captured("r", 1.5, "m", "", False, None, data, predictions))
    rows.validate(full=True)
    assert rows.schema == maker.schema and rows.num_rows >= 1
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_batches([rows]), sink)


def test_small_requests_are_gathered_in_few_pieces(capture, grid):
    one = capture(grid)
    requests = []
    for _ in range(1000):
        one._background.put = lambda entry, weight: requests.append(entry) or True
        one.observe(exchange(np.zeros((1, 3)), [1]), Answer(b""))
    one._work(requests)
    (pieces,) = one._gathered.values()
    assert sum(count for _, count in pieces) == 1000 and len(pieces) <= 5
    assert all(table["row"].num_chunks == 1 for table, _ in pieces)


def test_about_the_asked_share_is_kept(capture, tmp_path):
    one = capture(rate=0.25)
    for _ in range(2000):
        one.observe(exchange([1]), Answer(b""))
    count = written(one, tmp_path).num_rows
    assert 350 < count < 650
    assert one.counts.captured == {"m": count}


def test_a_queue_that_is_full_drops_and_counts(capture, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_MOST_WAITING", 5000)
    one = capture()
    slow = threading.Event()
    monkeypatch.setattr(
        one._background, "_work", lambda entries: slow.wait(60) and one._work(entries)
    )
    for _ in range(100):
        one.observe(exchange([1]), Answer(b""))
    slow.set()
    one.stop(60)
    kept = one.counts.captured.get("m", 0)
    assert one.counts.dropped == {"queue": 100 - kept} and 0 < kept < 20


def test_a_disk_that_is_full_drops_counts_and_is_logged_once(capture, tmp_path, caplog):
    class Full(CaptureFolder):
        def write(self, model, table):
            raise OSError(28, "No space left on device")

    one = capture(folder=Full(tmp_path / "kept", 4000))
    for _ in range(200):
        one.observe(exchange(["x" * 100]), Answer(b""))
    one.stop(60)
    assert one.counts.dropped == {"disk": 200} and one.counts.captured == {}
    assert caplog.text.count("No space left") == 1


def test_files_appear_whole_and_time_is_enough_for_one(capture, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_FILE_SECONDS", 0.0)
    appeared = threading.Event()
    monkeypatch.setattr(Counts, "of", lambda self, kind: lambda amount, label: appeared.set())
    one = capture()
    one.observe(exchange([1]), Answer(b""))
    assert appeared.wait(60), "written without a stop"
    (file,) = files(tmp_path / "kept")
    assert pq.read_table(file).num_rows == 1
    assert list(file.parent.glob(".*")) == []


def test_the_oldest_files_go_and_nothing_else(tmp_path):
    folder = CaptureFolder(tmp_path / "kept", 10_000)
    table = pa.table({"a": np.random.default_rng(0).random(300)})  # nearly 3 KB each
    other = tmp_path / "kept" / "m" / "precious.parquet"
    other.parent.mkdir()
    other.write_bytes(b"x" * 50_000)
    names = []
    for _ in range(10):
        folder.write("m", table)
        names.append(set(files(tmp_path / "kept")) - set().union(*names, {other}))
    kept = set(files(tmp_path / "kept")) - {other}
    assert kept == set().union(*names[-3:])
    assert other.exists()
    with pytest.raises(OSError, match="larger"):
        CaptureFolder(tmp_path / "kept", 100).write("m", table)


@pytest.mark.parametrize(
    "name", ["../../x", "/etc/x", "..", ".", ".hidden", "a/b", "a\x00b", "ü" * 300]
)
def test_no_name_of_a_model_leaves_the_folder(tmp_path, name):
    folder = CaptureFolder(tmp_path / "kept", 10**6)
    folder.write(name, pa.table({"a": [1]}))
    (file,) = files(tmp_path)
    assert file.parent.parent == tmp_path / "kept"
    assert not folder_name(name).startswith(".")


def test_only_the_owner_can_read(tmp_path):
    folder = CaptureFolder(tmp_path / "new" / "kept", 10**6)
    folder.write("m", pa.table({"a": [1]}))
    (file,) = files(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for made in (file.parent, folder.root):
        assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_links_are_not_followed(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder = CaptureFolder(tmp_path / "kept", 10**6)
    (folder.root / "m").symlink_to(elsewhere)
    with pytest.raises(OSError, match="link"):
        folder.write("m", pa.table({"a": [1]}))
    assert list(elsewhere.iterdir()) == []


def test_folders_that_will_not_do(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="cannot be made"):
        CaptureFolder(tmp_path / "file", 1)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(InvalidInput, match="Everybody"):
        CaptureFolder(tmp_path / "open", 1)
