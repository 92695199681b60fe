"""Tables that a run collects, and reading them back."""

import json
import subprocess
from pathlib import Path

import pandas as pd
import pytest

import mlpack
from mlpack.errors import InvalidInput, NotFound


@pytest.mark.parametrize("file", ["rows.json", "deep/rows.parquet"])
def test_tables_grow(file):
    with mlpack.start_run() as run:
        mlpack.log_table({"a": [1, 2], "b": ["x", None]}, file)
        mlpack.log_table(pd.DataFrame({"a": [3], "b": ["z"]}), file)
        mlpack.log_table({"a": 4, "b": "w"}, file)
    table = mlpack.load_table(file, extra_columns=["run_id"])
    assert table.a.tolist() == [1, 2, 3, 4]
    assert set(table.run_id) == {run.info.run_id}
    tag = mlpack.get_run(run.info.run_id).data.tags["mlflow.loggedArtifacts"]
    assert json.loads(tag) == [{"path": file, "type": "table"}]


def test_rows_stay_as_they_were_written():
    row = {"id": ["007"], "date": ["2020-01-01"], "part": [1 / 3], "timestamp": [5]}
    with mlpack.start_run() as run:
        mlpack.log_table(row, "rows.json")
        mlpack.log_table(row, "rows.json")
    table = mlpack.load_table("rows.json", [run.info.run_id])
    assert table.iloc[0].to_dict() == table.iloc[1].to_dict()
    assert table.iloc[0].tolist() == ["007", "2020-01-01", pytest.approx(1 / 3, abs=1e-15), 5]


def test_tables_of_several_runs():
    ids = []
    for at in range(3):
        with mlpack.start_run() as run:
            mlpack.log_param("at", at)
            mlpack.log_table({"at": [at]}, "t.json")
        ids.append(run.info.run_id)
    assert sorted(mlpack.load_table("t.json")["at"]) == [0, 1, 2]
    some = mlpack.load_table("t.json", ids[:2], ["params.at"])
    assert some["params.at"].tolist() == ["0", "1"]
    with pytest.raises(NotFound, match="No run has the table"):
        mlpack.load_table("other.json")
    with pytest.raises(InvalidInput, match="no column of search_runs"):
        mlpack.load_table("t.json", extra_columns=["params.none"])


def test_what_is_no_table():
    with mlpack.start_run() as run:
        with pytest.raises(InvalidInput, match="ends with neither"):
            mlpack.log_table({"a": [1]}, "t.csv")
        with pytest.raises(InvalidInput, match="may not contain ':'"):
            mlpack.log_table({"a": [1]}, "a:b.json")
        with pytest.raises(InvalidInput, match="differ in length"):
            mlpack.log_table({"a": [1], "b": [1, 2]}, "t.json")
        with pytest.raises(InvalidInput, match="got list"):
            mlpack.log_table([1], "t.json")
        mlpack.log_text("nonsense", "broken.json")
        with pytest.raises(InvalidInput, match=r"'broken.json' of run .* is no table"):
            mlpack.log_table({"a": [1]}, "broken.json")
    assert [f.path for f in mlpack.MlpackClient().list_artifacts(run.info.run_id)] == [
        "broken.json"
    ]


@pytest.mark.peer
def test_the_peer_reads_our_table_as_it_reads_its_own(peer_python, tmp_path):
    with mlpack.start_run() as run:
        mlpack.log_table({"a": [1, 2], "when": pd.to_datetime(["2024-01-01", None])}, "t.json")
    ours = Path(mlpack.MlpackClient().download_artifacts(run.info.run_id, "t.json"))
    script = """
import sys, mlflow, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
with mlflow.start_run() as run:
    mlflow.log_table({"a": [1, 2], "when": pd.to_datetime(["2024-01-01", None])}, "t.json")
print(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="t.json"))
"""
    store = f"sqlite:///{tmp_path}/peer.db"
    done = subprocess.run(
        [peer_python, "-c", script, store], capture_output=True, text=True, check=True
    )
    theirs = Path(done.stdout.splitlines()[-1])
    assert json.loads(ours.read_text()) == json.loads(theirs.read_text())
