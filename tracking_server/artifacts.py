"""Files of runs and models over HTTP: lists, and single files as downloads."""

from __future__ import annotations

from typing import Any

from flask import Response

from ..errors import InvalidInput
from .fields import Schema, text
from .files import below, send
from .routes import Message, Route
from .runs import RUN_ID
from .service import Service


def list_of_run(service: Service, message: Message) -> dict[str, Any]:
    location = service.store.get_run(message["run_id"]).info.artifact_uri
    return _list(service, location, message["path"])


def list_of_model(service: Service, message: Message) -> dict[str, Any]:
    location = service.store.get_logged_model(message["model_id"]).artifact_location
    return _list(service, location, message["artifact_directory_path"])


def _list(service: Service, location: str, path: str) -> dict[str, Any]:
    store, folder, prefix = service.places.find(location, path)
    return {"root_uri": location, "files": below(store, folder, prefix)}


def file_of_run(service: Service, run_id: str, path: str) -> Response:
    """One file of a run."""
    return _file(service, service.store.get_run(run_id).info.artifact_uri, path)


def file_of_model(service: Service, model_id: str, path: str) -> Response:
    """One file of a logged model."""
    return _file(service, service.store.get_logged_model(model_id).artifact_location, path)


def _file(service: Service, location: str, path: str) -> Response:
    if not path:
        raise InvalidInput("Missing value for required parameter 'path'.")
    store, found, _ = service.places.find(location, path)
    return send(store, found)


ROUTES = (
    Route("GET", "/artifacts/list", Schema(run_id=RUN_ID, path=text()), list_of_run),
    Route(
        "GET",
        "/logged-models/<model_id>/artifacts/directories",
        Schema(model_id=text(required=True), artifact_directory_path=text()),
        list_of_model,
    ),
)
