"""Compressed bodies (``Content-Encoding``), unpacked no further than the limit on bodies.

A few kilobytes can unpack to gigabytes, so the output is counted while it is made. zstd reads
through a window as large as the sender says: that is bounded, too.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

from ..errors import InvalidInput, PayloadTooLarge, UnsupportedMediaType

_STEP = 64 * 1024  # bytes that are taken at once, so that what is left over is cheap to copy
_PIECE = 256 * 1024  # bytes that are unpacked between two looks at the sum
# zstd has no such bound on a piece, and makes at most 32 kB of a byte
_ZSTD_STEP = 1024
_MOST_PARTS = 10_000  # members of gzip, frames of zstd: starting one costs more than its bytes
_LARGEST_WINDOW = 8 * 1024 * 1024  # what RFC 8878 asks every reader of zstd to take, and no more

Unpacker = Callable[[bytes, int], bytes]


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """The body as it was before its sender compressed it.

    Args:
        body: the bytes as they came.
        encoding: the header ``Content-Encoding``; '' or "identity" changes nothing.
        limit: the largest size in bytes that it may have afterwards.

    Raises:
        UnsupportedMediaType: an encoding that is not read here, or more than one.
        PayloadTooLarge: it unpacks to more than ``limit``.
        InvalidInput: it is not what the header says, or ends too early.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return body
    unpack = _UNPACKERS.get(name)
    if unpack is None:
        raise UnsupportedMediaType(
            f"The content encoding {name[:40]!r} is not supported; send the body with gzip, "
            "deflate, zstd or uncompressed."
        )
    return unpack(body, limit)


class _Output:
    """What was unpacked so far, never more than allowed."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self.pieces: list[bytes] = []

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size > self.limit:
            raise PayloadTooLarge(
                f"The body unpacks to more than the limit of {self.limit} bytes; send fewer rows "
                "at a time or raise the server's --max-body."
            )
        self.pieces.append(piece)


def _gzip(body: bytes, limit: int) -> bytes:
    """All members one after the other, as RFC 1952 says."""
    return _unpack_parts(
        "gzip", body, limit, lambda at, out: _inflate("gzip", 31, memoryview(body), at, out)
    )


def _deflate(body: bytes, limit: int) -> bytes:
    """The zlib format; some clients send the bare stream and mean the same."""
    wrapped = len(body) >= 2 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
    out = _Output(limit)
    if _inflate("deflate", 15 if wrapped else -15, memoryview(body), 0, out) < len(body):
        raise InvalidInput("The body has further bytes after its deflate stream.")
    return b"".join(out.pieces)


def _zstd(body: bytes, limit: int) -> bytes:
    try:
        import zstandard
    except ImportError:
        raise UnsupportedMediaType(
            "zstd is not read here because the package zstandard is not installed beside the "
            "model; send gzip, or add zstandard to the model's requirements."
        ) from None
    reader = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
    view = memoryview(body)

    def frame(at: int, out: _Output) -> int:
        unpacker = reader.decompressobj()
        while not unpacker.eof:
            chunk = _next(view, at, _ZSTD_STEP, "zstd")
            try:
                out.add(unpacker.decompress(chunk))
            except zstandard.ZstdError as error:
                raise InvalidInput(f"The body is not valid zstd: {error}.") from None
            at += len(chunk)
        return at - len(unpacker.unused_data)

    return _unpack_parts("zstd", body, limit, frame)


def _unpack_parts(
    name: str, body: bytes, limit: int, unpack: Callable[[int, _Output], int]
) -> bytes:
    """Parts one after the other; ``unpack`` reads the one that begins at a place, to its end."""
    out = _Output(limit)
    at = 0
    for _ in range(_MOST_PARTS):
        at = unpack(at, out)
        if at >= len(body):
            return b"".join(out.pieces)
    raise InvalidInput(f"The body is made of more than {_MOST_PARTS} {name} streams; send one.")


def _inflate(name: str, wbits: int, view: memoryview, at: int, out: _Output) -> int:
    """One stream of zlib's; returns the place after it."""
    unpacker = zlib.decompressobj(wbits=wbits)
    while not unpacker.eof:
        rest: Any = _next(view, at, _STEP, name)
        at += len(rest)
        full = False
        while (rest or full) and not unpacker.eof:
            try:
                piece = unpacker.decompress(rest, _PIECE)
            except zlib.error as error:
                raise InvalidInput(f"The body is not valid {name}: {error}.") from None
            out.add(piece)
            rest, full = unpacker.unconsumed_tail, len(piece) == _PIECE
    return at - len(unpacker.unused_data)


def _next(view: memoryview, at: int, size: int, name: str) -> memoryview:
    chunk = view[at : at + size]
    if not chunk:
        raise InvalidInput(f"The body ended in the middle of its {name} stream.")
    return chunk


_UNPACKERS: dict[str, Unpacker] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "zstd": _zstd,
}
