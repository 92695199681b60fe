"""Which store: addresses, environment variables, and one open store for each address."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ..errors import InvalidInput

if TYPE_CHECKING:
    from .store import TrackingStore

DEFAULT_FOLDER = "mlruns"
DATABASE_NAME = "mlpack.db"
_VARIABLES = ("MLPACK_TRACKING_URI", "MLFLOW_TRACKING_URI")

_chosen: str | None = None
_open_stores: dict[tuple[str, str], TrackingStore] = {}


def set_tracking_uri(uri: str | Path) -> None:
    """Choose the store for this process.

    Args:
        uri: a folder, ``sqlite:///relative/file.db``, ``sqlite:////absolute/file.db``, or '' to
            go back to the environment and the default.

    Raises:
        InvalidInput: it is none of these.
    """
    global _chosen
    text = str(uri)
    if text:
        _locate(text)
    _chosen = text or None


def get_tracking_uri() -> str:
    """The address of the store in use.

    From `set_tracking_uri`, else the environment (``MLPACK_TRACKING_URI``, then
    ``MLFLOW_TRACKING_URI``), else the folder ``./mlruns``.
    """
    if _chosen is not None:
        return _chosen
    for variable in _VARIABLES:
        if value := os.environ.get(variable):
            return value
    return DEFAULT_FOLDER


def open_store(uri: str | Path | None = None) -> TrackingStore:
    """The store of an address (default: the one in use); opened once a process.

    Raises:
        InvalidInput: the address is not one of a store.
    """
    text = str(uri) if uri is not None else get_tracking_uri()
    # relative addresses mean another file after os.chdir
    known = (text, os.getcwd())  # noqa: PTH109 - on the path of every call
    store = _open_stores.get(known)
    if store is None:
        from .sql.store import SqlStore

        database, artifact_root = _locate(text)
        store = _open_stores[known] = SqlStore(database, artifact_root)
    return store


def _locate(uri: str) -> tuple[Path, str]:
    """The database file of an address, and where its files go, relative to its folder."""
    scheme, separator, rest = uri.partition(":")
    if not separator or len(scheme) == 1 or "/" in scheme:
        return _in_folder(Path(uri))
    if scheme == "sqlite":
        if not rest.startswith("///") or len(rest) == 3 or rest.startswith("///:"):
            raise InvalidInput(
                f"{uri!r} is not of the form sqlite:///relative/file.db or "
                "sqlite:////absolute/file.db."
            )
        return Path(rest[3:].partition("?")[0]).absolute(), DEFAULT_FOLDER
    if scheme == "file":
        return _in_folder(Path(unquote(urlsplit(uri).path)))
    if scheme in ("http", "https"):
        raise InvalidInput(
            f"{uri!r} is a tracking server; this version of mlpack records to a local folder or "
            "SQLite file only. Unset MLPACK_TRACKING_URI and MLFLOW_TRACKING_URI, or set one to a "
            "folder."
        )
    raise InvalidInput(
        f"{uri!r} is not the address of a tracking store. Use a folder or sqlite:///file.db."
    )


def _in_folder(folder: Path) -> tuple[Path, str]:
    return folder.expanduser().absolute() / DATABASE_NAME, "."
