"""What keeps web pages of others out while there are no passwords yet.

A page that a user of this machine looks at can make the browser send requests here. Two checks
stop it from doing harm, and headers stop what we send from being used by it:

- the Host header has to be one of this server's names. A page whose own name is made to point
  here (DNS rebinding) sends its own name. An address in digits cannot be rebound.
- a request that changes something has to come from a program or from our own pages: browsers say
  in Origin and Sec-Fetch-Site where it comes from.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, request

from ..errors import MlpackError
from .settings import ServerSettings

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Probes of load balancers use any name, and these tell nothing.
_OPEN = frozenset({"/health", "/version"})
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\s/@\\\[\]]+)(:\d{1,5})?")

_HEADERS = (
    (
        "Content-Security-Policy",
        # no inline scripts or styles, nothing from elsewhere; data: images are those of notebooks
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; frame-src 'self'; media-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)


class Forbidden(MlpackError):
    """A request that a web page of somebody else may have caused."""

    error_code = "PERMISSION_DENIED"
    http_status = 403


def protect(app: Flask, settings: ServerSettings) -> None:
    """Add the checks and headers to an application."""

    @app.before_request
    def check() -> Response | None:
        if request.path in _OPEN:
            return None
        host = request.environ.get("HTTP_HOST", "")
        if not host_is_allowed(host, settings):
            raise Forbidden(
                f"The host {host[:100]!r} is not one of this server's names. If it should be, "
                "start the server with --allowed-hosts."
            )
        if request.method not in _SAFE_METHODS and not _comes_from_here(host, settings):
            raise Forbidden(
                "A web page elsewhere may not change anything here. If it should, start the "
                "server with --cors-allowed-origins."
            )
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return Response(status=204)  # the headers are added below
        return None

    if settings.cors_allowed_origins:
        _allow_origins(app, settings.cors_allowed_origins)
    # below Flask, where a few more headers cost nothing
    app.wsgi_app = _with_headers(app.wsgi_app)  # type: ignore[method-assign]


def _with_headers(application: Any) -> Any:
    def wrapped(environ: dict[str, Any], start_response: Any) -> Any:
        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            given = {name for name, _ in headers}
            headers += [pair for pair in _HEADERS if pair[0] not in given]
            return start_response(status, headers, *error)

        return application(environ, start)

    return wrapped


def _allow_origins(app: Flask, origins: tuple[str, ...]) -> None:
    @app.after_request
    def add_headers(response: Response) -> Response:
        origin = request.environ.get("HTTP_ORIGIN")
        if origin and _matches(origin, origins):
            headers = response.headers
            headers["Access-Control-Allow-Origin"] = origin
            headers["Cross-Origin-Resource-Policy"] = "cross-origin"
            headers.add("Vary", "Origin")
            if request.method == "OPTIONS":
                headers["Access-Control-Allow-Methods"] = "GET, POST, PUT, PATCH, DELETE"
                headers["Access-Control-Allow-Headers"] = "Content-Type, Authorization"
                headers["Access-Control-Max-Age"] = "600"
        return response


def host_is_allowed(host: str, settings: ServerSettings) -> bool:
    """Whether a Host header is one of the server's names.

    ``localhost`` and loopback addresses always are; other addresses in digits, and the name that
    the server listens on, where it does not listen for this machine alone.
    """
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match[1].lower().rstrip(".")
    if name == "localhost" or _matches(name, settings.allowed_hosts):
        return True
    if _matches(host.lower(), settings.allowed_hosts):
        return True
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return name == settings.host.lower()
    return address.is_loopback or not settings.is_local


def _comes_from_here(host: str, settings: ServerSettings) -> bool:
    origin = request.environ.get("HTTP_ORIGIN")
    if origin is None:
        # no browser leaves both out when it sends something across sites
        site = request.environ.get("HTTP_SEC_FETCH_SITE", "none")
        return site in ("none", "same-origin")
    if _matches(origin, settings.cors_allowed_origins):
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def _matches(text: str, patterns: tuple[str, ...]) -> bool:
    return any(
        fnmatch.fnmatchcase(text, pattern.lower()) if "*" in pattern else text == pattern.lower()
        for pattern in patterns
    )
