"""Files in, files out."""

import io
import json
import os
import sys

import numpy as np
import pandas as pd
import pytest

from mlpack.errors import (
    InvalidInput,
    MlpackError,
    ModelFailed,
    NotFound,
    SchemaMismatch,
    StorageFailed,
)
from mlpack.serve.columns import named_columns
from mlpack.serve.predict import predict_file

ROWS = [
    {"age": 40, "income": 1.5, "city": "Rome"},
    {"age": 41, "income": 2.5, "city": "Oslo"},
]


@pytest.fixture
def model(fake_model, people):
    def predict(data, params):
        return np.array(data.column("income")) * params["threshold"]

    return fake_model(predict, people)


@pytest.fixture
def inputs(tmp_path):
    frame = pd.DataFrame(ROWS)
    frame.to_csv(tmp_path / "in.csv", index=False)
    frame.to_parquet(tmp_path / "in.parquet")
    (tmp_path / "in.json").write_text(json.dumps({"dataframe_records": ROWS}))
    (tmp_path / "list.json").write_text(json.dumps(ROWS))
    frame.to_feather(tmp_path / "in.arrow")
    return tmp_path


def result(path):
    if path.suffix == ".json":
        return json.loads(path.read_text())["predictions"]
    if path.suffix == ".npy":
        return np.load(path).tolist()
    read = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".arrow": pd.read_feather}[
        path.suffix
    ]
    return read(path)["prediction"].tolist()


@pytest.mark.parametrize("source", ["in.csv", "in.json", "list.json", "in.parquet", "in.arrow"])
@pytest.mark.parametrize("target", ["out.csv", "out.json", "out.parquet", "out.arrow", "out.npy"])
def test_every_format_in_and_out(model, inputs, source, target):
    predict_file(model, inputs / source, inputs / target)
    assert result(inputs / target) == [0.75, 1.25]
    assert sorted(p.name for p in inputs.iterdir() if p.name.startswith(".")) == []


def test_an_array_in_and_out(fake_model, grid, tmp_path):
    np.save(tmp_path / "in.npy", np.arange(6.0).reshape(2, 3))
    model = fake_model(lambda data, params: data.sum(axis=1), grid)
    predict_file(model, tmp_path / "in.npy", tmp_path / "out.npy")
    assert np.load(tmp_path / "out.npy").tolist() == [3.0, 12.0]


def test_params(model, inputs):
    predict_file(model, inputs / "in.csv", inputs / "o.json", params={"threshold": 2})
    assert result(inputs / "o.json") == [3.0, 5.0]
    (inputs / "p.json").write_text(
        json.dumps({"dataframe_records": ROWS, "params": {"threshold": 4}})
    )
    predict_file(model, inputs / "p.json", inputs / "o.json")
    assert result(inputs / "o.json") == [6.0, 10.0]
    predict_file(model, inputs / "p.json", inputs / "o.json", params={"threshold": 2})
    assert result(inputs / "o.json") == [3.0, 5.0]


@pytest.mark.parametrize("content_type", ["csv", "text/csv"])
def test_standard_input_and_output(model, inputs, monkeypatch, capfdbinary, content_type):
    monkeypatch.setattr(
        sys, "stdin", io.TextIOWrapper(io.BytesIO((inputs / "in.csv").read_bytes()))
    )
    predict_file(model, "-", "-", content_type=content_type)
    assert capfdbinary.readouterr().out == b'{"predictions":[0.75,1.25]}\n'


def test_standard_input_is_json_unless_told(model, inputs, monkeypatch, capfdbinary):
    monkeypatch.setattr(
        sys, "stdin", io.TextIOWrapper(io.BytesIO((inputs / "in.json").read_bytes()))
    )
    predict_file(model, "-", "-")
    assert json.loads(capfdbinary.readouterr().out) == {"predictions": [0.75, 1.25]}


def test_what_is_wrong_is_said_and_leaves_nothing(model, inputs, fake_model, people):
    (inputs / "bad.csv").write_text("age,income,city\nx,1,Rome\n")
    (inputs / "kept.json").write_text("before")

    def check(kind, source, target, says, a_model=model, **options):
        names = set(os.listdir(inputs))
        with pytest.raises(kind, match=says):
            predict_file(a_model, source, target, **options)
        assert set(os.listdir(inputs)) == names
        assert (inputs / "kept.json").read_text() == "before"

    csv, out = inputs / "in.csv", inputs / "kept.json"
    check(SchemaMismatch, inputs / "bad.csv", out, "column 'age': expected long, got string 'x'")
    check(NotFound, inputs / "no.csv", out, "There is no file")
    check(InvalidInput, inputs, out, "does not tell its format")
    check(InvalidInput, csv, inputs / "out.xlsx", r"end it in \.csv, \.json, \.parquet")
    check(InvalidInput, csv, out, "none of csv, json, parquet, arrow, npy", content_type="xml")
    check(NotFound, csv, inputs / "no" / "out.csv", "There is no folder")
    check(SchemaMismatch, csv, out, "'k'", params={"k": 1})

    def raising(data, params):
        raise ValueError("boom")

    check(ModelFailed, csv, out, "ValueError: boom", fake_model(raising, people))
    circular = []
    circular.append(circular)
    for target in (out, inputs / "new.csv"):
        check(MlpackError, csv, target, "deep", fake_model(lambda d, p: circular, people))


def test_a_full_disk_or_read_only_folder_is_one_line(model, inputs, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkstemp", full)
    with pytest.raises(StorageFailed, match=r"Cannot write .*: No space left on device"):
        predict_file(model, inputs / "in.csv", inputs / "out.csv")


def test_ctrl_c_in_a_batch_is_not_the_models_failure(inputs, fake_model, people):
    def pressed(data, params):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_file(fake_model(pressed, people), inputs / "in.csv", inputs / "out.csv")


def test_an_output_is_as_readable_as_the_umask_says(model, inputs):
    before = os.umask(0o022)
    try:
        predict_file(model, inputs / "in.csv", inputs / "out.csv")
    finally:
        os.umask(before)
    assert (inputs / "out.csv").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("predictions", "names", "columns"),
    [
        (np.array([1, 2]), ["prediction"], [[1, 2]]),
        (np.array([[1, 2], [3, 4]]), ["prediction_0", "prediction_1"], [[1, 3], [2, 4]]),
        (pd.DataFrame({"a": [1], "b": ["x"]}), ["a", "b"], [[1], ["x"]]),
        (pd.Series([1, 2], name="y"), ["y"], [[1, 2]]),
        ([{"a": 1}, {"b": 2}], ["a", "b"], [[1, None], [None, 2]]),
        ({"p": np.array([0.5]), "q": [1]}, ["p", "q"], [[0.5], [1]]),
        ({"p": 1}, ["p"], [[1]]),
        (5, ["prediction"], [[5]]),
        (None, ["prediction"], [[None]]),
        ([[1], [1, 2]], ["prediction"], [[[1], [1, 2]]]),
    ],
    ids=lambda v: repr(v)[:30],
)
def test_predictions_as_columns(predictions, names, columns):
    found, values = named_columns(predictions)
    assert (found, [list(column) for column in values]) == (names, columns)


def test_cells_of_a_csv(fake_model, tmp_path):
    (tmp_path / "in.json").write_text('{"inputs": 1}')
    model = fake_model(lambda d, p: [{"a": None, "b": True, "c": [1, 2], "d": 'x,"y"\n'}])
    predict_file(model, tmp_path / "in.json", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == 'a,b,c,d\n,true,"[1, 2]","x,""y""\n"\n'
