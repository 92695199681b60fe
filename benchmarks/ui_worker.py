"""One side's store for the comparison of pages.

ui_worker.py PRODUCT FILE RUNS NAMES   makes a store with so many runs, so many names of metrics and
                                       params, and 20 more runs with 100,000 points of a loss each

The runs are those of the comparison of searches, straight in the tables; those with curves are
ended by the client, as every run is.
"""

from __future__ import annotations

import importlib
import logging
import math
import random
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

from filling import Filling, opened
from search_runs_worker import _BEGUN, _client, _made, build

CURVES = 20
POINTS = 100_000
CURVES_EXPERIMENT = "curves"
LOSS = "train/loss"


def curve_id(number: int) -> str:
    """The id of a run with a curve."""
    return f"{number:032x}".replace("0", "c")


def main(product: str, file: str, runs: int, names: int) -> None:
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    tracker = importlib.import_module(product)
    uri = f"sqlite:///{Path(file).absolute()}"
    build(tracker, uri, file, runs)
    client = _client(tracker, uri)
    experiment = int(client.create_experiment(CURVES_EXPERIMENT))
    ours = product == "mlpack"
    with opened(file) as database, Filling(database, "latest_metrics", "params", "runs") as fill:
        for number, run_id, values, _ in _made(runs):
            name, run = f"rare_{number * 7919 % names}", number if ours else run_id
            metric, param = f"metric/{name}", f"param/{name}"
            if ours:
                fill.add("latest_metrics", *_metric_of_ours(run, metric, values[0], 1))
                row = (run, param, f"{values[1]:.4f}", f"{values[1]:.4f}", 1)
                fill.add("params", "run, key, value, start, experiment", [row])
            else:
                fill.add("latest_metrics", *_metric_of_peers(run, metric, values[0]))
                row = (run, param, f"{values[1]:.4f}")
                fill.add("params", "run_uuid, key, value", [row])
        for number in range(1, CURVES + 1):
            add_curve(fill, ours, experiment, runs + number, curve_id(number))
    for number in range(1, CURVES + 1):
        client.set_terminated(curve_id(number))


def _metric_of_ours(run: int, key: str, value: float, experiment: int) -> tuple[str, list]:
    columns = "run, key, value, special, timestamp, step, experiment"
    return columns, [(run, key, value, 0, _BEGUN, 1, experiment)]


def _metric_of_peers(run: str, key: str, value: float) -> tuple[str, list]:
    return "run_uuid, key, value, is_nan, timestamp, step", [(run, key, value, 0, _BEGUN, 1)]


def add_curve(fill: Filling, ours: bool, experiment: int, number: int, run_id: str) -> None:
    """A run with a curve of many points, one of which is a peak."""
    name = f"curve {run_id[:6]}"
    if ours:
        run: int | str = number
        columns = "id, run_id, experiment, run_name, user_id, status, start_time, end_time"
        row = (number, run_id, experiment, name, "u", "RUNNING", _BEGUN, None, "active")
        fill.add("runs", f"{columns}, lifecycle_stage", [row])
        fill.add("latest_metrics", *_metric_of_ours(number, LOSS, 0.1, experiment))
        history = "run, key, timestamp, step, value, special"
    else:
        run = run_id
        columns = "run_uuid, experiment_id, name, user_id, status, start_time, end_time"
        row = (run_id, experiment, name, "u", "RUNNING", _BEGUN, None)
        rest = ("active", "LOCAL", "mlruns/x")
        fill.add("runs", f"{columns}, lifecycle_stage, source_type, artifact_uri", [(*row, *rest)])
        fill.add("latest_metrics", *_metric_of_peers(run_id, LOSS, 0.1))
        history = "run_uuid, key, timestamp, step, value, is_nan"
    fill.add("metrics", history, ((run, LOSS, *point, 0) for point in points(number)))


def points(seed: int) -> Iterator[tuple[int, int, float]]:
    """Time, step and value of each point."""
    chance = random.Random(seed)
    for step in range(POINTS):
        value = math.exp(-step / 20_000) + chance.random() / 10
        yield _BEGUN + step * 10, step, value + (5 if step == 77_777 else 0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
