"""``mlpack models list``, ``versions``, ``history``: what is registered, what happened to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .options import examples
from .output import json_option, local_time, print_fields, print_json, print_table
from .registry_names import collect, make_client, model_argument, model_name, name_or_version, shown

if TYPE_CHECKING:
    from ..registry.entities import HistoryEntry, ModelVersion, RegisteredModel

F = TypeVar("F", bound=Callable[..., Any])

_MODELS, _VERSIONS, _CHANGES = 1000, 10_000, 1000  # a page
_NEWEST = 10  # versions that `show` lists


def _page_options(command: F) -> F:
    """``--max-results`` and ``--all``."""
    most = click.option(
        "--max-results", type=click.IntRange(1), default=100, show_default=True, metavar="N"
    )
    everything = click.option("--all", "show_all", is_flag=True, help="However many there are.")
    return most(everything(command))


@click.command(
    "list",
    epilog=examples(
        "mlpack models list",
        "mlpack models list --filter \"name LIKE 'churn%' AND tags.team = 'a'\"",
        "mlpack models list --all --json",
    ),
)
@click.option("--filter", "filter_string", default="", metavar="EXPR", help="MLflow's grammar.")
@_page_options
@json_option
def list_models(filter_string: str, max_results: int, show_all: bool, as_json: bool) -> None:
    """List registered models, by name."""
    client = make_client()
    found, more = collect(
        lambda size, token: client.search_registered_models(filter_string, size, None, token),
        None if show_all else max_results,
        _MODELS,
    )
    if as_json:
        print_json([asdict(model) for model in found])
    elif not found:
        click.echo(f"No registered models{' fit the filter' * bool(filter_string)}.", err=True)
    else:
        print_table(
            ("name", "newest", "stages", "aliases", "changed", "description"),
            (_model_row(model) for model in found),
        )
    _tell_of_more(more)


def _model_row(model: RegisteredModel) -> tuple[Any, ...]:
    return (
        model.name,
        max((int(version.version) for version in model.latest_versions), default=None),
        _stages(model),
        "  ".join(f"@{alias}={number}" for alias, number in sorted(model.aliases.items())),
        local_time(model.last_updated_timestamp),
        _first_line(model.description),
    )


def _stages(model: RegisteredModel) -> str:
    staged = [v for v in model.latest_versions if v.current_stage not in ("None", "")]
    return "  ".join(f"{version.current_stage}={version.version}" for version in staged)


@click.command(
    epilog=examples("mlpack models versions churn", "mlpack models versions churn --all --json")
)
@model_argument("name", "NAME")
@_page_options
@json_option
def versions(name: str, max_results: int, show_all: bool, as_json: bool) -> None:
    """List the versions of the registered model NAME, the newest first."""
    from ..tracking.filters import quoted

    client = make_client()
    model = client.get_registered_model(model_name(name))
    found, more = collect(
        lambda size, token: client.search_model_versions(
            f"name = {quoted(model.name)}", size, ["version_number DESC"], token
        ),
        None if show_all else max_results,
        _VERSIONS,
    )
    found = with_aliases(found, model)
    if as_json:
        print_json([asdict(version) for version in found])
    elif not found:
        click.echo(f"{shown(model.name)} has no versions.", err=True)
    else:
        print_versions(found)
    _tell_of_more(more)


def with_aliases(found: Iterable[ModelVersion], model: RegisteredModel) -> list[ModelVersion]:
    """Versions of a model with their aliases, which MLflow's servers leave out of searches."""
    pointing: dict[int, list[str]] = {}
    for alias, number in sorted(model.aliases.items()):
        pointing.setdefault(number, []).append(alias)
    return [replace(version, aliases=pointing.get(version.version, [])) for version in found]


def print_versions(found: list[ModelVersion], with_name: bool = False) -> None:
    """A table of versions."""
    print_table(
        ("version", "stage", "aliases", "status", "registered", "by", "run", "description"),
        (
            (
                f"{version.name}/{version.version}" if with_name else version.version,
                version.current_stage,
                " ".join(f"@{alias}" for alias in sorted(version.aliases)),
                version.status,
                local_time(version.creation_timestamp),
                version.user_id,
                version.run_id,
                _first_line(version.description),
            )
            for version in found
        ),
    )


