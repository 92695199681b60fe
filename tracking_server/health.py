"""Whether the server is up, and what it is."""

from __future__ import annotations

from flask import Blueprint, Response

from .. import __version__
from .answers import json_answer
from .service import Service

# Clients ask for it to learn which calls they may make.
MLFLOW_API_VERSION = "3.17.2"


def blueprint(service: Service) -> Blueprint:
    """``/health``, ``/version`` and what 3.x clients ask first."""
    routes = Blueprint("health", __name__)

    @routes.get("/health")
    def health() -> Response:
        return Response("OK", mimetype="text/plain")

    @routes.get("/version")
    def version() -> Response:
        response = Response(MLFLOW_API_VERSION, mimetype="text/plain")
        response.headers["X-Mlpack-Version"] = __version__
        return response

    @routes.get("/api/3.0/mlflow/server-info")
    @routes.get("/ajax-api/3.0/mlflow/server-info")
    def server_info() -> Response:
        return json_answer(
            {
                "store_type": "SqlStore",
                "workspaces_enabled": False,
                "trace_archival_enabled": False,
                # the addresses of parts would be wrong behind a proxy that we do not know of
                "multipart_uploads_enabled": bool(
                    service.settings.public_url and service.places.transfers
                ),
                "multipart_downloads_enabled": service.settings.presigned_downloads,
            }
        )

    return routes
