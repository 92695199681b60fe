"""Which other web sites' scripts may call the server: none, unless told (CORS).

Browsers keep answers from the scripts of other sites, but let those send some requests all the
same. They say with each where it comes from, so such a request is refused before it costs a
prediction.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..errors import InvalidInput, MlpackError
from .exchange import Answer, Exchange, Guard

_ORIGIN = re.compile(r"https?://[a-z0-9.\-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:.]+\](:[0-9]{1,5})?")
_METHODS = "GET, HEAD, POST"
_HEADERS = (
    "Accept, Authorization, Content-Encoding, Content-Type, Inference-Header-Content-Length, "
    "Traceparent, Tracestate, X-Mlpack-Params, X-Request-Id, X-Request-Timeout"
)
_EXPOSED = (
    "Inference-Header-Content-Length, Retry-After, X-Mlpack-Ignored-Columns, X-Mlpack-Model, "
    "X-Request-Id"
)
_REMEMBER_SECONDS = "600"


class ForeignPage(MlpackError):
    """A page of another site made a browser send this."""

    error_code = "PERMISSION_DENIED"
    http_status = 403


def own_pages_only(cors: Cors | None) -> Guard:
    """A guard against what pages of sites that are not allowed make a browser send.

    It goes by ``Sec-Fetch-Site``, which no script can set and no proxy changes, and not by
    comparing Origin with Host, which many proxies rewrite. Programs do not send it, nor do
    browsers to a server that is reached over plain HTTP by another name than localhost.

    Args:
        cors: the sites that are allowed.
    """

    def guard(exchange: Exchange) -> None:
        environ = exchange.environ
        if (
            environ.get("HTTP_SEC_FETCH_SITE") in _ELSEWHERE
            and environ["REQUEST_METHOD"] == "POST"
            and not (cors is not None and cors.allows(environ.get("HTTP_ORIGIN")))
        ):
            raise ForeignPage(
                "A page of another site sent this. If it may, start the server with "
                "--cors-origin and its origin."
            )

    return guard


_ELSEWHERE = frozenset({"cross-site", "same-site"})


class Cors:
    """A guard that tells browsers which sites may read the answers.

    Args:
        origins: as browsers send them (``https://app.example.com``), or only ``*``.
        with_auth: whether tokens are asked for.

    Raises:
        InvalidInput: something that is no origin; ``*`` beside others or where tokens are
            asked for.
    """

    def __init__(self, origins: Sequence[str], *, with_auth: bool) -> None:
        self._any = "*" in origins
        if self._any and with_auth:
            raise InvalidInput(
                "The origin '*' is not allowed together with tokens; name the sites' origins."
            )
        if self._any and len(set(origins)) > 1:
            raise InvalidInput("The origin '*' covers all others; give it alone.")
        self._origins = frozenset(origin.rstrip("/").lower() for origin in origins)
        for origin in self._origins - {"*"}:
            if not _ORIGIN.fullmatch(origin):
                raise InvalidInput(
                    f"{origin[:100]!r} is no origin: write https://name or https://name:port."
                )

    def allows(self, origin: str | None) -> bool:
        """Whether a site is among the origins."""
        return self._any or origin in self._origins

    def __call__(self, exchange: Exchange) -> Answer | None:
        """Say who may read the answer (an `exchange.Guard`); answers a preflight itself."""
        origin = exchange.environ.get("HTTP_ORIGIN")
        if not self._any:
            exchange.headers.append(("Vary", "Origin"))
            if origin not in self._origins:
                return None
        elif origin is None:
            return None
        allowed = "*" if self._any else origin
        exchange.headers.append(("Access-Control-Allow-Origin", allowed or ""))
        environ = exchange.environ
        if (
            environ["REQUEST_METHOD"] == "OPTIONS"
            and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
        ):
            exchange.headers += [
                ("Access-Control-Allow-Methods", _METHODS),
                ("Access-Control-Allow-Headers", _HEADERS),
                ("Access-Control-Max-Age", _REMEMBER_SECONDS),
            ]
            return Answer(b"", "text/plain", status=204)
        exchange.headers.append(("Access-Control-Expose-Headers", _EXPOSED))
        return None
