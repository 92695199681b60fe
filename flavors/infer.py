"""Signatures from data: what a model saw becomes what it takes.

The same answers as MLflow's `infer_signature` (a test compares them over a table of inputs):
arrays are tensors with a free first dimension, everything else is columns; a column with a
missing value is optional; whatever cannot be described is `any`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from ..errors import InvalidInput
from .infer_types import (
    is_missing,
    type_of_column,
    type_of_dtype,
    type_of_items,
    type_of_value,
)
from .params import check_param
from .schema import (
    AnyType,
    ColSpec,
    DataType,
    Object,
    ParamSchema,
    ParamSpec,
    Schema,
    TensorSpec,
)
from .signature import ModelSignature
from .table import Table
from .tabulate import is_pandas


def infer_signature(
    model_input: Any = None, model_output: Any = None, params: Mapping[str, Any] | None = None
) -> ModelSignature:
    """Describe a model's input, output and parameters from examples of them.

    Args:
        model_input: DataFrame, Series, array, sparse matrix, dict of arrays or of values, list
            of dicts or scalars, or one scalar, as `predict` takes it. Give enough rows that
            columns which may have missing values have one.
        model_output: what `predict` returned for it.
        params: inference parameters with their default values.

    Returns:
        The signature; a part that was not given stays None. Input or output that cannot be
        described becomes one column of type `any`, with a warning.

    Raises:
        InvalidInput: nothing was given, or a parameter's value is of no type that a
            signature knows.
    """
    return ModelSignature(
        None if model_input is None else _schema_or_any(model_input, "input"),
        None if model_output is None else _schema_or_any(model_output, "output"),
        infer_params(params) if params else None,
    )


def _schema_or_any(data: Any, what: str) -> Schema:
    if hasattr(data, "model_dump"):
        raise InvalidInput(
            f"A signature cannot be inferred from a pydantic object as model {what}; pass "
            "model_dump() of it, or give predict a type hint."
        )
    try:
        return infer_schema(data)
    except InvalidInput as error:
        warnings.warn(
            f"The model's {what} cannot be described, so it is recorded as 'any' and will not "
            f"be checked: {error}",
            stacklevel=3,
        )
        return Schema([ColSpec(AnyType())])


def infer_schema(data: Any) -> Schema:
    """The schema of one batch of data.

    Args:
        data: see `infer_signature`.

    Raises:
        InvalidInput: values of one column are of several types, or of none that is known.
    """
    if isinstance(data, Table):
        data = data.to_pandas()
    if is_pandas(data):
        return _of_pandas(data)
    if hasattr(data, "tocsr") or _is_array(data):
        return Schema([_tensor(data)])
    if isinstance(data, Mapping):
        return _of_mapping(data)
    if isinstance(data, list):
        return _of_list(data)
    if hasattr(data, "to_pandas"):
        return _of_pandas(data.to_pandas())
    return Schema([ColSpec(_known(type_of_value(data)))])


def _is_array(data: Any) -> bool:
    return hasattr(data, "ndim") and hasattr(data, "dtype") and bool(data.ndim)


def _tensor(array: Any, name: str | None = None) -> TensorSpec:
    return TensorSpec(array.dtype, (-1, *map(int, array.shape[1:])), name)


def _of_pandas(data: Any) -> Schema:
    if data.ndim == 1:
        return Schema([ColSpec(type_of_column(data), data.name, not _has_missing(data))])
    columns = (data.iloc[:, i] for i in range(data.shape[1]))
    return Schema([ColSpec(type_of_column(c), c.name, not _has_missing(c)) for c in columns])


def _has_missing(column: Any) -> bool:
    return bool(column.isna().any())


def _of_mapping(data: Mapping[Any, Any]) -> Schema:
    if data and all(_is_array(value) for value in data.values()):
        return Schema([_tensor(array, name) for name, array in data.items()])
    if odd := [name for name in data if not isinstance(name, str)]:
        raise InvalidInput(f"The keys of a dict of columns must be strings, got {odd[0]!r}.")
    return Schema(
        [
            ColSpec(_known(type_of_value(value)), name, not _may_be_missing(value))
            for name, value in data.items()
        ]
    )


def _may_be_missing(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(is_missing, value))
    return is_missing(value)


def _of_list(data: list[Any]) -> Schema:
    if not data:
        # what the format has always said of an empty list
        return Schema([ColSpec(DataType.string)])
    if not all(isinstance(row, Mapping) for row in data):
        return Schema([ColSpec(_known(type_of_items(data)))])
    names = dict.fromkeys(name for row in data for name in row)
    return Schema(
        [
            ColSpec(
                _known(type_of_items([row[name] for row in data if name in row])),
                name,
                all(row.get(name) is not None for row in data),
            )
            for name in names
        ]
    )


def _known(dtype: Any) -> Any:
    if dtype is None:
        raise InvalidInput("the data is empty, so its type is unknown")
    return dtype


def infer_params(params: Mapping[str, Any]) -> ParamSchema:
    """Declare inference parameters by their default values.

    Args:
        params: scalars, dates, one-dimensional lists of them, or dicts.

    Raises:
        InvalidInput: a value is of another kind; the message names the parameter.
    """
    if not isinstance(params, Mapping):
        raise InvalidInput(f"params must be a dict, got {type(params).__name__}.")
    return ParamSchema([_param(str(name), value) for name, value in params.items()])


def _param(name: str, value: Any) -> ParamSpec:
    try:
        dtype, shape = _param_type(value)
    except InvalidInput as error:
        raise InvalidInput(f"param {name!r}: {error}") from None
    spec = ParamSpec(name, dtype, None, shape)
    return ParamSpec(name, dtype, check_param(value, spec), shape)


def _param_type(value: Any) -> tuple[DataType | Object, tuple[int, ...] | None]:
    if isinstance(value, Mapping):
        dtype = _known(type_of_value(dict(value)))
        if not isinstance(dtype, Object):
            raise InvalidInput("an empty object has no type")
        return dtype, None
    if isinstance(value, list) or _is_array(value):
        if _depth(value) != 1:
            raise InvalidInput("a parameter is a scalar, an object or a flat list")
        return _scalar_type(list(value)), (-1,)
    return _scalar_type([value]), None


def _depth(value: Any) -> int:
    if _is_array(value):
        return int(value.ndim)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


def _scalar_type(values: list[Any]) -> DataType:
    """The type that numpy finds for the values together (ints and floats: double)."""
    import numpy as np

    kinds = {type_of_value(value) for value in values}
    if kinds == {DataType.datetime}:
        return DataType.datetime
    if any(not isinstance(kind, DataType) for kind in kinds):
        raise InvalidInput("a missing value or an empty object has no type")
    dtype = type_of_dtype(np.array(values).dtype)
    if dtype is None or dtype is DataType.binary:
        raise InvalidInput(f"{values[0]!r} is of no type that a parameter can have")
    return dtype
