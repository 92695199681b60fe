"""What a kind of preview is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .file import File


@dataclass(frozen=True)
class Kind:
    """A kind of preview.

    Attributes:
        name: its template is ``preview_<name>.html``.
        fits: whether a file looks like this kind, by its name or its first bytes.
        prepare: what the template needs, from a bounded part of the file; None when the file is
            not what it looked like, and the next kind may try. ``cut`` says what was left out.
        python: a line that loads the file, with ``{uri}`` for its quoted address.
        is_text: it can be shown as the text that it is, too.
    """

    name: str
    fits: Callable[[File], bool]
    prepare: Callable[[File], dict[str, Any] | None]
    python: str = "mlpack.artifacts.download_artifacts({uri})"
    is_text: bool = False


def by_suffix(*suffixes: str) -> Callable[[File], bool]:
    """Fits files whose names end so."""
    return lambda file: file.suffix in suffixes
