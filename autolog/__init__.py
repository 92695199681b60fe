"""Recording a library's own training calls without a line of the user's; one file a library.

    mlpack.autolog()          # every library that there is a file for
    mlpack.sklearn.autolog()  # one of them

This module is callable, because people know ``autolog`` as a function.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Collection
from importlib import import_module
from types import ModuleType
from typing import Any

# library -> the module here whose `autolog` turns it on and off
LIBRARIES = {"sklearn": "mlpack.autolog.sklearn"}


def autolog(exclude_flavors: Collection[str] | None = None, **options: Any) -> None:
    """Turn recording on for every library that is installed, also one that is imported later.

    Args:
        exclude_flavors: libraries to leave alone.
        **options: ``disable=True`` turns it off again; for others see `mlpack.sklearn.autolog`.

    Raises:
        TypeError: an option that no library knows.
    """
    for library, home in LIBRARIES.items():
        if library in (exclude_flavors or ()):
            continue
        if library in sys.modules or importlib.util.find_spec(library) is not None:
            import_module(home).autolog(**options)


class _Callable(ModuleType):
    def __call__(self, exclude_flavors: Collection[str] | None = None, **options: Any) -> None:
        autolog(exclude_flavors, **options)


sys.modules[__name__].__class__ = _Callable
