"""Who a request is: its id, and the trace of the caller that it belongs to (W3C Trace Context)."""

from __future__ import annotations

import random
import re
from typing import NamedTuple

from .exchange import Answer, Exchange

# goes into answers and logs: letters, digits and what ids of other systems are made of
_SANE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=@-]{0,127}")
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_random = random.Random()  # noqa: S311 - ids are no secrets


class TraceParent(NamedTuple):
    """The caller's place in a trace."""

    trace_id: str
    span_id: str
    flags: str


def parse_traceparent(text: str) -> TraceParent | None:
    """The header ``traceparent``, or None unless it is exactly as the standard wants it."""
    match = _TRACEPARENT.fullmatch(text)
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    # later versions may have more to say; this one has not
    if version == "ff" or (version == "00" and more is not None):
        return None
    if trace_id == "0" * 32 or span_id == "0" * 16:
        return None
    return TraceParent(trace_id, span_id, flags)


def name_request(exchange: Exchange) -> Answer | None:
    """A guard that gives every request its id, which goes back in ``X-Request-Id``.

    The caller's is taken when it is sane. The fact ``request_id`` and, with a trace,
    ``trace_id`` and ``span_id`` are there for the observers.
    """
    given = exchange.environ.get("HTTP_X_REQUEST_ID", "")
    sane = given and _SANE_ID.fullmatch(given)
    request_id = given if sane else f"{_random.getrandbits(128):032x}"
    exchange.facts["request_id"] = request_id
    exchange.headers.append(("X-Request-Id", request_id))
    if (parent := exchange.environ.get("HTTP_TRACEPARENT")) and (
        trace := parse_traceparent(parent)
    ):
        exchange.facts["trace_id"] = trace.trace_id
        exchange.facts["span_id"] = trace.span_id
        exchange.facts["trace_flags"] = trace.flags
    return None


def reseed() -> None:
    """After a fork: no two processes may make the same ids."""
    _random.seed()
