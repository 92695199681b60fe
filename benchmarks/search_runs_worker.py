"""One side of the comparison of searches.

search_runs_worker.py PRODUCT build FILE RUNS [POINTS]   makes a store with so many runs
search_runs_worker.py PRODUCT CASE FILE                  measures line by line

Logging so many runs takes hours on the peer's side, so the rows go straight into the tables that
each product's own package has made. The points are the history of one metric of one more run.
"""

from __future__ import annotations

import importlib
import logging
import random
import sqlite3
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filling import Filling, opened
from harness import serve_measurements

KEYS = 20  # metrics, and params, of each run
POINTS_SHOWN = 2500  # of a chart: what the peer's pages ask for
CALLS = 3
SLOW = 0.5  # seconds: such a call is not repeated
LONG_RUN = "f" * 32
EXPERIMENT = "searched"
CASES = {
    "default": ("", []),
    "filter": ("metrics.metric_0 > 0.5", ["metrics.metric_1 DESC"]),
    "few": ("metrics.metric_0 > 0.98", ["metrics.metric_1 DESC"]),
    "clauses": (
        "metrics.metric_0 > 0.5 and metrics.metric_2 < 0.5 and params.param_0 = 'value 7'",
        ["metrics.metric_1"],
    ),
    "param": ("params.param_0 = 'value 7'", []),
    "by param": ("", ["params.param_1"]),
    "by end": ("", ["attributes.end_time DESC"]),
}
_BEGUN = 1_700_000_000_000


def main(product: str, what: str, file: str, *more: str) -> None:
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    tracker = importlib.import_module(product)
    uri = f"sqlite:///{Path(file).absolute()}"
    if what == "build":
        build(tracker, uri, file, *map(int, more))
    elif what == "history":
        serve_measurements(lambda: history(tracker, uri))
    else:
        serve_measurements(lambda: search(tracker, uri, *CASES[what]))


def search(tracker: Any, uri: str, text: str, order: list[str]) -> float:
    """Seconds for the first page, the runs with all that they logged; the best of a few calls."""
    client = _client(tracker, uri)
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    seconds = 1e9
    for _ in range(CALLS):
        start = time.perf_counter()
        page = client.search_runs([experiment], text, max_results=100, order_by=order)
        seconds = min(seconds, time.perf_counter() - start)
        if seconds > SLOW:
            break
    assert page, "Nothing fits the filter."
    assert len(page[0].data.metrics) == len(page[0].data.params) == KEYS
    return seconds


def history(tracker: Any, uri: str) -> float:
    """Seconds for the points of a chart."""
    client = _client(tracker, uri)
    if tracker.__name__ == "mlpack":

        def call() -> Any:
            return client.store.sample_metric_history([LONG_RUN], "long", POINTS_SHOWN)[LONG_RUN]
    else:
        store = client._tracking_client.store

        def call() -> Any:
            return store.get_metric_history_bulk_interval(
                [LONG_RUN], "long", POINTS_SHOWN, None, None
            )

    start = time.perf_counter()
    points = call()
    seconds = time.perf_counter() - start
    assert abs(len(points) - POINTS_SHOWN) < 10, len(points)
    return seconds


def build(tracker: Any, uri: str, file: str, runs: int, points: int = 0) -> None:
    """Make a store of the product's own and fill its tables."""
    experiment = int(_client(tracker, uri).create_experiment(EXPERIMENT))
    fill: Callable[..., None] = _fill_ours if tracker.__name__ == "mlpack" else _fill_peers
    with opened(file) as database:
        fill(database, experiment, runs, points)
    print("> built", flush=True)


def _client(tracker: Any, uri: str) -> Any:
    return (getattr(tracker, "MlpackClient", None) or tracker.MlflowClient)(uri)


def _made(runs: int) -> Iterator[tuple[int, str, list[float], list[str]]]:
    """Number, id, metrics and params of each run; the same for both sides."""
    chance = random.Random(7)
    for number in range(1, runs + 1):
        draw = chance.random
        values = [draw() for _ in range(KEYS)]
        texts = [f"value {int(value * 1000 * (i + 1)) % 50}" for i, value in enumerate(values)]
        yield number, f"{chance.getrandbits(128):032x}", values, texts


def _fill_ours(database: sqlite3.Connection, experiment: int, runs: int, points: int) -> None:
    run_columns = (
        "id, run_id, experiment, run_name, user_id, status, start_time, end_time, lifecycle_stage"
    )
    with Filling(database, "runs", "latest_metrics", "params", "tags") as fill:
        for number, run_id, values, texts in _made(runs):
            name, start = f"run {number}", _BEGUN + number
            fill.add(
                "runs",
                run_columns,
                [(number, run_id, experiment, name, "u", "FINISHED", start, start + 9, "active")],
            )
            fill.add(
                "latest_metrics",
                "run, key, value, special, timestamp, step, experiment",
                [(number, f"metric_{i}", v, 0, start, 1, experiment) for i, v in enumerate(values)],
            )
            fill.add(
                "params",
                "run, key, value, start, experiment",
                [(number, f"param_{i}", t, t, experiment) for i, t in enumerate(texts)],
            )
            fill.add(
                "tags",
                "run, key, value, start, experiment",
                [(number, "mlflow.runName", name, name, experiment)],
            )
        if points:
            last = runs + 1
            fill.add(
                "runs",
                run_columns,
                [(last, LONG_RUN, experiment, "long", "u", "FINISHED", 1, 2, "active")],
            )
            fill.add(
                "metrics",
                "run, key, timestamp, step, value, special",
                ((last, "long", _BEGUN + i, i, i / 7, 0) for i in range(points)),
            )


def _fill_peers(database: sqlite3.Connection, experiment: int, runs: int, points: int) -> None:
    run_columns = (
        "run_uuid, experiment_id, name, user_id, status, start_time, end_time, lifecycle_stage, "
        "source_type, artifact_uri"
    )
    rest = ("active", "LOCAL", "mlruns/x")
    with Filling(database, "runs", "latest_metrics", "params", "tags") as fill:
        for number, run_id, values, texts in _made(runs):
            name, start = f"run {number}", _BEGUN + number
            fill.add(
                "runs",
                run_columns,
                [(run_id, experiment, name, "u", "FINISHED", start, start + 9, *rest)],
            )
            fill.add(
                "latest_metrics",
                "run_uuid, key, value, is_nan, timestamp, step",
                [(run_id, f"metric_{i}", v, 0, start, 1) for i, v in enumerate(values)],
            )
            fill.add(
                "params",
                "run_uuid, key, value",
                [(run_id, f"param_{i}", t) for i, t in enumerate(texts)],
            )
            fill.add("tags", "run_uuid, key, value", [(run_id, "mlflow.runName", name)])
        if points:
            fill.add(
                "runs",
                run_columns,
                [(LONG_RUN, experiment, "long", "u", "FINISHED", 1, 2, *rest)],
            )
            fill.add(
                "metrics",
                "run_uuid, key, timestamp, step, value, is_nan",
                ((LONG_RUN, "long", _BEGUN + i, i, i / 7, 0) for i in range(points)),
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
