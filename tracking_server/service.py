"""What every call of the API has at hand: the store, the places of files, the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .places import Places

if TYPE_CHECKING:
    from ..registry.store import RegistryStore
    from ..tracking.store import TrackingStore
    from .settings import ServerSettings


@dataclass(frozen=True)
class Service:
    """One server's parts. It keeps nothing between requests.

    Attributes:
        store: the runs.
        places: the files.
        settings: limits and switches.
        registry: the registered models.
    """

    store: TrackingStore
    places: Places
    settings: ServerSettings
    registry: RegistryStore
