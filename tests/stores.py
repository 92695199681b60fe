"""Empty stores and registries of every kind: a test that asks for one runs against all of them."""

from __future__ import annotations

import multiprocessing
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from mlpack.errors import MlpackError
from mlpack.registry.sql.store import SqlRegistry
from mlpack.registry.store import RegistryStore
from mlpack.tests.databases import fresh_database
from mlpack.tracking.sql import schema, tables
from mlpack.tracking.sql.store import SqlStore

SQL_KINDS = [
    "sqlite",
    pytest.param("postgresql", marks=pytest.mark.db),
    pytest.param("mariadb", marks=pytest.mark.db),
]
KINDS = [*SQL_KINDS, pytest.param("rest", marks=pytest.mark.server)]
COUNT = 4  # processes at once
_fork = multiprocessing.get_context("fork")


def empty(store: SqlStore) -> SqlStore:
    """The same store with nothing in it; ids of experiments go on, but that of "Default" is 0."""
    with store.database.write() as connection:
        for table in reversed(tables.metadata.sorted_tables):
            if table is not schema.alembic_version:
                connection.execute(table.delete())
        schema.fill(connection, store.database)
    return store


def together(call: Callable[[int], Any], count: int = COUNT) -> tuple[list[Any], list[str]]:
    """Several processes make a call at once; what returned, and the messages of our errors."""
    start, answers = _fork.Barrier(count), _fork.SimpleQueue()

    def work(number: int) -> None:
        start.wait(60)
        try:
            answers.put((True, call(number)))
        except MlpackError as error:
            answers.put((False, f"{type(error).__name__}: {error}"))

    children = [_fork.Process(target=work, args=(number,)) for number in range(count)]
    for child in children:
        child.start()
    for child in children:
        child.join(120)
    assert [child.exitcode for child in children] == [0] * count
    found = [answers.get() for _ in children]
    return [said for done, said in found if done], [said for done, said in found if not done]


@pytest.fixture(params=KINDS)
def registry(
    request: pytest.FixtureRequest, tmp_path: Path, shared_database: Callable[[str], str]
) -> RegistryStore:
    """An empty registry, of each kind in turn."""
    if request.param == "rest":
        from mlpack.registry.rest.store import RestRegistry

        folder, url = request.getfixturevalue("shared_server")
        empty(SqlStore(folder))
        return RestRegistry(url)
    return _sql_registry(request.param, tmp_path, shared_database)


@pytest.fixture(params=SQL_KINDS)
def sql_registry(
    request: pytest.FixtureRequest, tmp_path: Path, shared_database: Callable[[str], str]
) -> SqlRegistry:
    """An empty registry in each kind of database in turn."""
    return _sql_registry(request.param, tmp_path, shared_database)


def _sql_registry(kind: str, folder: Path, shared_database: Callable[[str], str]) -> SqlRegistry:
    if kind == "sqlite":
        return SqlRegistry(SqlStore(folder / "store").database)
    store = SqlStore(shared_database(kind), artifact_root=str(folder / "artifacts"))
    return SqlRegistry(empty(store).database)


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
