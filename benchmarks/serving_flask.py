"""The floor: the least that Flask under gunicorn can do to answer with the same model."""

from __future__ import annotations

import os

import joblib
import numpy as np
from flask import Flask, Response, request

model = joblib.load(os.environ["ESTIMATOR"])
app = Flask(__name__)


@app.get("/ping")
def ping() -> str:
    return "\n"


@app.post("/invocations")
def invocations() -> Response:
    rows = np.asarray(request.get_json()["dataframe_split"]["data"], dtype=np.float64)
    return {"predictions": model.predict(rows).tolist()}  # type: ignore[return-value]
