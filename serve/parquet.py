"""Parquet as a table, read with pyarrow, which is not among our requirements.

A file of a few kilobytes can unpack to any size, and says of itself what it likes: pages are
counted before they are unpacked, and batches while they are read. Texts are read as
dictionaries, so that one that repeats a million times is in memory once.
"""

from __future__ import annotations

from typing import Any

from ..errors import InvalidInput, PayloadTooLarge
from ..flavors.table import Table
from .arrow import require_pyarrow
from .arrow_columns import to_table
from .parquet_pages import is_plain, unpacked_size

CONTENT_TYPE = "application/vnd.apache.parquet"
_BATCH = 16 * 1024  # rows that are unpacked between two looks at the sum
_CELL = 8


def parse(body: bytes, limit: int) -> Table:
    """Read a Parquet file from memory.

    Args:
        body: the file.
        limit: bytes that it may unpack to.

    Raises:
        InvalidInput: not a Parquet file, damaged, of types that are not read, or without rows.
        PayloadTooLarge: it would unpack to more than allowed.
        UnsupportedMediaType: pyarrow is not installed.
    """
    pa = require_pyarrow("Parquet")
    try:
        table = _read(pa, body, limit)
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        reason = (str(error).splitlines() or [""])[0][:200]
        raise InvalidInput(f"The body is not a readable Parquet file: {reason}") from None
    return to_table(table, limit)


def _read(pa: Any, body: bytes, limit: int) -> Any:
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(pa.BufferReader(body))
    _check_claims(metadata, limit)
    if unpacked_size(body, metadata, limit) > limit:
        raise _too_large(limit)
    texts = _texts(metadata)
    file = pq.ParquetFile(pa.BufferReader(body), read_dictionary=texts, buffer_size=0)
    batches = []
    size = 0
    for batch in file.iter_batches(batch_size=_BATCH, use_threads=False):
        size += batch.nbytes
        if size > limit:
            raise _too_large(limit)
        batches.append(batch)
    return pa.Table.from_batches(
        batches, schema=batches[0].schema if batches else file.schema_arrow
    )


def _check_claims(metadata: Any, limit: int) -> None:
    """Refuse a file that says itself that it is too large, before a page is read."""
    packed = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    # run-length encoding hides the size of constant columns: count cells as well
    cells = metadata.num_rows * max(1, metadata.num_columns) * _CELL
    if max(packed, cells) > limit:
        raise _too_large(limit)


def _texts(metadata: Any) -> list[str]:
    """The columns of texts and bytes; nested ones cannot be read as dictionaries."""
    columns = map(metadata.schema.column, range(metadata.num_columns))
    return [c.path for c in columns if c.physical_type == "BYTE_ARRAY" and is_plain(c)]


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"The Parquet file unpacks to more than the limit of {limit} bytes; send fewer rows at "
        "a time or raise the server's --max-body."
    )
