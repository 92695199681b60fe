"""Tensors of the Open Inference Protocol, as JSON and in the binary extension.

    {"name": "age", "datatype": "INT64", "shape": [2], "data": [40, 41]}
    {"name": "age", "datatype": "INT64", "shape": [2], "parameters": {"binary_data_size": 16}}

Binary data follows the JSON in the order of the tensors: little-endian numbers row by row;
texts and bytes each after their length in four bytes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import InvalidInput

if TYPE_CHECKING:
    import numpy as np

DTYPES = {
    "BOOL": "bool",
    **{f"{kind.upper()}{n}": f"{kind}{n}" for kind in ("uint", "int") for n in (8, 16, 32, 64)},
    **{f"FP{n}": f"float{n}" for n in (16, 32, 64)},
}
DATATYPES = {dtype: datatype for datatype, dtype in DTYPES.items()}
BYTES = "BYTES"
BINARY_SIZE = "binary_data_size"
_KEYS = frozenset({"name", "shape", "datatype", "parameters", "data"})
_MOST_DIMENSIONS = 32
_LENGTH = struct.Struct("<I")


class Tensor(NamedTuple):
    """One input, read.

    Attributes:
        name: as the caller calls it.
        datatype: of the protocol.
        shape: checked against the values.
        values: flat: an array of numbers, or a list where there are texts, bytes or gaps.
        content_type: how its sender wants it understood: "str", "base64", "datetime", …
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: Any
    content_type: str | None = None

    def array(self) -> np.ndarray:
        """The values in their shape."""
        import numpy as np

        values = self.values
        if isinstance(values, list):
            objects = np.empty(len(values), dtype=object)
            objects[:] = values
            values = objects
        shaped: np.ndarray = values.reshape(self.shape)
        return shaped

    @property
    def is_column(self) -> bool:
        """Whether there is one value a row."""
        return len(self.shape) == 1 or (len(self.shape) == 2 and self.shape[1] == 1)


def read_inputs(inputs: Any, binary: bytes) -> list[Tensor]:
    """The tensors of a request.

    Args:
        inputs: the request's list, parsed JSON.
        binary: what follows the JSON.

    Raises:
        InvalidInput: a tensor is malformed; the message names it.
    """
    if type(inputs) is not list or not inputs:
        raise InvalidInput("'inputs' must be a list with at least one tensor.")
    tensors = []
    at = 0
    for place, item in enumerate(inputs):
        tensor, size = _read(item, place, binary, at)
        tensors.append(tensor)
        at += size
    if at != len(binary):
        raise InvalidInput(
            f"{len(binary)} bytes of binary data came, the inputs account for {at} of them."
        )
    return tensors


def _read(item: Any, place: int, binary: bytes, at: int) -> tuple[Tensor, int]:
    if type(item) is not dict or type(item.get("name")) is not str:
        raise InvalidInput(f"Input {place} must be an object with a 'name'.")
    name = item["name"]
    label = f"Input {name[:80]!r}"
    if unknown := item.keys() - _KEYS:
        raise InvalidInput(f"{label} has the unknown key {min(unknown)[:60]!r}.")
    datatype = item.get("datatype")
    if not isinstance(datatype, str) or (datatype not in DTYPES and datatype != BYTES):
        raise InvalidInput(
            f"{label} has the datatype {str(datatype)[:40]!r}; known are "
            f"{', '.join(DTYPES)} and {BYTES}."
        )
    shape = _shape(label, item.get("shape"))
    parameters = as_parameters(label, item.get("parameters"))
    content_type = parameters.get("content_type")
    if content_type is not None and type(content_type) is not str:
        raise InvalidInput(f"{label}: 'content_type' must be a string.")
    size = parameters.get(BINARY_SIZE)
    if size is None:
        values = _from_json(label, datatype, shape, item.get("data"))
        return Tensor(name, datatype, shape, values, content_type), 0
    if "data" in item:
        raise InvalidInput(f"{label} has both 'data' and '{BINARY_SIZE}'; send one of them.")
    if type(size) is not int or not 0 <= size <= len(binary) - at:
        raise InvalidInput(
            f"{label}: '{BINARY_SIZE}' is {str(size)[:30]}, {len(binary) - at} bytes are left."
        )
    values = _from_bytes(label, datatype, shape, memoryview(binary)[at : at + size])
    return Tensor(name, datatype, shape, values, content_type), size


def _shape(label: str, shape: Any) -> tuple[int, ...]:
    if type(shape) is not list or not all(type(n) is int and 0 <= n < 2**63 for n in shape):
        raise InvalidInput(f"{label}: 'shape' must be a list of sizes, such as [2, 3].")
    if len(shape) > _MOST_DIMENSIONS:
        raise InvalidInput(f"{label} has more than {_MOST_DIMENSIONS} dimensions.")
    if not math.prod(shape):
        raise InvalidInput(f"There are no rows to score: {label} has the shape {shape}.")
    return tuple(shape)


