"""Parquet as a table, read with pyarrow, which is not among our requirements."""

from __future__ import annotations

from typing import Any

from ..errors import InvalidInput, PayloadTooLarge, UnsupportedMediaType
from ..flavors.table import Table

# A file of a few kilobytes can unpack to any size: bound what is unpacked, not only what came.
MAX_UNPACKED = 2 * 1024**3


def parse(body: bytes, max_unpacked: int = MAX_UNPACKED) -> Table:
    """Read a Parquet file from memory.

    Args:
        body: the file.
        max_unpacked: bytes that it may unpack to.

    Raises:
        InvalidInput: not a Parquet file, damaged, or without rows.
        PayloadTooLarge: it would unpack to more than allowed.
        UnsupportedMediaType: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise UnsupportedMediaType(
            "Parquet is not read here because pyarrow is not installed beside the model; "
            "send JSON or CSV, or add pyarrow to the model's requirements."
        ) from None
    try:
        file = pq.ParquetFile(pa.BufferReader(body))
        _check_size(file.metadata, max_unpacked)
        table = file.read(use_threads=False)
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = (str(error).splitlines() or [""])[0][:200]
        raise InvalidInput(f"The body is not a readable Parquet file: {reason}") from None
    index = _index_columns(table.schema)
    kept = [i for i, name in enumerate(table.column_names) if name not in index]
    if table.num_rows == 0 or not kept:
        raise InvalidInput("There are no rows to score.")
    return Table([table.column_names[i] for i in kept], [_column(table.column(i)) for i in kept])


def _check_size(metadata: Any, limit: int) -> None:
    packed = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    # run-length encoding hides the size of constant columns: count cells as well
    cells = metadata.num_rows * max(1, metadata.num_columns) * 8
    if max(packed, cells) > limit:
        raise PayloadTooLarge(
            f"The Parquet file unpacks to more than {limit // 1024**2} MB; send fewer rows."
        )


def _index_columns(schema: Any) -> set[str]:
    """Columns that hold a DataFrame's row labels, which are no features."""
    described = schema.pandas_metadata or {}
    return {name for name in described.get("index_columns", ()) if isinstance(name, str)}


def _column(column: Any) -> Any:
    """Numbers, dates and booleans as an array, all else as Python values."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = kind.value_type
    if pa.types.is_floating(kind) or pa.types.is_timestamp(kind):
        return column.to_numpy()
    whole = pa.types.is_integer(kind) or pa.types.is_boolean(kind)
    if whole and column.null_count == 0:  # with gaps numpy would make them something else
        return column.to_numpy()
    return column.to_pylist()
