"""What every call of the API has at hand: the store, the places of files, the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ..registry.store import RegistryStore
from ..registry.views import RegistryViews
from ..tracking.store import TrackingStore
from ..tracking.views import TrackingViews
from .places import Places

if TYPE_CHECKING:
    from .settings import ServerSettings


class ServedStore(TrackingStore, TrackingViews, Protocol):
    """What clients ask, and what pages ask."""


class ServedRegistry(RegistryStore, RegistryViews, Protocol):
    """The same of registered models."""


@dataclass(frozen=True)
class Service:
    """One server's parts. It keeps nothing between requests.

    Attributes:
        store: the runs.
        places: the files.
        settings: limits and switches.
        registry: the registered models.
    """

    store: ServedStore
    places: Places
    settings: ServerSettings
    registry: ServedRegistry
