"""The table of the runs of experiments."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Blueprint, render_template

from ...errors import InvalidInput
from ...tracking.entities import PagedList, Run, ViewType
from ..service import Service
from .part import asked as field
from .words import address

_PAGE = 100
_MOST_COLUMNS = 40  # of params and of metrics in one table


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``/experiments/<id>``"""

    @pages.get("/experiments/<experiment_id>")
    def runs(experiment_id: str) -> tuple[str, int]:
        asked = {name: field(name) for name in ("filter", "order_by", "stage")}
        found = service.store.get_experiment(experiment_id)
        runs, error = _search(service, experiment_id, asked)
        here = f"/experiments/{experiment_id}"
        page = render_template(
            "runs.html",
            experiment=found,
            runs=runs,
            columns=_columns(runs, here, asked),
            asked=asked,
            error=error,
            more=address(here, **asked, page_token=runs.token) if runs.token else None,
        )
        return page, 400 if error else 200


def _search(
    service: Service, experiment_id: str, asked: dict[str, str]
) -> tuple[PagedList, str | None]:
    """One page of runs; what is wrong with the filter instead, if something is."""
    view = ViewType.DELETED_ONLY if asked["stage"] == "deleted" else ViewType.ACTIVE_ONLY
    order = [asked["order_by"]] if asked["order_by"] else []
    token = field("page_token") or None
    try:
        found = service.store.search_runs(
            [experiment_id], asked["filter"], view, _PAGE, order, token
        )
    except InvalidInput as error:
        return PagedList([], None), error.message
    return found, None


def _columns(runs: Iterable[Run], here: str, asked: dict[str, str]) -> list[dict[str, str]]:
    """What the table has besides the fixed columns, each with the address that sorts by it."""
    found = list(runs)
    columns = []
    for kind in ("metrics", "params"):
        keys = sorted({key for run in found for key in getattr(run.data, kind)})[:_MOST_COLUMNS]
        for key in keys:
            column = f"{kind}.`{key}`"
            descending = f"{column} DESC"
            direction = {descending: "▼", f"{column} ASC": "▲"}.get(asked["order_by"], "")
            order = f"{column} ASC" if direction == "▼" else descending
            sort = address(here, **{**asked, "order_by": order})
            columns.append({"kind": kind, "key": key, "sort": sort, "direction": direction})
    return columns
