"""From an address of a registered model to the version that it names, or to what there is."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from ..errors import InvalidInput, MlpackError, NotFound
from ..uris import RegisteredModelUri
from . import names
from .entities import ModelVersion, Stage

if TYPE_CHECKING:
    from .client import MlpackClient

LATEST = "latest"
_NAMES = 1000  # that are compared with one that is not there
_SHOWN = 5


def find_version(client: MlpackClient, which: RegisteredModelUri) -> ModelVersion:
    """The version that an address names.

    Args:
        client: of the registry to ask.
        which: the address; of a stage the newest version in it, of "latest" the newest of all.

    Raises:
        NotFound: there is none; the message says what there is.
        InvalidInput: the stage is none, or the name cannot be one.
    """
    name = which.name
    try:
        if which.version is not None:
            return client.get_model_version(name, which.version)
        if which.alias is not None:
            return client.get_model_version_by_alias(name, which.alias)
        if (which.stage or LATEST).lower() == LATEST:
            return client.registry.get_latest_version(names.registered_model_name(name))
        found = client.get_latest_versions(name, [_stage(which)])
    except NotFound as error:
        raise NotFound(_what_there_is(client, which) or error.message) from None
    if found:
        return found[0]
    raise NotFound(_what_there_is(client, which) or f"{name!r} has no version in {which.stage}.")


def _stage(which: RegisteredModelUri) -> Stage:
    try:
        return names.stage(which.stage)
    except InvalidInput as error:
        raise InvalidInput(
            f"{error.message} For an alias write models:/{which.name}@{which.stage}, for a number "
            f"models:/{which.name}/3."
        ) from None


def _what_there_is(client: MlpackClient, which: RegisteredModelUri) -> str | None:
    """The message for a version that is not there; None when nothing more can be said."""
    name = which.name
    try:
        model = client.get_registered_model(name)
    except NotFound as error:
        # ours say what became of a name that is gone; MLflow's say less than we do
        is_ours = repr(name) in error.message
        told = error.message if is_ours else f"There is no registered model {name!r}."
        return f"{told}{_similar(client, name, told)}"
    except MlpackError:
        return None
    newest = max((version.version for version in model.latest_versions), default=None)
    if newest is None:
        return f"The registered model {name!r} has no versions."
    if which.version is not None:
        return f"Version {which.version} of {name!r} does not exist; the newest is {newest}."
    if which.alias is not None:
        known = sorted(model.aliases)
        near = get_close_matches(which.alias, known, n=1) or known[:_SHOWN]
        has = f"Its aliases include {', '.join(near)}" if near else "It has none"
        return f"{name!r} has no alias {which.alias!r}. {has}; the newest version is {newest}."
    stages = ", ".join(f"{v.version} in {v.current_stage}" for v in model.latest_versions)
    return f"{name!r} has no version in {names.stage(which.stage)}. It has {stages}."


def _similar(client: MlpackClient, name: str, told: str) -> str:
    try:
        known = [model.name for model in client.search_registered_models(max_results=_NAMES)]
    except MlpackError:
        return ""
    near = get_close_matches(name, known, n=1)
    if near and repr(near[0]) not in told:
        return f" Did you mean {near[0]!r}?"
    return "" if known else " No model is registered here yet; register_model makes the first."
