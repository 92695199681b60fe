"""``mlpack models promote``, ``alias``, ``unalias``: which version is the one that counts."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from .options import examples
from .output import json_option, print_json
from .registry_names import (
    confirm,
    expect_option,
    make_client,
    model_argument,
    note_option,
    shown,
    version_named,
    yes_option,
)

if TYPE_CHECKING:
    from ..registry.client import MlpackClient
    from ..registry.entities import ModelVersion

_STAGES = ("None", "Staging", "Production", "Archived")
_ONE = ("Staging", "Production")  # stages that one version is in, unless somebody wants more


@click.command(
    epilog=examples(
        "mlpack models promote churn/3 Production --note 'better on the May data'",
        "mlpack models promote churn/3 Staging --keep-existing",
        "mlpack models promote churn/3 Production --expect 2",
        "mlpack models promote churn/2 Archived",
    )
)
@model_argument()
@click.argument("stage", type=click.Choice(_STAGES, case_sensitive=False), metavar="STAGE")
@click.option(
    "--archive-existing/--keep-existing",
    "archive",
    default=True,
    show_default=True,
    help="Whether those that are in STAGE so far (Staging, Production) become Archived.",
)
@expect_option
@note_option
@yes_option
@json_option
def promote(
    model: str,
    stage: str,
    archive: bool,
    expected: int | None,
    note: str,
    yes: bool,
    as_json: bool,
) -> None:
    """Move a version to STAGE: None, Staging, Production or Archived.

    Asks before it archives another version, unless --expect names that one. If somebody else is
    faster than your answer, nothing is changed.
    """
    client = make_client()
    version = version_named(client, model)
    replaces = archive and stage in _ONE
    there = _newest_in(client, version.name, stage) if replaces else None
    if there is not None and there.version != version.version and expected is None:
        expected = None if yes else there.version
        confirm(
            f"{shown(there.name, there.version)} is in {stage} now and will be Archived. Go on?",
            yes,
        )
    moved = client.transition_model_version_stage(
        version.name, version.version, stage, replaces, note=note, expected=expected
    )
    if as_json:
        print_json(asdict(moved))
        return
    click.echo(f"{shown(moved.name, moved.version)} is in {moved.current_stage}")


def _newest_in(client: MlpackClient, name: str, stage: str) -> ModelVersion | None:
    found = client.get_latest_versions(name, [stage])
    return found[0] if found else None


@click.command(
    epilog=examples(
        "mlpack models alias churn/3 champion --note 'won the test'",
        "mlpack models alias churn/3 champion --expect 2",
        "mlpack models alias churn@challenger champion",
    )
)
@model_argument()
@click.argument("alias")
@expect_option
@note_option
@json_option
def alias(model: str, alias: str, expected: int | None, note: str, as_json: bool) -> None:
    """Point ALIAS at a version: models:/NAME@ALIAS then means this one."""
    client = make_client()
    version = version_named(client, model)
    pointing = alias.removeprefix("@")
    client.set_registered_model_alias(
        version.name, pointing, version.version, note=note, expected=expected
    )
    if as_json:
        print_json(asdict(client.get_model_version(version.name, version.version)))
        return
    click.echo(f"{shown(version.name)}@{shown(pointing)} is {shown(version.name, version.version)}")


@click.command(epilog=examples("mlpack models unalias churn@challenger --note 'it lost'"))
@model_argument(metavar="NAME@ALIAS")
@note_option
@json_option
def unalias(model: str, note: str, as_json: bool) -> None:
    """Remove an alias; the version that it points at stays."""
    from ..errors import NotFound
    from ..registry.addresses import read_name

    found = read_name(model)
    if found.alias is None:
        raise click.UsageError(f"{model!r} names no alias; write churn@champion.")
    client = make_client()
    known = client.get_registered_model(found.name)
    if found.alias not in known.aliases:
        raise NotFound(f"{found.name!r} has no alias {found.alias!r}.")
    client.delete_registered_model_alias(found.name, found.alias, note=note)
    if as_json:
        print_json(asdict(client.get_registered_model(found.name)))
        return
    click.echo(f"Removed {shown(found.name)}@{shown(found.alias)}")
