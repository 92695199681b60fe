"""The two interfaces that a model framework implements to be known here.

A flavor is one short file: it says which objects are its own, writes and reads them, and
wraps the native object in a `Predictor`. Everything else (descriptor, signature, input
example, environment, checksums, tracking) is done once, above it, by `save` and `load`.
Flavors are found through the entry point group ``mlpack.flavors``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .signature import ModelSignature

# What crosses from the parsed request (or the user's call) to a predictor: a table of named
# columns, one tensor, several named tensors, or a plain list (models with list type hints).
ModelInput = "Table | Any | dict[str, Any] | list[Any]"


@dataclass(frozen=True)
class FlavorConfig:
    """What a flavor leaves in the descriptor after it saved a model.

    Attributes:
        keys: written under ``flavors.<name>``; JSON-like values only.
        pyfunc: written under ``flavors.python_function``: ``loader_module`` and the keys that
            the peer's loader of that name reads, so that it can load the folder.
        modules: top-level modules that the saved object needs at load (found by reading its
            pickle or skops schema); the environment capture turns them into requirements.
        is_pickle: loading runs arbitrary code; the descriptor says so.
        signature: what the model's own type hints say, if it has any.
        reload: the object is to be loaded from its folder before it predicts the input example
            (it reads files there, or must not be changed by loading).
    """

    keys: Mapping[str, Any]
    pyfunc: Mapping[str, Any]
    modules: frozenset[str] = frozenset()
    is_pickle: bool = False
    signature: ModelSignature | None = None
    reload: bool = False


@dataclass(frozen=True)
class Trust:
    """What the caller vouches for when a model is loaded.

    Attributes:
        everything: the folder's digest was compared with one recorded outside the folder (the
            user's own store), or the user said so; unreviewed types may be constructed.
        types: fully qualified names of further types that may be constructed.
        warned: a pickle or code that nobody vouches for runs all the same, with a warning to
            whoever named the folder; False refuses it, where folders come from elsewhere.
    """

    everything: bool = False
    types: frozenset[str] = field(default_factory=frozenset)
    warned: bool = True


class Predictor(Protocol):
    """A loaded model behind one uniform call."""

    def predict(self, data: Any, params: Mapping[str, Any]) -> Any:
        """Score one batch.

        Args:
            data: a `Table`, an ndarray, a dict of ndarrays or a list, already enforced
                against the signature if there is one.
            params: declared inference parameters with defaults filled in; {} without any.

        Returns:
            whatever the model returns: ndarray, list, DataFrame, Series, dict, scalar.
        """


class Flavor(Protocol):
    """One model framework."""

    name: str  # the key under `flavors:` in MLmodel
    extra: str  # the extra of our distribution that installs it, for error messages ('' if none)

    def claims(self, model: object) -> bool:
        """Is this object mine? Cheap: looks at ``type(model).__module__``, imports nothing."""

    def save(self, model: Any, folder: Path, **options: Any) -> FlavorConfig:
        """Write the native object below ``folder`` (which exists)."""

    def load(self, folder: Path, config: Mapping[str, Any], trust: Trust) -> Any:
        """The native object back; ``config`` is ``flavors.<name>`` over ``python_function``."""

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predictor:
        """Wrap the native object; ``config`` as for `load`."""

    def requirements(self, model: Any) -> Sequence[str]:
        """Distributions needed beside what the saved file names, unpinned (``scikit-learn``)."""
