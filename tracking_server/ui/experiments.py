"""The first page: all experiments. And the jump box, which finds anything by a part of its name."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template, request

from ...errors import InvalidInput, MlpackError
from ...tracking.entities import PagedList, Tags, ViewType
from ...tracking.filters import quoted
from ..service import Service
from .part import asked, data_answer
from .words import address, segment

_PAGE = 100
_FEW = 6  # of each kind in the jump box
_MANY_RUNS = 10_000  # that are counted
_LONGEST = 200
_ORDERS = {
    "": (),
    "name": ("name",),
    "-name": ("name DESC",),
    "-changed": ("last_update_time DESC",),
    "changed": ("last_update_time",),
    "created": ("creation_time",),
}
_VIEWS = {"": ViewType.ACTIVE_ONLY, "deleted": ViewType.DELETED_ONLY}


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``/`` and ``/ui/jump``."""

    @pages.get("/")
    def experiments() -> tuple[str, int]:
        given = {name: asked(name) for name in ("words", "order", "stage")}
        found, error = _search(service, given)
        activity = service.store.activity([each.experiment_id for each in found], _MANY_RUNS)
        page = render_template(
            "experiments.html",
            experiments=found,
            activity=activity,
            many=_MANY_RUNS,
            note=Tags.NOTE,
            here=request.host_url.rstrip("/"),
            given=given,
            error=error,
            more=address("/", **given, page_token=found.token) if found.token else None,
        )
        return page, 400 if error else 200

    @data.get("/jump")
    def jump() -> Response:
        return data_answer({"found": _anything(service, asked("words").strip()[:_LONGEST])})


def _search(service: Service, given: dict[str, str]) -> tuple[PagedList, str | None]:
    """One page of experiments; what is wrong instead, if something is."""
    order, view = _ORDERS.get(given["order"]), _VIEWS.get(given["stage"])
    if order is None or view is None:
        wrong = given["order"] if order is None else given["stage"]
        return PagedList([], None), f"There is no such order or stage: {wrong[:40]!r}."
    try:
        words = _holding(given["words"])
        token = asked("page_token") or None
        return service.store.search_experiments(view, _PAGE, words, order, token), None
    except InvalidInput as error:
        return PagedList([], None), error.message


def _holding(words: str) -> str:
    """The filter for names that hold these words."""
    words = words.strip()[:_LONGEST]
    return f"name ILIKE {quoted(f'%{words}%')}" if words else ""


def _anything(service: Service, words: str) -> list[dict[str, Any]]:
    """Experiments, models and runs for the jump box, the rarer kinds first."""
    if not words:
        return []
    found = []
    try:
        holding = _holding(words)
    except InvalidInput:  # both kinds of quotes, which no filter can hold
        holding = None
    if holding:
        for experiment in service.store.search_experiments(ViewType.ACTIVE_ONLY, _FEW, holding):
            path = f"/experiments/{segment(experiment.experiment_id)}"
            found.append(_place(experiment.name, "experiment", path))
        for model in service.registry.search_registered_models(holding, _FEW):
            found.append(_place(model.name, "model", f"/registry/{segment(model.name)}"))
    if words.startswith("m-"):
        found += _logged_model(service, words)
    for run in service.store.find_runs(words, _FEW):
        name = run.run_name or run.run_id
        found.append(_place(name, f"run {run.run_id[:8]}", f"/runs/{segment(run.run_id)}"))
    return found


def _logged_model(service: Service, model_id: str) -> list[dict[str, Any]]:
    try:
        model = service.store.get_logged_model(model_id)
    except MlpackError:
        return []
    return [_place(model.name, "logged model", f"/models/{segment(model.model_id)}")]


def _place(name: str, kind: str, path: str) -> dict[str, Any]:
    return {"name": name, "kind": kind, "path": path}
