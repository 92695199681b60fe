"""``mlpack db``: the schema of the tracking database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .lazy import Entry, LazyGroup
from .options import examples
from .output import json_option, print_fields, print_json

if TYPE_CHECKING:
    from ..tracking.sql.engine import Database

db = LazyGroup(
    name="db",
    help="Bring the tracking database to this version's schema.",
    entries={
        "upgrade": Entry("db:upgrade", "Change an older schema to this version's."),
        "current": Entry("db:current", "Say which version the schema has."),
    },
    examples=("mlpack db current", "mlpack db upgrade postgresql://user:password@host/mlpack"),
)

_uri = click.argument("uri", required=False, metavar="[URI]")


@click.command(
    epilog=examples("mlpack db upgrade", "mlpack db upgrade sqlite:////data/mlpack.db"),
)
@_uri
def upgrade(uri: str | None) -> None:
    """Bring the schema of a database up to date, with all that is in it.

    URI is a folder or the address of a database; by default that of MLPACK_TRACKING_URI, else
    ./mlruns. A SQLite file is copied first. On a server, make a dump first: MySQL and MariaDB
    cannot take back an upgrade that fails in the middle.
    """
    from ..tracking.sql.upgrade import upgrade as upgrade_schema

    database = _database(uri)
    done = upgrade_schema(database)
    if done.before == done.after:
        click.echo(f"{database.name} is up to date (version {done.after}).")
        return
    if done.backup is not None:
        click.echo(f"Copied to {done.backup}")
    click.echo(f"{database.name} was version {done.before} and is now version {done.after}.")


@click.command(epilog=examples("mlpack db current", "mlpack db current --json"))
@_uri
@json_option
def current(uri: str | None, as_json: bool) -> None:
    """Show the version of a database's schema, and the one that this mlpack needs."""
    from ..tracking.sql.tables import SCHEMA_VERSION
    from ..tracking.sql.upgrade import current_version

    database = _database(uri)
    facts = {
        "database": database.name,
        "version": current_version(database),
        "needed": SCHEMA_VERSION,
    }
    if as_json:
        print_json(facts)
    else:
        print_fields(facts.items())


def _database(uri: str | None) -> Database:
    from ..errors import InvalidInput
    from ..tracking.sql.store import open_database
    from ..tracking.uri import family, get_tracking_uri

    address = uri or get_tracking_uri()
    if family(address) == "http":
        raise InvalidInput(
            f"{address} is a tracking server. Run this where its database is, with the address "
            "that the server has as --backend-store-uri."
        )
    return open_database(address)
