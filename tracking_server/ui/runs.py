"""The table of the runs of experiments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flask import Blueprint, Response, render_template

from ...errors import InvalidInput
from ...tracking.entities import Experiment, LifecycleStage, Tags
from ..service import Service
from . import runs_rows
from .part import data_answer, sent, sent_text
from .runs_columns import Column, column, headings
from .runs_rows import Table
from .runs_view import View, from_address, from_message

_MOST_LIVE = 300
_COUNTED = 10_000


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``/experiments/<ids>``, and what its scripts ask for below ``/ui/runs``."""

    @pages.get("/experiments/<experiment_ids>")
    def runs(experiment_ids: str) -> tuple[str, int]:
        view, experiments = _found(service, from_address(experiment_ids))
        try:
            drawn = _drawn(service, view, experiments)
            error = ""
        except InvalidInput as wrong:
            drawn = _nothing(view, experiments)
            error = wrong.message
        page = render_template(
            "runs.html",
            experiments=experiments,
            is_deleted=_all_deleted(experiments),
            note=experiments[0].tags.get(Tags.NOTE, "") if len(experiments) == 1 else "",
            error=error,
            view_data={"experiments": view.experiments, **view.fields()},
            **drawn,
        )
        return page, 400 if error else 200

    @data.post("/runs/table")
    def table() -> Response:
        view, experiments = _found(service, from_message(sent()))
        drawn = _drawn(service, view, experiments)
        html = render_template("runs_table.html", **drawn)
        return data_answer({"html": html, "address": view.address, "count": drawn["count"]})

    @data.post("/runs/rows")
    def rows() -> Response:
        view, experiments = _found(service, from_message(sent()))
        return _rows(runs_rows.page(service, view, _named(view), experiments))

    @data.post("/runs/children")
    def children() -> Response:
        message = sent()
        view, experiments = _found(service, from_message(message))
        columns, parent = _named(view), sent_text(message, "parent")
        found = runs_rows.page(service, view, columns, experiments, parent)
        return _rows(found, below=parent)

    @data.post("/runs/live")
    def live() -> Response:
        message = sent()
        view, experiments = _found(service, from_message(message))
        ids, since = message.get("run_ids", []), message.get("since", 0)
        if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
            raise InvalidInput("run_ids must be a list of texts.")
        if len(ids) > _MOST_LIVE:
            raise InvalidInput(f"run_ids must name at most {_MOST_LIVE}, not {len(ids)}.")
        if not isinstance(since, int) or not 0 <= since < 2**62:
            raise InvalidInput("since must be a moment in milliseconds.")
        found = runs_rows.by_id(service, view, ids, _named(view), experiments)
        html = render_template("runs_rows.html", table=found)
        new = runs_rows.count_new(service, view, since)
        more = message.get("usual") is True and _more_columns(service, view)
        return data_answer({"html": html, "new": new, "more_columns": more})

    @data.post("/runs/count")
    def count() -> Response:
        view, _ = _found(service, from_message(sent()))
        return data_answer({"count": _count(service, view)})


def _found(service: Service, view: View) -> tuple[View, list[Experiment]]:
    """A view's experiments; those that are deleted show their runs, which are deleted, too."""
    experiments = [service.store.get_experiment(each) for each in view.experiments]
    if not view.stage and _all_deleted(experiments):
        view = replace(view, stage="all")
    return view, experiments


def _all_deleted(experiments: Sequence[Experiment]) -> bool:
    return all(each.lifecycle_stage == LifecycleStage.DELETED for each in experiments)


def _named(view: View) -> list[Column]:
    """The columns of a table that is there already."""
    return [column(name) for name in view.columns]


def _more_columns(service: Service, view: View) -> bool:
    """Whether columns that suit by now are not shown: runs that go on log what they did not."""
    usual, _ = runs_rows.columns_of(service, replace(view, columns=()))
    return any(each.name not in view.columns for each in usual)


def _drawn(service: Service, view: View, experiments: Sequence[Experiment]) -> dict[str, object]:
    """What the templates draw a table from."""
    columns, since = runs_rows.columns_of(service, view)
    table = runs_rows.page(service, view, columns, experiments)
    count: int | None = None
    if not view.page_token:
        if not table.next:
            count = len(table.rows)
        elif not view.whole_filter.strip():
            count = _count(service, view)
    shown = {"table": table, "headings": headings(view, columns), "name": _name_heading(view)}
    more = replace(view, page_token=table.next).address if table.next else ""
    return {**shown, "view": view, "since": since, "count": count, "most": _COUNTED, "more": more}


def _nothing(view: View, experiments: Sequence[Experiment]) -> dict[str, object]:
    """The same of a view that is wrong."""
    shown = {"table": Table(), "headings": [], "name": _name_heading(view), "count": None}
    return {**shown, "view": view, "since": 0, "most": _COUNTED, "more": ""}


def _name_heading(view: View) -> object:
    return headings(view, [column("name")])[0]


def _count(service: Service, view: View) -> int:
    return service.store.count_runs(view.experiments, view.whole_filter, view.view_type, _COUNTED)


def _rows(table: Table, below: str = "") -> Response:
    html = render_template("runs_rows.html", table=table, below=below)
    return data_answer({"html": html, "next": table.next})
