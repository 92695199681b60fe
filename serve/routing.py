"""Which of several models answers ``/invocations``, and which one tries itself on a copy.

    champion=90,challenger=10     nine of ten requests go to one, the tenth to the other

Requests that carry the same value in a chosen header (a user's id, say) go to the same model.
"""

from __future__ import annotations

import logging
import queue
import random
import re
import threading
import zlib
from bisect import bisect
from collections.abc import Callable, Mapping
from itertools import accumulate

from ..errors import InvalidInput
from .exchange import Answer, Exchange
from .failures import answer_to
from .scoring import Scorer

log = logging.getLogger("mlpack.serve")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_MOST_WAITING = 32  # copies for the shadow
_MOST_BYTES = 64 * 1024 * 1024  # that those may hold


def name_and_uri(text: str) -> tuple[str, str]:
    """``champion=models:/churn/3`` as the name and the address; without a name as '' and all.

    An equals sign that belongs to a path comes after a slash or a dot: ``./a=b``.
    """
    name, equals, uri = text.partition("=")
    if equals and uri and _NAME.fullmatch(name):
        return name, uri
    return "", text


def as_name(text: str) -> str:
    """A name that can stand in an address, made from any text."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:100] or "model"


def parse_route(text: str) -> dict[str, float]:
    """``a=90,b=10`` as weights by name.

    Raises:
        InvalidInput: it is not of this form, or has no weight above zero.
    """
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = part.strip().partition("=")
        try:
            weights[name] = float(number)
        except ValueError:
            raise InvalidInput(
                f"The route {text[:80]!r} is not of the form champion=90,challenger=10."
            ) from None
    if not all(0 <= w < 1e9 for w in weights.values()) or not sum(weights.values()) > 0:
        raise InvalidInput(f"The weights of the route {text[:80]!r} must be positive numbers.")
    return weights


def known(name: str, scorers: Mapping[str, Scorer]) -> Scorer:
    """The model of this name.

    Raises:
        InvalidInput: there is none; the message says which there are.
    """
    if name not in scorers:
        raise InvalidInput(
            f"There is no model {name[:80]!r} to route to; served are {', '.join(scorers)}."
        )
    return scorers[name]


class Router:
    """Chooses by weight, at random or by a header.

    Args:
        scorers: all models that are served.
        route: weights by name.
        header: a header of requests whose value decides; '' leaves it to chance.

    Raises:
        InvalidInput: a name is none of the models'.
    """

    def __init__(
        self, scorers: Mapping[str, Scorer], route: Mapping[str, float], header: str = ""
    ) -> None:
        self.weights = dict(route)
        self._scorers = [known(name, scorers) for name in route]
        self._ends = list(accumulate(route.values()))
        self._header = f"HTTP_{header.upper().replace('-', '_')}" if header else ""

    def choose(self, exchange: Exchange) -> Scorer:
        """The model for one request."""
        share = random.random()  # noqa: S311 - nothing secret
        if self._header and (value := exchange.environ.get(self._header)):
            share = zlib.crc32(value.encode("utf-8", "replace")) / 2**32
        last = len(self._ends) - 1
        return self._scorers[bisect(self._ends, share * self._ends[-1], hi=last)]


class Shadow:
    """A model that gets copies of requests, one at a time, off their way; its answers go nowhere.

    What comes while it is busy with a full line of others is left out.

    Args:
        scorer: the model.
        tell: gets each copy and its answer, for metrics.
    """

    def __init__(self, scorer: Scorer, tell: Callable[[Exchange, Answer], None]) -> None:
        self.scorer = scorer
        self._tell = tell
        self._line: queue.Queue[Exchange] = queue.Queue(_MOST_WAITING)
        self._bytes = 0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def offer(self, exchange: Exchange) -> bool:
        """Try a request that was answered already; returns at once.

        Returns:
            False if it was left out.
        """
        size = len(exchange.body)
        with self._lock:
            if self._bytes + size > _MOST_BYTES or self._line.full():
                return False
            self._bytes += size
            if self._thread is None:  # not before: threads do not survive a fork
                self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)
                self._thread.start()
            self._line.put_nowait(self._copy(exchange))  # in the lock: nobody else takes the place
        return True

    def _copy(self, exchange: Exchange) -> Exchange:
        texts = {name: v for name, v in exchange.environ.items() if type(v) is str}
        copy = Exchange(texts, exchange.body, route=exchange.route, model=self.scorer.name)
        copy.facts.update(shadow=True, version=self.scorer.version)
        if "request_id" in exchange.facts:
            copy.facts["request_id"] = exchange.facts["request_id"]
        return copy

    def _run(self) -> None:
        while True:
            exchange = self._line.get()
            try:
                answer = self.scorer.score(exchange)
            except Exception as error:
                exchange.error = error
                answer = answer_to(error)
            with self._lock:
                self._bytes -= len(exchange.body)
            self._tell(exchange, answer)
