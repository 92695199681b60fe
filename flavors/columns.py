"""One column of a `Table`, whatever it is kept in: a list, a numpy array, a pandas array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

Column = Any  # list | np.ndarray | pandas ExtensionArray: anything with len() and [i]


def to_list(column: Column) -> list[Any]:
    """A column as plain Python values: times as `datetime` to the microsecond, gaps as None."""
    if isinstance(column, list):
        return column
    if not hasattr(column, "tolist"):
        return list(column)
    if getattr(column.dtype, "str", "")[:3] == "<M8":
        values: list[Any] = column.astype("datetime64[us]").tolist()
        return values
    values = column.tolist()
    return values


def concat_column(parts: Sequence[Column]) -> Column:
    """One column after the other: an array if all go into one, else a list."""
    if all(hasattr(part, "dtype") for part in parts):
        import numpy as np

        alike = len({part.dtype for part in parts}) == 1
        if all(isinstance(p, np.ndarray) and (alike or p.dtype.kind in "biuf") for p in parts):
            return np.concatenate(parts)
        if alike:
            import pandas as pd

            return from_series(pd.concat(list(map(pd.Series, parts)), ignore_index=True))
    joined: list[Any] = []
    for part in parts:
        joined.extend(to_list(part))
    return joined


def as_array(column: Column) -> np.ndarray:
    """A column as an array that holds its values unchanged (object unless all are numbers)."""
    import numpy as np

    if isinstance(column, np.ndarray):
        return column
    if hasattr(column, "to_numpy"):
        array: np.ndarray = column.to_numpy()
        return array
    if all(t in (int, float, bool) for t in set(map(type, column))):
        return np.array(column)
    array = np.empty(len(column), dtype=object)
    for i, value in enumerate(column):  # a slice would take equally long lists for dimensions
        array[i] = value
    return array


def from_series(series: Any) -> Column:
    """The numpy array behind a series, or its extension array where numpy has no such type."""
    return series.to_numpy() if type(series.dtype).__module__.startswith("numpy") else series.array
