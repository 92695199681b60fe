"""``mlpack cache``: layers that builds keep for the next ones."""

from __future__ import annotations

import click

from .lazy import Entry, LazyGroup
from .options import examples
from .output import json_option, print_json, print_table
from .spans import milliseconds

cache = LazyGroup(
    name="cache",
    help="Look at and clear the layers of images that builds keep for the next ones.\n\n"
    "It lies in ~/.cache/mlpack/images, or where XDG_CACHE_HOME or MLPACK_CACHE_DIR say, and takes "
    "at most 10 GB, or what MLPACK_CACHE_LIMIT says (20GB); what was not used for longest goes "
    "first.",
    entries={
        "info": Entry("cache:info", "Show what is in it, and how much it takes."),
        "clear": Entry("cache:clear", "Remove what is in it."),
    },
    examples=("mlpack cache info", "mlpack cache clear --older-than 30d"),
)


@click.command(epilog=examples("mlpack cache info", "mlpack cache info --json"))
@json_option
def info(as_json: bool) -> None:
    """Show what the cache holds: how many of what kind, how many bytes, where, and its limit."""
    from ..builders.oci.cache import Cache

    found = Cache.of_user().info()
    if as_json:
        kinds = {kind: {"count": n, "size": size} for kind, (n, size) in found.kinds.items()}
        where = {"folder": str(found.folder), "limit": found.limit, "size": found.size}
        print_json({**where, "kinds": kinds})
        return
    rows = [(kind, count, amount(size)) for kind, (count, size) in sorted(found.kinds.items())]
    if rows:
        print_table(("kind", "count", "size"), rows)
        click.echo()
    click.echo(f"{amount(found.size)} of at most {amount(found.limit)} in {found.folder}")


@click.command(epilog=examples("mlpack cache clear", "mlpack cache clear --older-than 30d --json"))
@click.option(
    "--older-than",
    callback=milliseconds,
    metavar="SPAN",
    help="Only what was not used for so long: 30d, 12h.",
)
@json_option
def clear(older_than: int, as_json: bool) -> None:
    """Remove what the cache holds; the next build makes or fetches it anew.

    What a build uses that runs now stays.
    """
    from ..builders.oci.cache import Cache

    found = Cache.of_user()
    done = found.clear(older_than / 1000)
    if as_json:
        counts = {"removed": done.removed, "freed": done.freed}
        print_json({**counts, "kept": done.kept, "kept_size": done.kept_size})
        return
    click.echo(f"Removed {done.removed} files, {amount(done.freed)}, from {found.folder}")
    if done.kept:
        click.echo(f"Kept {done.kept} files, {amount(done.kept_size)}: a build that runs uses them")


def amount(size: int) -> str:
    """Bytes for people: ``1.2 GB``."""
    value, unit = float(size), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
