"""Which store: addresses, environment variables, and one open store for each address."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ..errors import InvalidInput

if TYPE_CHECKING:
    from .store import TrackingStore

DEFAULT_FOLDER = "mlruns"
DATABASE_NAME = "mlpack.db"
_FAMILIES = {
    "file": "sqlite",
    "sqlite": "sqlite",
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
    "http": "http",
    "https": "http",
}
_SERVERS = {
    "postgresql": "postgresql://user:password@host:port/database",
    "mysql": "mysql://user:password@host:port/database",
    "http": "http://host:port",
}
_VARIABLES = ("MLPACK_TRACKING_URI", "MLFLOW_TRACKING_URI")

_chosen: str | None = None
_open_stores: dict[tuple[str, str], TrackingStore] = {}


def set_tracking_uri(uri: str | Path) -> None:
    """Choose the store for this process.

    Args:
        uri: a folder, ``sqlite:///relative/file.db``, ``sqlite:////absolute/file.db``,
            ``postgresql://user:password@host/database``, ``mysql://…``, ``http(s)://`` of a
            tracking server, or '' to go back to the environment and the default.

    Raises:
        InvalidInput: it is none of these.
    """
    global _chosen
    text = str(uri)
    if text:
        family(text)
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
        MissingDependency: the driver of its database is not installed.
    """
    text = str(uri) if uri is not None else get_tracking_uri()
    # relative addresses mean another file after os.chdir
    known = (text, os.getcwd())  # noqa: PTH109 - on the path of every call
    store = _open_stores.get(known)
    if store is None:
        store = _open_stores[known] = _open(text)
    return store


def _open(uri: str) -> TrackingStore:
    if family(uri) == "http":
        from .rest.store import RestStore

        return RestStore(uri)
    from .sql.store import SqlStore

    return SqlStore(uri)


def family(uri: str) -> str:
    """What an address names: "sqlite" (folders too), "postgresql", "mysql" or "http" (a server).

    The driver after a ``+`` is ours to choose, so that addresses written for others work.

    Raises:
        InvalidInput: it is none of these.
    """
    scheme, separator, rest = uri.partition(":")
    if not separator or len(scheme) == 1 or "/" in scheme:
        return "sqlite"
    kind = _FAMILIES.get(scheme.partition("+")[0].lower())
    if kind is None:
        raise InvalidInput(
            f"{redact(uri)!r} is not the address of a tracking store. Use a folder, "
            "sqlite:///file.db, postgresql://user:password@host/database, mysql://…, or "
            "http://host:port of a tracking server."
        )
    if scheme == "sqlite" and (not rest.startswith("///") or rest[3:4] in ("", ":")):
        raise InvalidInput(
            f"{uri!r} is not of the form sqlite:///relative/file.db or sqlite:////absolute/file.db."
        )
    if kind in _SERVERS and not _names_a_place(uri, with_path=kind != "http"):
        raise InvalidInput(f"{redact(uri)!r} is not of the form {_SERVERS[kind]}.")
    return kind


def sqlite_file(uri: str) -> tuple[Path, str]:
    """The database file of a folder or SQLite address, and where its files go, seen from there."""
    scheme, separator, rest = uri.partition(":")
    if separator and scheme == "sqlite":
        return Path(rest[3:].partition("?")[0]).absolute(), DEFAULT_FOLDER
    if separator and scheme == "file":
        return _in_folder(Path(unquote(urlsplit(uri).path)))
    return _in_folder(Path(uri))


def redact(uri: str) -> str:
    """An address without its password, for messages."""
    uri = re.sub(r"(://[^/?#]*?):[^/?#]*@", r"\1:***@", uri)
    return re.sub(r"(?i)([?&](?:password|passwd|sslpassword)=)[^&#]*", r"\1***", uri)


def _names_a_place(uri: str, with_path: bool) -> bool:
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return False
    database = parts.path.strip("/")
    if with_path:
        return uri.partition(":")[2].startswith("//") and bool(database) and "/" not in database
    return bool(parts.hostname)


def _in_folder(folder: Path) -> tuple[Path, str]:
    return folder.expanduser().absolute() / DATABASE_NAME, "."
