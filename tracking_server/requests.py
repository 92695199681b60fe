"""Reading requests: a JSON object of bounded size, or the fields of a query string."""

from __future__ import annotations

import json
from typing import Any

from flask import Request

from ..errors import InvalidInput, PayloadTooLarge, UnsupportedMediaType
from .fields import Schema

MAX_BODY = 16 * 1024 * 1024  # a log-batch within its own limits is far smaller
_MEGABYTE = 1024 * 1024


def read_message(request: Request, schema: Schema, path: dict[str, Any]) -> dict[str, Any]:
    """The checked fields of a call.

    Args:
        request: of Flask.
        schema: what the call takes.
        path: fields that the address itself holds.

    Raises:
        InvalidInput: a body that is no JSON object, a missing field, a wrong type.
        PayloadTooLarge: a body over the limit.
        UnsupportedMediaType: a compressed body.
    """
    if request.method in ("GET", "HEAD"):
        return schema.read_query(request.args, path)
    body = read_json_object(request)
    return schema.read({**body, **path} if path else body)


def read_json_object(request: Request) -> dict[str, Any]:
    """The JSON object in a body; an empty one for no body.

    Raises:
        InvalidInput: a body that is no JSON object.
        PayloadTooLarge: a body over the limit.
        UnsupportedMediaType: a compressed body.
    """
    raw = read_body(request, MAX_BODY)
    if not raw.strip():
        return {}
    # A web page can send other types to any address without asking; this one it cannot.
    if request.mimetype != "application/json":
        raise InvalidInput(
            f"The Content-Type is {request.mimetype or 'missing'!r}; send application/json."
        )
    try:
        body = json.loads(raw)
    except RecursionError:
        raise InvalidInput("The body is nested too deeply.") from None
    except ValueError as error:  # broken JSON and broken UTF-8
        raise InvalidInput(f"The body is not JSON: {error}.") from None
    if not isinstance(body, dict):
        raise InvalidInput("The body must be a JSON object.")
    return body


def read_body(request: Request, limit: int) -> bytes:
    """The whole body; refused by its declared length before a byte of it is read.

    Raises:
        InvalidInput: the client stopped half way, or broke the transfer encoding.
        PayloadTooLarge: it is larger than the limit.
        UnsupportedMediaType: it is compressed.
    """
    refuse_compressed(request)
    length = request.content_length
    if length is None or length <= limit:
        try:
            body = request.stream.read() if length else request.stream.read(limit + 1)
        except Exception as error:  # the server's parser has errors of its own for bad chunks
            raise InvalidInput(f"The request's body cannot be read: {error}") from None
        if len(body) <= limit:
            tell_worker(request, "received")
            return body
    raise PayloadTooLarge(
        f"The body is larger than {limit // _MEGABYTE} MB; send it in several requests."
    )


def tell_worker(request: Request, what: str) -> None:
    """Tell who watches over slow clients (see `serve.worker`) that one has sent what it should.

    Args:
        request: of Flask.
        what: "received", or "receiving" when more is to come.
    """
    tell = request.environ.get(f"mlpack.{what}")
    if tell is not None:  # there are other servers, and tests
        tell()


def refuse_compressed(request: Request) -> None:
    """Bodies come as they are: no decompression, no bombs.

    Raises:
        UnsupportedMediaType: it is compressed.
    """
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedMediaType(
            f"The content encoding {encoding[:40]!r} is not supported; send it uncompressed."
        )
