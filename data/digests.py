"""The digest of a dataset, equal to the one that MLflow gives the same data.

Both tools then agree whether two runs read the same data. It is a short fingerprint that looks
at the first 10,000 rows (or elements), not a proof that nothing differs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

_MOST = 10_000


def of_pandas(frame: Any) -> str:
    """The digest of a DataFrame: its string and number columns, length and column names."""
    import numpy as np
    import pandas as pd

    head = frame.head(_MOST)
    numbers = head.select_dtypes(include=[np.number]).columns
    texts = frame.columns[[_only_strings(frame.iloc[:, i]) for i in range(frame.shape[1])]]
    hashed = pd.util.hash_pandas_object(head[texts.union(numbers)]).values
    names = (str(name).encode() for name in frame.columns)
    return _md5([hashed, np.int64(len(frame)), *names])


def _only_strings(column: Any) -> bool:
    # a column of numbers is told by its type, without a look at every value
    if column.dtype.kind in "biufcmM" and len(column):
        return False
    return all(type(value) is str for value in column)


def of_numpy(features: Any, targets: Any = None) -> str:
    """The digest of arrays, or of dicts of arrays: their first elements and their shapes."""
    parts: list[Any] = []
    for given in (features, targets):
        if isinstance(given, Mapping):
            for name in sorted(given):
                parts += _array(given[name])
        elif given is not None:
            parts += _array(given)
    return _md5(parts)


def _array(array: Any) -> list[Any]:
    import numpy as np
    import pandas as pd

    if hasattr(array, "tocsr"):  # as of the array that it stands for, which may fit nowhere
        rows = -(-_MOST // max(1, array.shape[1]))
        first = array.tocsr()[:rows].toarray().reshape(-1)[:_MOST]
    elif array.flags.c_contiguous:
        first = array.reshape(-1)[:_MOST]
    else:
        first = array.flatten()[:_MOST]
    try:
        hashed = pd.util.hash_array(first)
    except TypeError:  # elements that cannot be hashed, such as lists
        hashed = np.int64(first.size)
    return [hashed, *(np.int64(length) for length in array.shape)]


def of_text(text: str) -> str:
    """The digest of a description, for datasets of which there is nothing else."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _md5(parts: Iterable[Any]) -> str:
    md5 = hashlib.md5(usedforsecurity=False)
    for part in parts:
        md5.update(part)
    return md5.hexdigest()[:8]
