"""One logged model."""

from __future__ import annotations

from urllib.parse import quote

from flask import Blueprint, render_template

from ..service import Service
from .files_below import files_below


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``/models/<id>``"""

    @pages.get("/models/<model_id>")
    def model(model_id: str) -> str:
        found = service.store.get_logged_model(model_id)
        files = f"/ajax-api/2.0/mlflow/logged-models/{quote(model_id)}/artifacts/files"
        return render_template(
            "model.html",
            model=found,
            experiment=service.store.get_experiment(found.experiment_id),
            download=f"{files}?artifact_file_path=",
            **files_below(service, found.artifact_location),
        )
