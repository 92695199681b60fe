"""How much an Arrow stream holds, read from the headers of its messages before it is unpacked.

Buffers may be compressed, may overlap, and a column of nulls has no buffers at all, so that a
small body can become any amount of memory. pyarrow does not tell before it unpacks; the
headers do. They are flatbuffers: tables of optional fields behind offsets.
"""

from __future__ import annotations

import struct
from typing import Any

from ..errors import PayloadTooLarge

_CELL = 8  # bytes that a value takes at least when it is unpacked
# positions of fields in the tables of the format (Message.fbs, Schema.fbs)
_MESSAGE_HEADER = 2
_DICTIONARY_DATA = 1
_BATCH_NODES, _BATCH_BUFFERS, _BATCH_COMPRESSION = 1, 2, 3
_PAIR = struct.Struct("<qq")  # a column's (length, nulls); a buffer's (offset, length)


def check(messages: Any, limit: int) -> None:
    """Refuse a stream that would take too much memory.

    Args:
        messages: pyarrow's messages, of record batches and dictionaries.
        limit: bytes that all of them together may unpack to.

    Raises:
        PayloadTooLarge: they would unpack to more.
        ValueError: a header is damaged.
    """
    size = cells = 0
    for message in messages:
        if message.type not in ("record batch", "dictionary"):
            continue
        try:
            more_bytes, more_cells = _measure(message)
        except (struct.error, IndexError):
            raise ValueError("a message's header is damaged") from None
        size += more_bytes
        cells += more_cells
        if max(size, cells * _CELL) > limit:
            raise PayloadTooLarge(
                f"The Arrow stream unpacks to more than the limit of {limit} bytes; send fewer "
                "rows at a time or raise the server's --max-body."
            )


def _measure(message: Any) -> tuple[int, int]:
    """Bytes of all buffers, and values of all columns, of one batch."""
    header = memoryview(message.metadata)
    batch = _follow(header, _field(header, _follow(header, 0), _MESSAGE_HEADER))
    if message.type == "dictionary":
        batch = _follow(header, _field(header, batch, _DICTIONARY_DATA))
    nodes = _pairs(header, _field(header, batch, _BATCH_NODES))
    buffers = _pairs(header, _field(header, batch, _BATCH_BUFFERS))
    cells = sum(max(length, 0) for length, _ in nodes)
    if not _field(header, batch, _BATCH_COMPRESSION):
        return sum(max(length, 0) for _, length in buffers), cells
    body = memoryview(message.body)
    return sum(_unpacked(body, offset, length) for offset, length in buffers), cells


def _unpacked(body: memoryview, offset: int, length: int) -> int:
    """A compressed buffer begins with its size when unpacked; -1: it is not compressed."""
    if length <= 0:
        return 0
    (size,) = struct.unpack_from("<q", body, offset)
    return max(int(size), length)


def _follow(header: memoryview, at: int) -> int:
    (offset,) = struct.unpack_from("<I", header, at)
    return at + int(offset)


def _field(header: memoryview, table: int, number: int) -> int:
    """Where a table keeps a field; 0 if it does not have it."""
    (back,) = struct.unpack_from("<i", header, table)
    vtable = table - back
    (size,) = struct.unpack_from("<H", header, vtable)
    entry = 4 + 2 * number
    if entry + 2 > size:
        return 0
    (offset,) = struct.unpack_from("<H", header, vtable + entry)
    return table + int(offset) if offset else 0


def _pairs(header: memoryview, field: int) -> list[tuple[int, int]]:
    if not field:
        return []
    vector = _follow(header, field)
    (count,) = struct.unpack_from("<I", header, vector)
    content = header[vector + 4 : vector + 4 + _PAIR.size * count]
    if len(content) < _PAIR.size * count:
        raise IndexError
    return list(_PAIR.iter_unpack(content))
