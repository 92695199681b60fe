"""Run by MLflow: a file goes to the server and comes back. Says whether it is the same."""

import os
import tempfile
from pathlib import Path

import mlflow

with tempfile.TemporaryDirectory() as folder:
    source = Path(folder, "big file.bin")
    source.write_bytes(os.urandom(1_000_003))
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(source), "sub")
        mlflow.log_artifacts(folder)
    names = [entry.path for entry in mlflow.MlflowClient().list_artifacts(run.info.run_id)]
    for path in (f"sub/{source.name}", source.name):
        got = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path=path)
        assert Path(got).read_bytes() == source.read_bytes(), path
    assert names == [source.name, "sub"], names
print("the same")
