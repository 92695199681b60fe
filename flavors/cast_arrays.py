"""One column that came as a numpy or pandas array, against one scalar type; see `cast`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .cast import Misfit, cast_values
from .column_types import DataType

if TYPE_CHECKING:
    import numpy as np

_INTEGERS = (DataType.integer, DataType.long)
_FLOATS = (DataType.float, DataType.double)
_GAPS = (
    "integers with missing values are floats in Python; log the model with a signature whose"
    " column is double, or convert the column"
)


def cast_array(array: Any, dtype: DataType, nullable: bool) -> Any:
    """A numpy array or pandas extension array as a column of ``dtype``.

    Args:
        array: one-dimensional.
        dtype: the declared type.
        nullable: whether an integer column may have gaps.

    Raises:
        Misfit: the dtype does not widen to the declared one, or a value of an object
            column does not fit.
    """
    if not hasattr(array, "dtype") or type(array.dtype).__module__.startswith("numpy"):
        return _cast_numpy(array, dtype, nullable)
    return _cast_extension(array, dtype, nullable)


def _cast_numpy(array: np.ndarray, dtype: DataType, nullable: bool) -> Any:
    import numpy as np

    kind = array.dtype.kind
    if kind in "OUS":
        values = _cast_objects(array.tolist(), dtype, nullable)
        # strings need no conversion, and a frame of objects stays one
        return array if kind == "O" and dtype is DataType.string else values
    if dtype is DataType.datetime and kind == "M":
        return _to_nanoseconds(array)
    if dtype in (DataType.string, DataType.binary, DataType.datetime):
        raise Misfit(None, f"dtype {array.dtype}")
    target = np.dtype(dtype.numpy)
    if array.dtype == target:
        return array
    same_family = kind == target.kind or (kind == "u" and target.kind in "if")
    if same_family and np.can_cast(array.dtype, target, "safe"):
        return array.astype(target)
    if dtype in _FLOATS and kind in "iu":
        return _exact_floats(array, target)
    if dtype in _INTEGERS and kind == "f":
        return _whole_floats(array, dtype, nullable)
    raise Misfit(None, f"dtype {array.dtype}", _conversion_hint(array.dtype, target))


def _conversion_hint(have: np.dtype[Any], want: np.dtype[Any]) -> str:
    if have.kind in "iuf" and want.kind in "iuf":
        return f"the conversion may lose values; if that is meant: .astype('{want}')"
    return ""


def _exact_floats(array: np.ndarray, target: np.dtype[Any]) -> np.ndarray:
    """Integers as floats, refused when one of them would change."""
    import numpy as np

    floats: np.ndarray = array.astype(target)
    limit = 2 ** (np.finfo(target).nmant + 1)
    inexact = (array > limit) | (array < -limit) if array.dtype.kind == "i" else array > limit
    if inexact.any():
        row = int(inexact.argmax())
        raise Misfit(row, f"long {array[row]}", f"not exact as {target}")
    return floats


def _whole_floats(array: np.ndarray, dtype: DataType, nullable: bool) -> np.ndarray:
    """Floats are refused for integers, except as an optional column's way to have gaps."""
    import numpy as np

    missing = np.isnan(array)
    whole = np.where(missing, 0, array)
    is_gaps = bool(missing.any()) and bool((whole == np.floor(whole)).all())
    if nullable and is_gaps and bool((abs(whole) <= 2**53).all()):
        return array.astype(np.float64)
    hint = _GAPS if is_gaps else _conversion_hint(array.dtype, np.dtype(dtype.numpy))
    raise Misfit(None, f"dtype {array.dtype}", hint)


def _cast_objects(values: list[Any], dtype: DataType, nullable: bool) -> Any:
    """Python objects in an array: NaN and NA mean missing, which all but integers may be."""
    if dtype not in _FLOATS:
        values = [None if _is_missing(v) else v for v in values]
    return cast_values(values, dtype, nullable or dtype not in _INTEGERS)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)


def _to_nanoseconds(array: np.ndarray) -> np.ndarray:
    """Any precision to nanoseconds; numpy would wrap around silently where they end."""
    import numpy as np

    years = array.astype("datetime64[Y]").astype(np.int64) + 1970
    outside = ~np.isnat(array) & ((years < 1678) | (years > 2261))
    if outside.any():
        row = int(outside.argmax())
        raise Misfit(row, f"datetime {array[row]}", "outside 1678 to 2261")
    return array.astype("datetime64[ns]")


def _cast_extension(array: Any, dtype: DataType, nullable: bool) -> Any:
    """pandas' own arrays: strings and categories stay as they are, the rest becomes numpy."""
    name = type(array.dtype).__name__
    if name == "StringDtype" and dtype is DataType.string:
        return array
    if name == "CategoricalDtype" and dtype is DataType.string:
        cast_array(array.categories.array, dtype, nullable)
        return array
    if name == "DatetimeTZDtype":
        return _cast_numpy(array.tz_convert("UTC").tz_localize(None).to_numpy(), dtype, nullable)
    masked = getattr(array.dtype, "numpy_dtype", None)
    if masked is not None and masked.kind in "biuf" and not array.isna().any():
        return _cast_numpy(array.to_numpy(dtype=masked), dtype, nullable)
    if name == "SparseDtype":
        import numpy as np

        return _cast_numpy(np.asarray(array), dtype, nullable)
    return _cast_objects(array.tolist(), dtype, nullable)
