"""The metrics of a run, or of several, as curves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast, get_args

from flask import Blueprint, Response, redirect, render_template, request

from ...errors import InvalidInput, NotFound
from ...tracking.entities import Run
from ...tracking.store import TrackingStore
from ...tracking.views import Axis, Curve
from ..dispositions import disposition
from ..service import Service
from .part import asked, asked_number, data_answer, listed
from .run_frame import is_live, run_frame
from .spreadsheets import Lines, harmless
from .words import SYSTEM, address

_RUNS, _KEYS, _POINTS = 100, 50, 4000
_ENTRIES = 1_000_000  # of all curves together; more would take a browser seconds
_CHARTS = 2000  # metrics of a page
_LISTED = 8, 500  # runs and metrics of the table for browsers without scripts
_SMALL, _LARGE = 400, 1000  # points of a curve in a chart of that size
_TOGETHER = 10_000  # points of all curves of a chart: the screen has no places for more
_PAGE = 10_000  # points that are read at once for a download
_INT64 = 2**63 - 1


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``/runs/<id>/charts``, ``/charts?runs=…`` and the points of curves."""
    store = service.store

    @pages.get("/runs/<run_id>/charts")
    def charts(run_id: str) -> str:
        frame = run_frame(service, run_id)
        values = {key: {run_id: value} for key, value in sorted(frame["run"].data.metrics.items())}
        shown = _shown([frame["run"]], list(values), values)
        return render_template("charts_run.html", **frame, **shown)

    @pages.get("/charts")
    def charts_of_runs() -> Any:
        if not _asked_ids():
            return redirect(address("/compare", view="curves"))  # where runs are chosen
        runs = _asked_runs(service)
        experiments = dict.fromkeys(run.info.experiment_id for run in runs)
        return render_template(
            "charts_runs.html",
            experiments=[store.get_experiment(each) for each in experiments],
            ids=",".join(run.info.run_id for run in runs),
            gone=len(_asked_ids()) - len(runs),
            **charts_of(service, runs),
        )

    @data.get("/curves")
    def curves() -> Response:
        runs, keys = _asked_runs(service), _asked_keys()
        points = asked_number("points", 500, 2, _POINTS)
        if len(runs) * len(keys) * points > _ENTRIES:
            raise InvalidInput(
                f"{len(runs)} runs x {len(keys)} metrics x {points} points are more than "
                f"{_ENTRIES:,} at once. Ask for fewer points, or for a few metrics at a time."
            )
        axis = asked("axis", "step")
        if axis not in get_args(Axis):
            raise InvalidInput(
                f"axis must be one of {', '.join(get_args(Axis))}; got {axis[:40]!r}."
            )
        ends = (_asked_end("from"), _asked_end("to"))
        ids = [run.info.run_id for run in runs]
        found = store.curves(ids, keys, points, cast(Axis, axis), *ends)
        began = {run.info.run_id: run.info.start_time for run in runs}
        return data_answer(
            {
                "runs": [_described(run) for run in runs],
                "curves": [_sent(curve, began[curve.run_id]) for curve in found],
            }
        )

    @data.get("/curves/keys")
    def keys_of_curves() -> Response:
        runs = _asked_runs(service)
        keys = store.keys_of_runs([run.info.run_id for run in runs], _CHARTS).metrics
        return data_answer({"runs": [_described(run) for run in runs], "keys": keys})

    @data.get("/curves.csv")
    def points_of_curves() -> Response:
        ids, keys = [run.info.run_id for run in _asked_runs(service)], _asked_keys()
        response = Response(_table(service.store, ids, keys), mimetype="text/csv")
        response.headers["Content-Disposition"] = disposition("attachment", "metrics.csv")
        response.headers["Cache-Control"] = "no-store"
        return response


def charts_of(service: Service, runs: Sequence[Run]) -> dict[str, Any]:
    """What the macro ``charts_here`` of charts_parts.html takes, for the metrics of some runs."""
    ids = [run.info.run_id for run in runs]
    keys = list(service.store.keys_of_runs(ids, _CHARTS).metrics)
    values = service.store.compared_values(ids[: _LISTED[0]], "metric", keys[: _LISTED[1]])
    return _shown(runs, keys, values)


