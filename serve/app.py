"""The scoring app: models behind the routes that the ecosystem's servers have.

    GET  /ping, /health                 200 when requests are welcome, else 503
    GET  /version                       the version of mlpack
    GET  /models                        their names
    POST /invocations                   rows in, {"predictions": …} out
    POST /models/<name>/invocations     the same by one of several models
    GET  /, /openapi.json               a page for people, a document for tools
    POST /score                         the first by Azure's name

Whatever goes wrong, the answer is JSON: {"error_code", "message"}.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from .. import __version__
from .admission import admit
from .azure import add_azure
from .exchange import Answer, Exchange
from .failures import answer_to, as_json, error_body
from .hot import HotRoutes, as_response
from .openapi import add_openapi
from .page import add_page
from .sagemaker import add_sagemaker
from .scoring import Scorer
from .service import Service
from .settings import ServeSettings
from .v2 import add_v2
from .watching import Watching

if TYPE_CHECKING:
    from ..flavors.loaded import LoadedModel

_OF_A_MODEL = ("/models/", "/v2/models/")
_CODES = {404: "RESOURCE_DOES_NOT_EXIST", 405: "BAD_REQUEST"}
_ROUTES = "POST /invocations, GET /ping, GET /health, GET /models, GET /version"


def create_app(
    served: Service | LoadedModel,
    settings: ServeSettings | None = None,
    watching: Watching | None = None,
) -> Flask:
    """The WSGI application that serves one or several models.

    Args:
        served: a service, or a loaded model.
        settings: of a service for one model.
        watching: access, metrics, logs; made from the settings by default.

    Raises:
        InvalidInput: tokens or origins of the settings are not usable.
    """
    if not isinstance(served, Service):
        served = Service({"model": Scorer(served)}, settings or ServeSettings())
    app = Flask("mlpack.serve", static_folder=None)
    hot = HotRoutes(app)
    watching = watching or Watching(served.settings, served)
    watching.attach(hot)
    hot.guards.append(admit)
    served.tell = hot.tell
    _add_own_routes(hot, served)
    add_sagemaker(hot, served)
    add_v2(hot, served)
    add_azure(hot, served)
    add_openapi(hot, served)
    add_page(hot, served)

    names = ", ".join(served.scorers)

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        return as_response(
            http_error(error, names)
            if isinstance(error, HTTPException)
            else answer_to(error, request.path)
        )

    return app


def _add_own_routes(hot: HotRoutes, service: Service) -> None:
    def ping(exchange: Exchange) -> Answer:
        return Answer(b"\n", "text/plain", status=200 if service.ready else 503)

    hot.add("GET", "/ping", ping)
    hot.add("GET", "/health", ping)
    hot.add("GET", "/version", lambda exchange: Answer(__version__.encode(), "text/plain"))
    hot.add("GET", "/models", lambda exchange: as_json(_listing(service)))
    for scorer in service.scorers.values():
        path = f"/models/{scorer.name}/invocations"
        hot.add("POST", path, partial(service.invoke_by, scorer), "/models/{name}/invocations")


def _listing(service: Service) -> dict[str, object]:
    weights = service.router.weights if service.router else {service.default.name: 1.0}
    whole = sum(weights.values())
    return {
        "models": [
            {
                "name": scorer.name,
                "version": scorer.version or None,
                "share": weights.get(scorer.name, 0.0) / whole,
                "batched": scorer.batched,
                "shadow": service.shadow is not None and service.shadow.scorer is scorer,
            }
            for scorer in service.scorers.values()
        ]
    }


def http_error(error: HTTPException, models: str, routes: str = _ROUTES) -> Answer:
    """Errors of the HTTP layer (404, 405, …) with their headers (Allow) but our body."""
    status = error.code or 500
    where = f"{request.method} {request.path[:100]}"
    messages = {
        404: f"There is nothing at {where}; try {routes}.",
        405: f"{where} is not allowed; try {routes}.",
    }
    if request.path.startswith(_OF_A_MODEL):
        messages[404] = f"There is nothing at {where}. The models here: {models}."
    message = messages.get(status, error.description or error.name)
    code = _CODES.get(status, "BAD_REQUEST" if status < 500 else "INTERNAL_ERROR")
    answer = as_json(error_body({"error_code": code, "message": message}, request.path), status)
    if allow := dict(error.get_headers()).get("Allow"):
        answer.headers.append(("Allow", allow))
    return answer
