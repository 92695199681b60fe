"""What is nothing else: its first bytes, and what they look like."""

from __future__ import annotations

from typing import Any

from .file import File
from .kind import Kind

_SHOWN = 512
_MARKS = (
    (b"\x80\x02", "a pickle, which runs code when it is loaded"),
    (b"\x80\x03", "a pickle, which runs code when it is loaded"),
    (b"\x80\x04", "a pickle, which runs code when it is loaded"),
    (b"\x80\x05", "a pickle, which runs code when it is loaded"),
    (b"PAR1", "Parquet"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x89HDF\r\n\x1a\n", "HDF5"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x7fELF", "a program or library (ELF)"),
    (b"ARROW1", "Arrow (Feather)"),
    (b"Obj\x01", "Avro"),
    (b"%PDF", "PDF"),
)


def prepare(file: File) -> dict[str, Any]:
    """Lines of hexadecimal numbers."""
    head = file.head(_SHOWN)
    lines = []
    for start in range(0, len(head), 16):
        row = head[start : start + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in row)
        lines.append((f"{start:04x}", row.hex(" "), text))
    kind = next((name for mark, name in _MARKS if head.startswith(mark)), None)
    return {"bytes": lines, "looks_like": kind}


KIND = Kind("binary", lambda file: True, prepare)
