"""The examples run as the README and their own first lines say."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import mlpack

ROOT = Path(mlpack.__file__).parent


def run(example, cwd):
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / example],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        env={k: v for k, v in os.environ.items() if not k.startswith(("MLPACK_", "MLFLOW_"))},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_quickstart(tmp_path):
    said = run("quickstart.py", tmp_path)
    mlpack.set_tracking_uri(tmp_path / "mlruns")
    try:
        (run_id,) = [line.split()[-1] for line in said.splitlines() if "runs show" in line]
        logged = mlpack.get_run(run_id)
        assert logged.data.metrics["roc_auc"] > 0.8
        assert logged.data.params["C"] == "0.5"
        model = mlpack.load_model(f"runs:/{run_id}/model")
        assert [spec.name for spec in model.signature.inputs.inputs][:2] == ["age", "sex"]
        files = {file.path for file in mlpack.MlpackClient().list_artifacts(run_id)}
        assert "roc_curve.png" in files
    finally:
        mlpack.set_tracking_uri("")


def test_custom_model(tmp_path):
    said = run("custom_model.py", tmp_path)
    assert "True" in said and "mlpack serve -m runs:/" in said


def test_autolog(tmp_path):
    said = run("autolog.py", tmp_path)
    mlpack.set_tracking_uri(tmp_path / "mlruns")
    try:
        (run_id,) = [line.split()[-1] for line in said.splitlines() if "runs show" in line]
        metrics = mlpack.get_run(run_id).data.metrics
        assert {"best_cv_score", "training_roc_auc", "roc_auc", "true_positives"} <= set(metrics)
        assert len(mlpack.search_runs(output_format="list")) == 3  # the search and two trials
    finally:
        mlpack.set_tracking_uri("")


def test_plain_and_tracked_differ_by_mlpack_alone(tmp_path, capsys):
    runpy.run_path(str(ROOT / "examples/plain.py"), run_name="__main__")
    assert capsys.readouterr().out == run("plain_tracked.py", tmp_path)
    plain = (ROOT / "examples/plain.py").read_text().splitlines()
    tracked = (ROOT / "examples/plain_tracked.py").read_text().splitlines()
    added = {line.strip() for line in tracked} - {line.strip() for line in plain}
    assert all("mlpack" in line for line in added), added


@pytest.mark.parametrize("needle", ["make demo", "make test"])
def test_the_readme_names_the_two_commands(needle):
    assert needle in (ROOT / "README.md").read_text()
    assert f"{needle.split()[1]}:" in (ROOT / "Makefile").read_text()
