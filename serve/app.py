"""The scoring app: a model behind the routes that the ecosystem's servers have.

    GET  /ping, /health      200 once the model is loaded
    GET  /version            the version of mlpack
    POST /invocations        rows in, {"predictions": …} out

Whatever goes wrong, the answer is JSON: {"error_code", "message"}.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from .. import __version__
from ..errors import InvalidInput, MlpackError, PayloadTooLarge, UnsupportedMediaType
from .scoring import Scorer
from .settings import ServeSettings

if TYPE_CHECKING:
    from ..flavors.loaded import LoadedModel

log = logging.getLogger("mlpack.serve")

_CODES = {404: "RESOURCE_DOES_NOT_EXIST", 405: "BAD_REQUEST"}
_ROUTES = "POST /invocations, GET /ping, GET /health, GET /version"
# names of columns are the caller's text: bounded before they go into a header
_MAX_IGNORED_SHOWN = 20
_LONGEST_MESSAGE = 2000


def create_app(model: LoadedModel, settings: ServeSettings | None = None) -> Flask:
    """The WSGI application that serves one model.

    Args:
        model: already loaded.
        settings: of these only ``max_body`` matters to the app.
    """
    settings = settings or ServeSettings()
    app = Flask("mlpack.serve", static_folder=None)
    scorer = Scorer(model)

    @app.get("/ping")
    @app.get("/health")
    def ping() -> Response:
        return Response(b"\n", mimetype="text/plain")

    @app.get("/version")
    def version() -> Response:
        return Response(__version__, mimetype="text/plain")

    @app.post("/invocations")
    def invocations() -> Response:
        encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise UnsupportedMediaType(
                f"The content encoding {encoding[:40]!r} is not supported; send it uncompressed."
            )
        environ = request.environ
        body = read_body(environ, settings.max_body)
        environ.get("mlpack.received", _nobody_waits)()
        answer = scorer.score(body, environ.get("CONTENT_TYPE"))
        response = Response(answer.body, mimetype="application/json")
        if answer.ignored:
            response.headers["X-Mlpack-Ignored-Columns"] = _as_header(answer.ignored)
        return response

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        return _error_response(error)

    return app


def _nobody_waits() -> None:
    """Stands in where the server does not watch how far a request is."""


def read_body(environ: dict[str, Any], limit: int) -> bytes:
    """The request's body; refused by its declared length before a byte of it is read.

    Args:
        environ: of the request.
        limit: largest size in bytes.

    Raises:
        PayloadTooLarge: it is larger.
        InvalidInput: the client stopped half way, or broke the transfer encoding.
    """
    declared = environ.get("CONTENT_LENGTH") or None
    chunked = declared is None and environ.get("wsgi.input_terminated", False)
    if declared is None and not chunked:
        return b""
    expected = limit + 1 if declared is None else int(declared)
    if declared is None or expected <= limit:
        try:
            body: bytes = environ["wsgi.input"].read(expected)
        except Exception as error:  # the server's parser has errors of its own for bad chunks
            raise InvalidInput(f"The request's body cannot be read: {error}") from None
        if declared is not None and len(body) < expected:
            raise InvalidInput(f"The body ended after {len(body)} of {expected} bytes.")
        if len(body) <= limit:
            return body
    raise PayloadTooLarge(
        f"The body is larger than the limit of {_readable(limit)}; send fewer rows at a time "
        "or raise the server's --max-body."
    )


def _error_response(error: Exception) -> Response:
    """JSON for any error; what is not the caller's doing also goes to the log, with its trace."""
    if isinstance(error, HTTPException):
        return _http_error(error)
    if not isinstance(error, MlpackError):
        log.error("Internal error", exc_info=error)
        error = MlpackError("Internal error; the server's log has the details.")
    elif error.http_status >= 500:
        log.error("%s", error.message, exc_info=error.__cause__ or error)
    content = error.to_dict()
    if len(content["message"]) > _LONGEST_MESSAGE:  # it quotes the request: no amplifier
        content["message"] = content["message"][:_LONGEST_MESSAGE] + "…"
    return _json(content, error.http_status)


def _http_error(error: HTTPException) -> Response:
    """Errors of the HTTP layer (404, 405, …) with their headers (Allow) but our body."""
    status = error.code or 500
    where = f"{request.method} {request.path[:100]}"
    messages = {
        404: f"There is nothing at {where}; try {_ROUTES}.",
        405: f"{where} is not allowed; try {_ROUTES}.",
    }
    message = messages.get(status, error.description or error.name)
    code = _CODES.get(status, "BAD_REQUEST" if status < 500 else "INTERNAL_ERROR")
    response = _json({"error_code": code, "message": message}, status)
    if allow := dict(error.get_headers()).get("Allow"):
        response.headers["Allow"] = allow
    return response


def _json(content: dict[str, str], status: int) -> Response:
    return Response(json.dumps(content), status, mimetype="application/json")


def _as_header(names: tuple[object, ...]) -> str:
    shown = ",".join(
        quote(str(name)[:100], safe=" ", errors="replace") for name in names[:_MAX_IGNORED_SHOWN]
    )
    return f"{shown},..." if len(names) > _MAX_IGNORED_SHOWN else shown


def _readable(size: int) -> str:
    for unit, factor in (("GB", 1024**3), ("MB", 1024**2), ("KB", 1024)):
        if size >= factor:
            return f"{size / factor:.4g} {unit}"
    return f"{size} bytes"
