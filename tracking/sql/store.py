"""The whole store over SQL; its parts are in the files beside this one, each on the one before."""

from __future__ import annotations

from pathlib import Path

from ..uri import family, sqlite_file
from .engine import LOCK_TIMEOUT, Database
from .view_compare import Comparison
from .view_curves import Curves
from .view_experiments import Finder
from .view_names import KeyNames
from .view_runs import RunTable


class SqlStore(RunTable, KeyNames, Curves, Finder, Comparison):
    """A `TrackingStore`, and `TrackingViews`, in a SQLite file, PostgreSQL, MySQL or MariaDB.

    Args:
        uri: a folder or an address, as `open_store` takes them.
        artifact_root: where files go if the database is new: a folder (for SQLite also one
            relative to the file) or the address of an object store.
        proxied: experiments without a location of their own are reported below
            ``mlflow-artifacts:``, as a tracking server hands them out.
        patience: seconds to wait for other processes that write to the same SQLite file.
    """

    def __init__(
        self,
        uri: str | Path,
        artifact_root: str | None = None,
        proxied: bool = False,
        patience: float = LOCK_TIMEOUT,
    ) -> None:
        self.database = open_database(str(uri), artifact_root, patience)
        self.proxied = proxied
        # how messages call it; where the server's disk has it is not for its clients
        self.place = "this server" if proxied else self.database.name

    @property
    def uri(self) -> str:
        return self.database.uri

    @property
    def artifact_root(self) -> str:
        return self.database.artifact_root


def open_database(
    uri: str, artifact_root: str | None = None, patience: float = LOCK_TIMEOUT
) -> Database:
    """The database of an address; nothing is read, made or connected yet.

    Raises:
        InvalidInput: the address is not one of a database.
        MissingDependency: its driver is not installed.
    """
    if family(uri) == "sqlite":
        from .engine_sqlite import SqliteDatabase

        path, default_root = sqlite_file(uri)
        return SqliteDatabase(path, artifact_root or default_root, patience)
    from .engine_server import ServerDatabase

    return ServerDatabase(uri, artifact_root)
