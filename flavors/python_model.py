"""Models in the user's own words: a class with ``predict``, or a function.

class Greeter(mlpack.pyfunc.PythonModel):
    def load_context(self, context):
        self.greeting = Path(context.artifacts["greeting"]).read_text()

    def predict(self, context, model_input, params=None):
        return [f"{self.greeting} {name}" for name in model_input["name"]]
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator, Mapping
from typing import Any


class PythonModel:
    """Base of a user's own model."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read files, once, when the model is loaded.

        Args:
            context: paths of the artifacts that were saved with the model, and its config.
        """

    # subclasses may leave the context out: predict(self, model_input, params=None)
    def predict(self, context: Any, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """Score one batch.

        Args:
            context: as in `load_context`; a subclass may leave this argument out.
            model_input: a DataFrame, array, dict or list, as the signature says.
            params: inference parameters that the signature declares; may be left out, too.
        """
        raise NotImplementedError(f"{type(self).__name__} has no predict().")

    def predict_stream(
        self, context: Any, model_input: Any, params: dict[str, Any] | None = None
    ) -> Iterator[Any]:
        """Score one input and give the answer in pieces. Optional."""
        raise NotImplementedError(f"{type(self).__name__} has no predict_stream().")


class PythonModelContext:
    """What a model finds beside itself.

    Attributes:
        artifacts: name -> absolute path of a file or folder that was saved with the model.
        model_config: what was given as ``model_config`` when it was saved.
    """

    def __init__(
        self, artifacts: Mapping[str, str], model_config: Mapping[str, Any] | None = None
    ) -> None:
        self.artifacts = dict(artifacts)
        self.model_config = dict(model_config) if model_config else {}


class FunctionModel(PythonModel):
    """A plain function of one argument as a model."""

    def __init__(self, func: Any, signature: Any = None) -> None:
        self.func = func
        self.signature = signature

    def predict(  # type: ignore[override]
        self, model_input: Any, params: dict[str, Any] | None = None
    ) -> Any:
        """Call the function."""
        if params and "params" in inspect.signature(self.func).parameters:
            return self.func(model_input, params=params)
        return self.func(model_input)


_declared = threading.local()


def set_model(model: Any) -> None:
    """In a file that is saved as a model itself: say which object is the model.

    Args:
        model: an instance of `PythonModel`, or a function of one argument.
    """
    _declared.model = model


def take_declared_model() -> Any:
    """The object that `set_model` was called with in this thread since the last time, or None."""
    model = getattr(_declared, "model", None)
    _declared.model = None
    return model


def takes_context(function: Any) -> bool:
    """Whether a predict method wants the context before the data."""
    names = list(inspect.signature(function).parameters)
    return "context" in names or len([n for n in names if n not in ("self", "params")]) == 2


def overrides_stream(python_model: Any) -> bool:
    """Whether a model has a ``predict_stream`` of its own, not just that of a base class."""
    for kind in type(python_model).__mro__:
        if "predict_stream" in vars(kind):
            return kind.__name__ != "PythonModel"
    return False
