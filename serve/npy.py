"""Arrays as ``.npy``, in both directions; no pickles, no structured records.

numpy's own reader allocates what the header claims before it looks at the data. Here the claim
is held against the bytes that came, and only then becomes an array.
"""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

from ..errors import InvalidInput, NotAcceptable

if TYPE_CHECKING:
    import numpy as np

CONTENT_TYPE = "application/x-npy"
# booleans, integers, floats, complex numbers, text, bytes, dates and time spans
_KINDS = frozenset("biufcUSMm")
_LONGEST_HEADER = 10_000
_MOST_DIMENSIONS = 32


def parse(body: bytes) -> np.ndarray:
    """Read an array from memory.

    Args:
        body: the file.

    Returns:
        An array of its own, in the machine's byte order, that a model may write into.

    Raises:
        InvalidInput: not an npy file, of a type that is no plain value, without rows, or of
            another length than its header says.
    """
    import numpy as np

    shape, in_columns, dtype, start = _header(body)
    if dtype.kind not in _KINDS or not dtype.itemsize:
        raise InvalidInput(
            f"The NPY array is of dtype {str(dtype)[:80]!r}, which is not read; send numbers, "
            "booleans, text or dates."
        )
    if len(shape) > _MOST_DIMENSIONS or any(size < 0 for size in shape):
        raise InvalidInput("The NPY array's shape is not possible.")
    count = math.prod(shape)
    if not count:
        raise InvalidInput(f"There are no rows to score: the NPY array has the shape {shape}.")
    if count * dtype.itemsize != len(body) - start:
        raise InvalidInput(
            f"The NPY header promises {count * dtype.itemsize} bytes of data, "
            f"{len(body) - start} came."
        )
    flat = np.frombuffer(body, dtype, count, start)
    array: np.ndarray = flat.reshape(shape, order="F" if in_columns else "C")
    return array.astype(dtype.newbyteorder("="), order="K", copy=True)


def _header(body: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    from numpy.lib import format as npy

    file = io.BytesIO(body)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    try:
        version = npy.read_magic(file)
        if version not in readers:
            raise ValueError(f"version {version[0]}.{version[1]} is not read")
        shape, in_columns, dtype = readers[version](file, max_header_size=_LONGEST_HEADER)
    except Exception as error:  # a header is a Python literal, which can be wrong in many ways
        reason = (str(error).splitlines() or [""])[0][:150]
        raise InvalidInput(f"The body is not a readable NPY file: {reason}") from None
    return shape, in_columns, dtype, file.tell()


def encode(predictions: Any) -> bytes:
    """What a model returned, as an npy file.

    Args:
        predictions: an array, or what makes one: a list, a DataFrame of one kind of values.

    Raises:
        NotAcceptable: it is no array of plain values.
    """
    from numpy.lib import format as npy

    array = _as_array(predictions)
    if array.dtype.kind not in _KINDS:
        raise NotAcceptable(
            f"The model's answer, a {type(predictions).__name__}, is no array of numbers or "
            "text and cannot be sent as NPY; accept application/json."
        )
    file = io.BytesIO()
    npy.write_array(file, array, allow_pickle=False)
    return file.getvalue()


def _as_array(predictions: Any) -> np.ndarray:
    import numpy as np

    if isinstance(predictions, np.ma.MaskedArray):
        if predictions.dtype.kind != "f" and predictions.mask.any():
            return np.empty(0, dtype=object)  # no number stands for "missing"
        filled: np.ndarray = predictions.filled(np.nan) if predictions.mask.any() else predictions
        return np.asarray(filled)
    try:
        if hasattr(predictions, "to_matrix"):
            array: np.ndarray = predictions.to_matrix()
        else:
            array = np.asarray(predictions)
        if array.dtype.kind == "O":  # perhaps a column of strings
            values = array.tolist()
            if not _are_texts(values):
                return array
            array = np.array(values)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return np.empty(0, dtype=object)
    return array


def _are_texts(values: Any) -> bool:
    if isinstance(values, list):
        return all(map(_are_texts, values))
    return isinstance(values, str)
