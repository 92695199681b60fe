"""Histories of metrics over HTTP, whole and sampled."""

from __future__ import annotations

from typing import Any

from ..errors import InvalidInput
from ..tracking.entities import Metric
from ..tracking.rest import wire
from .fields import Schema, integer, many, text
from .routes import Message, Route, page
from .runs import RUN_ID
from .service import Service

PAGE = 25_000
MAX_RUNS = 100
MAX_POINTS = 2500  # of each run, sampled

_RUN_IDS = many(text(), required=True, limit=MAX_RUNS)


def history(service: Service, message: Message) -> dict[str, Any]:
    most = message["max_results"]
    if most is not None and most < 1:
        raise InvalidInput(
            f"Invalid value {most} for parameter 'max_results': it must be positive."
        )
    found = service.store.get_metric_history(
        message["run_id"],
        message["metric_key"],
        None if most is None else min(most, PAGE),
        message["page_token"] or None,
    )
    return page("metrics", map(wire.metric_to_json, found), found.token)


def history_of_runs(service: Service, message: Message) -> dict[str, Any]:
    most = PAGE if message["max_results"] is None else min(message["max_results"], PAGE)
    if most < 1:
        raise InvalidInput(
            f"Invalid value {most} for parameter 'max_results': it must be positive."
        )
    points: list[dict[str, Any]] = []
    for run_id in message["run_id"]:
        if len(points) == most:
            break
        found = service.store.get_metric_history(run_id, message["metric_key"], most - len(points))
        points += _of_run(run_id, found)
    return {"metrics": points}


def sampled(service: Service, message: Message) -> dict[str, Any]:
    most, start, end = message["max_results"], message["start_step"], message["end_step"]
    if not 1 <= most <= MAX_POINTS:
        raise InvalidInput(
            f"Invalid value {most} for parameter 'max_results': it must be 1 to {MAX_POINTS}."
        )
    if (start is None) != (end is None):
        raise InvalidInput("Give both 'start_step' and 'end_step', or neither.")
    if start is not None and end is not None and start > end:
        raise InvalidInput(f"'start_step' ({start}) is greater than 'end_step' ({end}).")
    found = service.store.sample_metric_history(
        message["run_ids"], message["metric_key"], most, start, end
    )
    return {"metrics": [one for run_id, points in found.items() for one in _of_run(run_id, points)]}


def _of_run(run_id: str, points: list[Metric]) -> list[dict[str, Any]]:
    return [{**wire.metric_to_json(point), "run_id": run_id} for point in points]


ROUTES = (
    Route(
        "GET",
        "/metrics/get-history",
        Schema(
            run_id=RUN_ID,
            metric_key=text(required=True),
            page_token=text(),
            max_results=integer(),
        ),
        history,
    ),
    Route(
        "GET",
        "/metrics/get-history-bulk",
        Schema(run_id=_RUN_IDS, metric_key=text(required=True), max_results=integer()),
        history_of_runs,
    ),
    Route(
        "GET",
        "/metrics/get-history-bulk-interval",
        Schema(
            run_ids=_RUN_IDS,
            metric_key=text(required=True),
            start_step=integer(),
            end_step=integer(),
            max_results=integer(default=MAX_POINTS),
        ),
        sampled,
    ),
)
