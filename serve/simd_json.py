"""Large tables of floats straight from JSON's text into one array, where pysimdjson is installed.

    {"dataframe_split": {"columns": [...], "data": [[1.5, …], …], "index": [...]}}

Most of the time of such a body goes into making Python's numbers, lists of them, and an array of
those again; here no such number is ever made. Only plain bodies are taken: one table, every cell
a number, every row of one length, no key twice, no other key. Whatever is not so is left to
`json_forms`, which reads the same out of it, or says what is wrong.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..flavors.schema import ColSpec, DataType
from ..flavors.table import Table

if TYPE_CHECKING:
    from ..flavors.schema import Schema
    from ..flavors.signature import ModelSignature

_WORTH_IT = 16 * 1024  # bytes
_FORM = "dataframe_split"
# Other forms are not parsed to find that out: the only key of the body stands at its beginning.
_KEY, _BEGINNING = b'"dataframe_split"', 64


def read(body: bytes, signature: ModelSignature | None) -> Table | None:
    """The table of a body in the form ``dataframe_split``.

    Args:
        body: the bytes as they came.
        signature: the model's.

    Returns:
        What `json_forms` and `flavors.enforce` would have made of it; None if these have to.
    """
    if len(body) < _WORTH_IT or signature is None or _KEY not in body[:_BEGINNING]:
        return None
    if not _takes_floats(signature.inputs):
        return None
    simdjson = _library()
    if simdjson is None:
        return None
    try:
        return _table(simdjson, body)
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError):
        return None  # no JSON, a cell that is no number, a list that is none, an integer too large


def _table(simdjson: Any, body: bytes) -> Table | None:
    root = simdjson.Parser().parse(body)  # a parser keeps its memory: none is kept
    if not isinstance(root, simdjson.Object) or list(root.keys()) != [_FORM]:
        return None
    split = root[_FORM]
    keys = list(split.keys())
    if not {"columns", "data"} <= set(keys) <= {"columns", "data", "index"}:
        return None
    columns, rows = split["columns"].as_list(), split["data"]
    index = split["index"].as_list() if "index" in keys else None
    # each list and each key shows in the text, so none is hidden in a cell, and no key came twice
    if body.count(b":") != 1 + len(keys) or body.count(b"[") != len(keys) + len(rows):
        return None
    if not columns or set(map(type, columns)) != {str} or set(map(len, rows)) != {len(columns)}:
        return None
    if len(set(columns)) != len(columns) or not _are_labels(index, len(rows)):
        return None
    import numpy as np

    cells = np.frombuffer(rows.as_buffer(of_type="d"), np.float64)
    if not cells.flags.writeable:  # a model may write to what it is given
        cells = cells.copy()
    width = len(columns)
    blocks = [(cells.reshape(len(rows), width).T, range(width))]
    return Table.from_blocks(columns, blocks, [None] * width, len(rows), index)


def _are_labels(index: list[Any] | None, count: int) -> bool:
    if index is None:
        return True
    return len(index) == count and set(map(type, index)) <= {str, int, float, bool, type(None)}


def _takes_floats(schema: Schema | None) -> bool:
    return schema is not None and all(
        isinstance(spec, ColSpec) and spec.type is DataType.double for spec in schema
    )


@lru_cache(maxsize=1)
def _library() -> Any:
    try:
        import simdjson
    except ImportError:
        return None
    return simdjson
