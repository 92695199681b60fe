"""Methods of other people's classes, wrapped once and put back."""

from __future__ import annotations

import copy
import functools
import threading
from collections.abc import Callable
from typing import Any

# gets (the original method, the instance, args, kwargs) and returns what the caller gets
Around = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]


class Patches:
    """What is wrapped at the moment."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._put: dict[tuple[type, str], tuple[Any, Any]] = {}

    def wrap(self, owner: type, name: str, around: Around) -> None:
        """Wrap a method that a class itself defines; once, however often this is called.

        Args:
            owner: the class.
            name: of the method; one that the class only inherits is left alone.
            around: what is called instead.
        """
        with self._lock:
            original = vars(owner).get(name)
            if original is None or self.has(owner, name):
                return
            wrapped = _wrapped(original, around)
            if wrapped is not None:
                self.put(owner, name, wrapped)

    def put(self, owner: type, name: str, value: Any) -> None:
        """Set an attribute of a class, to be undone with the rest."""
        with self._lock:
            self._put[owner, name] = (vars(owner).get(name), value)
            setattr(owner, name, value)

    def has(self, owner: type, name: str) -> bool:
        """That attribute is one of ours at the moment."""
        return (owner, name) in self._put

    def undo(self) -> None:
        """Put everything back that is still as it was left."""
        with self._lock:
            for (owner, name), (before, put) in self._put.items():
                if vars(owner).get(name) is not put:
                    continue  # somebody else wrapped it over us
                if before is None:
                    delattr(owner, name)
                else:
                    setattr(owner, name, before)
            self._put.clear()


def _wrapped(original: Any, around: Around) -> Any:
    if callable(original) and hasattr(original, "__get__"):  # a plain function
        return _function(original, around)
    if callable(getattr(original, "fn", None)):  # scikit-learn's `available_if`
        descriptor = copy.copy(original)
        descriptor.fn = _function(original.fn, around)
        return descriptor
    return None  # a property, a staticmethod: nothing that trains


def _function(original: Callable[..., Any], around: Around) -> Callable[..., Any]:
    @functools.wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return around(original, self, args, kwargs)

    return method
