"""Stores to test: every kind for the tests that ask for `store`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mlpack.tests.databases import fresh_database
from mlpack.tests.rest_server import tracking_server
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
        "rest",
        pytest.param("postgresql", marks=pytest.mark.db),
        pytest.param("mariadb", marks=pytest.mark.db),
    ]
)
def store(
    request: pytest.FixtureRequest, tmp_path: Path, shared_database: Callable[[str], str]
) -> Iterator[TrackingStore]:
    """An empty store, of each kind in turn: a test that asks for it runs against all of them.

    Ids of experiments start anywhere, but that of "Default" is 0.
    """
    if request.param == "sqlite":
        yield SqlStore(tmp_path / "store")
        return
    if request.param == "rest":
        with tracking_server(tmp_path / "store") as uri:
            yield RestStore(uri)
        return
    emptied = SqlStore(shared_database(request.param), artifact_root=str(tmp_path / "artifacts"))
    with emptied.database.write() as connection:
        for table in reversed(tables.metadata.sorted_tables):
            if table is not schema.alembic_version:
                connection.execute(table.delete())
        schema.fill(connection, emptied.database)
    yield emptied


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