def as_parameters(label: str, parameters: Any) -> Mapping[str, Any]:
    """The object ``parameters``, which may be missing.

    Raises:
        InvalidInput: it is something else.
    """
    if parameters is None:
        return {}
    if type(parameters) is not dict:
        raise InvalidInput(f"{label}: 'parameters' must be an object.")
    return parameters


_PLAIN: dict[str, frozenset[type]] = {
    "b": frozenset({bool}),
    "i": frozenset({int}),
    "u": frozenset({int}),
    "f": frozenset({int, float}),
}


def _from_json(label: str, datatype: str, shape: tuple[int, ...], data: Any) -> Any:
    if type(data) is not list:
        raise InvalidInput(f"{label} needs 'data', a list of values, or '{BINARY_SIZE}'.")
    values = _flat(label, shape, data)
    kinds = set(map(type, values))
    if datatype == BYTES:
        if not kinds <= {str, type(None)}:
            raise InvalidInput(f"{label}: the values of a {BYTES} tensor are strings.")
        return values
    import numpy as np

    dtype = np.dtype(DTYPES[datatype])
    gaps = type(None) in kinds
    if not kinds - {type(None)} <= _PLAIN[dtype.kind]:
        odd = next(v for v in values if v is not None and type(v) not in _PLAIN[dtype.kind])
        raise InvalidInput(f"{label}: {str(odd)[:40]!r} is no {datatype}.")
    if gaps and dtype.kind != "f":
        return values  # whether it may have gaps is for the signature to say
    if gaps:
        values = [math.nan if v is None else v for v in values]
    try:
        if dtype.kind != "f":
            return np.array(values, dtype=dtype)
        wide = np.array(values, dtype=np.float64)
    except OverflowError:
        raise InvalidInput(f"{label} has a number that is no {datatype}.") from None
    with np.errstate(over="ignore"):
        narrow = wide.astype(dtype, copy=False)
    if narrow is not wide and (np.isinf(narrow) & ~np.isinf(wide)).any():
        raise InvalidInput(f"{label} has a number that is no {datatype}.")
    return narrow


def _flat(label: str, shape: tuple[int, ...], data: list[Any]) -> list[Any]:
    """Values in a row; they come so, or nested as the shape says."""
    level = data
    if len(shape) > 1 and level and type(level[0]) is list:
        for depth, size in enumerate(shape):
            if depth:
                if not all(type(v) is list and len(v) == size for v in level):
                    raise InvalidInput(f"{label}: 'data' is not of the shape {list(shape)}.")
                level = list(chain.from_iterable(level))
            elif len(level) != size:
                break
    if len(level) != math.prod(shape):
        raise InvalidInput(
            f"{label}: the shape {list(shape)} takes {math.prod(shape)} values, 'data' has "
            f"{len(level)}."
        )
    return level


def _from_bytes(label: str, datatype: str, shape: tuple[int, ...], raw: memoryview) -> Any:
    count = math.prod(shape)
    if datatype == BYTES:
        values = list(_pieces(label, raw))
        if len(values) != count:
            raise InvalidInput(
                f"{label}: the shape {list(shape)} takes {count} values, {len(values)} came."
            )
        return values
    import numpy as np

    dtype = np.dtype(DTYPES[datatype]).newbyteorder("<")
    if len(raw) != count * dtype.itemsize:
        raise InvalidInput(
            f"{label}: the shape {list(shape)} takes {count * dtype.itemsize} bytes of "
            f"{datatype}, {len(raw)} came."
        )
    if dtype.kind == "b":
        return np.frombuffer(raw, np.uint8) != 0
    return np.frombuffer(raw, dtype).astype(dtype.newbyteorder("="))


def _pieces(label: str, raw: memoryview) -> Iterator[bytes]:
    at = 0
    while at < len(raw):
        end = at + _LENGTH.size
        if end <= len(raw):
            (length,) = _LENGTH.unpack_from(raw, at)
            at, end = end, end + length
        if end > len(raw):
            raise InvalidInput(f"{label}: its binary data ends in the middle of a value.")
        yield bytes(raw[at:end])
        at = end


def to_bytes(datatype: str, values: Any) -> bytes:
    """A tensor's flat values in the binary extension's form.

    Args:
        datatype: of the protocol.
        values: an array of numbers, or a list of texts.
    """
    if datatype != BYTES:
        little: bytes = values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
        return little
    return b"".join(_with_length(values))


def _with_length(values: Sequence[str | None]) -> Iterator[bytes]:
    for value in values:
        raw = (value or "").encode("utf-8", "surrogatepass")
        yield _LENGTH.pack(len(raw))
        yield raw
