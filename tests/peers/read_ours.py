"""Run by MLflow's Python: what its client finds of a day that ours recorded."""

import json
import math
import sys

import mlflow
from mlflow import MlflowClient
from sklearn.datasets import load_iris

run_id, newest = sys.argv[1], mlflow.__version__.startswith("3.")
client = MlflowClient()
run = client.get_run(run_id)
files = client.list_artifacts(run_id, "files")
table = mlflow.search_runs([run.info.experiment_id], order_by=["metrics.loss DESC"])
seen = {
    "name": run.info.run_name,
    "status": run.info.status,
    "params": run.data.params,
    "nan": math.isnan(run.data.metrics.pop("nan")),
    "metrics": run.data.metrics,
    "tags": [run.data.tags["kind"], run.data.tags["colour"]],
    "history": [point.step for point in client.get_metric_history(run_id, "loss")],
    "files": [[file.path, file.is_dir, file.file_size] for file in files],
    "text": mlflow.artifacts.load_text(f"runs:/{run_id}/notes/hello.txt"),
    "table": table["tags.mlflow.runName"].tolist(),
}
if newest:
    features, _ = load_iris(return_X_y=True, as_frame=True)
    address = f"runs:/{run_id}/classifier"
    seen["native"] = mlflow.sklearn.load_model(address).predict(features).tolist()
    seen["pyfunc"] = mlflow.pyfunc.load_model(address).predict(features).tolist()
    (found,) = mlflow.search_logged_models([run.info.experiment_id], output_format="list")
    seen["model"] = [found.name, str(found.status), found.source_run_id == run_id]
    seen["inputs"] = [entry.dataset.name for entry in run.inputs.dataset_inputs]
    seen["outputs"] = [output.model_id == found.model_id for output in run.outputs.model_outputs]
print("\n" + json.dumps(seen))
