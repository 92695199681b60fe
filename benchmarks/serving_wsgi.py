"""The floor under the floor: the same without Flask."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

import joblib
import numpy as np

model = joblib.load(os.environ["ESTIMATOR"])


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    if environ["REQUEST_METHOD"] == "GET":
        body = b"\n"
    else:
        sent = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        rows = np.asarray(json.loads(sent)["dataframe_split"]["data"], dtype=np.float64)
        body = json.dumps({"predictions": model.predict(rows).tolist()}).encode()
    start_response(
        "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    )
    return [body]
