"""pyarrow's columns as ours: numbers as arrays that a model may write into, all else as values.

A dictionary (categories) may repeat a long text a million times in a few bytes, so what it
unpacks to is counted first. Types whose values can overlap in memory are not read.
"""

from __future__ import annotations

from typing import Any

from ..errors import InvalidInput, PayloadTooLarge
from ..flavors.table import Block, Table

_BLOCKS = ("float64", "float32", "int64", "int32", "bool")


def to_table(table: Any, limit: int) -> Table:
    """A checked ``pyarrow.Table`` as a `Table`; row labels of a DataFrame are left out.

    Args:
        table: validated; bounded in size but for what dictionaries repeat.
        limit: bytes that its dictionaries may unpack to.

    Raises:
        InvalidInput: no rows or columns, a name twice, or a column of a type that is not read.
        PayloadTooLarge: it would unpack to more than ``limit``.
    """
    labels = _index_columns(table.schema)
    kept = [i for i, name in enumerate(table.column_names) if name not in labels]
    if not table.num_rows or not kept:
        raise InvalidInput("There are no rows to score.")
    names = [table.column_names[i] for i in kept]
    columns = [_column(name, table.column(i), limit) for name, i in zip(names, kept, strict=True)]
    checked = Table(names, columns)  # refuses names that repeat
    return _in_blocks(checked)


def _index_columns(schema: Any) -> set[str]:
    """Columns that hold a DataFrame's row labels, which are no features."""
    try:
        described = schema.pandas_metadata or {}
        return {name for name in described["index_columns"] if isinstance(name, str)}
    except (ValueError, TypeError, KeyError, RecursionError):  # the sender's text, no JSON of ours
        return set()


def _in_blocks(table: Table) -> Table:
    """The same with all columns of one numeric type in one array of its own."""
    import numpy as np

    positions: dict[str, list[int]] = {}
    for i, column in enumerate(table.columns):
        if isinstance(column, np.ndarray) and column.dtype.name in _BLOCKS:
            positions.setdefault(column.dtype.name, []).append(i)
    blocks: list[Block] = []
    loose = [
        column.copy() if isinstance(column, np.ndarray) and not column.flags.writeable else column
        for column in table.columns
    ]
    for dtype, at in positions.items():
        block = np.empty((len(at), table.n_rows), dtype=dtype)
        for row, i in enumerate(at):
            block[row] = table.columns[i]
            loose[i] = None
        blocks.append((block, at))
    return Table.from_blocks(table.names, blocks, loose, table.n_rows)


def _column(name: str, column: Any, limit: int) -> Any:
    import pyarrow as pa

    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        column, kind = pa.chunked_array([c.storage for c in column.chunks]), kind.storage_type
    _check_type(name, kind)
    if pa.types.is_floating(kind) or pa.types.is_timestamp(kind):
        return column.to_numpy()
    whole = pa.types.is_integer(kind) or pa.types.is_boolean(kind)
    if whole and column.null_count == 0:  # with gaps numpy would make them something else
        return column.to_numpy()
    if pa.types.is_nested(kind) or pa.types.is_dictionary(kind):
        _check_repetitions(name, column, limit)
    if pa.types.is_dictionary(kind):
        return [value for chunk in column.chunks for value in _categories(chunk)]
    try:
        return column.to_pylist()
    except (UnicodeDecodeError, ValueError, OverflowError, pa.ArrowException) as error:
        reason = (str(error).splitlines() or [""])[0][:150]
        raise InvalidInput(f"Column {name[:80]!r} cannot be read: {reason}") from None


def _check_type(name: str, kind: Any) -> None:
    import pyarrow as pa

    is_type = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return _check_type(name, kind.storage_type)
    if is_type.is_dictionary(kind):
        return _check_type(name, kind.value_type)
    if is_type.is_map(kind):
        _check_type(name, kind.key_type)
        return _check_type(name, kind.item_type)
    if is_type.is_struct(kind):
        for field in kind:
            _check_type(name, field.type)
        return None
    if is_type.is_list(kind) or is_type.is_large_list(kind) or is_type.is_fixed_size_list(kind):
        return _check_type(name, kind.value_type)
    if is_type.is_primitive(kind) or is_type.is_null(kind) or is_type.is_decimal(kind):
        return None
    if is_type.is_string(kind) or is_type.is_large_string(kind):
        return None
    if is_type.is_binary(kind) or is_type.is_large_binary(kind):
        return None
    if is_type.is_fixed_size_binary(kind):
        return None
    raise InvalidInput(
        f"Column {name[:80]!r} has the Arrow type {str(kind)[:80]!r}, which is not read; send "
        "numbers, booleans, strings, binary, dates, or lists and structs of them."
    )


def _categories(chunk: Any) -> list[Any]:
    """The values of a dictionary's column, each made once."""
    values = chunk.dictionary.to_pylist()
    values.append(None)
    gap = len(values) - 1
    return [values[gap if index is None else index] for index in chunk.indices.to_pylist()]


def _check_repetitions(name: str, column: Any, limit: int) -> None:
    """Refuse a column whose dictionaries unpack to too much."""
    if _repeated_size(name, column) > limit:
        raise PayloadTooLarge(
            f"Column {name[:80]!r} unpacks to more than the limit of {limit} bytes; send fewer "
            "rows at a time or raise the server's --max-body."
        )


def _repeated_size(name: str, array: Any) -> int:
    """Bytes of all values of the dictionaries in an array, wherever they are nested."""
    import pyarrow as pa

    if hasattr(array, "chunks"):
        return sum(_repeated_size(name, chunk) for chunk in array.chunks)
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return _repeated_size(name, array.storage)
    if pa.types.is_dictionary(kind):
        return _dictionary_size(name, array)
    if pa.types.is_struct(kind):
        return sum(_repeated_size(name, array.field(i)) for i in range(kind.num_fields))
    if pa.types.is_map(kind):
        return _repeated_size(name, array.keys) + _repeated_size(name, array.items)
    return _repeated_size(name, array.values) if pa.types.is_nested(kind) else 0


def _dictionary_size(name: str, array: Any) -> int:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type.value_type
    if pa.types.is_nested(kind) or isinstance(kind, pa.BaseExtensionType):
        raise InvalidInput(f"Column {name[:80]!r} is a dictionary of {kind}, which is not read.")
    if pa.types.is_fixed_size_binary(kind):
        return len(array) * int(kind.byte_width)
    texts = (pa.types.is_string, pa.types.is_large_string)
    if not any(is_kind(kind) for is_kind in (*texts, pa.types.is_binary, pa.types.is_large_binary)):
        return 0  # values of a few bytes each, of which the cells were counted
    sizes = pc.binary_length(array.dictionary.cast(pa.large_binary()))
    return pc.sum(sizes.take(array.indices)).as_py() or 0
