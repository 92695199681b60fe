"""Which installed distribution does a module come from?

`importlib.metadata.packages_distributions` answers this by reading every installed package;
that takes a good part of a second in a full environment, and it cannot tell the parts of a
namespace package (``google.cloud.*``) from each other. Here the module's *file* is looked up in
the installers' own lists (``RECORD``), which is exact and takes milliseconds. Nothing is imported.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path

from .installed import Distribution, Installed, installed


@dataclass
class Located:
    """Where a set of modules comes from.

    Attributes:
        distributions: by normalised name.
        own: modules that belong to no installed distribution, or to an editable one: the user's
            own code, by module name, with its file.
        missing: modules that are not to be found at all.
    """

    distributions: dict[str, Distribution] = field(default_factory=dict)
    own: dict[str, Path] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)


def distribution_of(module: str) -> tuple[str, str] | None:
    """The distribution that a module was installed by.

    Args:
        module: ``sklearn`` or ``google.cloud.storage``; dotted names may go deeper than modules.

    Returns:
        normalised name and version; None for the standard library, the user's own files and
        modules that are not there.
    """
    found = list(locate([module]).distributions.values())
    return (found[0].name, found[0].version) if found else None


def locate(modules: Iterable[str]) -> Located:
    """Sort modules into installed distributions, the user's own files, and missing ones.

    Args:
        modules: names as they stand in a pickle or an ``import``; the standard library's are
            left out of the answer.
    """
    located, here = Located(), installed()
    files: dict[Path, str] = {}
    for module in {name for name in modules if not is_stdlib(name)}:
        if file := module_file(module):
            files[file] = module
        else:
            located.missing.add(module)
    owners = here.owners(files)
    for file, module in files.items():
        owner = owners.get(file) or _editable_owner(file, here)
        if owner is not None:
            located.distributions[owner.name] = owner
        if owner is None or owner.origin == "editable":
            located.own[module] = file
    return located


def is_stdlib(module: str) -> bool:
    """Does Python itself bring this module?"""
    top = module.partition(".")[0]
    return not top or top in sys.stdlib_module_names or top in sys.builtin_module_names


def module_file(module: str) -> Path | None:
    """The source or extension file of a module, or of the deepest package that holds it."""
    parts = module.split(".")
    for depth in range(len(parts), 0, -1):
        loaded = sys.modules.get(".".join(parts[:depth]))
        if file := getattr(loaded, "__file__", None):
            return Path(file).absolute()
    return _search(parts)


def _search(parts: list[str]) -> Path | None:
    """Find a module that is not loaded, without importing its parents."""
    if not all(part.isidentifier() for part in parts):
        return None
    try:
        spec: ModuleSpec | None = find_spec(parts[0])
    except (ImportError, ValueError, AttributeError):
        return None
    file: Path | None = None
    for depth in range(1, len(parts) + 1):
        if spec is None:
            break
        if spec.origin and spec.has_location:
            file = Path(spec.origin)
        if spec.submodule_search_locations is None or depth == len(parts):
            break
        locations = list(spec.submodule_search_locations)
        # by its last name alone: with the full one, namespace packages ask for loaded parents
        spec = PathFinder.find_spec(parts[depth], locations)
    return file


def _editable_owner(file: Path, here: Installed) -> Distribution | None:
    """The editable install, if any, whose source folder holds this file.

    The installer's list names only the hook that points to the source, hence this second look.
    """
    for folder, distribution in here.editables.items():
        # a virtual environment inside a project's folder is not the project
        inside = file.is_relative_to(folder) and file.relative_to(folder).parts
        if inside and "site-packages" not in inside:
            return distribution
    return None
