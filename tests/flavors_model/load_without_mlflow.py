"""Run by our Python, where MLflow cannot be imported: asks the models that it saved."""

import importlib.util
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from mlpack.flavors import load_model

assert importlib.util.find_spec("mlflow") is None
warnings.simplefilter("ignore")

said = json.loads(Path("said.json").read_text())
out = {}
for name, row in said.items():
    data = row["data"]
    if row["kind"] == "frame":
        data = pd.DataFrame(data["data"], columns=data["columns"])
    elif row["kind"] == "array":
        data = np.array(data)
    try:
        model = load_model(name)
        answer = model.predict(data, row["params"])
        out[name] = list(answer) if row["kind"] == "list" else np.asarray(answer).tolist()
        model.input_example()
    except Exception as error:
        out[name] = f"{type(error).__name__}: {error}"
print(json.dumps(out))
