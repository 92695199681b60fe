"""Is the schema there, is it ours, is it of our version; and making it."""

from __future__ import annotations

import time

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import InvalidState
from ..uri import redact
from . import registry_tables, tables  # noqa: F401 - so that the schema has its tables
from .engine import LOCK_TIMEOUT, Conflict, Database

# Alembic's own table: which migrations this database has had. It also keeps MLflow away, which
# otherwise takes a database without one for an empty one.
alembic_version = sa.Table(
    "alembic_version",
    tables.metadata,
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
_LOCK = 7_233_901_446_018  # ours among the advisory locks of a PostgreSQL database
_MYSQL_LOCK = sa.text("SELECT GET_LOCK(CONCAT('mlpack ', MD5(DATABASE())), :seconds)")


def read_facts(connection: Connection) -> dict[str, str] | None:
    """What the database says about itself; None where there is no schema, or half of one."""
    try:
        facts = _facts(connection)
    except sa.exc.DBAPIError:
        with connection.begin():
            if not sa.inspect(connection).has_table(tables.meta.name):
                return None
        facts = _facts(connection)  # another process made it just now; or the same error again
    # the last thing written, for databases that cannot make a schema in one transaction
    return facts if "schema_version" in facts else None


def _facts(connection: Connection) -> dict[str, str]:
    query = sa.select(tables.meta.c.key, tables.meta.c.value)
    with connection.begin():
        return {row.key: row.value for row in connection.execute(query)}


def make(connection: Connection, database: Database) -> None:
    """Make the schema unless it is there, inside a transaction of `Database.maintenance`.

    Raises:
        InvalidState: the database holds the tables of something else.
    """
    names = set(sa.inspect(connection).get_table_names())
    if names and tables.meta.name not in names:
        raise InvalidState(
            f"{database.name} is a database of something else (it has tables such as "
            f"{sorted(names)[0]!r}). Point MLPACK_TRACKING_URI at another one."
        )
    tables.meta.create(connection, checkfirst=bool(names))
    if connection.execute(_version_query()).first():
        return
    tables.metadata.create_all(connection, checkfirst=True)
    connection.execute(alembic_version.insert(), {"version_num": revision(tables.SCHEMA_VERSION)})
    fill(connection, database)


def fill(connection: Connection, database: Database) -> None:
    """The rows of a store in which nothing was recorded yet."""
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
    rows = {
        "artifact_root": database.new_artifact_root,
        "schema_version": str(tables.SCHEMA_VERSION),
    }
    connection.execute(tables.meta.insert(), [{"key": k, "value": v} for k, v in rows.items()])


def revision(version: int) -> str:
    """Alembic's name for a version of the schema."""
    return f"{version:04}"


def _version_query() -> sa.Select[tuple[str]]:
    return sa.select(tables.meta.c.value).where(tables.meta.c.key == "schema_version")


def check(facts: dict[str, str], database: Database) -> None:
    """Refuse every version but ours.

    Raises:
        InvalidState: with what to do about it.
    """
    version = int(facts["schema_version"])
    if version > tables.SCHEMA_VERSION:
        raise InvalidState(
            f"{database.name} has schema version {version}, made by a later mlpack; this one "
            f"knows versions up to {tables.SCHEMA_VERSION}. Upgrade mlpack: "
            "pip install -U mlpack-toolkit"
        )
    if version < tables.SCHEMA_VERSION:
        raise InvalidState(
            f"{database.name} has schema version {version}; this mlpack needs version "
            f"{tables.SCHEMA_VERSION}. Run this once: mlpack db upgrade {redact(database.uri)}"
        )


def lock(connection: Connection) -> None:
    """Let whoever else wants to change the schema wait until this connection is closed.

    Raises:
        Conflict: another has held the lock for too long.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_lock(_LOCK)))
    elif not connection.execute(_MYSQL_LOCK, {"seconds": LOCK_TIMEOUT}).scalar():
        raise Conflict("Another process is changing the database's schema; try again later.")
    connection.commit()
