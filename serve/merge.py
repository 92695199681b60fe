"""Several requests' inputs as one, and the predictions of one call as several answers.

Only inputs that look alike are joined: the same columns in the same order, kept in the same way,
of the same types. So nobody's numbers change their type because of somebody else's request.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from ..flavors.table import Table, concat

# columns that are kept in other ways (pandas' own arrays) are not joined
_KNOWN_COLUMNS = ("list", "ndarray")


def kind_of(data: Any) -> Hashable:
    """What two inputs must have in common to be joined; None: this one joins no other.

    Args:
        data: enforced input, as a model gets it.
    """
    if type(data) is Table:
        return _kind_of_table(data)
    if _is_array(data):
        return ("array", _dtype(data), data.shape[1:]) if data.ndim else None
    if type(data) is list:
        return "list"
    if type(data) is dict:
        kinds = tuple((name, kind_of(part)) for name, part in data.items())
        joinable = all(kind is not None for _, kind in kinds) and rows_of(data) is not None
        return ("dict", kinds) if joinable else None
    return None


def _kind_of_table(table: Table) -> Hashable:
    if table.index is not None and not _counts(table.index):
        return None  # the model may look at the labels of rows, which would repeat
    if len(table.blocks) == 1 and len(table.blocks[0][1]) == len(table.names):
        return table.names, table.blocks[0][0].dtype
    kinds = []
    for column in table.columns:
        kind = type(column).__name__
        if kind not in _KNOWN_COLUMNS:
            return None
        kinds.append(_dtype(column) if kind == "ndarray" else kind)
    layout = tuple((block.dtype, tuple(positions)) for block, positions in table.blocks)
    return table.names, layout, tuple(kinds)


def _counts(index: Sequence[Any]) -> bool:
    """Whether row labels only count the rows, as those of a fresh DataFrame do."""
    return all(label == row for row, label in enumerate(index))


def _is_array(data: Any) -> bool:
    return type(data).__name__ == "ndarray"


def _dtype(array: Any) -> Hashable:
    """Its dtype; texts of any length are alike."""
    dtype: Hashable = array.dtype
    return array.dtype.kind if array.dtype.kind in "US" else dtype


def rows_of(data: Any) -> int | None:
    """How many rows an input or a prediction has; None if it has no rows."""
    if type(data) is Table:
        return data.n_rows
    if type(data) is list:
        return len(data)
    if type(data) is dict:
        counts = {rows_of(part) for part in data.values()}
        return counts.pop() if len(counts) == 1 else None
    shape = getattr(data, "shape", None)  # arrays, DataFrames, sparse matrices, other tensors
    return int(shape[0]) if shape else None


def join(parts: Sequence[Any]) -> Any:
    """Inputs of one kind, one after the other.

    Args:
        parts: at least one; all of the same `kind_of`.
    """
    first = parts[0]
    if type(first) is Table:
        return concat(parts)
    if type(first) is list:
        return [row for part in parts for row in part]
    if type(first) is dict:
        return {name: join([part[name] for part in parts]) for name in first}
    import numpy as np

    return np.concatenate(parts)


def split(predictions: Any, counts: Sequence[int]) -> list[Any] | None:
    """The predictions for joined inputs, taken apart again.

    Args:
        predictions: what the model returned.
        counts: the rows of each input.

    Returns:
        One prediction for each input, or None if this is no prediction a row.
    """
    if rows_of(predictions) != sum(counts):
        return None
    parts = []
    begin = 0
    for count in counts:
        parts.append(_cut(predictions, begin, begin + count))
        begin += count
    return parts


def _cut(predictions: Any, begin: int, end: int) -> Any:
    if type(predictions) is dict:
        return {name: _cut(part, begin, end) for name, part in predictions.items()}
    if type(predictions) is Table:
        return Table(predictions.names, [column[begin:end] for column in predictions.columns])
    rows = getattr(predictions, "iloc", predictions)
    return rows[begin:end]
