"""One side of the comparison of tracking calls.

log_metric_worker.py PRODUCT log_metric|log_metrics|log_param|start_run   measures line by line
log_metric_worker.py PRODUCT together STORE SECONDS                       logs until time is up
"""

from __future__ import annotations

import importlib
import logging
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import serve_measurements

SECONDS = 1.0
BATCH = 1000


def main(product: str, what: str, *more: str) -> None:
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    tracker = importlib.import_module(product)
    if what == "together":
        store, seconds = more
        tracker.set_tracking_uri(store)
        together(tracker, float(seconds))
        return
    tracker.set_tracking_uri(f"sqlite:///{Path.cwd() / what}.db")
    measures: dict[str, Callable[[Any], float]] = {
        "log_metric": log_metric,
        "log_metrics": log_metrics,
        "log_param": log_param,
        "start_run": start_run,
    }
    serve_measurements(lambda: measures[what](tracker))


def log_metric(tracker: Any) -> float:
    """Seconds a call, over as many as fit in a second; each is durable when it returns."""
    return _seconds_a_call(tracker, lambda i: tracker.log_metric("loss", 1 / (i + 1), step=i))


def log_metrics(tracker: Any) -> float:
    """Seconds for one call with many metrics."""
    metrics = {f"metric_{i}": i / 7 for i in range(BATCH)}
    with tracker.start_run():
        start = time.perf_counter()
        tracker.log_metrics(metrics, step=1)
        return time.perf_counter() - start


def log_param(tracker: Any) -> float:
    """Seconds a call, likewise."""
    return _seconds_a_call(tracker, lambda i: tracker.log_param(f"param_{i}", i))


def _seconds_a_call(tracker: Any, call: Callable[[int], object]) -> float:
    done = 0
    with tracker.start_run():
        start = now = time.perf_counter()
        while now - start < SECONDS:
            call(done)
            done += 1
            now = time.perf_counter()
    return (now - start) / done


def start_run(tracker: Any) -> float:
    """Seconds to start a run and end it: the commit is looked up, the user, the source."""
    runs = 10
    start = time.perf_counter()
    for _ in range(runs):
        with tracker.start_run():
            pass
    return (time.perf_counter() - start) / runs


def together(tracker: Any, seconds: float) -> None:
    """Log as fast as it goes; says how many calls returned, how many failed, the longest."""
    run = tracker.start_run()
    print("> ready", flush=True)
    sys.stdin.readline()
    done = failed = 0
    longest = 0.0
    end = time.perf_counter() + seconds
    while (now := time.perf_counter()) < end:
        try:
            tracker.log_metric("loss", 1 / (done + 1), step=done)
            done += 1
        except Exception:
            failed += 1
        longest = max(longest, time.perf_counter() - now)
    print(f"> {done} {failed} {longest} {run.info.run_id}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
