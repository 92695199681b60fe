"""The whole registry over SQL; its parts are in the files beside this one."""

from __future__ import annotations

from ...tracking.sql.engine import Database
from .uses import Uses
from .views import Views


class SqlRegistry(Views, Uses):
    """A `RegistryStore`, and what pages ask, in the database of a tracking store.

    Args:
        database: as `SqlStore` has it.
        proxied: it is a server's: messages do not say where it is.
    """

    def __init__(self, database: Database, proxied: bool = False) -> None:
        self.database = database
        self.place = "this server" if proxied else database.name

    @property
    def uri(self) -> str:
        return self.database.uri