@click.command(
    epilog=examples(
        "mlpack models history churn",
        "mlpack models history churn/3",
        "mlpack models history churn@champion --json",
    )
)
@model_argument(metavar="NAME[/VERSION]")
@_page_options
@json_option
def history(model: str, max_results: int, show_all: bool, as_json: bool) -> None:
    """Who changed what when and why: stages, aliases, descriptions, tags, names; newest first."""
    client = make_client()
    name, version = name_or_version(client, model)
    found, more = collect(
        lambda size, token: client.get_registry_history(name, version, size, token),
        None if show_all else max_results,
        _CHANGES,
    )
    if as_json:
        print_json([asdict(entry) for entry in found])
    elif not found:
        click.echo("Nothing is on record.", err=True)
    else:
        print_table(
            ("when", "who", "version", "change", "why"),
            ((local_time(e.timestamp), e.user_id, e.version, _change(e), e.note) for e in found),
        )
    _tell_of_more(more)


def _change(entry: HistoryEntry) -> str:
    """What happened, in words."""
    before, after = entry.before or "", entry.after or ""
    what = "version" if entry.version is not None else "model"
    if entry.kind == "created":
        return "registered" if entry.version is not None else "made"
    if entry.kind == "deleted":
        return f"{what} deleted"
    if entry.kind == "renamed":
        return f"renamed: {before} → {after}"
    if entry.kind == "stage":
        return f"stage: {before or 'None'} → {after or 'None'}"
    if entry.kind == "alias":
        return f"@{entry.key}: {before or 'nothing'} → {after or 'nothing'}"
    if entry.kind == "description":
        return f"description: {_first_line(after)}" if after else "description removed"
    if entry.kind == "tag":
        was, now = ("nothing" if v is None else _first_line(v) for v in (entry.before, entry.after))
        return f"tag {entry.key}: {was} → {now}".rstrip()
    return f"{entry.kind}: {_first_line(before)} → {_first_line(after)}"


def show_model(name: str, as_json: bool) -> None:
    """A registered model: what is known of it, and its newest versions."""
    from ..tracking.filters import quoted

    client = make_client()
    model = client.get_registered_model(name)
    page = client.search_model_versions(f"name = {quoted(name)}", _NEWEST, ["version_number DESC"])
    newest = with_aliases(page, model)
    if as_json:
        print_json({**asdict(model), "newest_versions": [asdict(v) for v in newest]})
        return
    print_fields(
        [
            ("model", model.name),
            ("made", local_time(model.creation_timestamp)),
            ("changed", local_time(model.last_updated_timestamp)),
            ("stages", _stages(model)),
            ("aliases", "  ".join(f"@{a}={n}" for a, n in sorted(model.aliases.items()))),
            ("tags", "\n".join(f"{key} = {value}" for key, value in sorted(model.tags.items()))),
            ("description", model.description),
        ]
    )
    if newest:
        click.echo()
        print_versions(newest)
        _tell_of_more(page.token is not None, f"mlpack models versions {shown(name)}")


def version_fields(version: ModelVersion) -> list[tuple[str, Any]]:
    """What the registry says of a version."""
    tags = "\n".join(f"{key} = {value}" for key, value in sorted(version.tags.items()))
    ready = version.status == "READY"
    return [
        ("version", f"{version.name}/{version.version}"),
        ("stage", version.current_stage),
        ("aliases", " ".join(f"@{alias}" for alias in sorted(version.aliases))),
        ("status", None if ready else f"{version.status} {version.status_message or ''}"),
        ("registered", _by(version)),
        ("changed", local_time(version.last_updated_timestamp)),
        ("tags", tags),
        ("description", version.description),
        ("source", version.source),
    ]


def _by(version: ModelVersion) -> str:
    at = local_time(version.creation_timestamp)
    return f"{at} by {version.user_id}" if version.user_id else str(at)


def _first_line(text: str) -> str:
    first, _, rest = text.strip().partition("\n")
    return f"{first} …" if rest else first


def _tell_of_more(more: bool, how: str = "--all, or a larger --max-results") -> None:
    if more:
        click.echo(f"There are more: {how}", err=True)
