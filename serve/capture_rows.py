"""Inputs and predictions as rows of a table whose columns follow from the model's signature.

    request_id, time, model, version, shadow, error, row     of the request, and the row's number
    input.<name> …                                           as the signature types it
    prediction, or prediction.<name> …                       the same
    input_other, prediction_other                            JSON, in a request's first row: what
                                                             does not fit the columns

What has no signature, and what is nested, is JSON. So every file of a model has the same schema.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..errors import MlpackError
from ..flavors.column_types import DataType
from ..flavors.schema import Schema, TensorSpec
from .columns import named_columns
from .encode import to_plain
from .merge import rows_of

if TYPE_CHECKING:
    from ..flavors.signature import ModelSignature


@dataclass(frozen=True)
class Captured:
    """One request, as it is kept until it is written."""

    request_id: str
    time: float
    model: str
    version: str
    shadow: bool
    error: str | None
    data: Any
    predictions: Any


@dataclass(frozen=True)
class _Field:
    """A column of a file, and where its values come from."""

    name: str
    source: str | None
    type: Any
    is_json: bool = False
    is_tensor: bool = False


class RowMaker:
    """Makes rows of the requests of one model.

    Args:
        signature: the model's.

    Attributes:
        schema: of all tables that it makes.
    """

    def __init__(self, signature: ModelSignature | None) -> None:
        import pyarrow as pa

        self._inputs = _fields("input", signature.inputs if signature else None)
        self._outputs = _fields("prediction", signature.outputs if signature else None)
        self.schema = pa.schema(
            [
                ("request_id", pa.string()),
                ("time", pa.timestamp("us", "UTC")),
                ("model", pa.string()),
                ("version", pa.string()),
                ("shadow", pa.bool_()),
                ("error", pa.string()),
                ("row", pa.int32()),
                *((field.name, field.type) for field in self._inputs),
                ("input_other", pa.string()),
                *((field.name, field.type) for field in self._outputs),
                ("prediction_other", pa.string()),
            ]
        )

    def rows(self, captured: Captured) -> Any:
        """A ``pyarrow.RecordBatch`` of one request."""
        import pyarrow as pa

        count = rows_of(captured.data) or rows_of(captured.predictions) or 1
        about = (
            captured.request_id,
            datetime.fromtimestamp(captured.time, UTC),
            captured.model,
            captured.version,
            captured.shadow,
            captured.error,
        )
        arrays = [
            pa.repeat(pa.scalar(value, field.type), count)
            for value, field in zip(about, self.schema, strict=False)
        ]
        arrays.append(pa.array(range(count), pa.int32()))
        arrays += _columns(self._inputs, captured.data, count)
        arrays += _columns(self._outputs, captured.predictions, count)
        return pa.record_batch(arrays, schema=self.schema)


def _fields(prefix: str, schema: Schema | None) -> list[_Field]:
    import pyarrow as pa

    if schema is None or not len(schema):
        return [_Field(prefix, None, pa.string(), is_json=True)]
    found = []
    for position, spec in enumerate(schema):
        alone = len(schema) == 1 and spec.name is None
        source = None if alone else str(position if spec.name is None else spec.name)
        name = prefix if source is None else f"{prefix}.{source}"
        if isinstance(spec, TensorSpec):
            kind = _tensor_type(spec)
            found.append(_Field(name, source, kind or pa.string(), kind is None, is_tensor=True))
        else:
            kind = _TYPES.get(spec.type) if isinstance(spec.type, DataType) else None
            found.append(_Field(name, source, pa.type_for_alias(kind or "string"), kind is None))
    return found


_TYPES = {
    DataType.boolean: "bool",
    DataType.integer: "int32",
    DataType.long: "int64",
    DataType.float: "float32",
    DataType.double: "float64",
    DataType.string: "string",
    DataType.binary: "binary",
    DataType.datetime: "timestamp[us]",
}


def _tensor_type(spec: TensorSpec) -> Any:
    """The type of one row of a tensor; None if it has no rows, or values of no such type."""
    import numpy as np
    import pyarrow as pa

    if not spec.shape or spec.shape[0] != -1:
        return None
    try:
        dtype = np.dtype(spec.dtype)
        kind = pa.string() if dtype.kind in "US" else pa.from_numpy_dtype(dtype)
    except (TypeError, pa.ArrowException):
        return None
    for _ in spec.shape[1:]:
        kind = pa.list_(kind)
    return kind


def _columns(fields: list[_Field], value: Any, count: int) -> Iterator[Any]:
    """The columns of the fields, and one more of what does not fit them."""
    import pyarrow as pa

    found = _fitting(fields, value, count)
    for field in fields:
        yield pa.nulls(count, field.type) if found is None else found[field.name]
    other = None if found is not None or value is None else _as_json(value)
    yield pa.array([other, *[None] * (count - 1)], pa.string())


def _fitting(fields: list[_Field], value: Any, count: int) -> dict[str, Any] | None:
    import pyarrow as pa

    if value is None or hasattr(value, "__next__"):  # a generator is used up by now
        return None
    try:
        sources = _sources(fields, value, count)
        if sources is None:
            return None
        arrays = {}
        for field in fields:
            column = sources.get(field.source)
            arrays[field.name] = (
                pa.nulls(count, field.type) if column is None else _array(column, field)
            )
            if len(arrays[field.name]) != count:
                return None
        return arrays
    except (MlpackError, pa.ArrowException, TypeError, ValueError, OverflowError):
        return None


def _sources(fields: list[_Field], value: Any, count: int) -> Mapping[str | None, Any] | None:
    """The parts of a value by the fields' sources; what is optional may be missing."""
    if fields[0].is_tensor:
        if isinstance(value, Mapping):
            return {str(name): part for name, part in value.items()}
        return {fields[0].source: value} if len(fields) == 1 else None
    if fields[0].source is None and fields[0].is_json:
        plain = to_plain(value)
        return {None: plain} if isinstance(plain, list) and len(plain) == count else None
    names, columns = named_columns(value)
    known = {field.source for field in fields}
    if known.issuperset(names):
        return dict(zip(names, columns, strict=True))
    if len(columns) != len(fields):
        return None
    return {field.source: column for field, column in zip(fields, columns, strict=True)}


def _array(column: Any, field: _Field) -> Any:
    import pyarrow as pa

    if field.is_json:
        plain = to_plain(column)
        return pa.array([None if v is None else json.dumps(v) for v in plain], pa.string())
    if field.is_tensor and getattr(column, "ndim", 1) > 1:
        column = list(column) if column.ndim == 2 else column.tolist()
    if getattr(getattr(column, "dtype", None), "kind", "") in ("U", "S", "O"):
        column = column.tolist()
    made = pa.array(column, field.type, from_pandas=False)
    return made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made


def _as_json(value: Any) -> str | None:
    if hasattr(value, "__next__"):
        return None
    try:
        return json.dumps(to_plain(value))
    except (MlpackError, ValueError, RecursionError):
        return None
