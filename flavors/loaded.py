"""A model in memory: one way to ask any of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import InvalidState, MlpackError, ModelFailed, SchemaMismatch
from .base import Predictor
from .descriptor import Model
from .enforce import enforce, enforce_params
from .gaps import first_gap
from .signature import ModelSignature


class LoadedModel:
    """A loaded model behind one uniform ``predict``.

    Attributes:
        metadata: its descriptor.
        folder: where it was loaded from.
        native: the framework's own object (a scikit-learn estimator, …).
    """

    def __init__(self, metadata: Model, folder: Path, native: Any, predictor: Predictor) -> None:
        self.metadata = metadata
        self.folder = folder
        self.native = native
        self._predictor = predictor

    @property
    def signature(self) -> ModelSignature | None:
        """What the model takes and returns, if known."""
        return self.metadata.signature

    def input_example(self) -> Any:
        """The data that was given as an example when the model was saved, or None."""
        info = self.metadata.saved_input_example_info
        if not info:
            return None
        from .examples import load_example

        return load_example(self.folder, info, self.signature)

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Check data against the signature, and score it.

        Args:
            data: a DataFrame, array, dict or list, as the signature says.
            params: inference parameters that the signature declares.

        Returns:
            what the model returns.

        Raises:
            SchemaMismatch: the data does not fit the signature.
            InvalidInput: an unknown or wrong parameter.
            ModelFailed: the model raised.
        """
        signature = self.metadata.signature
        return self.predict_enforced(
            enforce(signature, data), enforce_params(signature, dict(params) if params else None)
        )

    def predict_enforced(self, data: Any, params: Mapping[str, Any]) -> Any:
        """Score data that was checked against the signature already.

        Raises:
            ModelFailed: the model raised.
            SchemaMismatch: the model raised over data with gaps where the signature has none.
        """
        try:
            return self._predictor.predict(data, params)
        except MlpackError:
            raise
        except Exception as error:
            if gap := first_gap(self.metadata.signature, data):
                raise SchemaMismatch(f"{gap}, and the model does not take that: {error}") from error
            raise ModelFailed(f"The model raised {type(error).__name__}: {error}") from error

    @property
    def streams(self) -> bool:
        """Whether the model can give its answer in pieces: see `predict_stream`."""
        stream = hasattr(self._predictor, "predict_stream")
        return bool(getattr(self._predictor, "streams", stream)) and stream

    def predict_stream(self, data: Any, params: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """As `predict`, for a model that gives its answer in pieces.

        Returns:
            an iterator; the model works while it is read, and stops when it is closed.

        Raises:
            InvalidState: the model does not stream.
            SchemaMismatch, InvalidInput: as `predict`, before the first piece.
            ModelFailed: the model raised; from the iterator.
        """
        if not self.streams:
            raise InvalidState(
                "This model does not stream; use predict(). (A PythonModel streams if it has "
                "predict_stream.)"
            )
        signature = self.metadata.signature
        checked = enforce(signature, data)
        return self.stream_enforced(
            checked, enforce_params(signature, dict(params) if params else None)
        )

    def stream_enforced(self, data: Any, params: Mapping[str, Any]) -> Iterator[Any]:
        """Pieces for data that was checked against the signature already.

        Raises:
            ModelFailed: the model raised.
        """
        predictor: Any = self._predictor
        try:
            yield from predictor.predict_stream(data, params)
        except MlpackError:
            raise
        except Exception as error:
            raise ModelFailed(f"The model raised {type(error).__name__}: {error}") from error

    def unwrap_python_model(self) -> Any:
        """The user's own `PythonModel`.

        Raises:
            InvalidState: the model is of another kind; see ``native``.
        """
        try:
            return self.native.python_model
        except AttributeError:
            raise InvalidState(
                f"This model is no PythonModel but a {type(self.native).__name__}; take .native."
            ) from None

    def __repr__(self) -> str:
        return f"<LoadedModel {', '.join(sorted(self.metadata.flavors))} from {self.folder}>"
