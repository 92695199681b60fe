"""The models that are served, each trained once and handed to every server.

serving_models.py train FOLDER                      estimators and their example rows
serving_models.py save PRODUCT FOLDER               each as a model folder of that product
serving_models.py predict FOLDER NAME ROWS          seconds of predict itself, line by line
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from harness import serve_measurements

LARGE = "large"  # served by us and by MLflow alone
NAMES = ("logistic", "forest", "wide", LARGE)


def train(folder: str) -> None:
    """Estimators as joblib files, their rows as JSON."""
    import joblib
    import numpy as np
    import pandas as pd
    from sklearn.base import clone
    from sklearn.datasets import load_breast_cancer, load_iris, make_classification
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    iris, kind = load_iris(return_X_y=True, as_frame=True)
    cells, benign = load_breast_cancer(return_X_y=True, as_frame=True)
    X, y = make_classification(40_000, 20, n_informative=15, flip_y=0.3, random_state=0)
    noise = pd.DataFrame(X, columns=[f"x{i}" for i in range(20)])
    made: dict[str, tuple[Any, pd.DataFrame, Any]] = {
        "logistic": (LogisticRegression(max_iter=500), iris, kind),
        "forest": (RandomForestClassifier(100, random_state=0), cells, benign),
        "wide": (make_pipeline(StandardScaler(), LogisticRegression()), cells, benign),
        LARGE: (RandomForestClassifier(61, random_state=0), noise, y),
    }
    chance = np.random.default_rng(0)
    for name, (estimator, rows, labels) in made.items():
        joblib.dump(estimator.fit(rows, labels), Path(folder, f"{name}.joblib"))
        # servers that give it arrays would be warned in each call that the names are missing
        if name != LARGE:
            plain = clone(estimator).fit(rows.values, labels)
            joblib.dump(plain, Path(folder, f"{name}.plain.joblib"))
        many = rows.iloc[chance.integers(0, len(rows), 10_000)].reset_index(drop=True)
        many.to_parquet(Path(folder, f"{name}.parquet"))


def save(product: str, folder: str) -> None:
    """Model folders with a signature of columns, by mlpack or by mlflow."""
    import joblib
    import pandas as pd

    warnings.simplefilter("ignore")
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "true"
    flavor = importlib.import_module(f"{product}.sklearn")
    infer = importlib.import_module(f"{product}.models").infer_signature
    for name in NAMES:
        estimator = joblib.load(Path(folder, f"{name}.joblib"))
        rows = pd.read_parquet(Path(folder, f"{name}.parquet")).head(2)
        flavor.save_model(
            estimator,
            str(Path(folder, f"by-{product}", name)),
            serialization_format="cloudpickle",
            signature=infer(rows, estimator.predict(rows)),
            input_example=rows,
            pip_requirements=["scikit-learn", "pandas"],  # or MLflow takes 10 s to find them
        )


def predict(folder: str, name: str, count: str) -> None:
    """What the model alone takes for that many rows, from a DataFrame."""
    import joblib
    import pandas as pd

    estimator = joblib.load(Path(folder, f"{name}.joblib"))
    rows = pd.read_parquet(Path(folder, f"{name}.parquet")).head(int(count))

    def once() -> float:
        start = time.perf_counter()
        estimator.predict(rows)
        return time.perf_counter() - start

    serve_measurements(once)


def as_split(folder: Path, name: str, count: int) -> bytes:
    """The first rows as the body that most servers here take."""
    import pandas as pd

    rows = pd.read_parquet(folder / f"{name}.parquet").head(count)
    split = {"columns": list(rows.columns), "data": rows.values.tolist()}
    return json.dumps({"dataframe_split": split}).encode()


def as_tensor(folder: Path, name: str, count: int) -> bytes:
    """The same as a request of the Open Inference Protocol."""
    import pandas as pd

    rows = pd.read_parquet(folder / f"{name}.parquet").head(count).values
    tensor = {"name": "x", "datatype": "FP64", "shape": list(rows.shape)}
    return json.dumps({"inputs": [{**tensor, "data": rows.ravel().tolist()}]}).encode()


def as_arrow(folder: Path, name: str, count: int) -> bytes:
    """The same as an Arrow stream."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(folder / f"{name}.parquet").slice(0, count)
    table = table.replace_schema_metadata(None)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


if __name__ == "__main__":
    {"train": train, "save": save, "predict": predict}[sys.argv[1]](*sys.argv[2:])
