"""Stores to test: every kind for the tests that ask for `store`."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mlpack.tests.databases import fresh_database
from mlpack.tracking.rest.store import RestStore
from mlpack.tracking.sql import schema, tables
from mlpack.tracking.sql.store import SqlStore
from mlpack.tracking.store import TrackingStore


@pytest.fixture(autouse=True)
def _own_store(mlruns):
    """Every test here has a tracking store of its own."""


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.db),
        pytest.param("mariadb", marks=pytest.mark.db),
        pytest.param("rest", marks=pytest.mark.server),
    ]
)
def store(
    request: pytest.FixtureRequest, tmp_path: Path, shared_database: Callable[[str], str]
) -> TrackingStore:
    """An empty store, of each kind in turn: a test that asks for it runs against all of them.

    Ids of experiments start anywhere, but that of "Default" is 0.
    """
    if request.param == "sqlite":
        return SqlStore(tmp_path / "store")
    if request.param == "rest":
        folder, url = request.getfixturevalue("shared_server")
        _empty(SqlStore(folder))
        return RestStore(url)
    fresh = SqlStore(shared_database(request.param), artifact_root=str(tmp_path / "artifacts"))
    return _empty(fresh)


def _empty(store: SqlStore) -> SqlStore:
    with store.database.write() as connection:
        for table in reversed(tables.metadata.sorted_tables):
            if table is not schema.alembic_version:
                connection.execute(table.delete())
        schema.fill(connection, store.database)
    return store


@pytest.fixture(scope="session")
def shared_database(request: pytest.FixtureRequest) -> Iterator[Callable[[str], str]]:
    """The address of one database of the session for each kind of server: schemas take a second."""
    known: dict[str, str] = {}
    with ExitStack() as databases:

        def uri(kind: str) -> str:
            if kind not in known:
                server = request.getfixturevalue(f"{kind}_server")
                known[kind] = databases.enter_context(fresh_database(server))
            return known[kind]

        yield uri


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """One tracking server of the session: the folder of its store, and its address."""
    folder = tmp_path_factory.mktemp("server")
    log = folder / "log"
    command = [sys.executable, "-m", "mlpack.cli.main", "server", "--port", "0", "--workers", "1"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder)
    try:
        until = time.monotonic() + 60
        while not (found := re.search(r"tracking on (http://127.0.0.1:\d+)", log.read_text())):
            assert process.poll() is None and time.monotonic() < until, log.read_text()
            time.sleep(0.02)
        yield str(folder / "mlruns"), found[1]
    finally:
        process.terminate()
        process.wait(60)
