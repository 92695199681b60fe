"""Experiments, runs and logged models: entities, the store behind them, the client."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client import MlpackClient
    from .client import MlpackClient as MlflowClient
    from .uri import get_tracking_uri, set_tracking_uri

_HOME = {
    "MlflowClient": ("client", "MlpackClient"),
    "MlpackClient": ("client", "MlpackClient"),
    "get_tracking_uri": ("uri", "get_tracking_uri"),
    "set_tracking_uri": ("uri", "set_tracking_uri"),
}

__all__ = ["MlflowClient", "MlpackClient", "get_tracking_uri", "set_tracking_uri"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home, known_there = _HOME[name]
    return getattr(import_module(f"{__name__}.{home}"), known_there)
