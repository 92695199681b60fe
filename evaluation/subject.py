"""What is evaluated: a model in any shape, and data in any shape, brought to one form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..data import dataset_of
from ..data.datasets import Dataset, NumpyDataset, PandasDataset
from ..errors import InvalidInput

if TYPE_CHECKING:
    from ..flavors import LoadedModel


@dataclass(frozen=True)
class Subject:
    """A model's functions; those that it does not have are None."""

    predict: Callable[[Any], Any] | None
    predict_proba: Callable[[Any], Any] | None = None
    score: Callable[..., float] | None = None
    classes: Any = None
    model_id: str | None = None


def subject_of(model: Any) -> Subject:
    """A model's functions.

    Args:
        model: an address, a `LoadedModel`, a function, an object with ``predict``, or None.

    Raises:
        InvalidInput: it is nothing of that kind.
        NotFound: the address names nothing.
    """
    from ..flavors import LoadedModel

    if model is None:
        return Subject(None)
    if isinstance(model, (str, Path)):
        from ..fluent import load_model

        model = load_model(model)
    if isinstance(model, LoadedModel):
        return _of_loaded(model)
    if hasattr(model, "predict"):
        return _of_estimator(model, None)
    if callable(model):
        return Subject(model)
    raise InvalidInput(
        "evaluate takes the address of a model, a loaded model, an object with predict, or a "
        f"function; got {type(model).__name__}."
    )


def _of_loaded(model: LoadedModel) -> Subject:
    model_id = model.metadata.model_id
    if hasattr(model.native, "get_params") and hasattr(model.native, "predict"):
        return _of_estimator(model.native, model_id)
    return Subject(model.predict, model_id=model_id)


def _of_estimator(model: Any, model_id: str | None) -> Subject:
    return Subject(
        model.predict,
        getattr(model, "predict_proba", None),
        getattr(model, "score", None),
        getattr(model, "classes_", None),
        model_id,
    )


@dataclass(frozen=True)
class EvaluationData:
    """Data of an evaluation: what the model gets, the labels, and predictions made before."""

    inputs: Any
    targets: Any
    predictions: Any
    dataset: Dataset

    @property
    def count(self) -> int:
        """How many rows."""
        return _count(self.inputs)


def data_of(
    data: Any, targets: Any, predictions: str | None, feature_names: list[str] | None
) -> EvaluationData:
    """Data in one form.

    Args:
        data: a DataFrame, an array, rows, or a dataset of `mlpack.data`.
        targets: a column's name, or the labels.
        predictions: the name of a column that holds a model's predictions.
        feature_names: the columns for the model; of arrays: the names to give to its columns.

    Raises:
        InvalidInput: no such column, lengths that differ, or nothing that is data.
    """
    dataset: Dataset
    if isinstance(data, PandasDataset):
        targets = data.targets if targets is None else targets
        predictions = data.predictions if predictions is None else predictions
        dataset, frame = data, data.df
    elif isinstance(data, NumpyDataset):
        targets = data.targets if targets is None else targets
        dataset, frame = data, data.features
    elif data is None:
        raise InvalidInput("evaluate needs data: a DataFrame, an array or a dataset.")
    else:
        frame = _rows(data)
        dataset = dataset_of(frame, targets=targets)
    made = _column(frame, predictions, "predictions") if predictions is not None else None
    labels = _column(frame, targets, "targets") if isinstance(targets, str) else targets
    if _count(frame) == 0:
        raise InvalidInput("The data has no rows to evaluate a model on.")
    if labels is not None:
        _check_labels(labels, _count(frame))
    inputs = frame
    if hasattr(frame, "drop"):
        taken = [name for name in (targets, predictions) if isinstance(name, str)]
        inputs = frame[feature_names] if feature_names else frame.drop(columns=taken)
    elif feature_names:
        import pandas as pd

        inputs = pd.DataFrame(frame, columns=feature_names)
    return EvaluationData(inputs, labels, made, dataset)


def _count(data: Any) -> int:
    return int(data.shape[0]) if hasattr(data, "shape") else len(data)


def _check_labels(labels: Any, rows: int) -> None:
    import pandas as pd

    if len(labels) != rows:
        raise InvalidInput(f"There are {rows} rows of data and {len(labels)} targets.")
    if missing := int(pd.DataFrame(labels).isna().any(axis=1).sum()):
        raise InvalidInput(f"{missing} of {rows} targets are missing (NaN); leave those rows out.")


def _rows(data: Any) -> Any:
    if isinstance(data, (list, tuple)):
        import numpy as np

        return np.asarray(data)
    return data


def _column(frame: Any, name: str, role: str) -> Any:
    if not hasattr(frame, "columns"):
        raise InvalidInput(f"{role}={name!r} names a column, and the data is an array.")
    if name not in frame.columns:
        raise InvalidInput(f"The data has no column {name!r} given as {role}.")
    return frame[name]
