"""``mlpack serve``: answer HTTP requests with a model."""

from __future__ import annotations

import click

from .options import examples, model_uri_option, trust_from, trust_options


def _size(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    from ..serve.settings import parse_size

    try:
        return None if value is None else parse_size(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a size such as 100M.", ctx, param) from None


@click.command(
    context_settings={"help_option_names": ["--help"]},  # -h is the host
    epilog=examples(
        "mlpack serve -m runs:/<run_id>/model",
        "mlpack serve -m ./model --host 0.0.0.0 -p 8080 --workers 4",
        "MLPACK_WORKERS=2 mlpack serve -m models:/m-<id> --access-log",
    ),
)
@model_uri_option
@click.option("-h", "--host", metavar="HOST", help="Address to listen on.  [default: 127.0.0.1]")
@click.option(
    "-p", "--port", type=click.IntRange(0, 65535), metavar="PORT", help="[default: 5000; 0: any]"
)
@click.option(
    "-w", "--workers", type=click.IntRange(1), metavar="N", help="Processes.  [default: one a CPU]"
)
@click.option(
    "--threads", type=click.IntRange(1), metavar="N", help="Threads a worker.  [default: 8]"
)
@click.option(
    "-t",
    "--timeout",
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="A request that takes longer is answered with 504.  [default: 60; 0: no limit]",
)
@click.option(
    "--max-body", callback=_size, metavar="SIZE", help="Largest request body.  [default: 100M]"
)
@click.option("--access-log", is_flag=True, default=None, help="A line a request on stdout.")
@trust_options
def serve(
    model_uri: str,
    host: str | None,
    port: int | None,
    workers: int | None,
    threads: int | None,
    timeout: float | None,
    max_body: int | None,
    access_log: bool | None,
    trust: bool,
    trusted_types: tuple[str, ...],
) -> None:
    """Answer HTTP requests with a model: /invocations, /ping, /health, /version.

    Every option can also be set by an environment variable (MLPACK_PORT, MLPACK_WORKERS, …).
    Stop it with Ctrl-C.
    """
    from ..registry.resolve import resolve
    from ..serve.gunicorn_app import run
    from ..serve.settings import ServeSettings

    settings = ServeSettings.from_environment().with_options(
        host=host,
        port=port,
        workers=workers,
        threads=threads,
        timeout=timeout,
        max_body=max_body,
        access_log=access_log,
    )
    found = resolve(model_uri)
    run(
        found.path,
        settings,
        trust=trust_from(trust, trusted_types),
        expected_digest=found.digest,
        public_name=model_uri,
    )
