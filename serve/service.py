"""What one server serves: its models by name, its settings, and whether it is ready.

service = Service({"model": Scorer(model)}, settings)
service.start()          in each worker: warms the models up, then `ready`
service.drain()          the worker is told to stop: no longer `ready`
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from ..errors import InvalidInput
from .body import receive
from .exchange import Answer, Exchange
from .process import Lifecycle
from .routing import Router, Shadow, known, parse_route
from .scoring import Scorer
from .settings import ServeSettings


class Service(Lifecycle):
    """The models behind one port.

    Args:
        scorers: by name, in the order in which they were given; the first answers
            ``/invocations`` unless the settings route it otherwise.
        settings: of the server.

    Attributes:
        ready: send requests here. Health checks that decide about traffic ask this; those that
            decide about life get an answer at all, or none.
        tell: gets what the shadow answered, for metrics; whoever makes the routes sets it.

    Raises:
        InvalidInput: the settings route to a model that is not served, or by a header without
            a route.
    """

    def __init__(self, scorers: Mapping[str, Scorer], settings: ServeSettings) -> None:
        self.scorers = dict(scorers)
        for scorer in self.scorers.values():
            scorer.max_unpacked = settings.max_body
        self.settings = settings
        self.tell: Callable[[Exchange, Answer], None] = _nobody
        self.router: Router | None = None
        self.shadow: Shadow | None = None
        if settings.route:
            self.router = Router(self.scorers, parse_route(settings.route), settings.route_by)
        elif settings.route_by:
            raise InvalidInput(
                "--route-by says which requests of a --route go together; give that, too."
            )
        if settings.shadow:
            shadow = known(settings.shadow, self.scorers)
            self.shadow = Shadow(shadow, lambda exchange, answer: self.tell(exchange, answer))
        self._warm = True  # as long as nobody calls `start`
        self._draining = False

    @property
    def default(self) -> Scorer:
        """The model that answers where none is named."""
        return next(iter(self.scorers.values()))

    def path_of(self, scorer: Scorer) -> str:
        """The address at which it is always this model that answers."""
        alone = scorer is self.default and self.router is None
        return "/invocations" if alone else f"/models/{scorer.name}/invocations"

    @property
    def ready(self) -> bool:
        """See the class."""
        return self._warm and not self._draining

    @property
    def waiting(self) -> int:
        """Requests that wait for a model in this process."""
        return sum(scorer.waiting for scorer in self.scorers.values())

    def start(self, then: Callable[[], None]) -> None:
        """In a new worker: whatever must not cross a fork (threads, first calls) happens now.

        Args:
            then: called when the models are warm.
        """
        self._warm = False

        def warm_up() -> None:
            for scorer in self.scorers.values():
                scorer.warm_up(self.settings)
            self._warm = True
            then()

        threading.Thread(target=warm_up, name="warm-up", daemon=True).start()

    def drain(self) -> None:
        """The worker stops: requests in flight are finished, new ones should go elsewhere."""
        self._draining = True

    def is_stuck(self) -> bool:
        """Whether a model that one thread calls at a time does not come back.

        Its call has taken half as long again as any request may; so has whatever waits behind it.
        Those are sent away.
        """
        limit = 1.5 * self.settings.timeout
        stuck = [
            scorer.batcher
            for scorer in self.scorers.values()
            if limit and scorer.batcher is not None and scorer.batcher.busy_seconds > limit
        ]
        for batcher in stuck:
            batcher.give_up()
        return bool(stuck)

    def pick(self, exchange: Exchange) -> Scorer:
        """The model for a request that names none."""
        return self.default if self.router is None else self.router.choose(exchange)

    def invoke(self, exchange: Exchange) -> Answer:
        """Score a request of the `/invocations` protocol by the model that routing chooses."""
        try:
            return self.invoke_by(self.pick(exchange), exchange)
        finally:
            if self.shadow is not None and exchange.body:
                self.shadow.offer(exchange)

    def invoke_by(self, scorer: Scorer, exchange: Exchange) -> Answer:
        """The same by a certain model."""
        self.chosen(scorer, exchange)
        receive(exchange, self.settings.max_body)
        return scorer.score(exchange)

    def chosen(self, scorer: Scorer, exchange: Exchange) -> None:
        """Note which model answers, for observers and, where there is a choice, for the client."""
        exchange.model = scorer.name
        if scorer.version:
            exchange.facts["version"] = scorer.version
        if scorer.version or len(self.scorers) > 1:
            exchange.headers.append(("X-Mlpack-Model", scorer.title))


def _nobody(exchange: Exchange, answer: Answer) -> None:
    """Stands in until somebody watches."""
