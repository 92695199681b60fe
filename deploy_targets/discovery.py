"""Targets by name, ours and other people's, from the entry points ``mlpack.deploy_targets``."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from ..errors import InvalidInput, MissingDependency, NotFound
from .base import DeployTarget
from .options import parse_pairs, read_place

GROUP = "mlpack.deploy_targets"


def target_names() -> list[str]:
    """The names of all installed targets; none is imported."""
    return sorted(_found())


def get_target(name: str, place: Mapping[str, Any] | None = None) -> DeployTarget:
    """One target.

    Args:
        name: of it; or with where it is, as `split_uri` reads it.
        place: settings that say where to look (a region, a workspace), for calls that take a
            deployment's name alone; see `base.PlacedTarget`.

    Raises:
        InvalidInput: it has no such settings.
        NotFound: no such target is installed; names the nearest.
        MissingDependency: it is, but not what it needs.
    """
    name, within = split_uri(name)
    found = _found()
    if name not in found:
        near = difflib.get_close_matches(name, found, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(sorted(found))}."
        raise NotFound(f"There is no deploy target {name!r}. {hint}")
    try:
        target: DeployTarget = found[name].load()()
    except ImportError as error:
        raise MissingDependency(
            f"The deploy target {name!r} cannot be used: {error}. Install what it needs first."
        ) from error
    place = {**within, **(place or {})}
    if place:
        read = read_place(target.options, place, name)
        placed: DeployTarget = target.at(read)  # type: ignore[attr-defined]
        return placed
    return target


def split_uri(uri: str) -> tuple[str, dict[str, str]]:
    """The name and the settings in ``sagemaker:/?region=eu-west-1``, or just ``sagemaker``.

    MLflow's ``sagemaker:/<region>[/<role>]`` is read, too.

    Raises:
        InvalidInput: the settings are no key=value.
    """
    name, colon, rest = uri.partition(":/")
    path, _, query = rest.strip("/").partition("?")
    if not colon or not (path or query):
        return (name if colon else uri), {}
    if name == "sagemaker" and path:
        region, _, role = path.partition("/")
        found = {"region": region, "assume_role": role}
        return name, {key: value for key, value in found.items() if value}
    if path:
        raise InvalidInput(f"{uri!r} names no target; use {name} or {name}:/?key=value.")
    return name, {key: str(value) for key, value in parse_pairs(query.split("&")).items()}


def _found() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}
