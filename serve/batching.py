"""Natural batching: requests that come while the model is busy are predicted together next.

No timers. A request that finds nobody predicting predicts in its own thread, at once, and pays
nothing. The others wait in line; when a prediction ends, whoever has waited longest leads: it
takes all of the line that look like itself, predicts them in one call and hands out the results.
One thread predicts at a time, which models that are not safe to call from several need anyway.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from ..errors import DeadlineExceeded, Unavailable
from .merge import join, kind_of, rows_of, split

log = logging.getLogger("mlpack.serve")

Predict = Callable[[Any, Mapping[str, Any]], Any]


class _Waiting:
    """A request in the line."""

    __slots__ = (
        "data", "deadline", "error", "facts", "gate", "kind", "leads", "params", "result", "rows",
        "since",
    )  # fmt: skip

    def __init__(
        self, data: Any, params: Mapping[str, Any], facts: dict[str, Any], deadline: float
    ) -> None:
        self.data, self.params, self.facts, self.deadline = data, params, facts, deadline
        self.kind: Hashable = None
        self.rows = 1
        self.since = time.monotonic()
        self.leads = False
        self.result: Any = None
        self.error: Exception | None = None
        self.gate = threading.Lock()  # opened when it is this request's turn, or its result is here
        self.gate.acquire()


class Batcher:
    """The line in front of one model, in one process.

    Args:
        predict: the model; called by one thread at a time.
        max_rows: most rows of several requests in one call; 1 joins none.
        max_wait: seconds that a call waits for others to join; 0: it takes what is there.

    Attributes:
        max_rows: may be changed at any time.
    """

    def __init__(self, predict: Predict, max_rows: int = 1, max_wait: float = 0.0) -> None:
        self.max_rows = max_rows
        self.max_wait = max_wait
        self._predict = predict
        self._lock = threading.Lock()
        self._busy = False
        self._line: deque[_Waiting] = deque()
        self._began = 0.0  # the call that goes on

    @property
    def waiting(self) -> int:
        """Requests in the line."""
        return len(self._line)

    @property
    def busy_seconds(self) -> float:
        """How long the call that goes on has taken so far; 0 if there is none."""
        return time.monotonic() - self._began if self._busy and self._began else 0.0

    def give_up(self) -> None:
        """Send everybody in the line away: the model is not going to answer."""
        with self._lock:
            for item in self._line:
                item.error = Unavailable("The model hangs; this worker is being replaced.")
                item.gate.release()
            self._line.clear()

    def predict(
        self,
        data: Any,
        params: Mapping[str, Any],
        facts: dict[str, Any],
        deadline: float = float("inf"),
    ) -> Any:
        """A prediction for one request, computed alone or with others.

        Args:
            data: enforced input.
            params: enforced parameters.
            facts: gets ``rows``, ``batch_rows``, ``model_seconds``, ``queue_seconds``.
            deadline: when it is not worth computing any more, by `time.monotonic`.

        Raises:
            DeadlineExceeded: its turn did not come in time.
            Exception: whatever the model raises for this input.
        """
        if not self.max_wait:
            with self._lock:
                free = not self._busy
                self._busy = True
            if free:
                try:
                    return self._alone(data, params, facts)
                finally:
                    self._call_next()
        return self._in_line(_Waiting(data, params, facts, deadline))

    def _alone(self, data: Any, params: Mapping[str, Any], facts: dict[str, Any]) -> Any:
        facts["model_begun"] = begun = self._began = time.monotonic()
        try:
            return self._predict(data, params)
        finally:
            facts["model_seconds"] = time.monotonic() - begun

    def _in_line(self, me: _Waiting) -> Any:
        if self.max_rows > 1:
            me.rows = rows_of(me.data) or 1
            if me.rows < self.max_rows:
                me.kind = kind_of(me.data)
        with self._lock:
            if self._busy:
                self._line.append(me)
            else:  # it became free in the meantime
                self._busy = me.leads = True
        if not me.leads:
            self._wait(me)
        if me.leads:
            return self._lead(me)
        if me.error is not None:
            raise me.error
        return me.result

    def _wait(self, me: _Waiting) -> None:
        patience = me.deadline - time.monotonic()
        if me.gate.acquire(timeout=min(max(patience, 0.0), threading.TIMEOUT_MAX)):
            return
        with self._lock:
            if me in self._line:
                self._line.remove(me)
                raise _expired()
        me.gate.acquire()  # it was just chosen: the result is being computed, or it leads

    def _lead(self, me: _Waiting) -> Any:
        others: list[_Waiting] = []
        try:
            if self.max_wait:
                time.sleep(max(0.0, min(me.since + self.max_wait, me.deadline) - time.monotonic()))
            if me.deadline <= time.monotonic():
                raise _expired()
            me.facts["queue_seconds"] = time.monotonic() - me.since
            others = self._gather(me)
            if others:
                results = self._together([me, *others])
                if results is not None:
                    me.result, *rest = results
                    for other, result in zip(others, rest, strict=True):
                        other.result = result
                    return me.result
                self._send_back(others)
                others = []
            return self._alone(me.data, me.params, me.facts)
        finally:
            self._call_next()
            for other in others:
                other.gate.release()

    def _gather(self, me: _Waiting) -> list[_Waiting]:
        """Take out of the line what can be predicted together with this, oldest first."""
        if me.kind is None:
            return []
        taken, left, now = [], [], time.monotonic()
        rows = me.rows
        with self._lock:
            for other in self._line:
                if other.deadline <= now:
                    other.error = _expired()
                    other.gate.release()
                elif (
                    rows + other.rows <= self.max_rows
                    and other.kind == me.kind
                    and (other.params is me.params or repr(other.params) == repr(me.params))
                ):
                    taken.append(other)
                    rows += other.rows
                else:
                    left.append(other)
            self._line = deque(left)
        return taken

    def _together(self, batch: list[_Waiting]) -> list[Any] | None:
        """One call for all of them; None if each has to be asked for singly."""
        counts = [item.rows for item in batch]
        begun = self._began = time.monotonic()
        try:
            predictions = self._predict(join([item.data for item in batch]), batch[0].params)
        except BaseException as error:  # one of them is bad, and only that one shall fail
            log.info("A batch of %s rows failed: %s", sum(counts), error)
            return None
        results = split(predictions, counts)
        if results is None:
            log.warning(
                "The model returned something else than a prediction a row for a batch of %s rows; "
                "from now on every request is predicted alone.",
                sum(counts),
            )
            self.max_rows = 1
            return None
        seconds = time.monotonic() - begun
        for item in batch:
            item.facts["queue_seconds"] = begun - item.since
            item.facts["model_begun"] = begun
            item.facts["model_seconds"] = seconds
            item.facts["batch_rows"] = sum(counts)
        return results

    def _send_back(self, others: list[_Waiting]) -> None:
        """To the head of the line, where each is then predicted alone by its own thread."""
        for other in others:
            other.kind = None
        with self._lock:
            self._line.extendleft(reversed(others))

    def _call_next(self) -> None:
        with self._lock:
            self._began = 0.0
            if not self._line:
                self._busy = False
                return
            first = self._line.popleft()
            first.leads = True
        first.gate.release()


def _expired() -> DeadlineExceeded:
    return DeadlineExceeded("The request waited for the model longer than it may take.")
