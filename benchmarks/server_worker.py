"""One client of a tracking server.

server_worker.py PRODUCT URL log_metric|log_batch          measures line by line
server_worker.py PRODUCT URL upload|download FILE          likewise; upload first
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import serve_measurements

SECONDS = 1.0
BATCH = 1000
_TAG = "benchmark"


def main(product: str, url: str, what: str, *more: str) -> None:
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    tracker = importlib.import_module(product)
    tracker.set_tracking_uri(url)
    measures: dict[str, Callable[..., float]] = {
        "log_metric": log_metric,
        "log_batch": log_batch,
        "upload": upload,
        "download": download,
    }
    serve_measurements(lambda: measures[what](tracker, *more))


def log_metric(tracker: Any) -> float:
    """Seconds a call, over as many as fit in a second; each is durable when it returns."""
    done = 0
    with tracker.start_run():
        start = now = time.perf_counter()
        while now - start < SECONDS:
            tracker.log_metric("loss", 1 / (done + 1), step=done)
            done += 1
            now = time.perf_counter()
    return (now - start) / done


def log_batch(tracker: Any) -> float:
    """Seconds for one call with many metrics."""
    metrics = {f"metric_{i}": i / 7 for i in range(BATCH)}
    with tracker.start_run():
        start = time.perf_counter()
        tracker.log_metrics(metrics, step=1)
        return time.perf_counter() - start


def upload(tracker: Any, file: str) -> float:
    """Seconds to log a file, from a run's start to its end."""
    with tracker.start_run():
        tracker.set_tag(_TAG, "file")
        start = time.perf_counter()
        tracker.log_artifact(file)
        return time.perf_counter() - start


def download(tracker: Any, file: str) -> float:
    """Seconds to fetch it again into a fresh folder."""
    client = getattr(tracker, "MlpackClient", None) or tracker.MlflowClient
    run_id = client().search_runs(["0"], f"tags.{_TAG} = 'file'")[0].info.run_id
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        start = time.perf_counter()
        client().download_artifacts(run_id, Path(file).name, folder)
        return time.perf_counter() - start


if __name__ == "__main__":
    main(*sys.argv[1:])
