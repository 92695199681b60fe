"""Markdown, rendered."""

from __future__ import annotations

from typing import Any

from .file import File
from .kind import Kind, by_suffix
from .text import whole

_LARGEST = 256 << 10


def prepare(file: File) -> dict[str, Any] | None:
    """The text, which the template renders; a longer one is shown as text."""
    text = whole(file, _LARGEST)
    return None if text is None else {"text": text}


KIND = Kind(
    "markdown",
    by_suffix(".md", ".markdown"),
    prepare,
    "mlpack.artifacts.load_text({uri})",
    is_text=True,
)
