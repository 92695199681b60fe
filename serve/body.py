"""The body of a request, off the socket and within its limit."""

from __future__ import annotations

from typing import Any

from ..errors import InvalidInput, PayloadTooLarge
from .exchange import Exchange
from .large_bodies import LARGE, read_large


def receive(exchange: Exchange, limit: int) -> bytes:
    """Read a request's body, and keep it in the exchange.

    Args:
        exchange: of the request.
        limit: largest size in bytes.

    Raises:
        PayloadTooLarge: it is larger.
        InvalidInput: the client stopped half way, or broke the transfer encoding.
        UnsupportedMediaType: it is compressed in a way that is not known here.
    """
    environ = exchange.environ
    body = read_body(environ, limit)
    if (received := environ.get("mlpack.received")) is not None:
        received()
    if (encoding := environ.get("HTTP_CONTENT_ENCODING")) is not None:
        from .compression import decompress

        body = decompress(body, encoding, limit)
    exchange.body = body
    return body


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
            body = _read(environ["wsgi.input"], expected)
        except Exception as error:  # the server's parser has errors of its own for bad chunks
            raise InvalidInput(f"The request's body cannot be read: {error}") from None
        if declared is not None and len(body) < expected:
            raise InvalidInput(f"The body ended after {len(body)} of {expected} bytes.")
        if len(body) <= limit:
            return body
    raise too_large(limit)


def _read(source: Any, size: int) -> bytes:
    body = read_large(source, size) if size >= LARGE else None
    if body is None:
        body = source.read(size)
    return body


def too_large(limit: int) -> PayloadTooLarge:
    """The error for a body over the limit."""
    return PayloadTooLarge(
        f"The body is larger than the limit of {_readable(limit)}; send fewer rows at a time "
        "or raise the server's --max-body."
    )


def _readable(size: int) -> str:
    for unit, factor in (("GB", 1024**3), ("MB", 1024**2), ("KB", 1024)):
        if size >= factor:
            return f"{size / factor:.4g} {unit}"
    return f"{size} bytes"
