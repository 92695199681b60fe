"""Datasets as runs record them: name, digest, source, schema, profile.

dataset = mlpack.data.from_pandas(frame, source="s3://bucket/train.parquet", targets="y")
mlpack.log_input(dataset, context="training")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .datasets import (
        Dataset,
        MetaDataset,
        NumpyDataset,
        PandasDataset,
        from_dict,
        from_numpy,
        from_pandas,
    )
    from .inputs import dataset_of, log_input, log_inputs
    from .sources import (
        CodeDatasetSource,
        DatasetSource,
        FileDatasetSource,
        HTTPDatasetSource,
        get_source,
    )
    from .tables import load_table, log_table

_HOME = {
    "CodeDatasetSource": "sources",
    "Dataset": "datasets",
    "DatasetSource": "sources",
    "FileDatasetSource": "sources",
    "HTTPDatasetSource": "sources",
    "MetaDataset": "datasets",
    "NumpyDataset": "datasets",
    "PandasDataset": "datasets",
    "dataset_of": "inputs",
    "from_dict": "datasets",
    "from_numpy": "datasets",
    "from_pandas": "datasets",
    "get_source": "sources",
    "load_table": "tables",
    "log_input": "inputs",
    "log_inputs": "inputs",
    "log_table": "tables",
}

__all__ = [
    "CodeDatasetSource",
    "Dataset",
    "DatasetSource",
    "FileDatasetSource",
    "HTTPDatasetSource",
    "MetaDataset",
    "NumpyDataset",
    "PandasDataset",
    "dataset_of",
    "from_dict",
    "from_numpy",
    "from_pandas",
    "get_source",
    "load_table",
    "log_input",
    "log_inputs",
    "log_table",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
