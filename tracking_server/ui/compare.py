"""Runs side by side: a table, curves, and charts of what their params have to do with metrics.

``compare_runs`` says which runs, ``compare_table`` makes the table, ``compare_views`` the charts
from columns (``compare_fields``), groups and surfaces (``compare_groups``), and importances
(``compare_importance``, ``compare_forest``).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, render_template

from ...errors import InvalidInput, NotFound
from ...tracking.entities import Run
from ..dispositions import disposition
from ..service import Service
from .charts import charts_of
from .compare_fields import DURATION, choices
from .compare_runs import MOST, Chosen, chosen_runs
from .compare_table import asked_of_table, csv_lines, sections
from .compare_views import VIEWS
from .part import asked, data_answer
from .spreadsheets import Lines

TITLES = {
    "table": "Table",
    "curves": "Curves",
    "parallel": "Parallel coordinates",
    "scatter": "Scatter and contour",
    "box": "Box plots",
    "importance": "Importance",
}
_CSV_ROWS = 5000  # of each kind
_CSV_CELLS = 400_000
_FOUND = 20


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``/compare?runs=…&view=…``, and what its scripts ask for below ``/ui/compare``."""

    @pages.get("/compare")
    def compare() -> str:
        view = asked("view", "table")
        if view not in TITLES:
            raise InvalidInput(f"There is no view {view[:40]!r}: {', '.join(TITLES)} are.")
        chosen = chosen_runs(service)
        content: dict[str, Any] = {}
        if view == "table" and chosen.runs:
            content = _table(service, chosen)
        elif view in VIEWS and len(chosen.runs) > 1:
            given = choices(service, chosen, asked("words"))
            content = {"choices": given, "asked": VIEWS[view][0](service, chosen, given)}
            content["words"] = asked("words")
        elif view == "curves" and chosen.runs:
            content = charts_of(service, chosen.runs)
        return render_template(
            "compare.html",
            chosen=chosen,
            ids=",".join(chosen.ids),
            view=view,
            titles=TITLES,
            duration=DURATION,
            most=MOST,
            **content,
        )

    @data.get("/compare/table")
    def compare_table() -> str:
        chosen = chosen_runs(service)
        return render_template("compare_table.html", chosen=chosen, **_table(service, chosen))

    @data.get("/compare/table.csv")
    def compare_csv() -> Response:
        chosen = chosen_runs(service)
        most = min(_CSV_ROWS, _CSV_CELLS // max(1, len(chosen.runs)))
        found = sections(service, chosen, asked_of_table(chosen), most)
        lines = Lines()
        for line in csv_lines(chosen, found):
            lines.write(line)
        response = Response(lines.take(), mimetype="text/csv")
        response.headers["Content-Disposition"] = disposition("attachment", "comparison.csv")
        return response

    @data.get("/compare/value")
    def compare_value() -> Response:
        group, _, key = asked("field").partition(".")
        kind = {"params": "param", "tags": "tag"}.get(group)
        if kind is None:
            raise InvalidInput("field must be params.NAME or tags.NAME.")
        value = service.store.compared_values([asked("run")], kind, [key])[key].get(asked("run"))
        if value is None:
            raise NotFound(f"The run has no {kind} {key[:80]!r} any more.")
        return Response(value, mimetype="text/plain")

    @data.get("/compare/find")
    def compare_find() -> Response:
        found = service.store.find_runs(asked("words")[:200], _FOUND)
        return data_answer({"found": [{"id": run.run_id, "name": run.run_name} for run in found]})

    @data.get("/compare/<view>")
    def compare_chart(view: str) -> Response:
        if view not in VIEWS:
            raise NotFound(f"There is no chart {view[:40]!r}.")
        chosen = chosen_runs(service)
        if len(chosen.runs) < 2:
            raise InvalidInput("Two runs at least can be compared; the others are gone.")
        choose, draw = VIEWS[view]
        given = choose(service, chosen, choices(service, chosen))
        runs = [{"id": run.info.run_id, "name": _name(run)} for run in chosen.runs]
        return data_answer({"runs": runs, **draw(service, chosen, given)})


def _name(run: Run) -> str:
    return run.info.run_name or run.info.run_id


def _table(service: Service, chosen: Chosen) -> dict[str, Any]:
    """What the table's template needs."""
    given = asked_of_table(chosen)
    query = [("runs", ",".join(chosen.ids)), ("words", given.words)]
    query += [("differing", "1")] if given.differing else []
    query += [("flip", name) for name in sorted(given.flipped)]
    return {
        "sections": sections(service, chosen, given),
        "table": given,
        "csv": "/ui/compare/table.csv?" + urlencode(query, errors="replace"),
    }
