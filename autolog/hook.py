"""Something to do when a module is imported, now or later, without importing it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

_waiting: dict[str, Callable[[ModuleType], None]] = {}


def when_imported(name: str, act: Callable[[ModuleType], None]) -> None:
    """Call ``act`` with a module as soon as it is there.

    Args:
        name: of the module; naming it again replaces what waits for it.
        act: called at once if the module is loaded, else right after it was.
    """
    if name in sys.modules:
        act(sys.modules[name])
        return
    _waiting[name] = act
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def forget(name: str) -> None:
    """Wait no longer."""
    _waiting.pop(name, None)


class _Finder(MetaPathFinder):
    """Wraps the loader of a module that is waited for; finds nothing by itself."""

    _busy = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _waiting or self._busy:
            return None
        self._busy = True
        try:
            spec = find_spec(fullname)
        finally:
            self._busy = False
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(Loader):
    def __init__(self, real: Loader) -> None:
        self._real = real

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__
        module.__spec__.loader = module.__loader__ = self._real
        self._real.exec_module(module)
        act = _waiting.pop(module.__name__, None)
        if act is not None:
            act(module)
