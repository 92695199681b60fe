"""scikit-learn: estimators and pipelines, saved as skops unless a pickle is asked for.

Also what only looks like scikit-learn's: the user's own estimators and other libraries' that
derive from its base classes.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import BadModel, InvalidInput
from .base import FlavorConfig, Predictor, Trust
from .model_code import CODE
from .model_files import check_pickle_allowed, model_file
from .pickle_scan import modules_in_pickle, modules_in_skops

FORMATS = {
    "skops": "model.skops",
    "pickle": "model.pkl",
    "cloudpickle": "model.pkl",
    "joblib": "model.joblib",
}
_LOADER = "joblib_model_loader"
PREDICT_FUNCTIONS = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "predict_joint_log_proba",
    "decision_function",
    "score_samples",
    "transform",
)


class SklearnFlavor:
    """See `Flavor`."""

    name = "sklearn"
    extra = "sklearn"

    def claims(self, model: object) -> bool:
        """An instance (not a class) whose type derives from scikit-learn's."""
        bases = type(model).__mro__
        return any(base.__module__.partition(".")[0] == "sklearn" for base in bases)

    def save(
        self,
        model: Any,
        folder: Path,
        *,
        serialization_format: str | None = None,
        predict_fn: str = "predict",
        file_name: str | None = None,
        **unknown: Any,
    ) -> FlavorConfig:
        """Write the estimator.

        Args:
            model: the estimator.
            folder: the model folder.
            serialization_format: ``skops`` (the default, and safe to load), ``pickle``,
                ``cloudpickle`` or ``joblib``. What skops cannot hold becomes a cloudpickle,
                unless skops was asked for.
            predict_fn: the method that ``predict`` of the loaded model calls.
            file_name: instead of ``model.skops``, ``model.pkl`` or ``model.joblib``.

        Raises:
            InvalidInput: an unknown option or format, no such method, or the estimator cannot be
                written in that format.
        """
        if unknown:
            raise InvalidInput(
                f"sklearn knows no option {sorted(unknown)[0]!r}; it knows serialization_format, "
                "predict_fn and file_name."
            )
        wanted = serialization_format or "skops"
        if wanted not in FORMATS:
            raise InvalidInput(
                f"serialization_format must be one of {', '.join(FORMATS)}, got {wanted!r}."
            )
        if predict_fn not in PREDICT_FUNCTIONS:
            raise InvalidInput(
                f"predict_fn must be one of {', '.join(PREDICT_FUNCTIONS)}, got {predict_fn!r}."
            )
        if not hasattr(model, predict_fn) and predict_fn != "predict":
            raise InvalidInput(f"The {type(model).__name__} has no method {predict_fn!r}.")
        format_, path, types = _write(model, folder, wanted, file_name, bool(serialization_format))
        return _config(model, format_, path, types, predict_fn)

    def load(self, folder: Path, config: Mapping[str, Any], trust: Trust) -> Any:
        """Read the estimator back."""
        path = model_file(folder, config, "pickled_model", "model_path", "data")
        format_ = str(config.get("serialization_format") or "pickle")
        if format_ not in FORMATS:
            raise BadModel(
                f"{path} is of an unknown serialization format {format_!r}; known are "
                f"{', '.join(FORMATS)}."
            )
        with _one_version_warning_is_enough():
            if format_ == "skops":
                from .skops_trust import load_skops

                return load_skops(path, trust)
            check_pickle_allowed(path, trust)
            return _read_pickle(path, format_)

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predictor:
        """Wrap the estimator."""
        from .sklearn_predict import SklearnPredictor

        return SklearnPredictor(model, str(config.get("predict_fn") or "predict"))

    def requirements(self, model: Any) -> list[str]:
        """scikit-learn, and pandas for a model that is fed with data frames."""
        from .sklearn_predict import needs_frame

        return ["scikit-learn", "pandas"] if needs_frame(model) else ["scikit-learn"]


