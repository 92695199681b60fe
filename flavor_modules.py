"""``mlpack.sklearn``, ``mlpack.pyfunc``, …: the modules people know, made for each flavor.

All of them are the same three functions over one flavor; there is no file for each.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .errors import InvalidInput

if TYPE_CHECKING:
    from .flavors import Trust
    from .flavors.descriptor import Model
    from .registry.log import ModelInfo

# what MLflow calls the model argument of a flavor's functions, where it is not `model`
_MODEL_ARGUMENT = {"sklearn": "sk_model", "xgboost": "xgb_model", "lightgbm": "lgb_model"}


def build(name: str) -> ModuleType:
    """The module ``mlpack.<name>``.

    Args:
        name: of a flavor.
    """
    module = ModuleType(f"mlpack.{name}", f"Save, log and load models of the flavor {name!r}.")
    functions = _pyfunc() if name == "pyfunc" else _flavor(name)
    for key, value in functions.items():
        if not isinstance(value, type):
            value.__name__ = value.__qualname__ = key
            value.__module__ = module.__name__
        setattr(module, key, value)
    module.__dict__["__all__"] = sorted(functions)
    return module


def _flavor(name: str) -> dict[str, Any]:
    argument = _MODEL_ARGUMENT.get(name, "model")

    def save_model(model: Any = None, path: str | Path | None = None, **options: Any) -> Model:
        from .flavors import save_model as save

        if path is None:
            raise InvalidInput(f"mlpack.{name}.save_model needs a path: the folder to make.")
        return save(_pick(model, options), path, flavor=name, **options)

    def log_model(model: Any = None, artifact_path: str | None = None, **options: Any) -> ModelInfo:
        from .fluent import log_model as log

        picked = _pick(model, options)
        return log(picked, artifact_path=artifact_path, flavor=name, **options)

    def load_model(model_uri: str | Path, *, trust: Trust | None = None) -> Any:
        from .flavors import load_native
        from .registry.resolve import resolve

        found = resolve(model_uri)
        return load_native(
            found.path,
            flavor=name,
            trust=trust,
            expected_digest=found.digest,
            expected_files=found.files,
        )

    def _pick(model: Any, options: dict[str, Any]) -> Any:
        return options.pop(argument) if model is None and argument in options else model

    save_model.__doc__ = f"""Save a {name} model to a new folder.

    Args:
        model: the native object (also as ``{argument}=``).
        path: a folder that does not exist yet, or is empty.
        **options: see `mlpack.log_model`.
    """
    log_model.__doc__ = f"""Save a {name} model and record it in the active run.

    Args:
        model: the native object (also as ``{argument}=``).
        artifact_path: the model's name within the run (also as ``name=``).
        **options: see `mlpack.log_model`.
    """
    load_model.__doc__ = f"""The native {name} object of a model.

    Args:
        model_uri: ``runs:/<run_id>/<name>``, ``models:/m-<id>``, ``models:/<name>/<version>``,
            ``models:/<name>@<alias>`` or a folder.
        trust: what you vouch for beside what your own store vouches for.
    """
    return {"save_model": save_model, "log_model": log_model, "load_model": load_model}


def _pyfunc() -> dict[str, Any]:
    from .flavors import PythonModel, PythonModelContext

    def save_model(path: str | Path, *, python_model: Any = None, **options: Any) -> Model:
        """Save a `PythonModel`, a function, or a loader module with data, to a new folder.

        Args:
            path: a folder that does not exist yet, or is empty.
            python_model: the model.
            **options: ``artifacts``, ``code_paths``, ``loader_module`` with ``data_path``,
                ``model_config``, and those of `mlpack.log_model`.
        """
        from .flavors import save_model as save

        return save(python_model, path, flavor="pyfunc", **options)

    def log_model(
        artifact_path: str | None = None, *, python_model: Any = None, **options: Any
    ) -> ModelInfo:
        """Save a `PythonModel`, a function, or a loader module, and record it in the run.

        Args:
            artifact_path: the model's name within the run (also as ``name=``).
            python_model: the model.
            **options: as for `save_model`.
        """
        from .fluent import log_model as log

        return log(python_model, artifact_path=artifact_path, flavor="pyfunc", **options)

    def load_model(model_uri: str | Path, *, trust: Trust | None = None) -> Any:
        """A model of any flavor behind one ``predict``; see `mlpack.load_model`."""
        from .fluent import load_model as load

        return load(model_uri, trust=trust)

    return {
        "save_model": save_model,
        "log_model": log_model,
        "load_model": load_model,
        "PythonModel": PythonModel,
        "PythonModelContext": PythonModelContext,
    }
