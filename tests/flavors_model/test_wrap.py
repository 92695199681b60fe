"""Bare files that people have lying about become models."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from mlpack.errors import BadModel, InvalidInput, ModelUntrusted
from mlpack.flavors import Trust, load_model
from mlpack.flavors.wrap import wrap

X = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})
MODEL = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, [0, 0, 1, 1])
pytestmark = pytest.mark.filterwarnings("ignore:.*is a pickle:UserWarning")


def write_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(MODEL))


WRITERS: dict[str, Any] = {
    "m.pkl": write_pickle,
    "m.pickle": write_pickle,
    "m.sav": write_pickle,
    "joblib.sav": lambda path: joblib.dump(MODEL, path),
    "m.joblib": lambda path: joblib.dump(MODEL, path),
    "compressed.joblib": lambda path: joblib.dump(MODEL, path, compress=3),
    "M.PKL": write_pickle,
    "m.skops": lambda path: skops.io.dump(MODEL, path),
}


@pytest.mark.parametrize("name", WRITERS)
def test_wraps(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / name)
    descriptor = wrap(tmp_path / name, tmp_path / "m")
    assert not descriptor.is_pickle
    np.testing.assert_array_equal(load_model(tmp_path / "m").predict(X), MODEL.predict(X))


@pytest.mark.parametrize("kind", ["csv", "split", "records", "body"])
def test_an_example_gives_the_signature(tmp_path: Path, kind: str) -> None:
    write_pickle(tmp_path / "m.pkl")
    example = tmp_path / ("e.csv" if kind == "csv" else "e.json")
    if kind == "csv":
        X.to_csv(example, index=False)
    elif kind == "body":
        example.write_text('{"dataframe_split": ' + X.to_json(orient="split", index=False) + "}")
    else:
        X.to_json(example, orient=kind)
    signature = wrap(tmp_path / "m.pkl", tmp_path / "m", example_file=example).signature
    assert signature is not None and signature.inputs is not None
    assert signature.inputs.names == ("a", "b")
    assert signature.outputs is not None


def test_what_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "m.pkl").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(InvalidInput, match="No installed flavor"):
        wrap(tmp_path / "m.pkl", tmp_path / "out")
    (tmp_path / "m.pkl").write_bytes(b"nonsense")
    with pytest.raises(BadModel, match="cannot be loaded"):
        wrap(tmp_path / "m.pkl", tmp_path / "out")
    (tmp_path / "m.pkl").write_bytes(b"cno_such_package.sub\nThing\n.")
    with pytest.raises(InvalidInput, match="pip install no_such_package"):
        wrap(tmp_path / "m.pkl", tmp_path / "out")
    with pytest.raises(InvalidInput, match="There is no file"):
        wrap(tmp_path / "absent.pkl", tmp_path / "out")
    (tmp_path / "m.txt").write_text("x")
    with pytest.raises(InvalidInput, match="must be one of"):
        wrap(tmp_path / "m.txt", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_bad_example(tmp_path: Path) -> None:
    write_pickle(tmp_path / "m.pkl")
    for name, text in (("e.json", "{"), ("e.json", "3"), ("e.txt", "a,b"), ("e.csv", "")):
        (tmp_path / name).write_text(text)
        with pytest.raises(InvalidInput):
            wrap(tmp_path / "m.pkl", tmp_path / "m", example_file=tmp_path / name)
    assert not (tmp_path / "m").exists()


def test_trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skops.io.dump(make_pipeline(FunctionTransformer(np.sort), MODEL), tmp_path / "m.skops")
    with pytest.raises(ModelUntrusted, match=r"numpy.sort"):
        wrap(tmp_path / "m.skops", tmp_path / "m")
    wrap(tmp_path / "m.skops", tmp_path / "m", trust=Trust(types=frozenset({"numpy.sort"})))
    write_pickle(tmp_path / "m.pkl")
    monkeypatch.setenv("MLPACK_ALLOW_PICKLE", "false")
    with pytest.raises(ModelUntrusted, match="forbids"):
        wrap(tmp_path / "m.pkl", tmp_path / "n")
