"""Answers in pieces, as a model makes them: server-sent events, or one line of JSON each.

    data: {"prediction": …}            a piece
    event: error                       what went wrong, after which nothing comes
    data: {"error_code", "message"}
    event: end                         all pieces came
    data: {}

As lines: ``{"prediction": …}`` a piece, ``{"error_code", "message"}`` as the last line.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from .encode import encode_json
from .failures import answer_to

log = logging.getLogger("mlpack.serve")

EVENTS = "text/event-stream"
LINES = "application/x-ndjson"
# a proxy that collects an answer before it sends it on would undo the streaming
HEADERS = (("Cache-Control", "no-cache"), ("X-Accel-Buffering", "no"))


def as_events(pieces: Iterable[Any]) -> Iterator[bytes]:
    """Server-sent events."""
    for kind, content in _messages(pieces):
        if kind == "piece":
            yield b"data: " + content + b"\n\n"
        else:
            yield b"event: " + kind.encode() + b"\ndata: " + content + b"\n\n"


def as_lines(pieces: Iterable[Any]) -> Iterator[bytes]:
    """Newline-delimited JSON."""
    for kind, content in _messages(pieces):
        if kind != "end":
            yield content + b"\n"


def _messages(pieces: Iterable[Any]) -> Iterator[tuple[str, bytes]]:
    """Kinds and contents; an error ends them and is one of them. Closing closes the model's."""
    iterator = iter(pieces)
    try:
        for piece in iterator:
            yield "piece", b'{"prediction":' + encode_json(piece) + b"}"
        yield "end", b"{}"
    except Exception as error:
        yield "error", _body(error)
    finally:
        if (close := getattr(iterator, "close", None)) is not None:
            close()


def _body(error: Exception) -> bytes:
    body = answer_to(error).body
    assert isinstance(body, bytes)
    return body


def begin(pieces: Iterator[Any]) -> Iterator[Any]:
    """The same pieces, the first of which is there already.

    What fails before the first piece is so an ordinary error with its status.

    Args:
        pieces: of a model.
    """
    for first in pieces:
        return _Begun(first, pieces)
    return iter(())


class _Begun:
    """An iterator whose first item was taken already."""

    def __init__(self, first: Any, rest: Iterator[Any]) -> None:
        self._rest = rest
        self._all = chain((first,), rest)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._all)

    def close(self) -> None:
        if (close := getattr(self._rest, "close", None)) is not None:
            close()
