"""Which registry: addresses, environment variables, and one open registry for each address."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..tracking.uri import family, get_tracking_uri, open_store

if TYPE_CHECKING:
    from .store import RegistryStore

_VARIABLES = ("MLPACK_REGISTRY_URI", "MLFLOW_REGISTRY_URI")

_chosen: str | None = None
_open_registries: dict[tuple[str, str], RegistryStore] = {}


def set_registry_uri(uri: str | Path) -> None:
    """Choose the registry for this process, where it is not that of the tracking store.

    Args:
        uri: as `set_tracking_uri` takes it; '' to go back to the environment and the default.

    Raises:
        InvalidInput: it is no address of a store.
    """
    global _chosen
    text = str(uri)
    if text:
        family(text)
    _chosen = text or None


def get_registry_uri() -> str:
    """The address of the registry in use.

    From `set_registry_uri`, else the environment (``MLPACK_REGISTRY_URI``, then
    ``MLFLOW_REGISTRY_URI``), else that of the tracking store.
    """
    return registry_uri_for()


def registry_uri_for(
    registry_uri: str | Path | None = None, tracking_uri: str | Path | None = None
) -> str:
    """The address of the registry that belongs to what a caller named.

    Args:
        registry_uri: counts first.
        tracking_uri: counts where no registry was chosen, here or as `get_registry_uri` says.
    """
    if registry_uri is not None:
        return str(registry_uri)
    if _chosen is not None:
        return _chosen
    for variable in _VARIABLES:
        if value := os.environ.get(variable):
            return value
    return str(tracking_uri) if tracking_uri is not None else get_tracking_uri()


def open_registry(uri: str | Path | None = None) -> RegistryStore:
    """The registry of an address (default: the one in use); opened once a process.

    Raises:
        InvalidInput: the address is not one of a store.
        MissingDependency: the driver of its database is not installed.
    """
    text = str(uri) if uri is not None else get_registry_uri()
    known = (text, os.getcwd())  # noqa: PTH109 - as in `open_store`
    registry = _open_registries.get(known)
    if registry is None:
        registry = _open_registries[known] = _open(text)
    return registry


def _open(uri: str) -> RegistryStore:
    if family(uri) == "http":
        from .rest.store import RestRegistry

        return RestRegistry(uri)
    from ..tracking.sql.store import SqlStore
    from .sql.store import SqlRegistry

    store = open_store(uri)
    assert isinstance(store, SqlStore)
    return SqlRegistry(store.database)
