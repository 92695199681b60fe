"""One line of JSON a request, to standard output: what was asked, what it cost, who it was.

Never a body, a query or a header that could hold a secret. A line is shorter than what a pipe
takes at once, so the lines of several workers never mix; and nobody waits for the pipe but a
thread of its own.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ..errors import MlpackError
from .background import Background
from .exchange import Answer, Exchange

log = logging.getLogger("mlpack.serve")

_WHOLE = 4096  # bytes that a pipe takes without mixing them with another process's (PIPE_BUF)
_LONGEST_PATH = 250
_MOST_LINES = 10_000
_encode = json.JSONEncoder(separators=(",", ":")).encode  # ASCII: control characters are escaped


class AccessLog:
    """Writes the lines. Made before the fork, started after it.

    Args:
        dropped: told how many lines were lost.
        fd: where to write.
    """

    def __init__(self, dropped: Callable[[int], None], fd: int = 1) -> None:
        self._dropped = dropped
        self._fd = fd
        self._broken = False
        self._background = Background("access-log", self._write, limit=_MOST_LINES, pause=0.05)

    def start(self) -> None:
        """In a new worker."""
        self._background.start()

    def stop(self, seconds: float) -> None:
        """Write what waits, for at most so long."""
        self._background.stop(seconds)

    def observe(self, exchange: Exchange, answer: Answer) -> None:
        """Put a finished exchange down (an `exchange.Observer`)."""
        took = time.perf_counter() - exchange.started
        # only what the line needs: the exchange holds the data of the request
        entry = (time.time(), took, exchange.environ, *_outcome(exchange, answer))
        if not self._background.put(entry):
            self._dropped(1)

    def _write(self, entries: list[Any]) -> None:
        waiting = b""
        for entry in entries:
            line = _line(*entry)
            if len(waiting) + len(line) > _WHOLE:
                self._put_out(waiting)
                waiting = b""
            waiting += line
        self._put_out(waiting)

    def _put_out(self, lines: bytes) -> None:
        if self._broken:
            self._dropped(lines.count(b"\n"))
            return
        try:
            while lines:  # a file may take a part
                lines = lines[os.write(self._fd, lines) :]
        except BlockingIOError:  # somebody made the pipe so
            self._dropped(lines.count(b"\n"))
        except OSError as error:
            log.error("The access log cannot be written (%s); it ends here.", error.strerror)
            self._broken = True
            self._dropped(lines.count(b"\n"))


def _outcome(exchange: Exchange, answer: Answer) -> tuple[Any, ...]:
    facts = exchange.facts
    error = exchange.error
    kept = {name: facts[name] for name in _FACTS if name in facts}
    code = getattr(error, "error_code", MlpackError.error_code) if error is not None else None
    return (
        answer.status,
        code,
        exchange.model,
        kept,
        len(exchange.body),
        _sent(answer),
    )


def _sent(answer: Answer) -> int | None:
    """Bytes of the body; None for a stream."""
    if answer.body or not isinstance(answer.body, bytes):
        return len(answer.body) if isinstance(answer.body, bytes) else None
    # of what the framework answered only the headers are known here
    return next((int(text) for name, text in answer.headers if name == "Content-Length"), 0)


_FACTS = (
    *("request_id", "trace_id", "span_id", "model_seconds", "queue_seconds"),
    *("rows", "batch_rows", "version", "shadow"),
)


def _line(
    when: float,
    took: float,
    environ: dict[str, Any],
    status: int,
    code: str | None,
    model: str,
    facts: dict[str, Any],
    received: int,
    sent: int | None,
) -> bytes:
    declared = environ.get("CONTENT_LENGTH", "")
    fields = {
        "time": datetime.fromtimestamp(when, UTC).isoformat(timespec="milliseconds"),
        "method": environ["REQUEST_METHOD"][:20],
        "path": _readable(environ.get("PATH_INFO", "")),
        "status": status,
        "duration_ms": _milliseconds(took),
        "model_ms": _milliseconds(facts.get("model_seconds")),
        "queue_ms": _milliseconds(facts.get("queue_seconds")),
        "rows": facts.get("rows"),
        "batch_rows": facts.get("batch_rows"),
        "bytes_in": int(declared) if declared.isdecimal() else received,
        "bytes_out": sent,
        "model": model or None,
        "version": facts.get("version") or None,
        "error": code,
        "request_id": facts.get("request_id"),
        "trace_id": facts.get("trace_id"),
        "span_id": facts.get("span_id"),
        "shadow": facts.get("shadow"),
        "client": environ.get("REMOTE_ADDR") or None,
        "pid": os.getpid(),
    }
    text = _encode({name: value for name, value in fields.items() if value is not None})
    return text.encode("ascii") + b"\n"


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def _readable(path: str) -> str:
    """WSGI's path, which is bytes in disguise, as text."""
    text = path.encode("latin-1", "replace").decode("utf-8", "backslashreplace")
    return text if len(text) <= _LONGEST_PATH else text[:_LONGEST_PATH] + "…"
