"""Datasets: what is recorded of a DataFrame, of arrays, or of data that is only described."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import InvalidInput
from ..tracking.entities import Dataset as Recorded
from . import digests
from .sources import DatasetSource, source_of


class Dataset:
    """What all datasets have: a name, a digest, a source, and perhaps schema and profile."""

    def __init__(self, source: DatasetSource, name: str | None, digest: str | None) -> None:
        self.source = source
        self.name = name or "dataset"
        self.digest = digest or self._compute_digest()

    def _compute_digest(self) -> str:
        raise NotImplementedError

    def _schema_json(self) -> str | None:
        """The schema as the ecosystem's tools read it."""
        return None

    @property
    def profile(self) -> dict[str, Any] | None:
        """Such as the number of rows."""
        return None

    def to_dict(self) -> dict[str, str]:
        """Plain strings: name, digest, source, source_type, schema, profile."""
        described = {
            "name": self.name,
            "digest": self.digest,
            "source": self.source.to_json(),
            "source_type": self.source.source_type,
        }
        if (schema := self._schema_json()) is not None:
            described["schema"] = schema
        if self.profile is not None:
            described["profile"] = json.dumps(self.profile)
        return described

    def to_json(self) -> str:
        """`to_dict` as JSON."""
        return json.dumps(self.to_dict())

    def to_entity(self) -> Recorded:
        """As the tracking store records it."""
        return Recorded(**self.to_dict())


class PandasDataset(Dataset):
    """A DataFrame; see `from_pandas`."""

    def __init__(
        self,
        df: Any,
        source: DatasetSource,
        targets: str | None = None,
        name: str | None = None,
        digest: str | None = None,
        predictions: str | None = None,
    ) -> None:
        for role, column in (("targets", targets), ("predictions", predictions)):
            if column is not None and column not in df.columns:
                raise InvalidInput(f"The DataFrame has no column {column!r} given as {role}.")
        self.df = df
        self.targets = targets
        self.predictions = predictions
        super().__init__(source, name, digest)

    def _compute_digest(self) -> str:
        return digests.of_pandas(self.df)

    @cached_property
    def schema(self) -> Any:
        """A `Schema`, or None for columns that no schema describes."""
        return _schema(self.df)

    def _schema_json(self) -> str | None:
        schema = self.schema
        return json.dumps({"mlflow_colspec": schema.to_dict()}) if schema else None

    @property
    def profile(self) -> dict[str, Any]:
        """Its numbers of rows and of elements."""
        return {"num_rows": len(self.df), "num_elements": int(self.df.size)}


class NumpyDataset(Dataset):
    """Arrays; see `from_numpy`."""

    def __init__(
        self,
        features: Any,
        source: DatasetSource,
        targets: Any = None,
        name: str | None = None,
        digest: str | None = None,
    ) -> None:
        for role, given in (("features", features), ("targets", targets)):
            for array in given.values() if isinstance(given, Mapping) else [given]:
                if array is not None and not (hasattr(array, "flatten") or hasattr(array, "tocsr")):
                    raise InvalidInput(
                        f"The {role} of a dataset must be a numpy array, a sparse matrix or a dict "
                        f"of arrays; got {type(array).__name__}."
                    )
        self.features = features
        self.targets = targets
        super().__init__(source, name, digest)

    def _compute_digest(self) -> str:
        return digests.of_numpy(self.features, self.targets)

    @cached_property
    def schema(self) -> dict[str, Any] | None:
        """The schemas of ``features`` and ``targets``, or None when no schema describes them."""
        features = _schema(self.features)
        if features is None:
            return None
        return {
            "features": features,
            "targets": None if self.targets is None else _schema(self.targets),
        }

    def _schema_json(self) -> str | None:
        if self.schema is None:
            return None
        texts = {role: schema and schema.to_json() for role, schema in self.schema.items()}
        return json.dumps({"mlflow_tensorspec": texts})

    @property
    def profile(self) -> dict[str, Any]:
        """Shape, size and bytes of features and targets; zeros of a sparse matrix count, too."""
        parts = {"features": self.features, "targets": self.targets}
        return {
            f"{role}_{what}": _each(given, measure)
            for role, given in parts.items()
            if given is not None
            for what, measure in _MEASURES.items()
        }


