"""Inputs and predictions, kept as Parquet: a sample of the requests, without any waiting for it.

A request leaves references in a bounded queue and goes on. A thread makes rows of them, gathers
these, and writes a file when there is enough or when half a minute has passed; so a worker that
is killed loses that much. What does not fit, into the queue or onto the disk, is counted.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ..errors import MissingDependency, MlpackError
from .background import Background
from .capture_files import CaptureFolder
from .capture_rows import Captured, RowMaker
from .exchange import Answer, Exchange

if TYPE_CHECKING:
    from ..flavors.signature import ModelSignature

log = logging.getLogger("mlpack.serve")

_MOST_WAITING = 64 * 1024 * 1024  # bytes of requests, as they came
_OVERHEAD = 1000
_FILE_BYTES = 16 * 1024 * 1024  # in memory; much less when written
_FILE_SECONDS = 30.0
_TICK_SECONDS = 5.0
_AT_ONCE = 200


class Capture:
    """Takes a sample of the requests. Made before the fork, started after it.

    Args:
        folder: where they go.
        rate: share of the requests, 0 to 1.
        signatures: of the models, by name.
        captured: told of requests that were written: how many, of which model.
        dropped: told of those that were not: how many, and why (``queue``, ``disk``, ``form``).

    Raises:
        MissingDependency: pyarrow is not installed.
    """

    def __init__(
        self,
        folder: CaptureFolder,
        rate: float,
        signatures: Mapping[str, ModelSignature | None],
        captured: Callable[[int, str], None],
        dropped: Callable[[int, str], None],
    ) -> None:
        if find_spec("pyarrow") is None:
            raise MissingDependency(
                "Captures are written as Parquet, which needs pyarrow: pip install pyarrow, or "
                "add it to the model's requirements."
            )
        import pyarrow.parquet  # noqa: F401 - once, before the fork

        self._folder = folder
        self._rate = rate
        self._makers = {name: RowMaker(signature) for name, signature in signatures.items()}
        self._captured, self._dropped = captured, dropped
        # by model: tables, and of how many requests they are
        self._gathered: dict[str, list[tuple[Any, int]]] = {}
        self._bytes = 0
        self._since = 0.0
        self._is_failing = False
        self._random = random.Random()  # noqa: S311 - it chooses a sample
        self._background = Background(
            "capture",
            self._work,
            limit=_MOST_WAITING,
            pause=0.2,
            tick=_TICK_SECONDS,
            finish=self._write,
        )

    def start(self) -> None:
        """In a new worker."""
        self._random.seed()
        self._background.start()

    def stop(self, seconds: float) -> None:
        """Write what waits, for at most so long."""
        self._background.stop(seconds)

    def observe(self, exchange: Exchange, answer: Answer) -> None:
        """Keep an exchange, if it is of the sample (an `exchange.Observer`)."""
        facts = exchange.facts
        if "data" not in facts or self._random.random() >= self._rate:
            return
        error = exchange.error
        entry = Captured(
            facts.get("request_id", ""),
            time.time(),
            exchange.model,
            facts.get("version", ""),
            bool(facts.get("shadow")),
            None if error is None else getattr(error, "error_code", MlpackError.error_code),
            facts["data"],
            facts.get("predictions") if error is None else None,
        )
        sent = len(answer.body) if isinstance(answer.body, bytes) else 0
        if not self._background.put(entry, len(exchange.body) + sent + _OVERHEAD):
            self._dropped(1, "queue")

    def _work(self, entries: list[Captured]) -> None:
        for start in range(0, len(entries), _AT_ONCE):
            self._gather(entries[start : start + _AT_ONCE])
            if self._bytes >= min(_FILE_BYTES, self._folder.max_bytes // 4):
                self._write()
        if self._gathered and time.monotonic() - self._since >= _FILE_SECONDS:
            self._write()

    def _gather(self, entries: list[Captured]) -> None:
        """Rows of some requests; in one piece, as a small one costs many times what it holds."""
        import pyarrow as pa

        made: dict[str, list[Any]] = {}
        for entry in entries:
            try:
                made.setdefault(entry.model, []).append(self._makers[entry.model].rows(entry))
            except Exception:
                log.debug("A request cannot be captured", exc_info=True)
                self._dropped(1, "form")
        for model, batches in made.items():
            if batches:
                table = pa.Table.from_batches(batches).combine_chunks()
                if not self._gathered:
                    self._since = time.monotonic()
                self._gathered.setdefault(model, []).append((table, len(batches)))
                self._bytes += table.nbytes

    def _write(self) -> None:
        """A file for each model that something was gathered of."""
        import pyarrow as pa

        gathered, self._gathered, self._bytes = self._gathered, {}, 0
        for model, pieces in gathered.items():
            requests = sum(count for _, count in pieces)
            try:
                self._folder.write(model, pa.concat_tables([table for table, _ in pieces]))
            except (OSError, pa.ArrowException) as error:
                if not self._is_failing:  # once, not for every file while the disk is full
                    reason = getattr(error, "strerror", None) or error
                    log.error("Captured requests are lost: %s.", reason)
                self._is_failing = True
                self._dropped(requests, "disk")
            else:
                self._is_failing = False
                self._captured(requests, model)
