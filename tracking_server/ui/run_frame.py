"""What all pages of one run have around them: name, status, tabs, and what can be done with it.

A page extends ``run_frame.html``, says ``{% set tab = "charts" %}``, fills the block ``tab``, and
is rendered with what `run_frame` returns.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template

from ...errors import MlpackError
from ...tracking.entities import LifecycleStage, Run, RunStatus, Tags
from ...tracking.views import Keys
from ..service import Service
from .part import asked, data_answer
from .words import clauses, duration, moment, segment

_SIBLINGS = 100  # that are offered to compare with


def run_frame(service: Service, run_id: str) -> dict[str, Any]:
    """What ``run_frame.html`` needs.

    Args:
        run_id: of the run; deleted ones are shown, too.

    Returns:
        ``run``, ``experiment``, ``parent`` (its run, or None), ``here`` (the address of the run's
        pages), ``live`` (more may come), ``deleted`` (the run takes no changes now).

    Raises:
        NotFound: there is no such run.
    """
    run = service.store.get_run(run_id)
    return {
        "run": run,
        "experiment": service.store.get_experiment(run.info.experiment_id),
        "parent": _parent(service, run),
        "here": f"/runs/{segment(run_id)}",
        "live": is_live(run),
        "deleted": run.info.lifecycle_stage == LifecycleStage.DELETED,
        "title": run.info.run_name or run.info.run_id,
    }


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """What the frame's script asks for."""

    @data.get("/runs/<run_id>/state")
    def state(run_id: str) -> Response:
        run = service.store.get_run(run_id)
        info = run.info
        newest = max((time for time, _ in run.data.moments.values()), default=0)
        return data_answer(
            {
                "status": info.status,
                "live": is_live(run),
                "name": info.run_name,
                "stage": info.lifecycle_stage,
                "duration": took(run),
                "ended": moment(info.end_time),
                # changes when a metric was logged
                "metrics": f"{len(run.data.metrics)} {newest}",
            }
        )

    @data.get("/runs/<run_id>/siblings")
    def siblings(run_id: str) -> str:
        run = service.store.get_run(run_id)
        return render_template("run_siblings.html", run=run, found=_siblings(service, run))


def is_live(run: Run) -> bool:
    """Whether more may come."""
    active = run.info.lifecycle_stage == LifecycleStage.ACTIVE
    return active and run.info.status in (RunStatus.RUNNING, RunStatus.SCHEDULED)


def took(run: Run) -> str:
    """How long it took, or takes up to now."""
    from ...tracking.validate import now

    info = run.info
    end = info.end_time
    if end is None and info.status == RunStatus.RUNNING:
        end = now()
    return duration(None if end is None or info.start_time is None else end - info.start_time)


def _parent(service: Service, run: Run) -> Run | None:
    """The run that it is nested in; None also when that one is gone."""
    run_id = run.data.tags.get(Tags.PARENT)
    if not run_id or run_id == run.info.run_id:
        return None
    try:
        return service.store.get_run(run_id)
    except MlpackError:
        return None


def _siblings(service: Service, run: Run) -> list[Run]:
    """Others of its experiment to compare with: those of the same parent first."""
    info = run.info
    words = "".join("_" if char in "'\"" else char for char in asked("words")[:200])
    named = [f"attributes.run_name ILIKE '%{words}%'"] if words else []
    parent = run.data.tags.get(Tags.PARENT)
    same = clauses({f"tags.`{Tags.PARENT}`": parent}) if parent else None
    of_parent = [same] if same else []
    found: dict[str, Run] = {}
    for wanted in ([*of_parent, *named], named) if of_parent else (named,):
        for each in service.store.run_table(
            [info.experiment_id], Keys(), " and ".join(wanted), max_results=_SIBLINGS
        ):
            found.setdefault(each.info.run_id, each)
    found.pop(info.run_id, None)
    return list(found.values())[:_SIBLINGS]
