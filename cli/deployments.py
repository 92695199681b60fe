"""``mlpack deployments``: what runs where, asked, logged, put back and removed."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .deploy import config_option, show, target_option
from .lazy import Entry, LazyGroup
from .options import examples
from .output import json_option, print_json, print_table

if TYPE_CHECKING:
    from ..deploy_targets.base import DeployTarget

F = TypeVar("F", bound=Callable[..., Any])

name_option = click.option(
    "-n", "--name", required=True, metavar="NAME", help="The deployment's name."
)


def one_deployment(command: F) -> F:
    """The options of commands about one deployment."""
    return target_option(name_option(config_option(command)))


def _target(target: str, config: tuple[str, ...]) -> DeployTarget:
    from ..deploy_targets.discovery import get_target
    from ..deploy_targets.options import parse_pairs

    return get_target(target, parse_pairs(config))


deployments = LazyGroup(
    name="deployments",
    help="List, query, put back and remove deployments.",
    entries={
        "list": Entry("deployments:list_deployments", "List the deployments on a target."),
        "get": Entry("deployments:get", "Show one deployment."),
        "update": Entry("deployments:update", "Deploy another model under a name that exists."),
        "predict": Entry("deployments:predict", "Score a file with a deployment."),
        "logs": Entry("deployments:logs", "Print a deployment's log."),
        "rollback": Entry("deployments:rollback", "Put back what ran before the last update."),
        "delete": Entry("deployments:delete", "Remove a deployment."),
    },
    examples=(
        "mlpack deployments list",
        "mlpack deployments list --target sagemaker -C region=eu-west-1",
        "mlpack deployments predict --target local -n churn --example",
        "mlpack deployments rollback --target local -n churn",
    ),
)


@click.command(
    "list",
    epilog=examples("mlpack deployments list", "mlpack deployments list --target local --json"),
)
@click.option("-t", "--target", metavar="TARGET", help="Default: what tracking has on record.")
@config_option
@json_option
def list_deployments(target: str | None, config: tuple[str, ...], as_json: bool) -> None:
    """List what mlpack deployed on a target.

    Without --target: what is on record in tracking, of all targets, also what was replaced or
    deleted since.
    """
    if target is None:
        _list_recorded(as_json)
        return
    found = _target(target, config).list()
    if as_json:
        print_json([each.to_dict() for each in found])
    elif not found:
        click.echo(f"No deployments on {target}.", err=True)
    else:
        print_table(
            ("name", "status", "endpoint", "model", "image", "created"),
            ((d.name, d.status, d.endpoint, d.model_uri, d.image, d.created) for d in found),
        )


def _list_recorded(as_json: bool) -> None:
    from ..deploy_targets.records import recorded

    found = recorded()
    if as_json:
        print_json(found)
    elif not found:
        click.echo("Tracking has no deployments on record.", err=True)
    else:
        keys = ("target", "name", "state", "of", "endpoint", "place", "when", "by")
        print_table(
            ("target", "name", "state", "version", "endpoint", "place", "when", "by"),
            ([each.get(key) for key in keys] for each in found),
        )


@click.command(epilog=examples("mlpack deployments get --target local -n churn --json"))
@one_deployment
@json_option
def get(target: str, name: str, config: tuple[str, ...], as_json: bool) -> None:
    """Show one deployment."""
    show(_target(target, config).get(name), as_json)


@click.command(
    context_settings={"ignore_unknown_options": True},
    add_help_option=False,
    epilog=examples("mlpack deployments update -m models:/churn/4 --target local -n churn"),
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def update(ctx: click.Context, arguments: tuple[str, ...]) -> None:
    """The same as `mlpack deploy`, which updates a name that exists."""
    from .deploy import deploy

    with deploy.make_context(ctx.info_name, [*arguments], parent=ctx.parent) as inner:
        deploy.invoke(inner)


@click.command(epilog=examples("mlpack deployments logs --target local -n churn --tail 50 -f"))
@one_deployment
@click.option("--tail", type=click.IntRange(0), metavar="N", help="Only the last N lines.")
@click.option("-f", "--follow", is_flag=True, help="Go on printing, until Ctrl-C.")
def logs(target: str, name: str, config: tuple[str, ...], tail: int | None, follow: bool) -> None:
    """Print a deployment's log."""
    from .terminal import clean

    with contextlib.suppress(KeyboardInterrupt):
        for line in _target(target, config).logs(name, tail=tail, follow=follow):
            click.echo(clean(line) if sys.stdout.isatty() else line)


@click.command(
    epilog=examples(
        "mlpack deployments predict --target local -n churn --example",
        "mlpack deployments predict --target local -n churn -i rows.csv -o out.json",
        "mlpack deployments predict --target local -n churn -i - -c text/csv < rows.csv",
    )
)
@one_deployment
@click.option(
    "-i",
    "--input-path",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="A body for /invocations: .json, .csv, .parquet, .arrow, .npy; - for standard input.",
)
@click.option("--example", is_flag=True, help="Send the model's own input example.")
@click.option(
    "-c", "--content-type", metavar="TYPE", help="Of the input, when its name does not tell."
)
@click.option("-o", "--output-path", type=click.Path(path_type=Path), help="Default: print it.")
def predict(
    target: str,
    name: str,
    config: tuple[str, ...],
    input_path: Path | None,
    example: bool,
    content_type: str | None,
    output_path: Path | None,
) -> None:
    """Score a file with a deployment."""
    from ..deploy_targets.inputs import content_type_of, example_of
    from ..flavors.staging import write_file

    where = _target(target, config)
    if (input_path is None) == (not example):
        raise click.UsageError("Give either -i FILE or --example.")
    if input_path is None:
        body, kind = example_of(where.get(name)), "application/json"
    else:
        kind = content_type or content_type_of(input_path)
        standard = str(input_path) == "-"
        body = sys.stdin.buffer.read() if standard else input_path.read_bytes()
    answer = where.predict(name, body, kind)
    if output_path:
        write_file(output_path, answer.body)
    else:
        sys.stdout.buffer.write(answer.body.rstrip(b"\n") + b"\n")


@click.command(epilog=examples("mlpack deployments rollback --target local -n churn"))
@one_deployment
@json_option
def rollback(target: str, name: str, config: tuple[str, ...], as_json: bool) -> None:
    """Put back what ran before the last update; once more takes that back."""
    from ..deploy_targets import deploying
    from .progress import BuildProgress

    with BuildProgress(quiet=as_json) as progress:
        deployment = deploying.rollback(_target(target, config), name, progress.report)
    show(deployment, as_json)


@click.command(
    epilog=examples(
        "mlpack deployments delete --target local -n churn",
        "mlpack deployments delete --target sagemaker -n churn -C region=eu-west-1 --force",
    )
)
@one_deployment
@click.option("--force", is_flag=True, help="Also if its tags do not say that mlpack made it.")
def delete(target: str, name: str, config: tuple[str, ...], force: bool) -> None:
    """Remove a deployment, and what was made for it. Its image stays."""
    from ..deploy_targets import deploying
    from .progress import BuildProgress

    with BuildProgress() as progress:
        deploying.delete(_target(target, config), name, progress.report, force=force)
    click.echo(f"Deleted {name}.")
