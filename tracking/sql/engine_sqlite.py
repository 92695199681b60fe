"""One SQLite file.

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
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import NullPool

from ...errors import InvalidInput, MlpackError, StorageFailed, StorageUnavailable
from . import schema
from .engine import LOCK_TIMEOUT, Database
from .long_reads import broken_off_after


class _Connection(sqlite3.Connection):
    """The original has no weak references."""


# SQLite's connections must not cross a fork, not even to be closed there: a child holds on to
# those of its parent without ever touching them, and opens its own.
_live: weakref.WeakSet[_Connection] = weakref.WeakSet()
_held: list[list[_Connection]] = []
os.register_at_fork(before=lambda: _held.append(list(_live)), after_in_parent=lambda: _held.pop())


class SqliteDatabase(Database):
    """A database file; it and its folder are made by the first write.

    Args:
        path: the file.
        artifact_root: where files go: an address, or a folder relative to the database's. Only
            used when the database is made; afterwards the database knows.
        patience: seconds to wait for others that write.
    """

    def __init__(
        self, path: Path, artifact_root: str = ".", patience: float = LOCK_TIMEOUT
    ) -> None:
        self.path = path
        self.patience = patience
        self.name = str(path)
        self.uri = f"sqlite:///{path}"
        self._new_artifact_root = artifact_root
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._opening = threading.Lock()
        # threads queue here rather than at SQLite's lock, which is polled with pauses
        self._writing = threading.Lock()
        self._local = threading.local()
        self._engine: Engine | None = None
        self._file_id: tuple[int, int] | None = None
        self._artifact_root = self._new_artifact_root

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with self._in_our_words():
            connection = self._connection(create=True)
            connection.execution_options(mlpack_begin="BEGIN IMMEDIATE")
            with self._turn(), connection.begin():
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view. Where no database exists yet, an empty one in memory stands in."""
        with self._in_our_words():
            connection = self._connection(create=False)
            connection.execution_options(mlpack_begin="BEGIN")
            raw: Any = connection.connection.dbapi_connection
            with broken_off_after(self.longest_read, raw), connection.begin():
                yield connection

    @contextmanager
    def fast_write(self) -> Iterator[sqlite3.Cursor]:
        """As `write`, below SQLAlchemy: for the few statements that a training loop repeats."""
        try:
            cursor = self._fast_cursor()
            with self._turn():
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

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._writing.acquire(timeout=self.patience):
            raise StorageUnavailable(
                f"The tracking database {self.path} was busy for over {self.patience:g} s; try "
                "again later."
            )
        try:
            yield
        finally:
            self._writing.release()

    @contextmanager
    def maintenance(self) -> Iterator[Connection]:
        self._make_folder()
        with self._in_our_words(), _engine(self._address(), self.patience).connect() as connection:
            _switch_to_wal(connection, self.patience)
            raw: Any = connection.connection.dbapi_connection
            raw.execute("PRAGMA foreign_keys=OFF")  # tables may be made anew
            with connection.begin():
                yield connection
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
                assert broken is None, f"a row without its owner: {broken}"

    def facts(self) -> dict[str, str] | None:
        if self._stat() is None:
            return None
        with self._in_our_words(), _engine(self._address(), self.patience).connect() as connection:
            connection.execution_options(mlpack_begin="BEGIN")
            return schema.read_facts(connection)

    @property
    def artifact_root(self) -> str:
        root = self._artifact_root if self._engine else self._new_artifact_root
        return root if "://" in root else str((self.path.parent / root).resolve())

    @property
    def new_artifact_root(self) -> str:
        return self._new_artifact_root

    def backup(self, version: int) -> Path:
        moment = time.strftime("%Y%m%dT%H%M%S")
        copy = self.path.with_name(f"{self.path.name}.version-{version}.{moment}")
        partial = copy.with_name(f".{copy.name}.partial")
        try:
            with (
                closing(sqlite3.connect(self.path)) as source,
                closing(sqlite3.connect(partial)) as target,
            ):
                source.backup(target)
            partial.replace(copy)
        except sqlite3.Error as error:
            raise self._describe(error) from error
        finally:
            partial.unlink(missing_ok=True)
        return copy

    def _connection(self, create: bool) -> Connection:
        if self._pid != os.getpid():
            self._reset()
        file_id = self._stat()
        if file_id is None and not create:
            return self._empty_database()
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
        with self._opening:
            if self._engine is not None and self._file_id == self._stat():
                return
            self._make_folder()
            engine = _engine(self._address(), self.patience)
            with engine.connect() as connection:
                if self._is_writable():
                    _switch_to_wal(connection, self.patience)
                connection.execution_options(mlpack_begin="BEGIN")
                facts = schema.read_facts(connection)
                if facts is None:
                    with self.maintenance() as own:
                        schema.make(own, self)
                    facts = schema.read_facts(connection)
            assert facts is not None
            schema.check(facts, self)
            self._artifact_root = facts["artifact_root"]
            self._local = threading.local()
            self._engine = engine
            self._file_id = self._stat()

    def _empty_database(self) -> Connection:
        connection = _engine(":memory:", self.patience).connect()
        with connection.begin():
            schema.make(connection, self)
        return connection

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

    def _describe(self, error: BaseException) -> MlpackError:
        text = str(error)
        kind = StorageFailed
        if text == "interrupted":
            return InvalidInput(  # a client would send again what is only unavailable
                f"It took over {self.longest_read:g} s to look through the database. Ask for less: "
                "compare with = instead of LIKE, or name the model, run or experiment."
            )
        if "full" in text or "disk I/O" in text:
            hint = "The disk is full or failing; nothing of this call was kept."
        elif "readonly" in text or "unable to open" in text:
            hint = "It is not writable; check its permissions or set MLPACK_TRACKING_URI."
        elif "locked" in text or "busy" in text:
            kind, hint = (
                StorageUnavailable,
                f"Another process has held it for over {self.patience:g} s.",
            )
        elif "not a database" in text or "malformed" in text:
            hint = "It is damaged or no SQLite file; move it away or restore a copy."
        else:
            hint = "Nothing of this call was kept."
        return kind(f"The tracking database {self.path} failed ({text}). {hint}")


def _engine(file: str, patience: float) -> Engine:
    def connect() -> _Connection:
        # Python's own transaction handling is off: we say BEGIN ourselves
        connection = sqlite3.connect(
            file,
            uri=True,
            timeout=patience,
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


def _switch_to_wal(connection: Connection, patience: float) -> None:
    """SQLite does not wait by itself here when several processes make one database at once."""
    raw: Any = connection.connection.dbapi_connection
    deadline = time.monotonic() + patience
    while True:
        try:
            raw.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise sa.exc.OperationalError("PRAGMA journal_mode=WAL", None, error) from error
            time.sleep(0.01)
