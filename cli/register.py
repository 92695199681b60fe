"""``mlpack models register``, ``copy``, ``rename``, ``delete``, ``describe``, ``tag``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import examples, key_values
from .output import json_option, print_json
from .registry_names import (
    confirm,
    make_client,
    model_argument,
    model_name,
    name_or_version,
    note_option,
    shown,
    version_named,
    yes_option,
)
from .terminal import clean

if TYPE_CHECKING:
    from ..registry.entities import ModelVersion, RegisteredModel


@click.command(
    epilog=examples(
        "mlpack models register runs:/<run_id>/model churn",
        "mlpack models register models:/m-<id> churn --alias challenger --note 'more data'",
        "mlpack models register ./model churn --description 'as of May' --tag team=a",
    )
)
@click.argument("uri")
@model_argument("name", "NAME")
@click.option("--description", metavar="TEXT", help="Of the version, in Markdown.")
@click.option(
    "--tag", "tags", multiple=True, callback=key_values, metavar="KEY=VALUE", help="Of the version."
)
@click.option("--alias", metavar="ALIAS", help="To point at the new version.")
@note_option
@json_option
def register(
    uri: str,
    name: str,
    description: str | None,
    tags: dict[str, str],
    alias: str | None,
    note: str,
    as_json: bool,
) -> None:
    """Register the model at URI as the next version of NAME, which is made if it is not there.

    URI is a folder, runs:/<run_id>/<name>, models:/m-<id>, another version (churn/3), or a place
    in an object store. The checksum of every file goes on record.
    """
    from ..registry import names
    from ..registry.register import register_model

    if alias is not None:
        names.alias(alias)  # before anything is made
    version = register_model(
        _address(uri), model_name(name), tags=tags, description=description, note=note
    )
    if alias is not None:
        client = make_client()
        client.set_registered_model_alias(version.name, alias, version.version, note=note)
        version = client.get_model_version(version.name, version.version)
    _tell(f"Registered {shown(version.name, version.version)}", version, as_json)


def _address(text: str) -> str:
    """What is at a path as it is; the short forms of a version or a logged model as addresses."""
    from ..registry.addresses import forgiving
    from ..uris import LoggedModelUri, RegisteredModelUri

    if text.startswith("models:/") or Path(text).exists():
        return text
    found = forgiving(text)
    if isinstance(found, LoggedModelUri):
        return f"models:/{found.model_id}"
    if isinstance(found, RegisteredModelUri) and (found.version or found.stage or found.alias):
        return version_named(make_client(), text).model_uri
    return text


@click.command(epilog=examples("mlpack models copy churn-dev/7 churn --note 'passed review'"))
@model_argument()
@model_argument("name", "NEW_NAME")
@note_option
@json_option
def copy(model: str, name: str, note: str, as_json: bool) -> None:
    """Register a version under another name too, with its tags and description."""
    client = make_client()
    source = version_named(client, model)
    made = client.copy_model_version(source.model_uri, model_name(name), note=note)
    what = f"Copied {shown(source.name, source.version)} to {shown(made.name, made.version)}"
    _tell(what, made, as_json)


@click.command(epilog=examples("mlpack models rename churn customer-churn --note 'a clearer name'"))
@model_argument("name", "NAME")
@click.argument("new_name")
@note_option
@json_option
def rename(name: str, new_name: str, note: str, as_json: bool) -> None:
    """Give the registered model NAME another name. Addresses with the old one then name nothing."""
    old, new = model_name(name), model_name(new_name)
    model = make_client().rename_registered_model(old, new, note=note)
    _tell(f"Renamed {shown(old)} to {shown(model.name)}", model, as_json)


@click.command(
    epilog=examples(
        "mlpack models delete churn/3 --note 'trained on the wrong data'",
        "mlpack models delete churn --yes",
    )
)
@model_argument(metavar="NAME[/VERSION]")
@yes_option
@note_option
@json_option
def delete(model: str, yes: bool, note: str, as_json: bool) -> None:
    """Delete a version, or a registered model with all its versions.

    Runs, logged models and their files stay. What is in Staging or Production is refused.
    """
    client = make_client()
    name, version = name_or_version(client, model)
    if version is None:
        known = client.get_registered_model(name)
        number = max((int(v.version) for v in known.latest_versions), default=0)
        up_to = f", up to {number}" if number else ""
        confirm(f"Delete {shown(name)} with all its versions{up_to}?", yes)
        client.delete_registered_model(name, note=note)
    else:
        aliases = client.get_model_version(name, version).aliases
        pointing = f", at which @{', @'.join(sorted(aliases))} points" if aliases else ""
        confirm(f"Delete {shown(name, version)}{pointing}?", yes)
        client.delete_model_version(name, version, note=note)
    if as_json:
        print_json({"deleted": {"name": name, "version": version}})
    else:
        click.echo(f"Deleted {shown(name, version)}")


@click.command(
    epilog=examples(
        "mlpack models describe churn 'Who will leave within a month.'",
        "mlpack models describe churn/3 --file README.md --note 'after review'",
    )
)
@model_argument(metavar="NAME[/VERSION]")
@click.argument("text", required=False)
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take the text from this file.",
)
@note_option
@json_option
def describe(model: str, text: str | None, file: Path | None, note: str, as_json: bool) -> None:
    """Describe a registered model or a version in Markdown; '' removes the description."""
    if (text is None) == (file is None):
        raise click.UsageError("Give TEXT or --file; one of them.")
    described = text if file is None else _read(file)
    client = make_client()
    name, version = name_or_version(client, model)
    changed: ModelVersion | RegisteredModel
    if version is None:
        changed = client.update_registered_model(name, described, note=note)
    else:
        changed = client.update_model_version(name, version, described, note=note)
    _tell(f"Described {shown(name, version)}", changed, as_json)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{file} is no UTF-8 text: {error}.") from None


@click.command(
    epilog=examples("mlpack models tag churn/3 approved=yes --note 'fair on all groups'")
)
@model_argument(metavar="NAME[/VERSION]")
@click.argument("tags", nargs=-1, required=True, callback=key_values, metavar="KEY=VALUE...")
@note_option
@json_option
def tag(model: str, tags: dict[str, str], note: str, as_json: bool) -> None:
    """Set or overwrite tags of a registered model or a version."""
    client = make_client()
    name, version = name_or_version(client, model)
    for key, value in tags.items():
        if version is None:
            client.set_registered_model_tag(name, key, value, note=note)
        else:
            client.set_model_version_tag(name, version, key, value, note=note)
    _tell(f"Tagged {shown(name, version)}", _as_it_is(client, name, version), as_json)


@click.command(epilog=examples("mlpack models untag churn/3 checked by"))
@model_argument(metavar="NAME[/VERSION]")
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@note_option
@json_option
def untag(model: str, keys: tuple[str, ...], note: str, as_json: bool) -> None:
    """Remove tags of a registered model or a version."""
    client = make_client()
    name, version = name_or_version(client, model)
    known = _as_it_is(client, name, version).tags
    for key in keys:
        if key not in known:
            click.echo(f"{shown(name, version)} has no tag {clean(key)}", err=True)
    for key in keys:
        if version is None:
            client.delete_registered_model_tag(name, key, note=note)
        else:
            client.delete_model_version_tag(name, version, key, note=note)
    _tell(f"Untagged {shown(name, version)}", _as_it_is(client, name, version), as_json)


def _as_it_is(client: Any, name: str, version: int | None) -> Any:
    if version is None:
        return client.get_registered_model(name)
    return client.get_model_version(name, version)


def _tell(what: str, changed: ModelVersion | RegisteredModel, as_json: bool) -> None:
    """One line for people, the whole record for scripts."""
    if as_json:
        print_json(asdict(changed))
    else:
        click.echo(what)
