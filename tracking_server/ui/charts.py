"""The metrics of a run, or of several, as curves."""

from __future__ import annotations

from flask import Blueprint, render_template

from ..service import Service


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``/runs/<id>/charts`` and the points of curves."""

    @pages.get("/runs/<run_id>/charts")
    def charts(run_id: str) -> str:
        return render_template("soon.html", title="Charts")
