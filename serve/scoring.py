"""One model's requests from bytes to bytes, knowing nothing of HTTP frameworks.

Whatever makes requests cheaper (batching them together, other formats) is behind `Scorer`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..errors import MlpackError, ModelFailed
from ..flavors.enforce import enforce, enforce_params
from .codecs import Decoded, decode
from .encode import encode_predictions
from .exchange import Answer, Exchange

if TYPE_CHECKING:
    from ..flavors.loaded import LoadedModel

# names of columns are the caller's text: bounded before they go into a header
_MAX_IGNORED_SHOWN = 20


class Scorer:
    """A model and what is worked out once for all its requests.

    Args:
        model: loaded; shared by all threads of a process.
        name: what the server calls it.
        version: of the registered model, '' if it is none.
    """

    def __init__(self, model: LoadedModel, name: str = "model", version: str = "") -> None:
        self.model = model
        self.name = name
        self.version = version
        self.signature = model.signature
        self._turn: AbstractContextManager[Any] = (
            threading.Lock() if _must_take_turns(model) else nullcontext()
        )

    def score(self, exchange: Exchange) -> Answer:
        """Parse, enforce, predict, encode.

        Args:
            exchange: with its body read.

        Raises:
            MlpackError: the caller's mistake (4xx), or `ModelFailed` (500).
        """
        content_type = exchange.environ.get("CONTENT_TYPE")
        decoded = decode(exchange.body, content_type, self.signature)
        predictions = self.predict(decoded, exchange)
        with blaming_the_model():  # encoding runs the model's code when it returned a generator
            answer = Answer(encode_predictions(predictions))
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
        data = enforce(self.signature, decoded.data)
        params = enforce_params(self.signature, decoded.params)
        facts: dict[str, Any] = {} if exchange is None else exchange.facts
        facts["data"] = data
        with blaming_the_model():
            facts["predictions"] = predictions = self._predict(data, params, facts)
        return predictions

    def _predict(self, data: Any, params: Mapping[str, Any], facts: dict[str, Any]) -> Any:
        with self._turn:
            begun = time.perf_counter()
            try:
                return self.model.predict_enforced(data, params)
            finally:
                facts["model_seconds"] = time.perf_counter() - begun


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


def _as_header(names: tuple[object, ...]) -> str:
    shown = ",".join(
        quote(str(name)[:100], safe=" ", errors="replace") for name in names[:_MAX_IGNORED_SHOWN]
    )
    return f"{shown},..." if len(names) > _MAX_IGNORED_SHOWN else shown
