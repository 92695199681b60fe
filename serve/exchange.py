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
        route: the pattern it matched, for metrics: ``/models/{name}/invocations``.
        model: the name of the model that answered; '' while none is chosen.
        error: what went wrong, if something did.
        facts: what observers want to know: ``rows``, ``model_seconds``, ``batch_rows``,
            ``queue_seconds``, ``data`` and ``predictions`` (for captures), ``version``, …
    """

    environ: dict[str, Any]
    body: bytes = b""
    started: float = field(default_factory=time.perf_counter)
    route: str = ""
    model: str = ""
    error: Exception | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def header(self, name: str) -> str:
        """A header of the request by its WSGI name (``HTTP_ACCEPT``), '' when it is not there."""
        value: str = self.environ.get(name, "")
        return value


Handler = Callable[[Exchange], Answer]
# told of every finished exchange on a scoring route, with its answer; must be quick, may not raise
Observer = Callable[[Exchange, Answer], None]
