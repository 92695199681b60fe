"""``mlpack artifacts``: files of runs, and of any place, to and from this machine."""

from __future__ import annotations

from pathlib import Path

import click

from .lazy import Entry, LazyGroup
from .options import examples
from .output import json_option, print_json, print_table

artifacts = LazyGroup(
    name="artifacts",
    help="List, fetch and add files of runs, wherever they are kept.",
    entries={
        "list": Entry("artifacts:list_files", "List the files of a run."),
        "download": Entry("artifacts:download", "Copy files of a run, or of an address, here."),
        "log": Entry("artifacts:log", "Add files and folders to a run."),
    },
    examples=(
        "mlpack artifacts list -r <run_id>",
        "mlpack artifacts download -r <run_id> --path plots -d .",
        "mlpack artifacts log -r <run_id> report.html",
    ),
)

_run = click.option("-r", "--run-id", required=True, metavar="ID", help="The run.")


@click.command(
    "list",
    epilog=examples(
        "mlpack artifacts list -r 4f6b0e7c…", "mlpack artifacts list -r 4f6b0e7c… plots --json"
    ),
)
@_run
@click.argument("path", required=False)
@json_option
def list_files(run_id: str, path: str | None, as_json: bool) -> None:
    """List what a run has directly in the folder PATH; default: in its root."""
    from ..tracking.client import TrackingClient

    found = TrackingClient().list_artifacts(run_id, path)
    if as_json:
        print_json([{"path": f.path, "is_dir": f.is_dir, "file_size": f.file_size} for f in found])
    elif found:
        print_table(
            ("path", "bytes"),
            ((f"{f.path}/" if f.is_dir else f.path, f.file_size) for f in found),
        )
    else:
        click.echo("No files.", err=True)


@click.command(
    epilog=examples(
        "mlpack artifacts download -r 4f6b0e7c… -d ./files",
        "mlpack artifacts download -r 4f6b0e7c… --path plots/roc.png -d .",
        "mlpack artifacts download -u s3://bucket/models/churn -d .",
    )
)
@click.option("-r", "--run-id", metavar="ID", help="The run; or use --uri.")
@click.option(
    "--path", default="", metavar="PATH", help="A file or folder of the run. Default: all."
)
@click.option(
    "-u", "--uri", metavar="URI", help="runs:/…, models:/…, s3://…, mlflow-artifacts:/… or so."
)
@click.option(
    "-d",
    "--dst",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="FOLDER",
    help="Where to put them; made if it is not there.",
)
def download(run_id: str | None, path: str, uri: str | None, folder: Path) -> None:
    """Copy files of a run, or of an address, into a folder, and print where they are."""
    from ..registry.files import download_artifacts

    if (run_id is None) == (uri is None) or (uri is not None and path):
        raise click.UsageError("Give --run-id (with --path), or --uri; one of them.")
    click.echo(
        download_artifacts(
            artifact_uri=uri,
            run_id=run_id,
            artifact_path=path or None if run_id else None,
            dst_path=folder,
        )
    )


@click.command(
    epilog=examples(
        "mlpack artifacts log -r 4f6b0e7c… report.html plots/",
        "mlpack artifacts log -r 4f6b0e7c… -p data train.csv",
    )
)
@_run
@click.option("--path", metavar="FOLDER", help="Of the run's, to put them into.")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="FILE…"
)
def log(run_id: str, path: str | None, files: tuple[Path, ...]) -> None:
    """Add files and whole folders to a run."""
    from ..tracking.client import TrackingClient

    client = TrackingClient()
    for file in files:
        client.log_artifact(run_id, file, path)
