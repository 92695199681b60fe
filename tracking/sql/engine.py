"""One SQLite database: connections, transactions, and its errors in our words.

Every thread has one connection, kept open. Writers take the lock at the start of their
transaction (BEGIN IMMEDIATE) and wait for each other; readers never wait (WAL). With
``synchronous=NORMAL`` a committed transaction survives the death of the process (it is in the
operating system's hands), and costs no disk flush.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import NullPool

from ...errors import InvalidState, StorageFailed
from . import tables

LOCK_TIMEOUT = 60.0  # seconds a writer waits for the others


class _Connection(sqlite3.Connection):
    """The original has no weak references."""


# SQLite's connections must not cross a fork, not even to be closed there: a child holds on to
# those of its parent without ever touching them, and opens its own.
_live: weakref.WeakSet[_Connection] = weakref.WeakSet()
_held: list[list[_Connection]] = []
os.register_at_fork(before=lambda: _held.append(list(_live)), after_in_parent=lambda: _held.pop())


class Database:
    """A database file and how to talk to it; safe to use from any thread and after a fork.

    Args:
        path: the file; it and its folder are made by the first write.
        artifact_root: where files go, relative to the database's folder. Only used when the
            database is made; afterwards the database knows.
    """

    def __init__(self, path: Path, artifact_root: str = ".") -> None:
        self.path = path
        self.name = str(path)  # for messages
        self._new_artifact_root = artifact_root
        self._lock = threading.Lock()
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._local = threading.local()
        self._engine: Engine | None = None
        self._file_id: tuple[int, int] | None = None
        self._artifact_root = self._new_artifact_root

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may change things: committed at the end, rolled back on any error.

        Raises:
            StorageFailed: the database cannot be opened or written.
        """
        with self._in_our_words():
            connection = self._connection(create=True)
            connection.execution_options(mlpack_begin="BEGIN IMMEDIATE")
            with connection.begin():
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view. Where no database exists yet, an empty one in memory stands in.

        Raises:
            StorageFailed: the database cannot be read.
        """
        with self._in_our_words():
            connection = self._connection(create=False)
            connection.execution_options(mlpack_begin="BEGIN")
            with connection.begin():
                yield connection

    @contextmanager
    def fast_write(self) -> Iterator[sqlite3.Cursor]:
        """As `write`, below SQLAlchemy: for the few statements that a training loop repeats.

        Raises:
            StorageFailed: the database cannot be opened or written.
        """
        try:
            cursor = self._fast_cursor()
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield cursor
                cursor.execute("COMMIT")
            except BaseException:
                if cursor.connection.in_transaction:
                    cursor.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise self._describe(error) from error

    @property
    def artifact_root(self) -> str:
        """The folder below which experiments keep their files."""
        root = self._artifact_root if self._engine else self._new_artifact_root
        return str((self.path.parent / root).resolve())

    def _connection(self, create: bool) -> Connection:
        if self._pid != os.getpid():
            self._lock = threading.Lock()
            self._reset()
        file_id = self._stat()
        if file_id is None and not create:
            return _empty_database(self._new_artifact_root)
        if file_id != self._file_id or self._engine is None:
            self._open()
        local = self._local
        connection: Connection | None = getattr(local, "connection", None)
        if connection is None:
            assert self._engine is not None
            connection = local.connection = self._engine.connect()
        elif connection.in_transaction():  # an interrupt struck between two statements
            connection.rollback()
        return connection

    def _fast_cursor(self) -> sqlite3.Cursor:
        local = self._local
        cursor: sqlite3.Cursor | None = getattr(local, "cursor", None)
        if cursor is None or self._pid != os.getpid() or self._stat() != self._file_id:
            with self._in_our_words():
                connection = self._connection(create=True)
                raw: Any = connection.connection.dbapi_connection
            cursor = self._local.cursor = raw.cursor()
        elif cursor.connection.in_transaction:
            cursor.execute("ROLLBACK")
        return cursor

    def _stat(self) -> tuple[int, int] | None:
        """Which file the path names now: somebody may have removed the folder meanwhile."""
        try:
            found = os.stat(self.path)  # noqa: PTH116 - on the path of every log_metric
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageFailed(f"Cannot open {self.path}: {error.strerror}.") from error
        return found.st_dev, found.st_ino

    def _open(self) -> None:
        """Make or check the database; whoever comes second finds it done."""
        with self._lock:
            if self._engine is not None and self._file_id == self._stat():
                return
            self._make_folder()
            engine = _engine(self._address())
            with engine.connect() as connection:
                if self._is_writable():
                    _switch_to_wal(connection)
                    _make_schema_if_new(connection, self.path, self._new_artifact_root)
                self._artifact_root = _check_schema(connection, self.path)
            self._local = threading.local()
            self._engine = engine
            self._file_id = self._stat()

    def _make_folder(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageFailed(
                f"Cannot make the folder {self.path.parent}: {error.strerror}. "
                "Choose another place with MLPACK_TRACKING_URI or set_tracking_uri()."
            ) from error

    def _is_writable(self) -> bool:
        if not self.path.exists():
            return True
        return os.access(self.path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)

    def _address(self) -> str:
        """SQLite's own, with what it needs to know to read where it may not write."""
        address = "file:" + self.path.absolute().as_uri().removeprefix("file:")
        if self._is_writable():
            return address
        in_use = self.path.with_name(f"{self.path.name}-wal").exists()
        return f"{address}?mode=ro" if in_use else f"{address}?immutable=1"

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as error:
            raise self._describe(error.orig or error) from error

    def _describe(self, error: BaseException) -> StorageFailed:
        text = str(error)
        if "full" in text or "disk I/O" in text:
            hint = "The disk is full or failing; nothing of this call was kept."
        elif "readonly" in text or "unable to open" in text:
            hint = "It is not writable; check its permissions or set MLPACK_TRACKING_URI."
        elif "locked" in text or "busy" in text:
            hint = f"Another process has held it for over {LOCK_TIMEOUT:.0f} s."
        elif "not a database" in text or "malformed" in text:
            hint = "It is damaged or no SQLite file; move it away or restore a copy."
        else:
            hint = "Nothing of this call was kept."
        return StorageFailed(f"The tracking database {self.path} failed ({text}). {hint}")


