"""``mlpack.config``: switches of a process, under the names that people know."""

from __future__ import annotations

from typing import Any

from .async_logging import enable_async_logging
from .system_metrics import (
    disable_system_metrics_logging,
    enable_system_metrics_logging,
    set_system_metrics_node_id,
    set_system_metrics_samples_before_logging,
    set_system_metrics_sampling_interval,
)
from .uri import get_tracking_uri, set_tracking_uri

__all__ = [
    "disable_system_metrics_logging",
    "enable_async_logging",
    "enable_system_metrics_logging",
    "get_tracking_uri",
    "set_system_metrics_node_id",
    "set_system_metrics_samples_before_logging",
    "set_system_metrics_sampling_interval",
    "set_tracking_uri",
]


def __getattr__(name: str) -> Any:
    """``mlpack.config.set_registry_uri`` and its like are of the layer above."""
    from .. import _lend

    return _lend(__name__, name)
