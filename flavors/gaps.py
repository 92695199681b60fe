"""Finding the cell that a model may have stumbled over: missing or infinite, where one was due.

The signature's words have no way to say whether a model takes missing numbers: a column of
doubles without gaps in the example may well go through an imputer. So a gap is let through to
the model, as the peer does; only when the model then raises is it held against the caller.
"""

from __future__ import annotations

from typing import Any

from .signature import ModelSignature
from .table import Table


def first_gap(signature: ModelSignature | None, data: Any) -> str | None:
    """Where the first number is missing or infinite, in words; None if there is none.

    Args:
        signature: columns that it calls optional do not count.
        data: what the model was given.
    """
    if isinstance(data, Table):
        optional = _optional_columns(signature)
        columns = zip(data.names, data.columns, strict=True)
        named = [(f"column {n!r}", c) for n, c in columns if n not in optional]
    elif isinstance(data, dict):
        named = [(f"{name!r}", tensor) for name, tensor in data.items()]
    else:
        named = [("the input", data)]
    for where, values in named:
        if found := _gap_in(values):
            return f"{where} {found}"
    return None


def _optional_columns(signature: ModelSignature | None) -> set[Any]:
    schema = signature.inputs if signature else None
    if schema is None or schema.is_tensor:
        return set()
    return {spec.name for spec in schema.columns if not spec.required}


def _gap_in(values: Any) -> str | None:
    dtype = getattr(values, "dtype", None)
    if getattr(dtype, "kind", "") != "f":
        return None
    import numpy as np

    bad = np.argwhere(~np.isfinite(np.asarray(values)))
    if not len(bad):
        return None
    place = tuple(int(i) for i in bad[0])
    what = "has no value" if np.isnan(values[place]) else "is infinite"
    return f"{what} in row {place[0]}" if place else what
