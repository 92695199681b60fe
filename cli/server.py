"""``mlpack server`` and ``mlpack ui``: the tracking API and its pages over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from .options import examples

F = TypeVar("F", bound=Callable[..., Any])


def _listening_options(command: F) -> F:
    """Where to listen; shared by both commands."""
    for option in (
        click.option(
            "-h", "--host", metavar="HOST", help="Address to listen on.  [default: 127.0.0.1]"
        ),
        click.option(
            "-p",
            "--port",
            type=click.IntRange(0, 65535),
            metavar="PORT",
            help="[default: 5000; 0: any]",
        ),
        click.option(
            "-w", "--workers", type=click.IntRange(1), metavar="N", help="Processes.  [default: 2]"
        ),
        click.option(
            "--threads",
            type=click.IntRange(1),
            metavar="N",
            help="Threads a worker.  [default: 16]",
        ),
        click.option(
            "--access-log", is_flag=True, default=None, help="A line a request on stdout."
        ),
    ):
        command = option(command)
    return command


@click.command(
    epilog=examples(
        "mlpack server",
        "mlpack server --backend-store-uri postgresql://user@db/mlpack \\",
        "  --artifacts-destination s3://bucket/runs --host 0.0.0.0 --allowed-hosts ml.example.com",
        "MLFLOW_TRACKING_URI=http://127.0.0.1:5000 python train.py",
    )
)
@click.option(
    "--backend-store-uri",
    metavar="URI",
    help="The database of runs: a folder, sqlite:///file.db, postgresql://… or mysql://…  "
    "[default: ./mlruns]",
)
@click.option(
    "--artifacts-destination",
    metavar="URI",
    help="Where files go that clients send through the server: a folder, s3://…, gs://…, az://…  "
    "[default: where the database keeps its files; ./mlartifacts for a new database server]",
)
@click.option(
    "--default-artifact-root",
    metavar="URI",
    help="Let clients write files there by themselves instead.",
)
@click.option(
    "--allowed-artifact-roots",
    metavar="URI",
    multiple=True,
    help="A further place whose files the server may show, with its own credentials: s3://…, a "
    "folder. May be repeated.  [default: the two above]",
)
@click.option(
    "--presigned-downloads/--no-presigned-downloads",
    default=None,
    help="Let clients read large files from the object store by signed addresses; they must reach "
    "it by the name that the server uses.  [default: no]",
)
@click.option(
    "--public-url",
    metavar="URL",
    help="How clients reach the server, when a proxy in front of it changes the host or the path.",
)
@click.option(
    "--serve-artifacts/--no-serve-artifacts",
    default=None,
    help="Transfer files for clients.  [default: yes]",
)
@click.option(
    "--allowed-hosts",
    metavar="NAMES",
    help="Names under which clients reach the server, with commas; * within one, or for all.  "
    "[default: this machine's own]",
)
@click.option(
    "--cors-allowed-origins",
    metavar="ORIGINS",
    help="Web pages elsewhere that may call the API, such as https://app.example.com.",
)
@click.option(
    "--scoring-endpoints",
    metavar="HOSTS",
    help="Hosts that a model's page may score examples at, such as churn.example.com or "
    "10.0.0.5:8080, with commas; * within one.  [default: this machine, for servers on it alone]",
)
@click.option(
    "--expose-prometheus/--no-expose-prometheus",
    default=None,
    help="Answer /metrics, which needs mlpack-toolkit[prometheus].  [default: yes]",
)
@_listening_options
@click.help_option("--help")
def server(
    allowed_hosts: str | None,
    cors_allowed_origins: str | None,
    allowed_artifact_roots: tuple[str, ...],
    scoring_endpoints: str | None,
    **options: Any,
) -> None:
    """Record runs for clients elsewhere: MLflow's REST API, files, and pages to look at.

    MLflow's own clients work unchanged: set MLFLOW_TRACKING_URI to the address. Every option can
    also be set by an environment variable (MLPACK_BACKEND_STORE_URI, MLPACK_PORT, …).
    There is no access control yet. Stop it with Ctrl-C.
    """
    from ..tracking_server.gunicorn_app import run
    from ..tracking_server.settings import ServerSettings, names

    settings = ServerSettings.from_environment().with_options(
        allowed_hosts=names(allowed_hosts) if allowed_hosts else None,
        cors_allowed_origins=names(cors_allowed_origins) if cors_allowed_origins else None,
        allowed_artifact_roots=allowed_artifact_roots or None,
        scoring_endpoints=names(scoring_endpoints) if scoring_endpoints else None,
        **options,
    )
    run(settings)


@click.command(
    epilog=examples("mlpack ui --open", "mlpack ui --backend-store-uri ./mlruns -p 8080")
)
@click.option(
    "--backend-store-uri",
    metavar="URI",
    help="A folder of runs or a database.  [default: the store in use, else ./mlruns]",
)
@click.option("--open", "open_browser", is_flag=True, help="Show it in a browser.")
@_listening_options
@click.help_option("--help")
def ui(open_browser: bool, backend_store_uri: str | None, **options: Any) -> None:
    """Look at local runs in a browser. The API of `mlpack server` is there, too."""
    from ..errors import InvalidInput
    from ..tracking.uri import get_tracking_uri
    from ..tracking_server.gunicorn_app import run
    from ..tracking_server.settings import ServerSettings

    settings = ServerSettings.from_environment().with_options(
        backend_store_uri=backend_store_uri, any_local_folder=True, **options
    )
    if settings.backend_store_uri is None:
        in_use = get_tracking_uri()
        if in_use.startswith(("http:", "https:")):
            raise InvalidInput(
                f"The store in use is the server {in_use}: open that address in a browser, or "
                "name a folder with --backend-store-uri."
            )
        settings = settings.with_options(backend_store_uri=in_use)
    run(settings, open_browser=open_browser)
