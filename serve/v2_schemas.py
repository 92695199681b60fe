"""A model's signature in the words of the Open Inference Protocol, and data between the two.

Each input is a column, as MLServer's pandas codec has it; a lone input of rows and columns is a
whole table by position; a model of tensors gets its tensors by name.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import InvalidInput, ModelFailed
from ..flavors.schema import ColSpec, DataType, Schema, TensorSpec
from ..flavors.table import Table
from .columns import PREDICTION, named_columns
from .encode import key_text, to_plain
from .positions import by_position
from .v2_tensors import BYTES, DATATYPES, Tensor

if TYPE_CHECKING:
    from ..flavors.signature import ModelSignature

_INPUT, _OUTPUT = "input", "output"  # what nameless tensors are called: input-0, output-0
_COLUMNS: dict[DataType, tuple[str, str | None]] = {
    DataType.boolean: ("BOOL", None),
    DataType.integer: ("INT32", None),
    DataType.long: ("INT64", None),
    DataType.float: ("FP32", None),
    DataType.double: ("FP64", None),
    DataType.string: (BYTES, "str"),
    DataType.binary: (BYTES, "base64"),
    DataType.datetime: (BYTES, "datetime"),
}
Description = dict[str, Any]


def describe(signature: ModelSignature | None) -> tuple[list[Description], list[Description]]:
    """Inputs and outputs as the protocol's metadata has them."""
    if signature is None:
        return [], []
    return _describe(signature.inputs, _INPUT), _describe(signature.outputs, _OUTPUT)


def _describe(schema: Schema | None, kind: str) -> list[Description]:
    if schema is None:
        return []
    names = [f"{kind}-{i}" for i in range(len(schema))]
    if schema.has_names:
        names = [str(name) for name in schema.names]
    return [_described(name, spec) for name, spec in zip(names, schema, strict=True)]


def _described(name: str, spec: ColSpec | TensorSpec) -> Description:
    if isinstance(spec, TensorSpec):
        datatype = DATATYPES.get(spec.dtype, BYTES)
        return {"name": name, "datatype": datatype, "shape": list(spec.shape)}
    datatype, content_type = BYTES, "json"  # lists and objects: JSON, a text a row
    if isinstance(spec.type, DataType):
        datatype, content_type = _COLUMNS[spec.type]  # type: ignore[assignment]
    described: Description = {"name": name, "datatype": datatype, "shape": [-1]}
    if content_type is not None:
        described["parameters"] = {"content_type": content_type}
    return described


def to_input(
    tensors: Sequence[Tensor], signature: ModelSignature | None, content_type: str | None = None
) -> Any:
    """A request's tensors as the model's input, still to be enforced.

    Args:
        tensors: of the request.
        signature: the model's, if it has one.
        content_type: of the whole request; "pd" makes a table where no signature says more.

    Raises:
        InvalidInput: names repeat, or a column has more than one value a row.
    """
    names = [tensor.name for tensor in tensors]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidInput(f"The input {twice[:80]!r} came twice.")
    schema = signature.inputs if signature is not None else None
    if schema is None or schema.is_tensor:
        return _free(tensors, schema, content_type)
    specs = {str(s.name): s for s in schema.columns if s.name is not None}
    lone = tensors[0] if len(tensors) == 1 else None
    if lone is not None and lone.name not in specs:
        # whatever it is called, it is the whole table
        first = schema.columns[0] if len(schema) == 1 else None
        return by_position(_values(lone, first).array(), signature)
    if not schema.has_names:
        return Table(range(len(tensors)), [_column(t, None) for t in tensors])
    return Table(names, [_column(t, specs.get(t.name)) for t in tensors])


def _free(tensors: Sequence[Tensor], schema: Schema | None, content_type: str | None) -> Any:
    """For a model of tensors, or one that declares nothing."""
    read = [_values(tensor, None) for tensor in tensors]
    if schema is not None and schema.has_names:
        return {tensor.name: tensor.array() for tensor in read}
    lone = read[0] if len(read) == 1 else None
    if lone is not None and content_type != "pd":
        if isinstance(lone.values, list) and lone.is_column and schema is None:
            return lone.values  # texts, as a list of them in JSON would be
        return lone.array()
    if all(tensor.is_column for tensor in read):
        return Table([t.name for t in read], [_column(t, None) for t in tensors])
    return {tensor.name: tensor.array() for tensor in read}


