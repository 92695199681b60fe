"""``mlpack deploy`` and ``mlpack deployments``."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .build import build_options, make_spec
from .lazy import Entry, LazyGroup
from .options import examples
from .output import json_option, print_fields, print_json, print_table

if TYPE_CHECKING:
    from ..deploy_targets.base import Deployment

F = TypeVar("F", bound=Callable[..., Any])

_CONTENT_TYPES = {
    ".json": "application/json",
    ".csv": "text/csv",
}


def _complete_target(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from ..deploy_targets.discovery import target_names

    return [name for name in target_names() if name.startswith(incomplete)]


target_option = click.option(
    "-t",
    "--target",
    required=True,
    metavar="TARGET",
    shell_complete=_complete_target,
    help="Where: `local`, or a target that a plug-in adds.",
)
name_option = click.option(
    "-n", "--name", required=True, metavar="NAME", help="The deployment's name."
)


@click.command(
    epilog=examples(
        "mlpack deploy -m runs:/<run_id>/model --target local -n churn",
        "mlpack deploy -m runs:/<run_id>/model --target local -n churn -C port=8080 -C memory=1g",
        "mlpack deploy -m ./model --target local -n churn --dry-run",
        "mlpack deploy --target local --help-options",
    )
)
@target_option
@click.option(
    "-m",
    "--model-uri",
    metavar="URI",
    help="A folder, runs:/<run_id>/<name>, models:/<name>/<version>, models:/<name>@<alias> or "
    "models:/m-<id>.",
)
@click.option("-n", "--name", metavar="NAME", help="The deployment's name.")
@click.option(
    "-C", "config", multiple=True, metavar="KEY=VALUE", help="A setting of the target; repeatable."
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Settings of the target from a YAML file; -C wins.",
)
@click.option("--image", metavar="IMAGE", help="Run this image of the model; build none.")
@click.option("--wait/--no-wait", default=True, help="Return when it answers, or at once.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--help-options", is_flag=True, help="List the settings that the target takes.")
@json_option
@build_options
def deploy(
    target: str,
    name: str | None,
    model_uri: str | None,
    config: tuple[str, ...],
    config_file: Path | None,
    image: str | None,
    wait: bool,
    dry_run: bool,
    help_options: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Run a model somewhere, and wait until it answers.

    Builds the model's image first. A name that exists is updated: the old deployment goes on
    until the new one is known to answer.
    """
    from ..deploy_targets.base import DeployRequest
    from ..deploy_targets.discovery import get_target
    from .progress import BuildProgress

    where = get_target(target)
    if help_options:
        _list_options(where.options, as_json)
        return
    if not name or not model_uri:
        raise click.UsageError("Missing option '-n' / '--name' or '-m' / '--model-uri'.")
    spec = make_spec(model_uri, f"mlpack-{name}", **options)
    request = DeployRequest(name, model_uri, image or spec, _settings(config, config_file), wait)
    plan = where.plan(request)
    if dry_run:
        _show_plan(plan, as_json)
        return
    with BuildProgress(quiet=as_json) as progress:
        act = where.update if plan.action == "update" else where.create
        deployment = act(request, progress.report)
    _show(deployment, as_json)


def _settings(pairs: tuple[str, ...], file: Path | None) -> dict[str, Any]:
    from ..deploy_targets.options import parse_pairs

    return {**(_read_yaml(file) if file else {}), **parse_pairs(pairs)}


def _read_yaml(file: Path) -> dict[str, Any]:
    import yaml

    from ..errors import InvalidInput

    try:
        settings = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} is not YAML: {error}") from None
    if not isinstance(settings, dict):
        raise InvalidInput(f"{file} must hold a mapping of settings, such as `port: 8080`.")
    return settings


def _list_options(schema: type, as_json: bool) -> None:
    from dataclasses import asdict

    from ..deploy_targets.options import describe_options

    listed = describe_options(schema)
    if as_json:
        print_json([asdict(each) for each in listed])
    else:
        print_table(
            ("option", "type", "default", "meaning"),
            ((each.name, each.type, each.default, each.help) for each in listed),
        )


def _show_plan(plan: Any, as_json: bool) -> None:
    if as_json:
        print_json(plan.to_dict())
        return
    click.echo(f"Would {plan.action}:")
    for number, step in enumerate(plan.steps, 1):
        click.echo(f"  {number}. {step}")
    print_fields(sorted(plan.details.items()))


