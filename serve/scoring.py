"""One model's requests from bytes to bytes, knowing nothing of HTTP frameworks.

Whatever makes requests cheaper (batching them together, other formats) is behind `Scorer`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..errors import DeadlineExceeded, MlpackError, ModelFailed
from ..flavors.enforce import enforce, enforce_params
from .answers import choose
from .batching import Batcher
from .codecs import MAX_UNPACKED, Decoded, decode_request
from .exchange import Answer, Exchange
from .merge import rows_of, split
from .settings import ServeSettings
from .streams import HEADERS as STREAM_HEADERS
from .streams import begin

if TYPE_CHECKING:
    from ..flavors.loaded import LoadedModel
    from ..flavors.signature import ModelSignature

log = logging.getLogger("mlpack.serve")

_MOST_EXAMPLE_ROWS = 20

# names of columns are the caller's text: bounded before they go into a header
_MAX_IGNORED_SHOWN = 20


class Scorer:
    """A model and what is worked out once for all its requests.

    Args:
        model: loaded; shared by all threads of a process.
        name: what the server calls it.
        version: of the registered model, '' if it is none.

    Attributes:
        title: name and version.
        batcher: the line in front of the model, where only one thread may predict at a time or
            where that pays; None for a model that any thread calls when it wants to.
        max_unpacked: bytes that a body of a binary format may unpack to.
    """

    def __init__(self, model: LoadedModel, name: str = "model", version: str = "") -> None:
        self.model = model
        self.name = name
        self.version = version
        self.title = f"{name}/{version}" if version else name
        self.signature = model.signature
        self.streams = model.streams
        self.max_unpacked = MAX_UNPACKED
        self.batcher = Batcher(model.predict_enforced) if _must_take_turns(model) else None

    @property
    def waiting(self) -> int:
        """Requests that wait for the model in this process."""
        return 0 if self.batcher is None else self.batcher.waiting

    @property
    def batched(self) -> bool:
        """Whether requests are predicted together in this process."""
        return self.batcher is not None and self.batcher.max_rows > 1

    def warm_up(self, settings: ServeSettings) -> None:
        """Call the model for the first time in this process, and find out whether batching pays.

        Its failures are only logged: an example that does not work makes no bad server.
        """
        from .examples import example_request
        from .json_forms import split_payload

        if settings.batching == "on":
            self._batch(settings)
        try:
            payload = example_request(self.model)
            if payload is None:
                return
            decoded = Decoded(*split_payload(payload, self.signature))
            data, params = self._enforce(decoded)
            if (rows := rows_of(data) or 0) > _MOST_EXAMPLE_ROWS:
                data = (split(data, [_MOST_EXAMPLE_ROWS, rows - _MOST_EXAMPLE_ROWS]) or [data])[0]
            self._call(data, params)
        except (Exception, SystemExit) as error:
            log.info("The model %s failed at its own example: %s", self.name, error)
            return
        if settings.batching == "auto" and _declares_inputs(self.signature):
            from .probe import gains_from_batching

            if gains_from_batching(self._call, data, params):
                self._batch(settings)

    def _call(self, data: Any, params: Mapping[str, Any]) -> Any:
        return self._predict(data, params, {}, float("inf"))

    def _batch(self, settings: ServeSettings) -> None:
        batcher = self.batcher or Batcher(self.model.predict_enforced)
        batcher.max_rows, batcher.max_wait = settings.max_batch_rows, settings.max_batch_wait
        self.batcher = batcher

    def score(self, exchange: Exchange) -> Answer:
        """Parse, enforce, predict, encode.

        Args:
            exchange: with its body read.

        Raises:
            MlpackError: the caller's mistake (4xx), or `ModelFailed` (500).
        """
        form = choose(exchange.environ.get("HTTP_ACCEPT", ""), can_stream=self.streams)
        decoded = decode_request(exchange, self.signature, self.max_unpacked)
        if form.stream is not None:
            pieces = form.stream(begin(self.stream(decoded, exchange)))
            answer = Answer(pieces, form.content_type, headers=list(STREAM_HEADERS))
        else:
            predictions = self.predict(decoded, exchange)
            with blaming_the_model():  # encoding runs its code when it returned a generator
                answer = Answer(form.encode(predictions), form.content_type)
        if ignored := getattr(exchange.facts["data"], "dropped", ()):
            answer.headers.append(("X-Mlpack-Ignored-Columns", _as_header(ignored)))
        return answer

    def predict(self, decoded: Decoded, exchange: Exchange | None = None) -> Any:
        """Enforce and predict.

        Args:
            decoded: what a codec made of a body.
            exchange: gets the facts: data, predictions, rows, seconds.

        Raises:
            MlpackError: as `score`.
        """
        data, params = self._enforce(decoded)
        facts, deadline = (
            ({}, float("inf")) if exchange is None else (exchange.facts, exchange.deadline)
        )
        facts["data"] = data
        facts["rows"] = rows_of(data)
        with blaming_the_model():
            facts["predictions"] = predictions = self._predict(data, params, facts, deadline)
        return predictions

    def stream(self, decoded: Decoded, exchange: Exchange) -> Iterator[Any]:
        """Enforce, and predict in pieces while they are read.

        Raises:
            MlpackError: as `score`; from the iterator, at its first piece or later.
        """
        data, params = self._enforce(decoded)
        exchange.facts["data"] = data
        exchange.facts["rows"] = rows_of(data)
        try:
            with blaming_the_model():
                yield from self.model.stream_enforced(data, params)
        except MlpackError as error:
            exchange.error = error  # the answer has begun: nobody else will notice
            raise

    def _enforce(self, decoded: Decoded) -> tuple[Any, dict[str, Any]]:
        data = enforce(self.signature, decoded.data)
        return data, enforce_params(self.signature, decoded.params)

    def _predict(
        self, data: Any, params: Mapping[str, Any], facts: dict[str, Any], deadline: float
    ) -> Any:
        if self.batcher is not None:
            return self.batcher.predict(data, params, facts, deadline)
        facts["model_begun"] = begun = time.monotonic()
        if begun > deadline:
            raise DeadlineExceeded("The request waited longer than it may take.")
        try:
            return self.model.predict_enforced(data, params)
        finally:
            facts["model_seconds"] = time.monotonic() - begun


@contextmanager
def blaming_the_model() -> Iterator[None]:
    """Whatever user code raises becomes `ModelFailed`; SystemExit and the like end no server.

    Our own errors pass: a model may refuse its input in our words (`InvalidInput` is a 400).
    """
    try:
        yield
    except MlpackError:
        raise
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        if isinstance(error, KeyboardInterrupt) and _in_main_thread():
            raise  # somebody pressed Ctrl-C
        raise ModelFailed(describe_failure(error)) from error


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def describe_failure(error: BaseException) -> str:
    """The message that the caller gets when a model raised: its words, never its trace."""
    text = str(error).strip()
    return f"The model raised {type(error).__name__}{': ' if text else ''}{text}"


def _must_take_turns(model: LoadedModel) -> bool:
    """Whether only one thread may predict at a time.

    scikit-learn's ensembles reset the process's warning filters and start joblib pools in
    every call, which goes wrong from several threads at once. Its calls hold the interpreter
    lock for most of their time anyway.
    """
    return "sklearn" in model.metadata.flavors


def _declares_inputs(signature: ModelSignature | None) -> bool:
    """Only then all requests are of the example's kind."""
    return signature is not None and signature.inputs is not None


def _as_header(names: tuple[object, ...]) -> str:
    shown = ",".join(
        quote(str(name)[:100], safe=" ", errors="replace") for name in names[:_MAX_IGNORED_SHOWN]
    )
    return f"{shown},..." if len(names) > _MAX_IGNORED_SHOWN else shown
