"""``mlpack serve``: answer HTTP requests with one or several models."""

from __future__ import annotations

from typing import Any

import click

from .options import environment_options, examples, trust_from, trust_options


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
        "mlpack serve -m models:/churn@champion --max-requests 100000 --access-log",
        "mlpack serve -m champion=models:/churn/3 -m challenger=models:/churn/4 \\",
        "             --route champion=90,challenger=10",
        "mlpack serve -m now=models:/churn/3 -m next=./model --shadow next",
        "MLPACK_WORKERS=2 mlpack serve -m models:/m-<id> --batching off",
        "mlpack serve -m ./model --auth-tokens-file tokens --certfile cert.pem --keyfile key.pem",
        "mlpack serve -m ./model --capture ./captured --capture-rate 0.1",
    ),
)
@click.option(
    "-m",
    "--model-uri",
    required=True,
    multiple=True,
    metavar="[NAME=]URI",
    help="A folder, runs:/<run_id>/<name>, models:/<name>/<version>, models:/<name>@<alias> or "
    "models:/m-<id>. Several, each with a name, are served at /models/NAME/invocations; the "
    "first one at /invocations too.",
)
@click.option("-h", "--host", metavar="HOST", help="Address to listen on.  [default: 127.0.0.1]")
@click.option(
    "-p", "--port", type=click.IntRange(0, 65535), metavar="PORT", help="[default: 5000; 0: any]"
)
@click.option(
    "-w", "--workers", type=click.IntRange(1), metavar="N", help="Processes.  [default: one a CPU]"
)
@click.option(
    "--threads",
    type=click.IntRange(1),
    metavar="N",
    help="Requests that a worker takes at once.  [default: 32]",
)
@click.option(
    "--batching",
    type=click.Choice(["auto", "on", "off"]),
    help="Predict concurrent requests together. auto: where a trial at the start shows that "
    "rows do not influence each other and that it pays.  [default: auto]",
)
@click.option(
    "--max-batch-rows",
    type=click.IntRange(1),
    metavar="N",
    help="Most rows predicted together.  [default: 512]",
)
@click.option(
    "--max-batch-wait",
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="How long a prediction waits for others to join.  [default: 0: not at all]",
)
@click.option(
    "--route",
    metavar="NAME=WEIGHT,…",
    help="Share /invocations out among models: champion=90,challenger=10.",
)
@click.option(
    "--route-by",
    metavar="HEADER",
    help="Requests with the same value in this header go to the same model.",
)
@click.option(
    "--shadow",
    metavar="NAME",
    help="Give this model a copy of each request to /invocations; its answers are only counted.",
)
@click.option(
    "-t",
    "--timeout",
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="A request that takes longer, waiting included, is answered with 504.  [default: 60; "
    "0: no limit]",
)
@click.option(
    "--max-queue",
    type=click.IntRange(0),
    metavar="N",
    help="Requests that may wait in a worker; more are answered with 429.  [default: 500]",
)
@click.option(
    "--max-requests",
    type=click.IntRange(0),
    metavar="N",
    help="Replace a worker after about N requests.  [default: 0: never]",
)
@click.option(
    "--max-body", callback=_size, metavar="SIZE", help="Largest request body.  [default: 100M]"
)
@click.option(
    "--access-log", is_flag=True, default=None, help="A line of JSON a request on stdout."
)
@click.option(
    "--auth-tokens-file",
    metavar="FILE",
    help="Let in who sends one of its tokens (one a line; read again when it changes).",
)
@click.option("--public-metrics", is_flag=True, default=None, help="/metrics needs no token.")
@click.option("--certfile", metavar="FILE", help="Speak HTTPS with this certificate (PEM).")
@click.option("--keyfile", metavar="FILE", help="Its key, if that is not in the same file.")
@click.option(
    "--cors-origin",
    "cors_origins",
    multiple=True,
    callback=lambda ctx, param, value: value or None,
    metavar="ORIGIN",
    help="A site whose scripts may call, as https://app.example.com; may be repeated.",
)
@click.option(
    "--otel/--no-otel",
    default=None,
    help="Send spans by OpenTelemetry.  [default: if OTEL_EXPORTER_OTLP_ENDPOINT is set]",
)
@click.option(
    "--capture", metavar="DIR", help="Keep inputs and predictions in this folder, as Parquet."
)
@click.option(
    "--capture-rate",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Share of the requests that are kept.  [default: 1]",
)
@click.option(
    "--capture-max-mb",
    type=click.IntRange(1),
    metavar="MB",
    help="Most that captures take up; the oldest go.  [default: 1024]",
)
@trust_options
@environment_options
def serve(
    model_uri: tuple[str, ...], trust: bool, trusted_types: tuple[str, ...], **options: Any
) -> None:
    """Answer HTTP requests with models: /invocations, /models, /ping, /health, /version.

    Every option can also be set by an environment variable (MLPACK_PORT, MLPACK_WORKERS, …).
    Stop it with Ctrl-C.
    """
    from ..registry.resolve import resolve
    from ..serve.gunicorn_app import ModelSource, run
    from ..serve.routing import as_name, name_and_uri
    from ..serve.settings import ServeSettings

    settings = ServeSettings.from_environment().with_options(**options)
    sources = []
    for text in model_uri:
        name, uri = name_and_uri(text)
        found = resolve(uri)
        registered = getattr(found, "name", None)
        sources.append(
            ModelSource(
                found.path,
                name or (as_name(registered) if registered else ""),
                version=str(getattr(found, "version", None) or ""),
                uri=uri,
                trust=trust_from(trust, trusted_types),
                expected_digest=found.digest,
                expected_files=found.files,
            )
        )
    run(sources, settings)
