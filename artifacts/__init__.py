"""Where the files that runs log live."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """``mlpack.artifacts.download_artifacts`` and its like ask the layers above."""
    from .. import _lend

    return _lend(__name__, name)
