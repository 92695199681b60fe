"""Errors as answers: ``{"error_code", "message"}`` as JSON, a page for people, never a trace."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from ..errors import MlpackError

log = logging.getLogger("mlpack.server")

_CODES = {404: "ENDPOINT_NOT_FOUND", 405: "BAD_REQUEST", 416: "INVALID_PARAMETER_VALUE"}
_LONGEST_MESSAGE = 2000  # it quotes the request: no amplifier


def json_answer(content: Any, status: int = 200) -> Response:
    """An object as JSON."""
    return Response(json.dumps(content), status, mimetype="application/json")


def handle_errors(app: Flask, error_page: Callable[[str, int], str]) -> None:
    """Let every exception of an application become an answer.

    Args:
        app: the application.
        error_page: message and status to HTML, for people.
    """

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        if isinstance(error, HTTPException):
            response = _http_error(error)
            if not _wants_page():
                return response
            message = json.loads(response.get_data())["message"]
            response.set_data(error_page(message, response.status_code))
            response.mimetype = "text/html"
            return response
        if not isinstance(error, MlpackError):
            reference = secrets.token_hex(8)
            log.error(
                "Internal error %s at %s %s",
                reference,
                request.method,
                request.path,
                exc_info=error,
            )
            error = MlpackError(
                f"Internal error (request {reference}); the server's log has the details."
            )
        elif error.http_status >= 500:
            passing = error.http_status == 503  # it says what is wrong, at every request
            log.error("%s", error.message, exc_info=None if passing else error.__cause__)
        if request.endpoint and request.endpoint.startswith("pages."):
            page = error_page(error.message[:_LONGEST_MESSAGE], error.http_status)
            return Response(page, error.http_status, mimetype="text/html")
        content = error.to_dict()
        if len(content["message"]) > _LONGEST_MESSAGE:
            content["message"] = content["message"][:_LONGEST_MESSAGE] + "…"
        response = json_answer(content, error.http_status)
        if error.http_status == 503:
            response.headers["Retry-After"] = "1"
        return response


def _wants_page() -> bool:
    """Whether a person in a browser asked for something that no route answers."""
    accepted = request.accept_mimetypes
    return request.method == "GET" and "text/html" in accepted.values()


def _http_error(error: HTTPException) -> Response:
    """Errors of the HTTP layer with their headers (Allow, Content-Range) but our body."""
    status = error.code or 500
    where = f"{request.method} {request.path[:200]}"
    messages = {
        404: f"There is nothing at {where}.",
        405: f"{where} is not allowed.",
    }
    message = messages.get(status, error.description or error.name)
    code = _CODES.get(status, "BAD_REQUEST" if status < 500 else "INTERNAL_ERROR")
    response = json_answer({"error_code": code, "message": message}, status)
    for name, value in error.get_headers():
        if name in ("Allow", "Content-Range"):
            response.headers[name] = value
    return response
