"""`MlpackClient`: tracking and the registry by id, without a notion of an active run."""

from __future__ import annotations

from pathlib import Path

from ..tracking.client import TrackingClient


class MlpackClient(TrackingClient):
    """Reads and writes a tracking store and a registry.

    Args:
        tracking_uri: the store; default: the one in use (see `get_tracking_uri`).
        registry_uri: where registered models are; default: the registry in use (see
            `get_registry_uri`), which is the store itself unless it was chosen.
    """

    def __init__(
        self, tracking_uri: str | Path | None = None, registry_uri: str | Path | None = None
    ) -> None:
        super().__init__(tracking_uri)


MlflowClient = MlpackClient
