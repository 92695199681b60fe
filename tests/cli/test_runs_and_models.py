"""What was tracked, shown; a model, shown, scored and wrapped — in a store made by real calls."""

import json
import pickle

import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression

import mlpack
from mlpack.cli.main import cli


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """(tracking folder, run id, rows) of one small logged model."""
    store = tmp_path_factory.mktemp("store") / "mlruns"
    rows = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})
    model = LogisticRegression().fit(rows, [0, 0, 1, 1])
    mlpack.set_tracking_uri(store)
    with mlpack.start_run(run_name="first") as run:
        mlpack.log_param("C", 1.0)
        mlpack.log_metric("accuracy", 0.75)
        mlpack.set_tag("team", "blue")
        mlpack.log_text("hello", "notes/hello.txt")
        mlpack.sklearn.log_model(model, name="model", input_example=rows.head(2))
    mlpack.set_tracking_uri("")
    return store, run.info.run_id, rows


def invoke(logged, *args, **kwargs):
    store = {"MLPACK_TRACKING_URI": str(logged[0])}
    return CliRunner(env=store).invoke(
        cli, list(map(str, args)), prog_name="mlpack", catch_exceptions=False, **kwargs
    )


def test_runs_list(logged):
    _, run_id, _ = logged
    text = invoke(logged, "runs", "list").output
    assert run_id in text and "first" in text and "accuracy=0.75" in text
    (run,) = json.loads(invoke(logged, "runs", "list", "--json").output)
    assert run["metrics"] == {"accuracy": 0.75} and run["params"] == {"C": "1.0"}
    none = invoke(logged, "runs", "list", "--filter", "metrics.accuracy > 0.9", "--json").output
    assert json.loads(none) == []


def test_runs_show(logged):
    _, run_id, _ = logged
    text = invoke(logged, "runs", "show", run_id).output
    for word in ("FINISHED", "C = 1.0", "accuracy = 0.75", "team = blue", f"runs:/{run_id}/model"):
        assert word in text
    shown = json.loads(invoke(logged, "runs", "show", run_id, "--json").output)
    assert shown["status"] == "FINISHED"
    assert [model["name"] for model in shown["models"]] == ["model"]


def test_models_show(logged):
    _, run_id, _ = logged
    text = invoke(logged, "models", "show", f"runs:/{run_id}/model").output
    for word in ("sklearn", "a: double", "scikit-learn==", "as recorded in the store", "MLmodel"):
        assert word in text
    shown = json.loads(invoke(logged, "models", "show", f"runs:/{run_id}/model", "--json").output)
    assert shown["digest"] == shown["recorded_digest"]
    assert len(shown["files"]["MLmodel"]["sha256"]) == 64


def test_example_feeds_predict(logged, tmp_path):
    _, run_id, _ = logged
    body = tmp_path / "rows.json"
    invoke(logged, "models", "example", f"runs:/{run_id}/model", "-o", body)
    done = invoke(logged, "predict", "-m", f"runs:/{run_id}/model", "-i", body)
    assert len(json.loads(done.output)["predictions"]) == 2


@pytest.mark.parametrize("suffix", ["csv", "parquet", "json"])
def test_predict_from_and_to_files(logged, tmp_path, suffix):
    _, run_id, rows = logged
    source, target = tmp_path / f"rows.{suffix}", tmp_path / f"out.{suffix}"
    if suffix == "csv":
        rows.to_csv(source, index=False)
    elif suffix == "parquet":
        rows.to_parquet(source)
    else:
        source.write_text(json.dumps({"dataframe_split": rows.to_dict("split")}))
    done = invoke(logged, "predict", "-m", f"runs:/{run_id}/model", "-i", source, "-o", target)
    assert done.exit_code == 0
    if suffix == "csv":
        got = pd.read_csv(target).iloc[:, 0].tolist()
    elif suffix == "parquet":
        got = pd.read_parquet(target).iloc[:, 0].tolist()
    else:
        got = json.loads(target.read_text())["predictions"]
    assert got == [0, 0, 1, 1]


def test_wrap_a_bare_pickle(logged, tmp_path):
    rows = logged[2]
    bare = tmp_path / "old.sav"
    bare.write_bytes(pickle.dumps(LogisticRegression().fit(rows, [0, 0, 1, 1])))
    rows.to_csv(tmp_path / "rows.csv", index=False)
    folder = tmp_path / "model"
    done = invoke(
        logged, "models", "wrap", bare, "-o", folder, "--example", tmp_path / "rows.csv"
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert (folder / "MLmodel").is_file()
    done = invoke(logged, "predict", "-m", folder, "-i", tmp_path / "rows.csv")
    assert json.loads(done.output)["predictions"] == [0, 0, 1, 1]
    assert "a: double" in invoke(logged, "models", "show", folder).output
