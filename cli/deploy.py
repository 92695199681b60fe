"""``mlpack deploy``: what a target would do, whether the user agrees, and doing it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .build import build_options, builder_option, make_spec
from .options import examples
from .output import json_option, print_fields, print_json, print_table

if TYPE_CHECKING:
    from ..deploy_targets.base import Deployment, DeployTarget, Plan
    from ..deploy_targets.options import OptionHelp

F = TypeVar("F", bound=Callable[..., Any])


def _complete_target(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from ..deploy_targets.discovery import target_names

    return [name for name in target_names() if name.startswith(incomplete)]


target_option = click.option(
    "-t",
    "--target",
    required=True,
    metavar="TARGET",
    shell_complete=_complete_target,
    help="Where: local, sagemaker, azureml, kubernetes, kserve, or what a plug-in adds.",
)
config_option = click.option(
    "-C", "config", multiple=True, metavar="KEY=VALUE", help="A setting of the target; repeatable."
)


@click.command(
    epilog=examples(
        "mlpack deploy -m runs:/<run_id>/model --target local -n churn",
        "mlpack deploy -m models:/churn@champion --target local -n churn -C port=8080 -C memory=1g",
        "mlpack deploy -m models:/churn/3 --target sagemaker -n churn --config churn.yaml --yes",
        "mlpack deploy -m models:/churn/3 --target kubernetes -n churn --output ./manifests \\\n"
        "      -C repository=registry.example/team",
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
@config_option
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Settings of the target from a YAML file; -C wins.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write the manifests there, for GitOps, and apply nothing (kubernetes, kserve).",
)
@click.option("--image", metavar="IMAGE", help="Run this image of the model; build none.")
@click.option("--wait/--no-wait", default=True, help="Return when it answers, or at once.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("-y", "--yes", is_flag=True, help="Make what costs money without asking.")
@click.option("--help-options", is_flag=True, help="List the settings that the target takes.")
@json_option
@builder_option
@build_options
def deploy(
    target: str,
    name: str | None,
    model_uri: str | None,
    config: tuple[str, ...],
    config_file: Path | None,
    output: Path | None,
    image: str | None,
    wait: bool,
    dry_run: bool,
    yes: bool,
    help_options: bool,
    as_json: bool,
    builder: str,
    **options: Any,
) -> None:
    """Run a model somewhere, and wait until it answers.

    Builds the model's image first, unless the target has it. A name that exists is updated: the
    old deployment goes on until the new one is known to answer.
    """
    from ..deploy_targets import deploying
    from ..deploy_targets.discovery import get_target, split_uri
    from ..deploy_targets.options import read_options
    from .progress import BuildProgress

    where = get_target(split_uri(target)[0])
    if help_options:
        _list_options(where.options, as_json)
        return
    if not name or not model_uri:
        raise click.UsageError("Missing option '-n' / '--name' or '-m' / '--model-uri'.")
    settings = {**split_uri(target)[1], **_settings(config, config_file)}
    if output is not None:
        settings["output"] = output
    read_options(where.options, settings, where.name)  # before a model is fetched from far away
    request = deploying.request_for(
        make_spec(model_uri, f"mlpack-{name}", **options),
        model_uri,
        name,
        options=settings,
        image=image,
        wait=wait,
        builder=builder,
    )
    plan = deploying.plan(where, request)
    if dry_run:
        _show_plan(plan, as_json)
        return
    if plan.paid and not yes and plan.action != "none":
        _agree(plan, where)
    with BuildProgress(quiet=as_json) as progress:
        done = deploying.deploy(where, request, planned=plan, report=progress.report)
    if as_json:
        print_json(done.to_dict())
        return
    if plan.action == "none":
        click.echo(f"Nothing to do: {name} is so already.", err=True)
    show(done.deployment, as_json=False)


def _agree(plan: Plan, where: DeployTarget) -> None:
    """Ask before something is made that is paid for by the hour.

    Raises:
        InvalidInput: there is nobody to ask.
        click.Abort: the answer is no.
    """
    from ..errors import InvalidInput

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise InvalidInput(
            f"This costs money: {'; '.join(plan.paid)}. Say that it shall be made: --yes"
        )
    click.echo(f"On {where.name}, this costs money while it runs:", err=True)
    for line in plan.paid:
        click.echo(f"  {line}", err=True)
    click.confirm(f"{plan.action.capitalize()} it?", abort=True, err=True)


def _settings(pairs: tuple[str, ...], file: Path | None) -> dict[str, Any]:
    from ..deploy_targets.options import parse_pairs

    return {**(_read_yaml(file) if file else {}), **parse_pairs(pairs)}


def _read_yaml(file: Path) -> dict[str, Any]:
    from ..errors import InvalidInput, MlpackError
    from ..flavors import yaml_text

    try:
        settings = yaml_text.load(file.read_bytes(), str(file))
    except MlpackError as error:
        raise InvalidInput(error.message) from None
    if not isinstance(settings, dict):
        raise InvalidInput(f"{file} must hold a mapping of settings, such as `port: 8080`.")
    return settings


def _list_options(schema: type, as_json: bool) -> None:
    from dataclasses import asdict

    from ..deploy_targets.options import describe_options

    listed = describe_options(schema)
    if as_json:
        print_json([asdict(each) for each in listed])
        return
    for group in dict.fromkeys(each.group for each in listed):
        if group:
            click.echo(f"\n{click.style(group, bold=True)}")
        print_table(
            ("option", "type", "default", "meaning"),
            _rows(each for each in listed if each.group == group),
        )


def _rows(listed: Iterable[OptionHelp]) -> Iterable[tuple[str, str, str, str]]:
    for each in listed:
        one_of = f" ({', '.join(each.choices)})" if each.choices else ""
        yield each.name, each.type, each.default, each.help + one_of


def _show_plan(plan: Plan, as_json: bool) -> None:
    if as_json:
        print_json(plan.to_dict())
        return
    if plan.action == "none":
        click.echo("Nothing to do: it is so already.")
    else:
        click.echo(f"Would {plan.action}:")
    for number, step in enumerate(plan.steps, 1):
        click.echo(f"  {number}. {step}")
    for line in plan.paid:
        click.echo(f"  costs money: {line}")
    print_fields(sorted(plan.details.items()))


def show(deployment: Deployment, as_json: bool) -> None:
    """Print one deployment."""
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
            *((key.replace("_", " "), _plain(each)) for key, each in deployment.details.items()),
        ]
    )


def _plain(value: Any) -> Any:
    import json

    return json.dumps(value, default=str) if isinstance(value, dict | list | tuple) else value
