"""The whole store over SQL; its parts are in the files beside this one, each on the one before."""

from __future__ import annotations

from pathlib import Path

from .engine import Database
from .search import Search


class SqlStore(Search):
    """A `TrackingStore` in one SQLite file.

    Args:
        path: the database file; made by the first write.
        artifact_root: where files go, relative to the database's folder, if it is new.
    """

    def __init__(self, path: Path, artifact_root: str = ".") -> None:
        self.database = Database(path, artifact_root)

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.database.path}"

    @property
    def artifact_root(self) -> str:
        return self.database.artifact_root
