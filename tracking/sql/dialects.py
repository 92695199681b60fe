"""What differs between the database servers: drivers, limits on time, and the words for errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateColumn, CreateTable

from ...errors import InvalidInput, MlpackError, StorageFailed, StorageUnavailable
from .engine import LOCK_TIMEOUT, Conflict

_SECONDS = int(LOCK_TIMEOUT)
_CONNECT_SECONDS = 10

_GONE = (StorageUnavailable, "Is it running, reachable from here, and has it a connection free?")
_BUSY = (StorageUnavailable, f"Something there took over {_SECONDS} s; try again later.")
_REFUSED = (StorageFailed, "Check the user, the password and the database's name in the address.")
_FULL = (StorageFailed, "The disk of the database server is full; nothing of this call was kept.")
_READ_ONLY = (StorageFailed, "It takes no writes, as a replica does.")
_CONFLICT = (Conflict, "Others changed the same things at the same time; try again.")
_VALUE = (InvalidInput, "It cannot hold one of the values; nothing of this call was kept.")
_OTHER = (StorageFailed, "Nothing of this call was kept.")

Meaning = tuple[type[MlpackError], str]


@dataclass(frozen=True)
class Dialect:
    """One kind of database server.

    Attributes:
        driver: as SQLAlchemy names it.
        package: that must be importable for it.
        extra: of ours that installs it.
        connect_args: for every connection.
        limits: more of them: on the time of a statement. Changes of the schema may take longer.
        meaning: of an error's code or, where it has none, of its text.
    """

    driver: str
    package: str
    extra: str
    connect_args: Mapping[str, Any]
    limits: Mapping[str, Any]
    meaning: Callable[[BaseException], Meaning | None]


def meaning_of(error: sa.exc.DBAPIError, dialect: Dialect) -> Meaning:
    """Which of our errors a driver's error is, and what the user should do about it."""
    if isinstance(error, sa.exc.IntegrityError):
        return _CONFLICT
    if isinstance(error, sa.exc.DataError):
        return _VALUE
    if error.connection_invalidated:
        return _GONE
    return dialect.meaning(error.orig or error) or _OTHER


def _of_postgresql(error: BaseException) -> Meaning | None:
    code: str | None = getattr(error, "sqlstate", None)
    if code is None:  # no connection was made
        refused = "FATAL" in str(error) and not any(
            passing in str(error)
            for passing in ("starting up", "shutting down", "too many", "mode")
        )
        return _REFUSED if refused else _GONE
    if code in _POSTGRESQL:
        return _POSTGRESQL[code]
    return _GONE if code.startswith("08") else None


_POSTGRESQL = {
    "40001": _CONFLICT,  # serialization failure
    "40P01": _CONFLICT,  # deadlock
    "55P03": _BUSY,  # lock timeout
    "57014": _BUSY,  # statement timeout
    "57P01": _GONE,  # admin shutdown
    "57P02": _GONE,  # crash shutdown
    "57P03": _GONE,  # starting up
    "53300": _GONE,  # too many connections
    "53100": _FULL,
    "25006": _READ_ONLY,
    "42501": _REFUSED,  # no privilege
    "28P01": _REFUSED,
    "28000": _REFUSED,
    "3D000": _REFUSED,  # no such database
}


def _of_mysql(error: BaseException) -> Meaning | None:
    return _MYSQL.get(error.args[0]) if error.args else None


_MYSQL = {
    1213: _CONFLICT,  # deadlock
    1020: _CONFLICT,  # changed since the snapshot
    1205: _BUSY,  # lock timeout
    1969: _BUSY,  # statement timeout of MariaDB
    3024: _BUSY,  # and of MySQL
    1040: _GONE,  # too many connections
    1203: _GONE,
    1053: _GONE,  # shutting down
    2003: _GONE,  # cannot connect
    2006: _GONE,
    2013: _GONE,  # lost
    1021: _FULL,
    1114: _FULL,
    1290: _READ_ONLY,
    1792: _READ_ONLY,
    1836: _READ_ONLY,
    1044: _REFUSED,  # no privilege on the database
    1045: _REFUSED,  # password
    1049: _REFUSED,  # no such database
    1142: _REFUSED,  # no privilege on the table
    1698: _REFUSED,
    1366: _VALUE,
    1406: _VALUE,  # too long
}

_LOCKS = f"-c lock_timeout={_SECONDS}s"
DIALECTS = {
    "postgresql": Dialect(
        driver="postgresql+psycopg",
        package="psycopg",
        extra="postgresql",
        connect_args={
            "connect_timeout": _CONNECT_SECONDS,
            "tcp_user_timeout": _SECONDS * 1000,
            "application_name": "mlpack",
            "options": _LOCKS,
        },
        limits={"options": f"{_LOCKS} -c statement_timeout={_SECONDS}s"},
        meaning=_of_postgresql,
    ),
    "mysql": Dialect(
        driver="mysql+pymysql",
        package="pymysql",
        extra="mysql",
        connect_args={
            "connect_timeout": _CONNECT_SECONDS,
            "charset": "utf8mb4",
            # a zero in an id is a zero; what does not fit is an error, not cut off
            "init_command": f"SET SESSION innodb_lock_wait_timeout = {_SECONDS}, "
            "sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION'",
        },
        limits={"read_timeout": 2 * _SECONDS},
        meaning=_of_mysql,
    ),
}


# Everywhere texts compare by code points: case and blanks at the end make a difference, and an
# index on the beginning of a text is one on its order. SQLite does so anyway.


@compiles(CreateTable, "mysql")
def _create_table(element: CreateTable, compiler: Any, **options: Any) -> str:
    collation = "utf8mb4_nopad_bin" if compiler.dialect.is_mariadb else "utf8mb4_0900_bin"
    made: str = compiler.visit_create_table(element, **options)
    return f"{made.rstrip()} ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={collation}"


@compiles(CreateColumn, "postgresql")
def _create_column(element: CreateColumn, compiler: Any, **options: Any) -> str:
    made: str = compiler.visit_create_column(element, **options)
    if not isinstance(element.element.type, sa.String):
        return made
    kind = compiler.dialect.type_compiler_instance.process(element.element.type)
    return made.replace(f" {kind}", f' {kind} COLLATE "C"', 1)