def _write(
    model: Any, folder: Path, wanted: str, file_name: str | None, insists: bool
) -> tuple[str, Path, list[str]]:
    """Write the file; returns the format it became, its path, and skops' unreviewed types."""
    path = folder / _file_name(wanted, file_name)
    if wanted != "skops":
        _write_pickle(model, path, wanted)
        return wanted, path, []
    from .skops_trust import NotForSkops, save_skops

    try:
        return "skops", path, save_skops(model, path)
    except NotForSkops as reason:
        path.unlink(missing_ok=True)
        if insists:
            raise InvalidInput(
                f"skops cannot hold this {type(model).__name__}: {reason}. Use "
                "serialization_format='cloudpickle'."
            ) from None
        warnings.warn(
            f"Saved as a cloudpickle, because skops cannot hold this {type(model).__name__}: "
            f"{reason}. A pickle runs code when it is loaded; say "
            "serialization_format='cloudpickle' if that is what you want.",
            stacklevel=5,
        )
    path = folder / _file_name("cloudpickle", file_name)
    _write_pickle(model, path, "cloudpickle")
    return "cloudpickle", path, []


def _file_name(format_: str, given: str | None) -> str:
    if given is None:
        return FORMATS[format_]
    if Path(given).name != given or given.startswith("."):
        raise InvalidInput(f"file_name must be a bare file name, got {given!r}.")
    return given


def _config(
    model: Any, format_: str, path: Path, types: list[str], predict_fn: str
) -> FlavorConfig:
    from sklearn import __version__

    modules = modules_in_skops(path) if format_ == "skops" else modules_in_pickle(path)
    if format_ in ("skops", "cloudpickle", "joblib"):
        modules = modules | {format_}
    pyfunc: dict[str, Any] = {"predict_fn": predict_fn}
    if format_ == "joblib":
        pyfunc |= {"loader_module": _write_loader(path.parent), "data": path.name, "code": CODE}
    else:
        pyfunc |= {"loader_module": "mlflow.sklearn", "model_path": path.name}
    keys = {
        "pickled_model": path.name,
        "serialization_format": format_,
        "sklearn_version": __version__,
        "skops_trusted_types": types or None,
        "code": None,
    }
    return FlavorConfig(
        keys=keys,
        pyfunc=pyfunc if hasattr(model, predict_fn) else {},
        modules=frozenset(modules),
        is_pickle=format_ != "skops",
    )


def _write_loader(folder: Path) -> str:
    """MLflow knows no joblib files; a module that travels with the model tells it how."""
    (folder / CODE).mkdir(exist_ok=True)
    (folder / CODE / f"{_LOADER}.py").write_text(
        "import joblib\n\n\ndef _load_pyfunc(path):\n    return joblib.load(path)\n",
        encoding="utf-8",
    )
    return _LOADER


def _write_pickle(model: Any, path: Path, format_: str) -> None:
    import pickle

    try:
        if format_ == "joblib":
            import joblib

            joblib.dump(model, path)
        elif format_ == "cloudpickle":
            import cloudpickle

            path.write_bytes(cloudpickle.dumps(model, protocol=pickle.DEFAULT_PROTOCOL))
        else:
            path.write_bytes(pickle.dumps(model, protocol=pickle.DEFAULT_PROTOCOL))
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        hint = "" if format_ == "cloudpickle" else " Try serialization_format='cloudpickle'."
        raise InvalidInput(
            f"This {type(model).__name__} cannot be written as {format_}: {error}.{hint}"
        ) from error


def _read_pickle(path: Path, format_: str) -> Any:
    import pickle

    if format_ == "joblib":
        import joblib

        return joblib.load(path)
    try:
        with path.open("rb") as file:
            # a cloudpickle is a pickle whose functions come from the package cloudpickle
            return pickle.load(file)  # noqa: S301 - allowed by the caller and the environment
    except pickle.UnpicklingError as error:
        raise BadModel(f"{path} is no pickle, or it is damaged: {error}") from None


class _one_version_warning_is_enough(warnings.catch_warnings):
    """scikit-learn warns of a version mismatch once an estimator; `load` has warned already."""

    def __enter__(self) -> None:
        super().__enter__()
        from sklearn.exceptions import InconsistentVersionWarning

        warnings.simplefilter("ignore", InconsistentVersionWarning)
