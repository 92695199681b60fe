"""The schema of an older version brought up to this one, by Alembic."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import NotFound
from . import schema, tables
from .engine import Database


@dataclass(frozen=True)
class Upgrade:
    """What an upgrade did.

    Attributes:
        before: the version that was found.
        after: the version now.
        backup: where a copy from before is; None when there was nothing to do or, on a server,
            backups are its administrator's.
    """

    before: int
    after: int
    backup: Path | None


def current_version(database: Database) -> int:
    """The version of a database's schema, whichever it is.

    Raises:
        NotFound: there is none.
        StorageFailed: the database cannot be read.
    """
    facts = database.facts()
    if facts is None:
        raise NotFound(f"{database.name} holds no tracking data; the first run makes its tables.")
    return int(facts["schema_version"])


def upgrade(database: Database) -> Upgrade:
    """Bring the schema up to date; others who try at the same time wait and find it done.

    All of it or nothing happens, but on MySQL and MariaDB, which end a transaction at every
    change of a table: there an upgrade that was interrupted needs the backup.

    Raises:
        NotFound: the database holds no schema of ours.
        InvalidState: it was made by a later version of mlpack.
        StorageFailed: it cannot be read, copied or changed.
    """
    current_version(database)
    with database.maintenance() as connection:
        query = sa.select(tables.meta.c.value).where(tables.meta.c.key == "schema_version")
        before = int(connection.execute(query).scalar_one())
        if before >= tables.SCHEMA_VERSION:
            schema.check({"schema_version": str(before)}, database)
            return Upgrade(before, before, None)
        backup = database.backup(before)
        _migrate(connection, before)
    return Upgrade(before, tables.SCHEMA_VERSION, backup)


def _migrate(connection: Connection, before: int) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    schema.alembic_version.create(connection, checkfirst=True)
    if connection.execute(sa.select(schema.alembic_version)).first() is None:
        row = {"version_num": schema.revision(before)}  # made before Alembic was in use
        connection.execute(schema.alembic_version.insert(), row)
    scripts = ScriptDirectory(str(Path(__file__).with_name("migrations")))
    target = schema.revision(tables.SCHEMA_VERSION)
    environment = EnvironmentContext(
        Config(), scripts, fn=lambda found, _: scripts._upgrade_revs(target, found)
    )
    with environment:
        environment.configure(connection=connection)
        environment.run_migrations()
    change = tables.meta.update().where(tables.meta.c.key == "schema_version")
    connection.execute(change.values(value=str(tables.SCHEMA_VERSION)))
