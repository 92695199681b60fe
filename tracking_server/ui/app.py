"""Puts the parts of the UI together."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, Response, render_template, request

from . import (
    artifacts,
    bulk,
    charts,
    compare,
    deployments,
    experiments,
    export,
    model,
    names,
    registry,
    run,
    runs,
    scoring,
    static_files,
    words,
)
from .markdown import render
from .secrets_in_addresses import redacted

if TYPE_CHECKING:
    from ..service import Service
    from .part import Register

PARTS: tuple[Register, ...] = (
    experiments.register,
    runs.register,
    names.register,
    bulk.register,
    export.register,
    run.register,
    charts.register,
    artifacts.register,
    compare.register,
    registry.register,
    model.register,
    scoring.register,
    deployments.register,
)
_WORTH_COMPRESSING = 2000  # bytes


def add_ui(app: Flask, service: Service) -> None:
    """Add all pages, and what their scripts ask for, to an application."""
    pages = Blueprint("pages", __name__, template_folder="templates")
    data = Blueprint("ui", __name__, url_prefix="/ui")
    words.add_filters(app)
    app.add_template_filter(render, "markdown")
    app.add_template_filter(redacted)
    app.add_template_global(static_files.address, "static")
    app.add_template_global(static_files.has, "has_static")
    for helper in (static_files.style_of, static_files.script_of, static_files.libraries_of):
        app.add_template_global(helper)
    app.add_template_global(words.address, "address")
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    for register in PARTS:
        register(pages, data, service)
    static_files.register(pages)
    for blueprint in (pages, data):
        blueprint.after_request(_compress)
        app.register_blueprint(blueprint)


def error_page(message: str, status: int) -> str:
    """An error for people."""
    return render_template("error.html", message=message, status=status)


def _compress(response: Response) -> Response:
    """Pages and data are text that repeats itself; files are sent as they are."""
    if response.is_streamed or response.direct_passthrough or response.headers.get("Vary"):
        return response
    response.headers["Vary"] = "Accept-Encoding"
    # asked anew, but kept for going back: a page returns as it was left
    response.headers.setdefault("Cache-Control", "private, no-cache")
    body: Any = response.get_data()
    if len(body) > _WORTH_COMPRESSING and "gzip" in request.accept_encodings.values():
        response.set_data(gzip.compress(body, 1, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
    return response
