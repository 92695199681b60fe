"""One run: what it was, what it logged, what it read and made."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, render_template

from ...errors import MlpackError
from ...tracking.entities import Run, Tags
from ..service import Service
from .files_below import files_below


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``/runs/<id>``"""

    @pages.get("/runs/<run_id>")
    def run(run_id: str) -> str:
        found = service.store.get_run(run_id)
        return render_template(
            "run.html",
            run=found,
            experiment=service.store.get_experiment(found.info.experiment_id),
            parent=found.data.tags.get(Tags.PARENT),
            notes=found.data.tags.get(Tags.NOTE),
            models=_models(service, found),
            download="/get-artifact?" + urlencode({"run_id": run_id}) + "&path=",
            **files_below(service, found.info.artifact_uri),
        )


def _models(service: Service, run: Run) -> list[Any]:
    found = []
    for output in run.outputs.model_outputs:
        try:
            found.append(service.store.get_logged_model(output.model_id))
        except MlpackError:  # deleted since
            continue
    return found
