"""Makes skops start ten times faster, and know exactly what it knows anyway.

skops lists the names that it trusts by itself while it is imported: it imports every module of
scikit-learn (with its test helpers and, where installed, pytest), and looks for the home of some
400 functions in every loaded module. That is a second of work before a process saves its first
model, and before a server answers its first request.

The lists are only ever asked "is this name in you?". So `prepare` puts sequences in their place
that answer from the one name: a public estimator is looked for where its name says it is. Whatever
they cannot confirm in that way, and any other use of them, loads the real lists first. They
confirm nothing that the real lists do not hold; a test compares them, name by name.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from inspect import isabstract
from threading import RLock
from types import ModuleType
from typing import Any

_LISTS = "skops.io._trusted_types"
_IGNORED_BY_SKLEARN = frozenset(
    {"tests", "externals", "setup", "conftest", "experimental", "estimator_checks"}
)
_LAST_KNOWN = (0, 16)  # raise it when the tests pass with a later one
_lock = RLock()


def prepare() -> None:
    """Call this before skops is imported.

    Where skops is imported already, is not installed, or is inside not what we know, nothing is
    changed; it is slow then, and right.
    """
    with _lock:
        if "skops.io" in sys.modules or not _is_known():
            return
        sys.modules[_LISTS] = _StandIn(_LISTS)
        try:
            audit: Any = import_module("skops.io._audit")
            audit.get_type_paths = _keep_lazy(audit.get_type_paths)
        except (ImportError, AttributeError):
            for name in [name for name in sys.modules if name.partition(".")[0] == "skops"]:
                del sys.modules[name]


def _is_known() -> bool:
    """Is this a skops that the tests have run with?"""
    try:
        major, minor = version("skops").split(".")[:2]
        return (int(major), int(minor)) <= _LAST_KNOWN
    except (PackageNotFoundError, ValueError):
        return False


class LazyNames(Sequence[str]):
    """Names that skops trusts.

    Args:
        confirms: a cheap test that is true for nothing that is not in the list.
        real: gives the list.
    """

    def __init__(self, confirms: Callable[[str], bool], real: Callable[[], list[str]]) -> None:
        self._confirms, self._real = confirms, real

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (self._confirms(name) or name in self._real())

    def __len__(self) -> int:
        return len(self._real())

    def __getitem__(self, index: Any) -> Any:
        return self._real()[index]

    def __add__(self, other: Sequence[Any]) -> LazyNames:
        more = _lazy(other)
        return LazyNames(
            lambda name: self._confirms(name) or more._confirms(name),
            lambda: self._real() + more._real(),
        )

    def __radd__(self, other: Sequence[Any]) -> LazyNames:
        return _lazy(other) + self


class _StandIn(ModuleType):
    """Stands where skops keeps its lists, until somebody needs more than a yes."""

    def __getattr__(self, name: str) -> LazyNames:
        if name.startswith("__"):
            raise AttributeError(name)
        return LazyNames(_CONFIRMS.get(name, lambda _: False), lambda: _real_list(name))


def _real_list(name: str) -> list[str]:
    with _lock:
        if isinstance(sys.modules[_LISTS], _StandIn):
            del sys.modules[_LISTS]
        names: list[str] = getattr(import_module(_LISTS), name)
        return names


def _keep_lazy(get_type_paths: Callable[[Any], list[str]]) -> Callable[[Any], Sequence[str]]:
    def get_paths(types: Any) -> Sequence[str]:
        return types if isinstance(types, LazyNames) else get_type_paths(types)

    return get_paths


def _lazy(names: Sequence[Any]) -> LazyNames:
    """A plain list of names and types among lazy ones."""
    if isinstance(names, LazyNames):
        return names
    paths = list(import_module("skops.io._utils").get_type_paths(names))
    return LazyNames(paths.__contains__, lambda: paths)


def _is_public_estimator(name: str) -> bool:
    """As `sklearn.utils.all_estimators` sees it: a member of a public module of scikit-learn."""
    module, _, class_name = name.rpartition(".")
    public = module.partition("._")[0]
    parts = public.split(".")
    if parts[0] != "sklearn" or _IGNORED_BY_SKLEARN.intersection(parts) or class_name[:1] == "_":
        return False
    try:
        found = getattr(import_module(public), class_name, None)
        base = import_module("sklearn.base").BaseEstimator
    except ImportError:
        return False
    return (
        isinstance(found, type)
        and issubclass(found, base)
        and found is not base
        and not isabstract(found)
        and _full_name(found) == name
    )


def _is_ufunc_of(module: str) -> Callable[[str], bool]:
    def confirms(name: str) -> bool:
        numpy = import_module("numpy")
        found = getattr(import_module(module), name.rpartition(".")[2], None)
        return isinstance(found, numpy.ufunc) and _full_name(found) == name

    return confirms


def _is_dtype(name: str) -> bool:
    numpy = import_module("numpy")
    found = getattr(numpy, name.rpartition(".")[2], None)
    return (
        isinstance(found, type)
        and issubclass(found, numpy.generic)
        and (found in numpy.sctypeDict.values() and _full_name(found) == name)
    )


def _is_bit_generator(name: str) -> bool:
    random = import_module("numpy.random")
    found = getattr(random, name.removeprefix("numpy.random."), None)
    return (
        isinstance(found, type)
        and issubclass(found, random.BitGenerator)
        and found is not random.BitGenerator
        and name.startswith("numpy.random.")
    )


def _full_name(thing: Any) -> str:
    name: str = import_module("skops.io._utils").get_type_name(thing)
    return name


_CONFIRMS: dict[str, Callable[[str], bool]] = {
    "PRIMITIVE_TYPE_NAMES": {
        f"builtins.{name}" for name in ("int", "float", "str", "bool")
    }.__contains__,
    "CONTAINER_TYPE_NAMES": {
        f"builtins.{name}" for name in ("list", "set", "map", "tuple")
    }.__contains__,
    "SKLEARN_ESTIMATOR_TYPE_NAMES": _is_public_estimator,
    "SCIPY_UFUNC_TYPE_NAMES": _is_ufunc_of("scipy.special"),
    "NUMPY_UFUNC_TYPE_NAMES": _is_ufunc_of("numpy"),
    "NUMPY_RANDOM_BIT_GENERATOR_TYPE_NAMES": _is_bit_generator,
    "NUMPY_DTYPE_TYPE_NAMES": _is_dtype,
}
