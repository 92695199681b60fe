"""A request and an answer as the scoring routes see them: plain WSGI, no framework.

A route is a function from an `Exchange` to an `Answer`; it raises `MlpackError` for everything
else. Who calls it (`hot`) writes the answer, and tells the observers (metrics, log, capture).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Answer:
    """What goes back.

    Attributes:
        body: all of it, or its pieces as they come (a stream).
        content_type: of the body.
        status: of HTTP.
        headers: more of them, as (name, value).
    """

    body: bytes | Iterable[bytes]
    content_type: str = "application/json"
    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Exchange:
    """One request, and what is found out about it on the way.

    Attributes:
        environ: of WSGI, with the raw headers.
        body: of the request, decompressed; empty until a route reads it.
        started: when its headers were read, by `time.perf_counter`.
        deadline: when nobody waits for an answer any more, by `time.monotonic`.
        route: the pattern it matched, for metrics: ``/models/{name}/invocations``; '' for
            whatever is left to Flask (pages, unknown addresses).
        model: the name of the model that answered; '' while none is chosen.
        error: what went wrong, if something did.
        headers: go out with the answer, whichever it will be; for guards (CORS, request ids).
        facts: what observers want to know: ``rows``, ``model_seconds``, ``batch_rows``,
            ``queue_seconds``, ``data`` and ``predictions`` (for captures), ``version``,
            ``shadow`` (true for a copy whose answer nobody gets), …
    """

    environ: dict[str, Any]
    body: bytes = b""
    started: float = field(default_factory=time.perf_counter)
    deadline: float = float("inf")
    route: str = ""
    model: str = ""
    error: Exception | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def header(self, name: str) -> str:
        """A header of the request by its WSGI name (``HTTP_ACCEPT``), '' when it is not there."""
        value: str = self.environ.get(name, "")
        return value


Handler = Callable[[Exchange], Answer]
# run before the handler, for every request, pages included; may answer in its stead or raise
Guard = Callable[[Exchange], "Answer | None"]
# told of every finished exchange, with its answer; must be quick, may not raise
Observer = Callable[[Exchange, Answer], None]