class MetaDataset(Dataset):
    """Data that is not here: its source, and perhaps a schema.

    Args:
        source: a path, an address, or a `DatasetSource`.
        name: default: "dataset".
        digest: default: one of the description.
        schema: a `Schema`.
    """

    def __init__(
        self,
        source: str | Path | DatasetSource,
        name: str | None = None,
        digest: str | None = None,
        schema: Any = None,
    ) -> None:
        self.schema = schema
        self.name = name or "dataset"
        self.source = source_of(source)
        super().__init__(self.source, name, digest)

    def _compute_digest(self) -> str:
        described = {
            "name": self.name,
            "source": self.source.to_json(),
            "source_type": self.source.source_type,
            "schema": self.schema.to_dict() if self.schema else "",
        }
        return digests.of_text(json.dumps(described))

    def _schema_json(self) -> str | None:
        return json.dumps({"mlflow_colspec": self.schema.to_dict()}) if self.schema else None


def from_pandas(
    df: Any,
    source: str | Path | DatasetSource | None = None,
    targets: str | None = None,
    name: str | None = None,
    digest: str | None = None,
    predictions: str | None = None,
) -> PandasDataset:
    """A dataset of a DataFrame.

    Args:
        df: the DataFrame.
        source: where it came from: a path, an address; default: this code.
        targets: the column to learn.
        name: such as "wine-train"; default: "dataset".
        digest: default: computed.
        predictions: the column that holds a model's predictions.

    Raises:
        InvalidInput: it is no DataFrame, or has no such column.
    """
    if not hasattr(df, "columns") or not hasattr(df, "iloc"):
        raise InvalidInput(f"from_pandas takes a DataFrame; got {type(df).__name__}.")
    return PandasDataset(df, source_of(source), targets, name, digest, predictions)


def from_numpy(
    features: Any,
    source: str | Path | DatasetSource | None = None,
    targets: Any = None,
    name: str | None = None,
    digest: str | None = None,
) -> NumpyDataset:
    """A dataset of an array or a dict of arrays; see `from_pandas`.

    Args:
        features: the array or arrays.
        source: where they came from; default: this code.
        targets: the array or arrays to learn.
        name: default: "dataset".
        digest: default: computed.

    Raises:
        InvalidInput: something is no array.
    """
    return NumpyDataset(features, source_of(source), targets, name, digest)


def from_dict(
    columns: Mapping[str, Any],
    source: str | Path | DatasetSource | None = None,
    targets: str | None = None,
    name: str | None = None,
    digest: str | None = None,
) -> PandasDataset:
    """A dataset of named columns of equal length; see `from_pandas`."""
    import pandas as pd

    try:
        frame = pd.DataFrame(dict(columns))
    except (ValueError, TypeError) as error:
        raise InvalidInput(f"The columns make no table: {error}") from None
    return from_pandas(frame, source, targets, name, digest)


def _schema(data: Any) -> Any:
    from ..flavors.infer import infer_schema

    with suppress(Exception):  # a dataset without a schema is still worth recording
        return infer_schema(data)
    return None


_MEASURES: dict[str, Callable[[Any], Any]] = {
    "shape": lambda array: array.shape,
    "size": lambda array: math.prod(array.shape),
    "nbytes": lambda array: math.prod(array.shape) * array.dtype.itemsize,
}


def _each(given: Any, measure: Callable[[Any], Any]) -> Any:
    if isinstance(given, Mapping):
        return {name: measure(array) for name, array in given.items()}
    return measure(given)
