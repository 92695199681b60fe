"""Options that several commands share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ..flavors import Trust

F = TypeVar("F", bound=Callable[..., Any])

model_uri_option = click.option(
    "-m",
    "--model-uri",
    required=True,
    metavar="URI",
    help="A folder, runs:/<run_id>/<name>, models:/<name>/<version>, models:/<name>@<alias> or "
    "models:/m-<id>.",
)

_trust = click.option(
    "--trust",
    is_flag=True,
    help="I vouch for this model: construct types that nobody reviewed. Models from your own "
    "tracking store need no such word.",
)
_trusted_types = click.option(
    "--trusted-type",
    "trusted_types",
    multiple=True,
    metavar="MODULE.NAME",
    help="Vouch for one type of the model's only. Can be given several times.",
)


def trust_options(command: F) -> F:
    """Add ``--trust`` and ``--trusted-type``; read them with `trust_from`."""
    return _trust(_trusted_types(command))


def trust_from(trust: bool, trusted_types: tuple[str, ...]) -> Trust:
    """What the two options say, as the flavors want it."""
    from ..flavors import Trust

    return Trust(everything=trust, types=frozenset(trusted_types))


def environment_options(command: F) -> F:
    """Accept what MLflow's commands are told of environments; hidden, as there is only one here."""
    manager = click.option("--env-manager", hidden=True, expose_value=False, callback=_only_local)
    no_conda = click.option("--no-conda", is_flag=True, hidden=True, expose_value=False)
    return manager(no_conda(command))


def _only_local(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value not in (None, "local"):
        raise click.BadParameter(
            "models run in the environment of mlpack itself (local). build-docker makes an image "
            "with the model's own.",
            ctx,
            param,
        )


def examples(*lines: str) -> str:
    """An epilog that shows worked examples, one a line, unwrapped."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def parse_json_option(ctx: click.Context, param: click.Parameter, value: str | None) -> Any:
    """A click callback: the value is a JSON object, given inline or as ``@file``."""
    if value is None:
        return None
    text = value
    if value.startswith("@"):
        try:
            text = Path(value[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise click.BadParameter(f"cannot read {value[1:]}: {error}", ctx, param) from None
    try:
        parsed = json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"is not JSON: {error}", ctx, param) from None
    if not isinstance(parsed, dict):
        raise click.BadParameter("must be a JSON object, such as '{\"k\": 3}'", ctx, param)
    return parsed


def key_values(
    ctx: click.Context, param: click.Parameter, value: tuple[str, ...]
) -> dict[str, str]:
    """A click callback: ``KEY=VALUE`` given several times."""
    pairs = {}
    for item in value:
        key, equals, text = item.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"{item!r} is not of the form KEY=VALUE.", ctx, param)
        pairs[key] = text
    return pairs
