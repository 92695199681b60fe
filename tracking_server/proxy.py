"""Files through the server: ``/api/2.0/mlflow-artifacts/…``, for clients without a store's key.

A path is relative to the server's artifacts destination. Uploads in several parts and signed
addresses are for clients that talk to an object store by themselves; this server says that it has
none, and they send the file through it.
"""

from __future__ import annotations

import json

from flask import Blueprint, Response, request

from ..uris import safe_relative
from .files import below, send, take
from .service import Service

# Clients look for the beginning of these messages, and then send files the ordinary way.
_NO_PARTS = "Multipart upload is not supported for the current artifact repository"
_NO_SIGNED = "Presigned download is not supported for the current artifact repository"


def blueprint(service: Service) -> Blueprint:
    """The routes, without the ``/api/2.0`` before them."""
    routes = Blueprint("proxy", __name__)

    @routes.get("/mlflow-artifacts/artifacts")
    def list_folder() -> Response:
        path = request.args.get("path", "")
        folder = safe_relative(path) if path.strip("/") else ""
        found = below(service.places.destination, folder, folder)
        return _json({"files": found})

    @routes.get("/mlflow-artifacts/artifacts/<path:path>")
    def download(path: str) -> Response:
        return send(service.places.destination, safe_relative(path))

    @routes.put("/mlflow-artifacts/artifacts/<path:path>")
    def upload(path: str) -> Response:
        take(service.places.destination, safe_relative(path), request)
        return _json({})

    @routes.delete("/mlflow-artifacts/artifacts/<path:path>")
    def delete(path: str) -> Response:
        service.places.destination.delete(safe_relative(path))
        return _json({})

    @routes.post("/mlflow-artifacts/mpu/<step>/<path:path>")
    def in_parts(step: str, path: str) -> Response:
        return _json({"error_code": "NOT_IMPLEMENTED", "message": _NO_PARTS}, 501)

    @routes.get("/mlflow-artifacts/presigned/<path:path>")
    def signed(path: str) -> Response:
        return _json({"error_code": "NOT_IMPLEMENTED", "message": _NO_SIGNED}, 501)

    return routes


def _json(content: object, status: int = 200) -> Response:
    return Response(json.dumps(content), status, mimetype="application/json")
