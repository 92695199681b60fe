"""Real database servers of the tests' own, on free ports of the loopback, and fresh databases.

They run as an ordinary user (PostgreSQL refuses root), keep their files in a temporary folder
and write without waiting for the disk.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from mlpack.tests.ports import free_port

USER, PASSWORD = "mlpack", "s3cret/of@tests"
ESCAPED = "s3cret%2Fof%40tests"
_PATIENCE = 60  # seconds


class Missing(RuntimeError):
    """A server is not installed; the message says how to get it."""


def _program(name: str, package: str) -> str:
    folders = [str(f) for f in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", *folders])
    found = shutil.which(name, path=path)
    if found is None:
        raise Missing(f"No {name}: apt-get install {package}")
    return found


class Server:
    """One database server; a subclass says how it is made, started and spoken to."""

    scheme: str
    account: str  # the user to run as when we are root

    def __init__(self) -> None:
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._as = {"user": self.account, "group": self.account, "extra_groups": ()}
        # pytest's own folders may not be entered by others
        self.folder = Path(tempfile.mkdtemp(prefix="mlpack-db-", dir="/tmp"))
        if self._as:
            shutil.chown(self.folder, self.account, self.account)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._make()

    def uri(self, database: str) -> str:
        return f"{self.scheme}://{USER}:{ESCAPED}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            command = self._command()
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, **self._as
            )
        self._wait_for(self._administer)

    def kill(self) -> None:
        """As a crash: at once, and nothing is tidied up."""
        assert self._process
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._process:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def execute(self, statement: str) -> None:
        """Run a statement as the administrator."""
        with self._administer() as connection, connection.cursor() as cursor:
            cursor.execute(statement)

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.folder, **self._as
        )
        assert done.returncode == 0, done.stdout.decode()

    def _wait_for(self, connect: Callable[[], Any]) -> None:
        assert self._process
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                connect().close()
                return
            except Exception:
                ended = self._process.poll() is not None
                if ended or time.monotonic() > deadline:
                    log = (self.folder / "log").read_text(errors="replace")
                    raise RuntimeError(f"{self._process.args} does not start: {log}") from None
            time.sleep(0.02)

    def _make(self) -> None:
        raise NotImplementedError

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _administer(self) -> Any:
        raise NotImplementedError


class PostgreSQL(Server):
    scheme, account = "postgresql", "postgres"

    def _make(self) -> None:
        word = self.folder / "password"
        word.write_text(PASSWORD)
        self._run(
            *(_program("initdb", "postgresql"), "-D", str(self.folder / "data"), "-U", USER),
            *("--auth=scram-sha-256", f"--pwfile={word}", "--no-sync"),
            # an order of texts that is not the store's
            *("--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en"),
        )

    def _command(self) -> list[str]:
        data = self.folder / "data"
        (data / "postmaster.pid").unlink(missing_ok=True)  # of one that was killed
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
            "full_page_writes": "off",
            "max_connections": 200,
        }
        given = [f"--{name}={value}" for name, value in settings.items()]
        return [_program("postgres", "postgresql"), "-D", str(data), *given]

    def _administer(self) -> Any:
        import psycopg

        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=USER,
            password=PASSWORD,
            dbname="postgres",
            autocommit=True,
        )


class MariaDB(Server):
    scheme, account = "mysql", "mysql"

    def _make(self) -> None:
        self._run(
            *(_program("mariadb-install-db", "mariadb-server"), "--no-defaults"),
            *(f"--datadir={self.folder / 'data'}", "--auth-root-authentication-method=normal"),
            "--skip-test-db",
        )

    def _command(self) -> list[str]:
        return [
            *(_program("mariadbd", "mariadb-server"), "--no-defaults"),
            *(f"--datadir={self.folder / 'data'}", f"--socket={self._socket}"),
            *(f"--port={self.port}", "--bind-address=127.0.0.1", "--skip-name-resolve"),
            *("--innodb-flush-log-at-trx-commit=2", "--innodb-flush-method=nosync"),
            *("--innodb-buffer-pool-size=64M", "--max-connections=200"),
        ]

    def start(self) -> None:
        super().start()
        self.execute(f"CREATE USER IF NOT EXISTS {USER}@'%' IDENTIFIED BY '{PASSWORD}'")
        self.execute(f"GRANT ALL ON *.* TO {USER}@'%'")

    @property
    def _socket(self) -> Path:
        return self.folder / "socket"

    def _administer(self) -> Any:
        import pymysql

        return pymysql.connect(unix_socket=str(self._socket), user="root", autocommit=True)


def _served(server: Server) -> Iterator[Server]:
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def fresh_database(server: Server) -> Iterator[str]:
    """The address of a database that holds nothing, and goes at the end."""
    name = f"t{uuid.uuid4().hex}"
    server.execute(f"CREATE DATABASE {name}")
    yield server.uri(name)
    with suppress(Exception):  # a test may have killed the server, and all goes with it anyway
        force = " WITH (FORCE)" if server.scheme == "postgresql" else ""
        server.execute(f"DROP DATABASE {name}{force}")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """A PostgreSQL server of this session, shared by its tests."""
    yield from _served(PostgreSQL())


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[Server]:
    """A MariaDB server of this session, shared by its tests."""
    yield from _served(MariaDB())


@pytest.fixture
def postgresql_uri(postgresql_server: Server) -> Iterator[str]:
    """The address of a fresh, empty PostgreSQL database."""
    with fresh_database(postgresql_server) as uri:
        yield uri


@pytest.fixture
def mariadb_uri(mariadb_server: Server) -> Iterator[str]:
    """The address of a fresh, empty MariaDB database."""
    with fresh_database(mariadb_server) as uri:
        yield uri
