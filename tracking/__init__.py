"""Experiments, runs and logged models: entities, the store behind them, the client."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client import TrackingClient
    from .uri import get_tracking_uri, set_tracking_uri

_HOME = {
    "TrackingClient": "client",
    "get_tracking_uri": "uri",
    "set_tracking_uri": "uri",
}

__all__ = ["TrackingClient", "get_tracking_uri", "set_tracking_uri"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    from .. import _lend  # such as mlpack.tracking.MlflowClient: of a higher layer

    return _lend(__name__, name)
