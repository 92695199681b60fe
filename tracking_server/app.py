"""The tracking server's application: MLflow's REST API, files, and the web UI.

    /api/2.0/mlflow/…                 experiments, runs, metrics, models, the registry
                                      (also /ajax-api/…)
    /api/2.0/mlflow-artifacts/…       files through the server
    /get-artifact                     one file of a run
    /health, /version, /metrics       for machines
    /, /ui/…                          for people, and what their pages' scripts ask for

It keeps nothing between requests, so any number of it may run over one database and one place for
files.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, request
from werkzeug.routing import Rule

from . import (
    artifacts,
    experiments,
    health,
    logged_models,
    metrics,
    model_versions,
    prometheus,
    proxy,
    registered_models,
    run_data,
    runs,
)
from .answers import handle_errors
from .places import Places
from .requests import read_message
from .routes import Route
from .security import protect
from .service import ServedRegistry, ServedStore, Service
from .settings import ServerSettings
from .ui.app import add_ui, error_page

ROUTES: tuple[Route, ...] = (
    *experiments.ROUTES,
    *runs.ROUTES,
    *run_data.ROUTES,
    *metrics.ROUTES,
    *logged_models.ROUTES,
    *registered_models.ROUTES,
    *model_versions.ROUTES,
    *artifacts.ROUTES,
)
# the second pair is what clients of the first versions call
PREFIXES = (
    "/api/2.0/mlflow",
    "/ajax-api/2.0/mlflow",
    "/api/2.0/preview/mlflow",
    "/ajax-api/2.0/preview/mlflow",
)


def create_app(
    store: ServedStore, places: Places, settings: ServerSettings, registry: ServedRegistry
) -> Flask:
    """The WSGI application of one server.

    Args:
        store: the runs.
        places: the files.
        settings: hosts, origins and switches; addresses and numbers do not matter here.
        registry: the registered models.
    """
    app = Flask("mlpack.tracking_server", static_folder=None)
    app.url_rule_class = _Rule
    app.url_map.merge_slashes = False  # a doubled slash in a path is refused, not repaired
    service = Service(store, places, settings, registry)
    if settings.expose_prometheus:
        prometheus.expose(app)
    protect(app, settings)
    handle_errors(app, error_page)
    for prefix in PREFIXES:
        for route in ROUTES:
            endpoint = f"{route.method} {prefix}{route.path}".replace(".", "_")
            view = _view(service, route)
            app.add_url_rule(prefix + route.path, endpoint, view, methods=[route.method])
    for prefix in ("/api/2.0", "/ajax-api/2.0"):
        name = prefix.strip("/").replace("/", " ").replace(".", "_")
        app.register_blueprint(proxy.blueprint(service), url_prefix=prefix, name=f"{name} proxy")
    app.register_blueprint(health.blueprint(service))
    add_ui(app, service)
    _add_downloads(app, service)
    return app


class _Rule(Rule):
    """A route for whose addresses no builder is compiled before somebody asks for one.

    That is most of what adding a route takes, and there are hundreds; pages write addresses out.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compiled = super()._compile_builder

        def build(rule: Rule, /, **values: Any) -> tuple[str, str]:
            return compiled(append_unknown)(rule, **values)

        return build


def _view(service: Service, route: Route) -> Callable[..., Response]:
    handler, schema = route.handler, route.schema

    def view(**path: Any) -> Response:
        answer = handler(service, read_message(request, schema, path))
        return Response(json.dumps(answer), mimetype="application/json")

    return view


def _add_downloads(app: Flask, service: Service) -> None:
    @app.get("/get-artifact")
    def file_of_run() -> Response:
        run_id = request.args.get("run_id") or request.args.get("run_uuid", "")
        return artifacts.file_of_run(service, run_id, request.args.get("path", ""))

    @app.get("/ajax-api/2.0/mlflow/logged-models/<model_id>/artifacts/files")
    def file_of_model(model_id: str) -> Response:
        path = request.args.get("artifact_file_path", "")
        return artifacts.file_of_model(service, model_id, path)
