"""LitServe as its documents recommend it: a worker a core, batches where the model gains."""

from __future__ import annotations

import os
import sys
from typing import Any

import litserve
import numpy as np


class Scorer(litserve.LitAPI):  # type: ignore[misc]
    def setup(self, device: str) -> None:
        import joblib

        self.model = joblib.load(os.environ["ESTIMATOR"])

    def decode_request(self, request):  # type: ignore[no-untyped-def]  # it reads annotations
        return np.asarray(request["dataframe_split"]["data"], dtype=np.float64)

    def batch(self, inputs: list[Any]) -> list[Any]:
        return inputs

    def predict(self, x: Any) -> Any:
        if not isinstance(x, list):
            return self.model.predict(x)
        ends = np.cumsum([len(rows) for rows in x])[:-1]
        return np.split(self.model.predict(np.concatenate(x)), ends)

    def unbatch(self, output: list[Any]) -> list[Any]:
        return output

    def encode_response(self, output: Any) -> dict[str, Any]:
        return {"predictions": np.asarray(output).tolist()}


if __name__ == "__main__":
    size = int(os.environ.get("BATCH", "1"))
    wait = 0.005 if size > 1 else 0.0
    api = Scorer(max_batch_size=size, batch_timeout=wait, api_path="/invocations")
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=os.cpu_count() or 1)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="error"
    )
