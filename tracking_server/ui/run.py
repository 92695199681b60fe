"""One run: what it was, what it logged, what it read and made.

run_frame.py        around each of its pages: name, status, tabs
run_values.py       params and metrics as tables
run_facts.py        code, datasets, models
run_code.py         links to its commit; the changes that were in no commit
run_environment.py  what its models need
editing.py          notes that are edited where they stand
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template

from ...tracking import validate
from ...tracking.entities import Run, RunTag, Tags
from ..service import Service
from . import editing, run_code, run_environment, run_facts, run_frame, run_values
from .part import asked, asked_number
from .words import runs_where

_SEVERAL = 12  # so many values get a field to filter them


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``/runs/<id>``"""
    for part in (editing, run_frame, run_values, run_code, run_environment):
        part.register(pages, data, service)

    @pages.get("/runs/<run_id>")
    def run(run_id: str) -> str:
        frame = run_frame.run_frame(service, run_id)
        return render_template("run.html", **frame, **_overview(service, frame["run"]))

    @data.post("/runs/<run_id>/note")
    def note(run_id: str) -> Response:
        def write(text: str) -> None:
            tag: RunTag = validate.tag(Tags.NOTE, text)
            service.store.log_batch(run_id, tags=[tag])

        tags = service.store.get_run(run_id).data.tags
        return editing.edited(tags.get(Tags.NOTE, ""), write)


def _overview(service: Service, run: Run) -> dict[str, Any]:
    """What the overview shows besides the frame."""
    tags = run.data.tags
    versions = run_facts.versions_of(service, run)
    made = {each.model_id: each.step for each in run.outputs.model_outputs}
    read = dict.fromkeys(each.model_id for each in run.inputs.model_inputs)
    return {
        "facts": run_facts.code_facts(run),
        "took": run_frame.took(run),
        "note": tags.get(Tags.NOTE, ""),
        "most": validate.MAX_TAG_VALUE,
        "tables": [_values(run, kind) for kind in run_values.KINDS],
        "several": _SEVERAL,
        "system": len(run_values.system_metrics(run)),
        "datasets": run_facts.dataset_facts(run),
        "made": run_facts.model_facts(service, made, versions),
        "read": run_facts.model_facts(service, read, versions),
        "versions": versions.get(None, []),
        "old_models": run_facts.old_models(tags),
        **run_facts.tag_facts(run),
        **_children(service, run),
    }


def _values(run: Run, kind: str) -> run_values.Values:
    page = asked_number(f"{kind}s_page", 1, 1, run_values.MOST_PAGES)
    return run_values.values_of(run, kind, asked(f"{kind}s")[:1000], page)


def _children(service: Service, run: Run) -> dict[str, Any]:
    run_id, experiment_id = run.info.run_id, run.info.experiment_id
    return {
        "children": service.store.count_children([run_id]).get(run_id, 0),
        "children_at": runs_where(experiment_id, {f"tags.`{Tags.PARENT}`": run_id}),
    }
