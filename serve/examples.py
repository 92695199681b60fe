"""A request that the model answers: from its input example, else made up from its signature.

The start banner's curl line, ``/openapi.json``, the form of the page and the warm-up call all
show or send this one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..flavors.schema import ColSpec, DataType, Schema, TensorSpec

if TYPE_CHECKING:
    from ..flavors.loaded import LoadedModel
    from ..flavors.signature import ModelSignature

_MOST_CELLS = 800  # of a tensor that is made up
_SAMPLES: dict[DataType, Any] = {
    DataType.boolean: True,
    DataType.integer: 0,
    DataType.long: 0,
    DataType.float: 0.0,
    DataType.double: 0.0,
    DataType.string: "text",
    DataType.binary: "",
    DataType.datetime: "2024-01-31T12:00:00",
}


def example_request(model: LoadedModel) -> Any:
    """A JSON body for ``/invocations``, or None when neither example nor signature tells one."""
    file = example_file(model)
    found = _read(file) if file is not None else None
    return from_signature(model.signature) if found is None else found


def example_file(model: LoadedModel) -> Path | None:
    """Where the model keeps the request that its input example makes, if it has one."""
    info = model.metadata.saved_input_example_info or {}
    name = info.get("serving_input_path", "serving_input_example.json")
    if not isinstance(name, str) or Path(name).name != name:
        return None
    file = Path(model.folder).absolute() / name
    return file if file.is_file() and not file.is_symlink() else None


def first_row(payload: Any) -> Any:
    """The same request for one row."""
    if not isinstance(payload, dict):
        return payload
    short = {}
    for key, value in payload.items():
        if isinstance(value, list) and key != "params":
            value = value[:1]
        if key == "dataframe_split" and isinstance(value, dict):
            value = {k: v[:1] if k != "columns" else v for k, v in value.items()}
        short[key] = value
    return short


def from_signature(signature: ModelSignature | None) -> Any:
    """A request that fits the signature, of made-up values; None if none can be made up."""
    if signature is None or signature.inputs is None:
        return None
    schema: Schema = signature.inputs
    if schema.is_tensor:
        tensors = {spec.name: _zeros(spec) for spec in schema if isinstance(spec, TensorSpec)}
        return {"inputs": tensors if schema.has_names else next(iter(tensors.values()))}
    row = [_sample(spec) for spec in schema if isinstance(spec, ColSpec)]
    if None in row:  # nested types: no honest example can be made up
        return None
    if not schema.has_names:
        return {"inputs": row} if len(row) == 1 else {"dataframe_split": {"data": [row]}}
    return {"dataframe_split": {"columns": list(schema.names), "data": [row]}}


def _read(file: Path) -> Any:
    try:
        # other tools write NaN, which is no JSON, for a missing number
        return json.loads(file.read_bytes(), parse_constant=lambda _: None)
    except (OSError, ValueError, RecursionError):
        return None


def _sample(spec: ColSpec) -> Any:
    return _SAMPLES[spec.type] if isinstance(spec.type, DataType) else None


def _zeros(spec: TensorSpec) -> Any:
    sample: Any = "text" if spec.dtype.startswith(("str", "object", "bytes")) else 0
    cells = 1
    for length in reversed(spec.shape):
        cells *= max(length, 1)
        if cells > _MOST_CELLS:
            return []
        sample = [sample] * (1 if length < 0 else length)
    return sample
