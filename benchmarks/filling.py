"""Filling the tables of a SQLite database at once, as their owners would take hours to."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any


class Filling:
    """One transaction that fills tables; their indexes are made at its end, as that is faster."""

    def __init__(self, database: sqlite3.Connection, *tables: str) -> None:
        self._database = database
        marks = ", ".join("?" * len(tables))
        query = (
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL "
            f"AND tbl_name IN ({marks})"
        )
        self._indexes = database.execute(query, tables).fetchall()
        database.execute("BEGIN")
        for name, _ in self._indexes:
            database.execute(f"DROP INDEX {name}")

    def __enter__(self) -> Filling:
        return self

    def __exit__(self, *_: object) -> None:
        for _, sql in self._indexes:
            self._database.execute(sql)
        self._database.execute("COMMIT")

    def add(self, table: str, columns: str, rows: Any) -> None:
        """Insert rows, as tuples of these columns."""
        marks = ", ".join("?" * len(columns.split(",")))
        self._database.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)


@contextmanager
def opened(file: str) -> Iterator[sqlite3.Connection]:
    """A database that nobody else uses now, written without waiting for the disk."""
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("PRAGMA synchronous=OFF")
        database.execute("PRAGMA cache_size=-200000")
        yield database
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
