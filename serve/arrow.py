"""Arrow IPC as a table, read with pyarrow, which is not among our requirements.

The stream format, and the file format as what it is: the same stream between two marks. (Its
index at the end is not read: it could name one batch a million times.)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..errors import InvalidInput, UnsupportedMediaType
from ..flavors.table import Table
from . import arrow_sizes
from .arrow_columns import to_table

STREAM = "application/vnd.apache.arrow.stream"
FILE = "application/vnd.apache.arrow.file"
_FILE_MARK = b"ARROW1\0\0"


def parse(body: bytes, limit: int) -> Table:
    """Read an Arrow stream or file from memory.

    Args:
        body: as it came; numbers without gaps are copied once, into an array for the model.
        limit: bytes that it may unpack to.

    Raises:
        InvalidInput: not Arrow, damaged, of types that are not read, or without rows.
        PayloadTooLarge: it would unpack to more than allowed.
        UnsupportedMediaType: pyarrow is not installed.
    """
    pa = require_pyarrow("Arrow")
    start = len(_FILE_MARK) if body[: len(_FILE_MARK)] == _FILE_MARK else 0
    stream = pa.py_buffer(body).slice(start)
    try:
        arrow_sizes.check(_messages(pa, stream), limit)
        options = pa.ipc.IpcReadOptions(use_threads=False)
        with pa.ipc.open_stream(stream, options=options) as reader:
            table = reader.read_all()
        table.validate(full=True)
    # damaged names and metadata are found by Python itself
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        reason = (str(error).splitlines() or [""])[0][:200]
        raise InvalidInput(f"The body is not a readable Arrow stream: {reason}") from None
    return to_table(table, limit)


def _messages(pa: Any, stream: Any) -> Iterator[Any]:
    reader = pa.ipc.MessageReader.open_stream(pa.BufferReader(stream))
    while True:
        try:
            yield reader.read_next_message()
        except StopIteration:
            return


def require_pyarrow(what: str) -> Any:
    """The module pyarrow.

    Args:
        what: the format that needs it, for the message.

    Raises:
        UnsupportedMediaType: it is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.ipc
    except ImportError:
        raise UnsupportedMediaType(
            f"{what} is not read here because pyarrow is not installed beside the model; "
            "send JSON or CSV, or add pyarrow to the model's requirements."
        ) from None
    return pa