def _show(deployment: Deployment, as_json: bool) -> None:
    if as_json:
        print_json(deployment.to_dict())
        return
    print_fields(
        [
            ("deployment", deployment.name),
            ("target", deployment.target),
            ("status", deployment.status),
            ("endpoint", deployment.endpoint),
            ("model", deployment.model_uri),
            ("digest", deployment.model_digest),
            ("image", deployment.image),
            ("created", deployment.created),
        ]
    )


deployments = LazyGroup(
    name="deployments",
    help="List, query and remove deployments.",
    entries={
        "list": Entry("deploy:list_deployments", "List the deployments on a target."),
        "get": Entry("deploy:get", "Show one deployment."),
        "logs": Entry("deploy:logs", "Print a deployment's log."),
        "predict": Entry("deploy:predict", "Score a file with a deployment."),
        "delete": Entry("deploy:delete", "Remove a deployment."),
    },
    examples=(
        "mlpack deployments list --target local",
        "mlpack deployments predict --target local -n churn -i rows.json",
    ),
)


@click.command("list", epilog=examples("mlpack deployments list --target local --json"))
@target_option
@json_option
def list_deployments(target: str, as_json: bool) -> None:
    """List what mlpack deployed on a target."""
    from ..deploy_targets.discovery import get_target

    found = get_target(target).list()
    if as_json:
        print_json([each.to_dict() for each in found])
    elif not found:
        click.echo(f"No deployments on {target}.", err=True)
    else:
        print_table(
            ("name", "status", "endpoint", "model", "image", "created"),
            ((d.name, d.status, d.endpoint, d.model_uri, d.image, d.created) for d in found),
        )


@click.command(epilog=examples("mlpack deployments get --target local -n churn --json"))
@target_option
@name_option
@json_option
def get(target: str, name: str, as_json: bool) -> None:
    """Show one deployment."""
    from ..deploy_targets.discovery import get_target

    _show(get_target(target).get(name), as_json)


@click.command(epilog=examples("mlpack deployments logs --target local -n churn --tail 50 -f"))
@target_option
@name_option
@click.option("--tail", type=click.IntRange(0), metavar="N", help="Only the last N lines.")
@click.option("-f", "--follow", is_flag=True, help="Go on printing, until Ctrl-C.")
def logs(target: str, name: str, tail: int | None, follow: bool) -> None:
    """Print a deployment's log."""
    from ..deploy_targets.discovery import get_target

    with contextlib.suppress(KeyboardInterrupt):
        for line in get_target(target).logs(name, tail=tail, follow=follow):
            click.echo(line)


@click.command(
    epilog=examples(
        "mlpack deployments predict --target local -n churn -i rows.json",
        "mlpack deployments predict --target local -n churn -i rows.csv -o out.json",
    )
)
@target_option
@name_option
@click.option(
    "-i",
    "--input-path",
    required=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="A body for /invocations: .json or .csv; - for JSON on standard input.",
)
@click.option("-o", "--output-path", type=click.Path(path_type=Path), help="Default: print it.")
def predict(target: str, name: str, input_path: Path, output_path: Path | None) -> None:
    """Score a file with a deployment."""
    from ..deploy_targets.discovery import get_target
    from ..flavors.staging import write_file

    if str(input_path) == "-":
        body, content_type = sys.stdin.buffer.read(), "application/json"
    else:
        if input_path.suffix.lower() not in _CONTENT_TYPES:
            raise click.UsageError(f"{input_path} must end in {' or '.join(_CONTENT_TYPES)}.")
        body = input_path.read_bytes()
        content_type = _CONTENT_TYPES[input_path.suffix.lower()]
    answer = get_target(target).predict(name, body, content_type)
    if output_path:
        write_file(output_path, answer.body)
    else:
        click.echo(answer.body.decode("utf-8").rstrip("\n"))


@click.command(epilog=examples("mlpack deployments delete --target local -n churn"))
@target_option
@name_option
def delete(target: str, name: str) -> None:
    """Remove a deployment. Its image stays."""
    from ..deploy_targets.discovery import get_target
    from .progress import BuildProgress

    with BuildProgress() as progress:
        get_target(target).delete(name, progress.report)
    click.echo(f"Deleted {name}.")
