"""Large bodies straight off the socket.

gunicorn's reader copies each byte half a dozen times on its way, which for a body of megabytes
costs more than reading it as Arrow does. This knows that reader well enough to go past it. And
memory of this size goes back to the system when it is freed, and comes anew, page by page, with
the next request: for 10,000 rows that took three of four milliseconds.
"""

from __future__ import annotations

import ctypes
import os
from functools import lru_cache
from typing import Any

LARGE = 128 * 1024  # bytes; below it the copies do not show


def read_large(source: Any, size: int) -> bytes | None:
    """A body of known length.

    Args:
        source: ``wsgi.input``, of which nothing was read yet.
        size: of the whole body.

    Returns:
        What came until the body, or the connection, ended; None where the source is not
        gunicorn's for a plain body, and nothing was read.
    """
    reader: Any = getattr(source, "reader", None)
    unreader: Any = getattr(reader, "unreader", None)
    sock = getattr(unreader, "sock", None)
    if type(reader).__name__ != "LengthReader" or sock is None or reader.length != size:
        return None
    if source.buf.tell():
        return None
    _keep_freed_memory()
    body = bytearray(size)
    view = memoryview(body)
    held = unreader.take_buffered()
    if len(held) > size:  # the next request is here already
        unreader.unread(held[size:])
    at = min(len(held), size)
    view[:at] = held[:at]
    try:
        while at < size and (received := sock.recv_into(view[at:])):
            at += received
    except Exception:
        source.failed = True  # where the next request begins is not known any more
        raise
    reader.length -= at
    return bytes(view[:at])


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
_KEPT, _KEPT_IN_ONE = 16 * 1024 * 1024, 8 * 1024 * 1024


@lru_cache(maxsize=1)
def _keep_freed_memory() -> None:
    """Let this process keep some megabytes for its next request; done by the first large body.

    glibc comes to larger numbers by itself, but only for some threads and some of the time.
    """
    if any(name.startswith("MALLOC_") for name in os.environ):
        return  # somebody has thought about it already
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another libc
        return
    mallopt(_TRIM_THRESHOLD, _KEPT)
    mallopt(_MMAP_THRESHOLD, _KEPT_IN_ONE)
