"""A lone array for a model that takes columns: by position, as a table without a header goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import SchemaMismatch
from ..flavors.table import Table

if TYPE_CHECKING:
    import numpy as np

    from ..flavors.signature import ModelSignature


def by_position(array: np.ndarray, signature: ModelSignature | None) -> Any:
    """The array, as a `Table` if the signature declares columns.

    Args:
        array: of one row a row; one dimension is one column, or the only row of several.
        signature: the model's, if it has one.

    Raises:
        SchemaMismatch: it has not as many columns as declared, or too many dimensions.
    """
    schema = signature.inputs if signature is not None else None
    if schema is None or schema.is_tensor:
        return array
    width = len(schema)
    rows = array.reshape(-1, 1) if array.ndim == 1 and width == 1 else array
    if rows.ndim == 1 and len(rows) == width:
        rows = rows.reshape(1, -1)
    if rows.ndim != 2 or rows.shape[1] != width:
        raise SchemaMismatch(
            f"The model takes {width} columns, the array has the shape {array.shape}; send "
            f"(rows, {width})."
        )
    names = schema.names if schema.has_names else range(width)
    if rows.dtype.name in ("float64", "float32", "int64", "int32", "bool"):
        holes = [None] * width
        return Table.from_blocks(names, [(rows.T, range(width))], holes, len(rows))
    return Table(names, list(rows.T))