def _shown(
    runs: Sequence[Run], keys: Sequence[str], values: dict[str, dict[str, float]]
) -> dict[str, Any]:
    """What the templates show: for the script, and for browsers without."""
    most = max(150, _TOGETHER // len(runs))
    points = {"small": min(_SMALL, most), "large": min(_LARGE, most)}
    return {
        "drawn": {"runs": [_described(run) for run in runs], "keys": list(keys), "points": points},
        "first": _first(runs, keys, points),
        "listed": [run.info for run in runs[: _LISTED[0]]],
        "values": {key: values.get(key, {}) for key in keys[: _LISTED[1]]},
        "all_of_it": len(runs) <= _LISTED[0] and len(keys) <= _LISTED[1],
    }


def _first(runs: Sequence[Run], keys: Sequence[str], points: dict[str, int]) -> str | None:
    """What the script will ask for at once, in the very same words, if that is known already.

    The browser asks before it has read the script: the database works meanwhile.
    """
    large = asked("key") in keys
    if asked("zoom") or not (large or len(keys) == 1):
        return None
    key, axis = asked("key") if large else keys[0], asked("x") or "step"
    if axis == "step" and key.startswith(SYSTEM):
        axis = "elapsed"
    size = str(points["large" if large else "small"])
    ids = ",".join(run.info.run_id for run in runs)
    return address("/ui/curves", points=size, axis=axis, runs=ids, keys=key)


def _described(run: Run) -> dict[str, Any]:
    info = run.info
    return {
        "id": info.run_id,
        "name": info.run_name or info.run_id,
        "status": info.status,
        "live": is_live(run),
        "start": info.start_time,
    }


def _sent(curve: Curve, began: int) -> dict[str, Any]:
    """A curve for scripts: of points that were logged the values alone, as nothing was joined."""
    told = {
        "run": curve.run_id,
        "key": curve.key,
        "count": curve.count,
        "exact": curve.exact,
        "gaps": curve.gaps,
        "steps": curve.steps,
        "elapsed": [time - began for time in curve.times],
        "mean": curve.mean,
    }
    if not curve.exact:
        told |= {"low": curve.low, "high": curve.high, "counts": curve.counts}
    return told


def _asked_ids() -> list[str]:
    return listed(",".join(request.args.getlist("runs")))


def _asked_runs(service: Service) -> list[Run]:
    """The runs of a query, ``runs=a,b,c``, without those that are gone.

    Raises:
        InvalidInput: none, or too many.
        NotFound: all of them are gone.
    """
    ids = _asked_ids()
    if not 0 < len(ids) <= _RUNS:
        raise InvalidInput(f"runs must name 1 to {_RUNS} runs, as runs=id,id,…; got {len(ids)}.")
    found = service.store.runs_of_ids(ids)
    if not found:
        raise NotFound(f"There is no run {ids[0][:80]!r}; it may have been removed for good.")
    return found


def _asked_keys() -> list[str]:
    keys = list(dict.fromkeys(key for key in request.args.getlist("keys") if key))
    if not 0 < len(keys) <= _KEYS:
        raise InvalidInput(f"keys must name 1 to {_KEYS} metrics, each as keys=…; got {len(keys)}.")
    return keys


def _asked_end(name: str) -> int | None:
    return asked_number(name, 0, -_INT64, _INT64) if asked(name) else None


def _table(store: TrackingStore, ids: Sequence[str], keys: Sequence[str]) -> Iterator[bytes]:
    """Every point that was logged, in the order of time; never all of them in memory."""
    lines = Lines()
    lines.write(("run_id", "key", "step", "timestamp", "value"))
    for run_id in ids:
        for key in keys:
            name, token = harmless(key), None
            while True:
                page = store.get_metric_history(run_id, key, _PAGE, token)
                for each in page:
                    lines.write((run_id, name, each.step, each.timestamp, each.value))
                yield lines.take()
                token = page.token
                if token is None:
                    break
