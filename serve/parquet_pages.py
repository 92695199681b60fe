"""How much a Parquet file's pages unpack to, as each page says itself.

What the file's end says of sizes is only a claim, which no reader holds against the pages; a
page's own header is what its buffer is made by. The headers are structs of Thrift's compact
protocol, of which this reads as much as it takes to step over them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_MOST_PAGES = 100_000
_DEEPEST = 4
# fields of a page's header
_UNPACKED, _PACKED, _DATA, _DICTIONARY, _DATA_V2 = 2, 3, 5, 7, 8
_ENCODING = {_DATA: 2, _DATA_V2: 4}  # fields of the header of its data
_DELTA_BYTE_ARRAY = 7  # each text repeats the start of the one before it


def unpacked_size(body: bytes, metadata: Any, limit: int) -> int:
    """Bytes of all pages of all columns when unpacked; counting ends above the limit.

    Texts inside of lists and structs count as often as their dictionary may be used, as long as
    its longest.

    Args:
        body: the file.
        metadata: as pyarrow has it.
        limit: where to stop.

    Raises:
        ValueError: a page is damaged, or its encoding could multiply the data.
    """
    size = pages = 0
    for i in range(metadata.num_row_groups):
        group = metadata.row_group(i)
        for j in range(group.num_columns):
            column = group.column(j)
            nested = not is_plain(metadata.schema.column(j)) and _is_text(column)
            for header, content in _pages(body, column):
                pages += 1
                size += int(header[_UNPACKED])
                if pages > _MOST_PAGES:
                    raise ValueError(f"it has more than {_MOST_PAGES} pages")
                if size <= limit and nested and _DICTIONARY in header:
                    size += column.num_values * _longest(content, header[_UNPACKED], column)
                if size > limit:
                    return size
    return size


def is_plain(column: Any) -> bool:
    """Whether a column of the file is one of the table, not a part of lists or structs."""
    return bool(column.max_repetition_level == 0 and column.path == column.name)


def _is_text(column: Any) -> bool:
    return bool(column.physical_type == "BYTE_ARRAY")


def _pages(body: bytes, column: Any) -> Iterator[tuple[dict[int, Any], memoryview]]:
    """The header and the packed content of each page that a reader would come across."""
    if column.num_values <= 0:
        return  # it may have no page at all, and none is read
    at = column.data_page_offset
    if column.has_dictionary_page and 0 < column.dictionary_page_offset < at:
        at = column.dictionary_page_offset
    end = min(at + column.total_compressed_size, len(body))
    while 0 <= at < end:
        header, at = _Struct(body, at).read()
        unpacked, packed = header.get(_UNPACKED), header.get(_PACKED)
        if type(unpacked) is not int or type(packed) is not int or min(unpacked, packed) < 0:
            raise ValueError("a page's header is damaged")
        _check_encoding(header)
        yield header, memoryview(body)[at : at + packed]
        at += packed


def _longest(content: memoryview, size: int, column: Any) -> int:
    """The length of the longest text in a dictionary: each comes after its length."""
    import pyarrow as pa

    raw = content
    if column.compression != "UNCOMPRESSED":
        codec = _CODECS.get(column.compression)
        if codec is None:
            raise ValueError(f"the compression {column.compression} is not read")
        raw = memoryview(pa.decompress(content, size, codec=codec))
    longest = at = 0
    while at + 4 <= len(raw):
        length = int.from_bytes(raw[at : at + 4], "little")
        longest = max(longest, length)
        at += 4 + length
    return longest


_CODECS = {
    "SNAPPY": "snappy",
    "GZIP": "gzip",
    "BROTLI": "brotli",
    "ZSTD": "zstd",
    "LZ4": "lz4_raw",
    "LZ4_RAW": "lz4_raw",
}


def _check_encoding(header: dict[int, Any]) -> None:
    for kind, field in _ENCODING.items():
        data = header.get(kind)
        if isinstance(data, dict) and data.get(field) == _DELTA_BYTE_ARRAY:
            raise ValueError("texts in the encoding DELTA_BYTE_ARRAY are not read")


class _Struct:
    """A struct of the compact protocol, at a place."""

    def __init__(self, body: bytes, at: int) -> None:
        self._body, self._at = body, at

    def read(self) -> tuple[dict[int, Any], int]:
        """Its integers and structs by field, and the place behind it."""
        try:
            return self._fields(0), self._at
        except IndexError:
            raise ValueError("a page's header is damaged") from None

    def _fields(self, depth: int) -> dict[int, Any]:
        if depth > _DEEPEST:
            raise ValueError("a page's header is damaged")
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            step, kind = head >> 4, head & 15
            number = number + step if step else self._signed()
            fields[number] = self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (1, 2):  # true, false
            return None
        if kind == 3:
            return self._byte()
        if kind in (4, 5, 6):
            return self._signed()
        if kind == 7:
            return self._skip(8)
        if kind == 8:
            return self._skip(self._varint())
        if kind == 12:
            return self._fields(depth + 1)
        raise ValueError("a page's header is damaged")  # lists and maps do not occur in one

    def _byte(self) -> int:
        value = self._body[self._at]
        self._at += 1
        return value

    def _varint(self) -> int:
        value = shift = 0
        while shift < 70:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
        raise ValueError("a page's header is damaged")

    def _signed(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _skip(self, size: int) -> None:
        self._at += size
