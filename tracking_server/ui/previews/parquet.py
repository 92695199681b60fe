"""Parquet, of which the browser reads the parts that it shows (``js/preview_parquet.js``)."""

from __future__ import annotations

from typing import Any

from .file import File
from .kind import Kind, by_suffix


def prepare(file: File) -> dict[str, Any] | None:
    """Nothing; but a file without Parquet's mark is none."""
    return {} if file.head(4) == b"PAR1" else None


KIND = Kind(
    "parquet",
    by_suffix(".parquet", ".pq"),
    prepare,
    "pandas.read_parquet(mlpack.artifacts.download_artifacts({uri}))",
)
