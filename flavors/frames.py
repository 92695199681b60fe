"""A DataFrame from typed columns, without pandas guessing their types again.

For one row of thirty mixed columns the ordinary constructor takes a millisecond, most of it
to find out that lists of strings are strings. pandas 3 offers its own way in for data that is
already grouped by type; earlier versions get arrays instead of lists, which saves the guess.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .table import Block, Name


def build_frame(
    names: tuple[Name, ...],
    blocks: Sequence[Block],
    loose: Sequence[tuple[int, Any]],
    n_rows: int,
    index: Sequence[Hashable] | None,
) -> Any:
    """Put a DataFrame together.

    Args:
        names: of all columns.
        blocks: arrays of shape (columns, rows) with the positions of their columns.
        loose: the other columns, each with its position.
        n_rows: length of every column.
        index: row labels; None counts from 0.
    """
    import numpy as np
    import pandas as pd

    rows = pd.RangeIndex(n_rows) if index is None else pd.Index(index)
    if not loose and len(blocks) == 1:
        # pandas copies here, so that a model may write into its frame
        return pd.DataFrame(blocks[0][0].T, columns=_header(names), index=rows)
    from_blocks = _constructor()
    arrays = [(position, _as_pandas(column)) for position, column in loose]
    if from_blocks is None:
        data: dict[int, Any] = dict(arrays)
        for block, positions in blocks:
            data.update(zip(positions, block, strict=True))
        ordered = {i: data[i] for i in range(len(names))}
        return pd.DataFrame(ordered, index=rows).set_axis(_header(names), axis=1)
    parts = [(block.copy(), np.array(positions)) for block, positions in blocks]
    for position, array in arrays:
        flat = isinstance(array, np.ndarray)
        parts.append((array.reshape(1, -1) if flat else array, np.array([position])))
    return from_blocks(parts, rows, _header(names))


def _header(names: tuple[Name, ...]) -> Any:
    # a view: setting a name on one frame's columns must not show on another's
    return _cached_header(names).view()


@lru_cache(maxsize=64)
def _cached_header(names: tuple[Name, ...]) -> Any:
    import pandas as pd

    return pd.Index(list(names))


@lru_cache(maxsize=1)
def _constructor() -> Any:
    try:
        from pandas.api.internals import create_dataframe_from_blocks
    except ImportError:
        return None
    return create_dataframe_from_blocks


@lru_cache(maxsize=1)
def _string_dtype() -> Any:
    """What pandas makes of strings by itself: its string type since 3.0, objects before."""
    import numpy as np
    import pandas as pd

    return pd.StringDtype(na_value=np.nan) if _constructor() else None


def _as_pandas(column: Any) -> Any:
    """A column in the form in which a frame keeps it, independent of the original."""
    import numpy as np
    import pandas as pd

    if not isinstance(column, list | tuple):
        return column.copy()
    kinds = set(map(type, column))
    if str in kinds and kinds <= {str, type(None)} and (dtype := _string_dtype()):
        return pd.array(column, dtype=dtype)
    series = pd.Series(column)
    is_numpy = isinstance(series.dtype, np.dtype)
    return series.to_numpy() if is_numpy else series.array
