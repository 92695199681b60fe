"""Which flavors are installed: ours and those of third parties, through entry points.

A distribution adds one by an entry point in the group ``mlpack.flavors`` whose name is what
people type (``mlpack.<name>.log_model``) and whose object is a `Flavor` class.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module, metadata

from ..errors import InvalidInput, MissingDependency
from .base import Flavor

GROUP = "mlpack.flavors"


def is_flavor(name: str) -> bool:
    """Whether a flavor of this name is installed; nothing of it is imported."""
    return name in _entry_points()


def names() -> list[str]:
    """The installed flavors, sorted; ``pyfunc`` takes what no other claims."""
    return sorted(_entry_points())


@cache
def get_flavor(name: str) -> Flavor:
    """A flavor by the name of its entry point, or by its key in ``MLmodel``.

    Raises:
        MissingDependency: there is no such flavor here, or it cannot be imported.
    """
    name = "pyfunc" if name == "python_function" else name
    value = _entry_points().get(name)
    if value is None:
        raise MissingDependency(
            f"There is no flavor {name!r} here. Installed: {', '.join(names()) or 'none'}."
        )
    module, _, attribute = value.partition(":")
    try:
        flavor: Flavor = getattr(import_module(module), attribute)()
    except (ImportError, AttributeError) as error:
        raise MissingDependency(
            f"The flavor {name!r} ({value}) cannot be loaded: {error}."
        ) from error
    return flavor


def flavor_for(model: object) -> Flavor:
    """The flavor whose kind of object this is.

    Raises:
        InvalidInput: no flavor claims it.
    """
    for name in sorted(_entry_points(), key=lambda name: (name == "pyfunc", name)):
        flavor = get_flavor(name)
        if flavor.claims(model):
            return flavor
    if isinstance(model, type):
        raise InvalidInput(f"{model.__name__} is a class; give a fitted instance of it.")
    kind = f"{type(model).__module__}.{type(model).__qualname__}"
    raise InvalidInput(
        f"No installed flavor ({', '.join(names())}) saves a {kind}. Wrap it in a function or "
        "in a subclass of mlpack.pyfunc.PythonModel."
    )


@cache
def _entry_points() -> dict[str, str]:
    return {entry.name: entry.value for entry in metadata.entry_points(group=GROUP)}
