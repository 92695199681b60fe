"""BentoML as its documents recommend it: a worker a core, batches where the model gains."""

from __future__ import annotations

import os
from typing import Any

import bentoml
import numpy as np

_BATCH = int(os.environ.get("BATCH", "1"))


def _load() -> Any:
    import joblib

    return joblib.load(os.environ["ESTIMATOR"])


if _BATCH > 1:

    @bentoml.service(workers="cpu_count", traffic={"timeout": 60})
    class Scorer:
        def __init__(self) -> None:
            self.model = _load()

        @bentoml.api(
            route="/invocations", batchable=True, max_batch_size=_BATCH, max_latency_ms=1000
        )
        def invocations(self, rows: np.ndarray) -> np.ndarray:
            return np.asarray(self.model.predict(rows))

else:

    @bentoml.service(workers="cpu_count", traffic={"timeout": 60})
    class Scorer:  # type: ignore[no-redef]
        def __init__(self) -> None:
            self.model = _load()

        @bentoml.api(route="/invocations")
        def invocations(self, rows: np.ndarray) -> np.ndarray:
            return np.asarray(self.model.predict(rows))
