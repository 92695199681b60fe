"""One request from bytes to bytes, knowing nothing of HTTP frameworks.

The app calls `Scorer.score`; whatever makes requests cheaper (batching them together,
answering past Flask, other formats) belongs behind this call.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import MlpackError, ModelFailed
from ..flavors.enforce import enforce, enforce_params
from .codecs import Decoded, decode
from .encode import encode_predictions

if TYPE_CHECKING:
    from ..flavors.loaded import LoadedModel


class Answer(NamedTuple):
    """A scored request.

    Attributes:
        body: ``{"predictions": …}`` as JSON.
        ignored: columns that came in and that the model's signature does not know.
    """

    body: bytes
    ignored: tuple[Any, ...]


class Scorer:
    """A model and what is worked out once for all its requests.

    Args:
        model: loaded; shared by all threads of a process.
    """

    def __init__(self, model: LoadedModel) -> None:
        self.model = model
        self.signature = model.signature
        self._turn: AbstractContextManager[Any] = (
            threading.Lock() if _must_take_turns(model) else nullcontext()
        )

    def score(self, body: bytes, content_type: str | None) -> Answer:
        """Parse, enforce, predict, encode.

        Raises:
            MlpackError: the caller's mistake (4xx), or `ModelFailed` (500).
        """
        data, params = self._enforce(decode(body, content_type, self.signature))
        with _blaming_the_model():
            # encoding runs the model's code too, when it returned a generator
            encoded = encode_predictions(self._predict(data, params))
        return Answer(encoded, getattr(data, "dropped", ()))

    def predict(self, decoded: Decoded) -> Any:
        """Enforce and predict.

        Raises:
            MlpackError: as `score`.
        """
        data, params = self._enforce(decoded)
        with _blaming_the_model():
            return self._predict(data, params)

    def _enforce(self, decoded: Decoded) -> tuple[Any, dict[str, Any]]:
        data = enforce(self.signature, decoded.data)
        return data, enforce_params(self.signature, decoded.params)

    def _predict(self, data: Any, params: Mapping[str, Any]) -> Any:
        with self._turn:
            return self.model.predict_enforced(data, params)


@contextmanager
def _blaming_the_model() -> Iterator[None]:
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
