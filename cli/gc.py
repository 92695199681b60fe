"""``mlpack gc``: remove for good what was deleted."""

from __future__ import annotations

import click

from .options import examples
from .output import json_option, print_json
from .spans import milliseconds


def _listed(_: click.Context, __: click.Parameter, text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


@click.command(
    epilog=examples(
        "mlpack gc --dry-run",
        "mlpack gc --older-than 30d",
        "mlpack gc --experiment-ids 3,4 --json",
    ),
)
@click.option(
    "--older-than", callback=milliseconds, metavar="SPAN", help="Deleted so long ago: 30d, 12h."
)
@click.option("--run-ids", callback=_listed, metavar="IDS", help="Only these, with commas between.")
@click.option(
    "--experiment-ids", callback=_listed, metavar="IDS", help="Only these, with all runs."
)
@click.option(
    "--tracking-uri", metavar="URI", help="A folder or database; default: the one in use."
)
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@json_option
def gc(
    older_than: int,
    run_ids: list[str],
    experiment_ids: list[str],
    tracking_uri: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Remove deleted runs, experiments and logged models for good, with their files.

    Models whose files never came, and uploads in parts that were given up, are removed after a day.
    Nothing else that is not deleted is touched, and nothing that a registered version is made of.
    """
    from ..artifacts.open import open_artifacts
    from ..artifacts.uploads import Uploads
    from ..errors import InvalidInput
    from ..tracking.sql.purge import find_garbage, remove_garbage
    from ..tracking.sql.store import SqlStore
    from ..tracking.uri import family, get_tracking_uri

    address = tracking_uri or get_tracking_uri()
    if family(address) == "http":
        raise InvalidInput(
            f"{address} is a tracking server. Run gc where the server's database is, with "
            "--tracking-uri and the address of the database."
        )
    store = SqlStore(address)
    garbage = find_garbage(store, older_than, run_ids, experiment_ids)
    behind_a_server = store.artifact_root.startswith(("http", "mlflow-artifacts"))
    uploads = Uploads(open_artifacts("." if behind_a_server else store.artifact_root))
    given_up = [] if run_ids or experiment_ids else uploads.abandoned()
    if not dry_run:
        remove_garbage(store, garbage)
        uploads.forget(given_up)
    found = {
        "runs": [name for _, name, _ in garbage.runs],
        "logged_models": [name for _, name, _ in garbage.models],
        "experiments": [name for _, name, _ in garbage.experiments],
        "uploads": given_up,
    }
    if as_json:
        print_json({**found, "kept": garbage.kept, "dry_run": dry_run})
        return
    verb = "Would remove" if dry_run else "Removed"
    for kind, names in found.items():
        for name in names:
            click.echo(f"{verb} {kind.removesuffix('s').replace('_', ' ')} {name}")
    for name, version in garbage.kept.items():
        click.echo(f"Kept {name}: {version} is made of its files")
    if not any(found.values()):
        click.echo("Nothing to remove.")
