"""Files of runs and of logged models: a tree, previews, downloads."""

from __future__ import annotations

from flask import Blueprint, render_template

from ..service import Service


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``/runs/<id>/artifacts`` and ``/models/<id>/artifacts``, and previews."""

    @pages.get("/runs/<run_id>/artifacts")
    def artifacts(run_id: str) -> str:
        return render_template("soon.html", title="Artifacts")