def _engine(file: str) -> Engine:
    def connect() -> _Connection:
        # Python's own transaction handling is off: we say BEGIN ourselves
        connection = sqlite3.connect(
            file,
            uri=True,
            timeout=LOCK_TIMEOUT,
            isolation_level=None,
            check_same_thread=False,
            factory=_Connection,
        )
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
        # SQLite's own knows only ASCII, and ILIKE is built from it
        connection.create_function("lower", 1, _lower, deterministic=True)
        _live.add(connection)
        return connection

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=NullPool)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _begin(connection: Connection) -> None:
    statement = connection.get_execution_options().get("mlpack_begin", "BEGIN IMMEDIATE")
    connection.exec_driver_sql(statement)


def _lower(text: str | None) -> str | None:
    return text.lower() if isinstance(text, str) else text


def _switch_to_wal(connection: Connection) -> None:
    """SQLite does not wait by itself here when several processes make one database at once."""
    raw: Any = connection.connection.dbapi_connection
    deadline = time.monotonic() + LOCK_TIMEOUT
    while True:
        try:
            raw.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise sa.exc.OperationalError("PRAGMA journal_mode=WAL", None, error) from error
            time.sleep(0.01)


def _make_schema_if_new(connection: Connection, path: Path, artifact_root: str) -> None:
    """In one transaction, so that a death in the middle leaves an empty file, not half a schema."""
    connection.execution_options(mlpack_begin="BEGIN IMMEDIATE")
    with connection.begin():
        names = set(sa.inspect(connection).get_table_names())
        if not names:
            _create_schema(connection, artifact_root)
        elif tables.meta.name not in names:
            raise InvalidState(
                f"{path} is a database of something else (it has tables such as "
                f"{sorted(names)[0]!r}). Point MLPACK_TRACKING_URI at another file or folder."
            )


def _check_schema(connection: Connection, path: Path) -> str:
    """Returns where the database says that its files are."""
    connection.execution_options(mlpack_begin="BEGIN")
    with connection.begin():
        query = sa.select(tables.meta.c.key, tables.meta.c.value)
        facts: dict[str, str] = {row.key: row.value for row in connection.execute(query)}
    version = int(facts["schema_version"])
    if version != tables.SCHEMA_VERSION:
        raise InvalidState(
            f"{path} has schema version {version}; this mlpack reads version "
            f"{tables.SCHEMA_VERSION}. Use the version of mlpack that wrote it."
        )
    return facts["artifact_root"]


def _create_schema(connection: Connection, artifact_root: str) -> None:
    tables.metadata.create_all(connection, checkfirst=False)
    rows = {"schema_version": str(tables.SCHEMA_VERSION), "artifact_root": artifact_root}
    connection.execute(tables.meta.insert(), [{"key": k, "value": v} for k, v in rows.items()])
    now = time.time_ns() // 1_000_000
    connection.execute(
        tables.experiments.insert(),
        {
            "id": 0,
            "name": "Default",
            "lifecycle_stage": "active",
            "creation_time": now,
            "last_update_time": now,
        },
    )


def _empty_database(artifact_root: str) -> Connection:
    connection = _engine(":memory:").connect()
    _make_schema_if_new(connection, Path(":memory:"), artifact_root)
    return connection
