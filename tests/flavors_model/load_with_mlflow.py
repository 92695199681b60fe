"""Run by MLflow's Python, where ours cannot be imported: asks the models that we saved."""

import importlib.util
import json
import pickle
import sys
from pathlib import Path

import mlflow
import numpy as np

assert importlib.util.find_spec("mlpack") is None

out = {}
for name, (folder, data, params) in pickle.loads(Path(sys.argv[1]).read_bytes()).items():
    model = mlflow.pyfunc.load_model(folder)
    said = model.predict(data, params) if params else model.predict(data)
    row = {"pyfunc": np.asarray(said).tolist()}
    # of joblib files MLflow's own sklearn flavor knows nothing
    if "sklearn" in model.metadata.flavors and name != "joblib":
        native = mlflow.sklearn.load_model(folder)
        row["sklearn"] = np.asarray(native.predict(data)).tolist()
        row["type"] = type(native).__name__
    row["signature"] = model.metadata.signature.to_dict() if model.metadata.signature else None
    row["example"] = model.input_example is not None
    out[name] = row
Path(sys.argv[2]).write_text(json.dumps(out))
