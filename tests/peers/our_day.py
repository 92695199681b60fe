"""A day with our own client, on whatever server MLPACK_TRACKING_URI names."""

import json
import math
import os
from pathlib import Path

from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

import mlpack

name = os.environ["MLPACK_EXPERIMENT"]
features, labels = load_iris(return_X_y=True, as_frame=True)
model = LogisticRegression(max_iter=500).fit(features, labels)
client = mlpack.MlpackClient()

mlpack.set_experiment(name)
Path("tree/deep").mkdir(parents=True)
Path("tree/top ü.txt").write_text("top")
Path("tree/deep/low.bin").write_bytes(b"\0" * 3_000_000)
with mlpack.start_run(run_name="ours", tags={"kind": "outer"}) as run:
    mlpack.log_params({"depth": 3, "text": "ünï"})
    for step in range(5):
        mlpack.log_metric("loss", 1 / (step + 1), step=step)
    mlpack.log_metrics({"nan": math.nan, "f1": 0.5})
    mlpack.set_tag("colour", "blue")
    mlpack.log_artifacts("tree", "files")
    mlpack.log_text("hello", "notes/hello.txt")
    data = mlpack.data.from_pandas(features, name="iris")
    mlpack.log_input(data, context="training")
    logged = mlpack.sklearn.log_model(model, name="classifier", input_example=features[:2])
    with mlpack.start_run(run_name="child", nested=True):
        mlpack.log_metric("loss", 0.1)

run_id = run.info.run_id
experiment = client.get_experiment_by_name(name)
found = client.search_runs(
    [experiment.experiment_id], "metrics.loss < 0.5", order_by=["metrics.loss"]
)
assert [entry.info.run_name for entry in found] == ["child", "ours"], found
history = client.get_metric_history(run_id, "loss")
assert [point.step for point in history] == [0, 1, 2, 3, 4]
assert math.isnan(client.get_run(run_id).data.metrics["nan"])
whole = Path(mlpack.artifacts.download_artifacts(run_id=run_id, artifact_path="files"))
assert (whole / "deep/low.bin").stat().st_size == 3_000_000
assert mlpack.artifacts.load_text(f"runs:/{run_id}/notes/hello.txt") == "hello"
for address in (f"runs:/{run_id}/classifier", logged.model_uri):
    loaded = mlpack.sklearn.load_model(address)
    assert (loaded.predict(features) == model.predict(features)).all()
other = client.create_run(experiment.experiment_id, run_name="gone")
client.delete_run(other.info.run_id)
try:
    client.get_run("0" * 32)
    raise AssertionError("a run that is not there was found")
except mlpack.errors.NotFound:
    pass
print(json.dumps({"run_id": run_id, "predictions": model.predict(features).tolist()}))
