"""Targets by name, ours and other people's, from the entry points ``mlpack.deploy_targets``."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from ..errors import MissingDependency, NotFound
from .base import DeployTarget
from .options import read_place

GROUP = "mlpack.deploy_targets"


def target_names() -> list[str]:
    """The names of all installed targets; none is imported."""
    return sorted(_found())


def get_target(name: str, place: Mapping[str, Any] | None = None) -> DeployTarget:
    """One target.

    Args:
        name: of it.
        place: settings that say where to look (a region, a workspace), for calls that take a
            deployment's name alone; see `base.PlacedTarget`.

    Raises:
        InvalidInput: it has no such settings.
        NotFound: no such target is installed; names the nearest.
        MissingDependency: it is, but not what it needs.
    """
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
    if place:
        read = read_place(target.options, place, name)
        placed: DeployTarget = target.at(read)  # type: ignore[attr-defined]
        return placed
    return target


def _found() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}
