"""Whether a request is taken in at all: not beyond what may wait, not after its time.

The worker says in the environ when a request came and whether it found the queue full. Only
requests for predictions are refused then: health checks and metrics must go on telling.
"""

from __future__ import annotations

import time

from ..errors import Busy, DeadlineExceeded, InvalidInput
from .exchange import Answer, Exchange

# A client that says how many seconds it waits keeps the server from working for nobody.
_HEADER = "HTTP_X_REQUEST_TIMEOUT"


def admit(exchange: Exchange) -> Answer | None:
    """A guard: sets the exchange's deadline.

    Raises:
        Busy: more requests are waiting than are let in.
        DeadlineExceeded: it waited for a thread longer than it may take.
        InvalidInput: the client's time limit is no number.
    """
    environ = exchange.environ
    if environ["REQUEST_METHOD"] != "POST":
        return None
    if environ.get("mlpack.overloaded"):
        raise Busy("More requests are waiting than this server takes in; try again in a moment.")
    exchange.deadline = environ.get("mlpack.deadline", exchange.deadline)
    if (text := environ.get(_HEADER)) is not None:
        arrived = environ.get("mlpack.arrived") or time.monotonic()
        exchange.deadline = min(exchange.deadline, arrived + _seconds(text))
    if exchange.deadline < time.monotonic():
        raise DeadlineExceeded("The request waited for a free thread longer than it may take.")
    return None


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not seconds > 0:
        raise InvalidInput(f"X-Request-Timeout is {text[:40]!r}; it must be seconds above 0.")
    return seconds
