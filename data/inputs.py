"""``mlpack.log_input``: what a run read."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from ..errors import InvalidInput, MissingDependency
from ..tracking import validate
from ..tracking.active import require_run
from ..tracking.client import TrackingClient
from ..tracking.entities import DatasetInput, ModelInput
from .datasets import Dataset, from_numpy, from_pandas

CONTEXT = "mlflow.data.context"


def log_input(
    dataset: Any = None,
    context: str | None = None,
    tags: Mapping[str, Any] | None = None,
    model: Any = None,
    run_id: str | None = None,
) -> None:
    """Record a dataset, or a logged model, that a run reads.

    Args:
        dataset: one made by `mlpack.data`, or a DataFrame or array as it is.
        context: what for, such as "training".
        tags: of this use of the dataset.
        model: a logged model or its id.
        run_id: default: the active run.

    Raises:
        InvalidInput: it is no dataset; a tag that is not allowed; a deleted run.
    """
    log_inputs(
        None if dataset is None else [dataset],
        [context],
        [tags],
        None if model is None else [model],
        run_id,
    )


def log_inputs(
    datasets: Sequence[Any] | None = None,
    contexts: Sequence[str | None] | None = None,
    tags_list: Sequence[Mapping[str, Any] | None] | None = None,
    models: Sequence[Any] | None = None,
    run_id: str | None = None,
) -> None:
    """Record several inputs of a run: all of them or, on any error, none.

    Args:
        datasets: see `log_input`.
        contexts: one for each dataset, or None.
        tags_list: one for each dataset, or None.
        models: logged models or their ids.
        run_id: default: the active run.

    Raises:
        InvalidInput: the lists do not go together; see `log_input`.
    """
    given = list(datasets or ())
    for what, others in (("contexts", contexts), ("tags_list", tags_list)):
        if given and others is not None and len(others) != len(given):
            raise InvalidInput(f"log_inputs got {len(given)} datasets, but {len(others)} {what}.")
    inputs = [
        dataset_input(one, context, tags)
        for one, context, tags in zip_longest(given, contexts or (), tags_list or ())
        if one is not None
    ]
    read = [ModelInput(getattr(model, "model_id", model)) for model in models or () if model]
    if run_id is None:
        run = require_run()
        run.client.store.log_inputs(run.info.run_id, inputs, read)
    else:
        TrackingClient().store.log_inputs(run_id, inputs, read)


def dataset_input(
    dataset: Any, context: str | None = None, tags: Mapping[str, Any] | None = None
) -> DatasetInput:
    """A checked input."""
    all_tags = dict(tags or {}) | ({CONTEXT: context} if context else {})
    checked = {key: validate.input_tag(key, value).value for key, value in all_tags.items()}
    return DatasetInput(dataset_of(dataset).to_entity(), checked)


def dataset_of(data: Any, name: str | None = None, targets: Any = None) -> Dataset:
    """Data as a dataset.

    Args:
        data: a dataset (returned as it is), a DataFrame, an array, a dict of arrays, or a sparse
            matrix.
        name: of a new dataset.
        targets: the name of a column, or for arrays an array.

    Raises:
        InvalidInput: it is nothing of that kind.
    """
    if isinstance(data, Dataset):
        return data
    if importlib.util.find_spec("pandas") is None:
        raise MissingDependency("Datasets of arrays and tables need pandas: pip install pandas")
    if hasattr(data, "columns") and hasattr(data, "iloc"):
        return from_pandas(data, targets=targets if isinstance(targets, str) else None, name=name)
    if hasattr(data, "flatten") or hasattr(data, "tocsr") or isinstance(data, Mapping):
        import numpy as np

        labels = None if targets is None else np.asarray(targets)
        return from_numpy(data, targets=labels, name=name)
    raise InvalidInput(
        "A dataset must be made by mlpack.data, or be a DataFrame or a numpy array; "
        f"got {type(data).__name__}."
    )
