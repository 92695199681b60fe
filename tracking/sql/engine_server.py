"""A database on a server: PostgreSQL, MySQL, MariaDB."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from ...errors import MissingDependency, StorageUnavailable
from ..uri import DEFAULT_FOLDER, family, redact
from . import schema
from .dialects import DIALECTS, Dialect, meaning_of
from .engine import Database

# the SQL standard's form, which all of them understand
_CONSISTENT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


class ServerDatabase(Database):
    """Connections come from a pool; one that died in it is replaced before it is used.

    Transactions that write see what others committed meanwhile (READ COMMITTED); who must not be
    overtaken locks the row first. Those that only read see one moment (REPEATABLE READ).

    Args:
        uri: ``postgresql://user:password@host/database`` or ``mysql://…``.
        artifact_root: recorded if the schema is made now. Default: ``./mlruns``.
    """

    def __init__(self, uri: str, artifact_root: str | None = None) -> None:
        self.uri = uri
        self.name = redact(uri)
        self._new_artifact_root = artifact_root or os.path.abspath(DEFAULT_FOLDER)  # noqa: PTH100
        self._url, self._dialect = _parse(uri)
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._engine: Engine | None = None
        self._artifact_root = self._new_artifact_root

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with self._in_our_words(), self._checked_engine().begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self._in_our_words(), self._checked_engine().begin() as connection:
            connection.exec_driver_sql(_CONSISTENT)
            yield connection

    @contextmanager
    def maintenance(self) -> Iterator[Connection]:
        engine = self._make_engine()
        try:
            with self._in_our_words(), engine.connect() as connection:
                schema.lock(connection)
                with connection.begin():
                    yield connection
        finally:
            engine.dispose()

    def facts(self) -> dict[str, str] | None:
        engine = self._make_engine(**self._dialect.limits)
        try:
            with self._in_our_words(), engine.connect() as connection:
                return schema.read_facts(connection)
        finally:
            engine.dispose()

    @property
    def artifact_root(self) -> str:
        with self._in_our_words():
            self._checked_engine()
        return self._artifact_root

    @property
    def new_artifact_root(self) -> str:
        return self._new_artifact_root

    def _checked_engine(self) -> Engine:
        """The pool, after one look at the schema."""
        if self._pid != os.getpid():
            if self._engine is not None:
                self._engine.dispose(close=False)  # the connections are the parent's
            self._reset()
        engine = self._engine
        if engine is None:
            with self._lock:
                if self._engine is None:
                    self._open()
                engine = self._engine
        assert engine is not None
        return engine

    def _open(self) -> None:
        engine = self._make_engine(**self._dialect.limits)
        with engine.connect() as connection:
            facts = schema.read_facts(connection)
        if facts is None:
            with self.maintenance() as connection:
                schema.make(connection, self)
            with engine.connect() as connection:
                facts = schema.read_facts(connection)
        assert facts is not None
        schema.check(facts, self)
        self._artifact_root = facts["artifact_root"]
        self._engine = engine

    def _make_engine(self, **limits: Any) -> Engine:
        ours = {**self._dialect.connect_args, **limits}
        arguments = {k: v for k, v in ours.items() if k not in self._url.query}
        return sa.create_engine(
            self._url,
            connect_args=arguments,
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
            pool_recycle=1800,
        )

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as error:
            kind, hint = meaning_of(error, self._dialect)
            said = " ".join(str(error.orig or error).split())
            raise kind(f"The tracking database {self.name} failed ({said}). {hint}") from error
        except sa.exc.TimeoutError as error:
            raise StorageUnavailable(
                f"All connections to {self.name} are in use; try again later."
            ) from error


def _parse(uri: str) -> tuple[sa.URL, Dialect]:
    dialect = DIALECTS[family(uri)]
    if find_spec(dialect.package) is None:
        raise MissingDependency(
            f"{redact(uri)} needs the package {dialect.package}. Install it: "
            f"pip install 'mlpack-toolkit[{dialect.extra}]'"
        )
    return sa.make_url(uri).set(drivername=dialect.driver), dialect
