"""Files through the server: ``/api/2.0/mlflow-artifacts/…``, for clients without a store's key.

A path is relative to the server's artifacts destination. Signed addresses, with which clients read
from an object store by themselves, are given out only by a server that is told to.
"""

from __future__ import annotations

import json

from flask import Blueprint, Response, request

from ..artifacts.uploads import visible_path
from . import uploads
from .files import below, send, take
from .service import Service

_SIGNED_SECONDS = 900
# what clients fetch through the server, then
_NO_SIGNED = "Presigned download is not supported for the current artifact repository"


def blueprint(service: Service) -> Blueprint:
    """The routes, without the ``/api/2.0`` before them."""
    routes = Blueprint("proxy", __name__)

    @routes.get("/mlflow-artifacts/artifacts")
    def list_folder() -> Response:
        path = request.args.get("path", "")
        folder = visible_path(path) if path.strip("/") else ""
        found = below(service.places.destination, folder, folder)
        return _json({"files": found})

    @routes.get("/mlflow-artifacts/artifacts/<path:path>")
    def download(path: str) -> Response:
        return send(service.places.destination, visible_path(path))

    @routes.put("/mlflow-artifacts/artifacts/<path:path>")
    def upload(path: str) -> Response:
        target = visible_path(path)
        destination = service.places.destination
        take(lambda pieces, size: destination.write(target, pieces, size), request)
        return _json({})

    @routes.delete("/mlflow-artifacts/artifacts/<path:path>")
    def delete(path: str) -> Response:
        service.places.destination.delete(visible_path(path))
        return _json({})

    @routes.get("/mlflow-artifacts/presigned/<path:path>")
    def signed(path: str) -> Response:
        store, file = service.places.destination, visible_path(path)
        if not service.settings.presigned_downloads or not hasattr(store, "signed_url"):
            return _json({"error_code": "NOT_IMPLEMENTED", "message": _NO_SIGNED}, 501)
        size = store.size(file)
        return _json(
            {"url": store.signed_url(file, _SIGNED_SECONDS), "headers": {}, "file_size": size}
        )

    uploads.add_routes(routes, service)
    return routes


def _json(content: object, status: int = 200) -> Response:
    return Response(json.dumps(content), status, mimetype="application/json")
