"""scikit-learn: params, training metrics, pictures, the model, and the trials of a search.

``fit``, ``fit_predict`` and ``fit_transform`` of every estimator are wrapped as soon as
scikit-learn is imported. Only what the user calls is recorded: a fit that scikit-learn itself
calls (inside a pipeline, a search, a cross-validation) is part of that call.
"""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from ..errors import InvalidInput
from ..tracking.active import ActiveRun, active_run, end_run, start_run
from ..tracking.entities import RunStatus
from . import hook
from .patching import Patches

# these prepare data; they are recorded as parts of a pipeline, not as trainings of their own
_PREPARATION = (
    "sklearn.preprocessing",
    "sklearn.impute",
    "sklearn.feature_extraction",
    "sklearn.feature_selection",
    "sklearn.compose._column_transformer",
)
_METHODS = ("fit", "fit_predict", "fit_transform")
AUTOLOGGING = "mlflow.autologging"
_log = logging.getLogger("mlpack.autolog")
_patches = Patches()


@dataclass(frozen=True)
class Options:
    """What to record; see `autolog`."""

    log_input_examples: bool = False
    log_model_signatures: bool = True
    log_models: bool = True
    log_datasets: bool = True
    exclusive: bool = False
    silent: bool = False
    max_tuning_runs: int | None = 5
    serialization_format: str | None = None
    pos_label: Any = None
    registered_model_name: str | None = None
    extra_tags: Mapping[str, Any] = field(default_factory=dict)


class _Local(threading.local):
    recording = False


_local = _Local()
_options = Options()


def autolog(
    log_input_examples: bool = False,
    log_model_signatures: bool = True,
    log_models: bool = True,
    log_datasets: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    max_tuning_runs: int | None = 5,
    log_post_training_metrics: bool = True,
    serialization_format: str | None = None,
    registered_model_name: str | None = None,
    pos_label: Any = None,
    extra_tags: Mapping[str, Any] | None = None,
) -> None:
    """Record what scikit-learn trains, from now on, in the active run or one of its own.

    Args:
        log_input_examples: keep the first rows of the training data with the model.
        log_model_signatures: infer the model's signature from them.
        log_models: log the trained model.
        log_datasets: record the training data as an input of the run.
        disable: stop recording.
        exclusive: never record in a run that the user started.
        disable_for_unsupported_versions: accepted; there is no such version.
        silent: no warnings about what could not be recorded.
        max_tuning_runs: how many of a search's trials become child runs, the best first; None:
            all of them.
        log_post_training_metrics: accepted; metrics that you compute yourself after the training
            are not recorded: see `mlpack.evaluate`.
        serialization_format: of the model; see `mlpack.sklearn.log_model`.
        registered_model_name: register each trained model under this name.
        pos_label: of two labels the one that metrics are about; default: weighted means.
        extra_tags: for runs that this starts.

    Raises:
        InvalidInput: a ``registered_model_name`` that cannot be one, or a number of runs below 0.
    """
    global _options
    if registered_model_name is not None:
        from ..registry.names import registered_model_name as checked

        checked(registered_model_name)
    if max_tuning_runs is not None and max_tuning_runs < 0:
        raise InvalidInput("max_tuning_runs must be 0 or more, or None for all.")
    hook.forget("sklearn.base")
    if disable:
        _patches.undo()
        return
    _options = Options(
        log_input_examples,
        log_model_signatures,
        log_models,
        log_datasets,
        exclusive,
        silent,
        max_tuning_runs,
        serialization_format,
        pos_label,
        registered_model_name,
        dict(extra_tags or {}),
    )
    hook.when_imported("sklearn.base", _patch)


def _patch(base: ModuleType) -> None:
    """Wrap the estimators that are loaded, and those that will be."""
    root = base.BaseEstimator
    for name in ("TransformerMixin", "ClusterMixin", "OutlierMixin"):
        _patch_class(getattr(base, name))
    for known in _descendants(root):
        _patch_class(known)
    if _patches.has(root, "__init_subclass__"):
        return

    def announce(cls: type, /, **kwargs: Any) -> None:
        super(root, cls).__init_subclass__(**kwargs)
        _patch_class(cls)

    _patches.put(root, "__init_subclass__", classmethod(announce))


def _descendants(root: type) -> Iterator[type]:
    child: type
    for child in root.__subclasses__():
        yield child
        yield from _descendants(child)


def _patch_class(cls: type) -> None:
    for owner in cls.__mro__:
        if owner.__module__.startswith("sklearn."):
            for name in _METHODS:
                _patches.wrap(owner, name, _around)


def _around(
    original: Callable[..., Any], model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    caller = sys._getframe(2).f_globals.get("__name__", "")
    within = _local.recording or caller.startswith(("sklearn.", "joblib."))
    if within or any(base.__module__.startswith(_PREPARATION) for base in type(model).__mro__):
        return original(model, *args, **kwargs)
    options = _options
    current = active_run()
    if current is not None and options.exclusive:
        return original(model, *args, **kwargs)
    _local.recording = True
    try:
        return _record(original, model, args, kwargs, options, current)
    finally:
        _local.recording = False


def _record(
    original: Callable[..., Any],
    model: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    options: Options,
    current: ActiveRun | None,
) -> Any:
    recording: Any = None
    own = current is None
    started: ActiveRun | None = None
    with _harmless(options, "recorded"):
        if own:
            started = start_run(tags={AUTOLOGGING: "sklearn", **options.extra_tags})
        from .sklearn_record import Recording

        run = current or started
        assert run is not None
        recording = Recording(run, model, original, args, kwargs, options)
        recording.before()
    status = RunStatus.FAILED
    try:
        result = original(model, *args, **kwargs)
        status = RunStatus.FINISHED
        if recording is not None:
            with _harmless(options, "recorded in full"):
                recording.after()
        return result
    except KeyboardInterrupt:
        status = RunStatus.KILLED
        raise
    finally:
        if started is not None:
            with _harmless(options, "ended"):
                end_run(status)


@contextmanager
def _harmless(options: Options, what: str) -> Iterator[None]:
    """Nothing of ours may break the user's training."""
    try:
        yield
    except Exception as error:
        if not options.silent:
            warnings.warn(f"The training was not {what} by mlpack: {error}", stacklevel=2)
        _log.debug("autolog", exc_info=True)
