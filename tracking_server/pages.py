"""Plain pages for people: experiments, runs, one run, one logged model. They work without scripts.

The one script that there is turns the addresses that MLflow's clients print
(``/#/experiments/0/runs/<id>``) into ours.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from flask import Blueprint, Response, render_template, request, send_from_directory

from ..errors import InvalidInput, MlpackError
from ..tracking.entities import PagedList, Run, Tags, ViewType
from .service import Service

_HERE = Path(__file__).parent
_PAGE = 100
_MOST_COLUMNS = 40  # of params and of metrics in one table
_MOST_FILES = 1000


def blueprint(service: Service) -> Blueprint:
    """The routes of the pages."""
    routes = Blueprint("pages", __name__)
    routes.add_app_template_filter(_moment, "moment")
    routes.add_app_template_filter(_figure, "figure")
    routes.add_app_template_filter(_size, "size")
    routes.add_app_template_filter(_segment, "segment")

    @routes.get("/")
    def index() -> str:
        token = request.args.get("page_token") or None
        found = service.store.search_experiments(max_results=_PAGE, page_token=token)
        more = _address("/", page_token=found.token) if found.token else None
        return render_template("experiments.html", experiments=found, more=more)

    @routes.get("/experiments/<experiment_id>")
    def experiment(experiment_id: str) -> tuple[str, int]:
        asked = {name: request.args.get(name, "") for name in ("filter", "order_by", "stage")}
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
            more=_address(here, **asked, page_token=runs.token) if runs.token else None,
        )
        return page, 400 if error else 200

    @routes.get("/runs/<run_id>")
    def run(run_id: str) -> str:
        found = service.store.get_run(run_id)
        notes = found.data.tags.get(Tags.NOTE)
        return render_template(
            "run.html",
            run=found,
            experiment=service.store.get_experiment(found.info.experiment_id),
            parent=found.data.tags.get(Tags.PARENT),
            notes=notes,
            models=_models(service, found),
            download="/get-artifact?" + urlencode({"run_id": run_id}) + "&path=",
            **_files(service, found.info.artifact_uri),
        )

    @routes.get("/models/<model_id>")
    def model(model_id: str) -> str:
        found = service.store.get_logged_model(model_id)
        files = f"/ajax-api/2.0/mlflow/logged-models/{quote(model_id)}/artifacts/files"
        return render_template(
            "model.html",
            model=found,
            experiment=service.store.get_experiment(found.experiment_id),
            download=f"{files}?artifact_file_path=",
            **_files(service, found.artifact_location),
        )

    @routes.get("/static/<name>")
    def static(name: str) -> Response:
        return send_from_directory(_HERE / "static", name)

    return routes


def error_page(error: MlpackError) -> tuple[str, int]:
    """An error for people."""
    return render_template("error.html", message=error.message), error.http_status


def _search(
    service: Service, experiment_id: str, asked: dict[str, str]
) -> tuple[PagedList, str | None]:
    """One page of runs; what is wrong with the filter instead, if something is."""
    view = ViewType.DELETED_ONLY if asked["stage"] == "deleted" else ViewType.ACTIVE_ONLY
    order = [asked["order_by"]] if asked["order_by"] else []
    token = request.args.get("page_token") or None
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
            field = f"{kind}.`{key}`"
            descending = f"{field} DESC"
            direction = {descending: "▼", f"{field} ASC": "▲"}.get(asked["order_by"], "")
            order = f"{field} ASC" if direction == "▼" else descending
            sort = _address(here, **{**asked, "order_by": order})
            columns.append({"kind": kind, "key": key, "sort": sort, "direction": direction})
    return columns


def _models(service: Service, run: Run) -> list[Any]:
    made = [output.model_id for output in run.outputs.model_outputs]
    found = []
    for model_id in made:
        try:
            found.append(service.store.get_logged_model(model_id))
        except MlpackError:  # deleted since
            continue
    return found


def _files(service: Service, location: str) -> dict[str, Any]:
    """Every file below a location, for the template; or why there are none to show."""
    try:
        store, folder, prefix = service.places.find(location)
        cut = len(prefix) + 1 if prefix else 0
        files: list[dict[str, Any]] = []
        for entry in store.walk(folder):
            if len(files) == _MOST_FILES:
                return {"files": files, "files_note": f"Only the first {_MOST_FILES} are shown."}
            files.append({"path": entry.path[cut:], "size": entry.size})
    except MlpackError as error:
        return {"files": [], "files_note": error.message}
    return {"files": files, "files_note": None}


def _address(path: str, **query: str | None) -> str:
    given = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(given)}" if given else path


def _moment(milliseconds: int | None) -> str:
    if milliseconds is None:
        return "–"
    try:
        moment = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)
    except (OverflowError, ValueError, OSError):  # a client may log any number
        return str(milliseconds)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if math.isfinite(value) else str(value)


def _size(count: int | None) -> str:
    size = float(count or 0)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _segment(text: str) -> str:
    """One value within an address."""
    return quote(text, safe="", errors="replace")
