"""Folders that the real MLflow saved load here, and say the same, without MLflow."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.peer


HERE = Path(__file__).parent

NAMES = [
    "skops",
    "array",
    "proba",
    "pickle",
    "cloudpickle",
    "unsigned",
    "forest",
    "mixed",
    "greeter",
    "bare",
    "upper",
    "summing",
    "lambda",
    "function",
    "lzma",
    "bzip2",
    "gzip",
    "own",
    "code",
    "loader",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, peer_python: str) -> Path:
    root = tmp_path_factory.mktemp("theirs")
    run = [peer_python, HERE / "save_with_mlflow.py"]
    done = subprocess.run(run, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture(scope="module")
def asked(folder: Path) -> dict[str, tuple[Any, Any]]:
    run = [sys.executable, HERE / "load_without_mlflow.py"]
    done = subprocess.run(run, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ours = json.loads(done.stdout)
    theirs = json.loads((folder / "said.json").read_text())
    return {name: (ours[name], theirs[name]["answer"]) for name in theirs}


@pytest.mark.parametrize("name", NAMES)
def test_says_the_same_here(asked: dict[str, tuple[Any, Any]], name: str) -> None:
    ours, theirs = asked[name]
    assert ours == theirs


def test_none_was_forgotten(asked: dict[str, Any]) -> None:
    assert sorted(asked) == sorted(NAMES)


@pytest.mark.filterwarnings("ignore")
def test_a_frame_comes_back_as_one(folder: Path) -> None:
    import pandas as pd

    from mlpack.flavors import load_model

    frame = pd.DataFrame({"sepal length (cm)": [1.0], "sepal width (cm)": [2.0]})
    frame = frame.assign(**{"petal length (cm)": 3.0, "petal width (cm)": 4.0})
    pd.testing.assert_frame_equal(load_model(folder / "frames").predict(frame), frame * 2)


def test_descriptors_come_back_unchanged(folder: Path) -> None:
    import yaml

    from mlpack.flavors import Model

    for name in NAMES:
        before = yaml.safe_load((folder / name / "MLmodel").read_text())
        after = yaml.safe_load(Model.read(folder / name).to_yaml())
        assert {k: v for k, v in before.items() if v is not None} == {
            k: v for k, v in after.items() if v is not None
        }, name