def _column(tensor: Tensor, spec: ColSpec | None) -> Any:
    read = _values(tensor, spec)
    if read.is_column:
        return read.values
    if spec is not None and isinstance(spec.type, DataType):
        raise InvalidInput(
            f"Input {tensor.name[:80]!r} is a column of the model: send the shape "
            f"[{tensor.shape[0] if tensor.shape else 1}], not {list(tensor.shape)}."
        )
    return read.array().tolist() if tensor.shape else [read.values[0]]


def _values(tensor: Tensor, spec: ColSpec | None) -> Tensor:
    """The same with its bytes understood: as text, base64, JSON, or left alone."""
    if tensor.datatype != BYTES:
        return tensor
    kind = spec.type if spec is not None else None
    values = list(tensor.values)
    if kind is not DataType.binary:  # which is raw, or base64 that enforcement reads
        values = [_text(v) for v in values]
    if tensor.content_type == "base64":
        values = [_unpacked(tensor.name, v) for v in values]
    if (kind is not None and not isinstance(kind, DataType)) or tensor.content_type == "json":
        values = [_parsed(v) for v in values]
    return tensor._replace(values=values)


def _text(value: bytes | str | None) -> bytes | str | None:
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return value
    return value


def _unpacked(name: str, value: bytes | str | None) -> bytes | None:
    try:
        return None if value is None else base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput(f"Input {name[:80]!r} has a value that is not base64.") from None


def _parsed(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return value  # enforcement reports it with its row


class Output:
    """One tensor of an answer.

    Args:
        name: of the output.
        values: an array of a datatype of the protocol, or a list of texts.
        content_type: what the texts are, if not just that.
    """

    def __init__(self, name: str, values: Any, content_type: str | None = None) -> None:
        self.name = name
        self.content_type = content_type
        if isinstance(values, list):
            self.datatype, self.shape, self.flat = BYTES, [len(values)], values
        else:
            self.datatype = DATATYPES[values.dtype.name]
            self.shape = list(values.shape) or [1]
            self.flat = values.ravel()


def to_outputs(predictions: Any, signature: ModelSignature | None) -> list[Output]:
    """What a model returned, as tensors.

    Args:
        predictions: arrays, tables, lists, dicts, scalars.
        signature: names the outputs, if it says anything of them.

    Raises:
        ModelFailed: a value has no plain form.
    """
    schema = signature.outputs if signature is not None else None
    declared = [str(n) for n in schema.names] if schema is not None and schema.has_names else []
    try:
        named = _named(predictions, declared)
        return [_output(name, value) for name, value in named]
    except RecursionError as error:
        raise ModelFailed(
            "The model's answer cannot be sent: it is nested too deep or contains itself."
        ) from error


def _named(predictions: Any, declared: list[str]) -> list[tuple[str, Any]]:
    if isinstance(predictions, Mapping) and predictions:
        return [(key_text(name), value) for name, value in predictions.items()]
    array = _as_numbers(predictions)
    if array is not None:
        if array.ndim == 2 and len(declared) == array.shape[1] > 1:
            return list(zip(declared, array.T, strict=True))
        return [(declared[0] if len(declared) == 1 else f"{_OUTPUT}-0", array)]
    names, columns = named_columns(predictions)
    if len(declared) == len(names) and names[0].startswith(PREDICTION):
        names = declared
    names = [f"{_OUTPUT}-0" if name == PREDICTION else name for name in names]
    return list(zip(names, columns, strict=True))


def _as_numbers(value: Any) -> Any:
    """An array of a datatype of the protocol, if the value is one or a regular list of numbers."""
    import numpy as np

    if isinstance(value, np.generic | int | float):
        value = np.asarray(value)
    elif isinstance(value, list | tuple) and value:
        try:
            value = np.array(value)
        except (ValueError, TypeError, OverflowError):  # ragged, objects, too deep
            return None
    if not isinstance(value, np.ndarray) or isinstance(value, np.ma.MaskedArray):
        return None
    if value.dtype.name in DATATYPES:
        return value
    return value.astype(np.float64) if value.dtype.kind == "f" else None


def _output(name: str, value: Any) -> Output:
    import numpy as np

    array = _as_numbers(value)
    if array is not None:
        return Output(name, array)
    plain = to_plain(value)
    rows = plain if isinstance(plain, list) else [plain]
    kinds = set(map(type, rows))
    if kinds <= {str, type(None)}:
        return Output(name, rows, "str")
    if kinds <= {float, int, type(None)} and bool not in kinds:  # numbers with gaps
        return Output(name, np.array([np.nan if v is None else v for v in rows], np.float64))
    if kinds == {bool}:
        return Output(name, np.array(rows))
    return Output(name, [json.dumps(row) for row in rows], "json")
