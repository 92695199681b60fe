"""mlpack: track, package, serve and deploy machine-learning models.

    import mlpack

    with mlpack.start_run():
        mlpack.log_param("C", 0.1)
        mlpack.log_metric("accuracy", 0.97)
        mlpack.sklearn.log_model(model, name="model")

Every public name is resolved on first use (PEP 562), so that ``import mlpack`` costs nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec

TYPE_CHECKING = False  # `typing` would cost more than all the rest of this file
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import Loader
    from types import ModuleType
    from typing import Any
else:
    Loader = object  # importing importlib.abc costs 10 ms

__version__ = "0.1.0"

# public name -> the module that defines it
_HOME = {
    **dict.fromkeys(
        (
            "active_run",
            "delete_tag",
            "end_run",
            "get_artifact_uri",
            "get_tracking_uri",
            "last_active_run",
            "load_model",
            "log_artifact",
            "log_artifacts",
            "log_dict",
            "log_figure",
            "log_image",
            "log_metric",
            "log_metrics",
            "log_model",
            "log_outputs",
            "log_param",
            "log_params",
            "log_stream",
            "log_text",
            "set_experiment",
            "set_tag",
            "set_tags",
            "set_tracking_uri",
            "start_run",
            "ActiveRun",
        ),
        "mlpack.fluent",
    ),
    **dict.fromkeys(
        (
            "create_experiment",
            "delete_experiment",
            "delete_experiment_tag",
            "delete_logged_model_tag",
            "delete_run",
            "get_experiment",
            "get_experiment_by_name",
            "get_logged_model",
            "get_parent_run",
            "get_run",
            "last_logged_model",
            "restore_experiment",
            "restore_run",
            "search_experiments",
            "search_logged_models",
            "search_runs",
            "set_experiment_tag",
            "set_experiment_tags",
            "set_logged_model_tags",
        ),
        "mlpack.tracking.lookup",
    ),
    **dict.fromkeys(
        (
            "disable_system_metrics_logging",
            "enable_system_metrics_logging",
            "set_system_metrics_node_id",
            "set_system_metrics_samples_before_logging",
            "set_system_metrics_sampling_interval",
        ),
        "mlpack.tracking.system_metrics",
    ),
    **dict.fromkeys(
        ("search_model_versions", "search_registered_models", "set_model_version_tag"),
        "mlpack.registry.lookup",
    ),
    **dict.fromkeys(("get_registry_uri", "set_registry_uri"), "mlpack.registry.uri"),
    "register_model": "mlpack.registry.register",
    **dict.fromkeys(("load_table", "log_input", "log_inputs", "log_table"), "mlpack.data"),
    **dict.fromkeys(
        ("MetricThreshold", "evaluate", "make_metric", "validate_evaluation_results"),
        "mlpack.evaluation",
    ),
    "flush_async_logging": "mlpack.tracking.async_logging",
    "MlflowClient": "mlpack.registry.client",
    "MlflowException": "mlpack.errors",
    "MlpackClient": "mlpack.registry.client",
    "MlpackError": "mlpack.errors",
    "infer_signature": "mlpack.flavors",
}

# names people know from elsewhere -> the module of ours that answers to them
_ALIASES = {
    "models": "mlpack.flavors",
    "types": "mlpack.flavors.schema",
    "entities": "mlpack.tracking.entities",
    "entities.model_registry": "mlpack.registry.entities",
    "exceptions": "mlpack.errors",
    "config": "mlpack.tracking.config",
    "deployments": "mlpack.deploy_targets.client",
}

# names that people look for in a module that may not know their home (a higher layer):
# (module, name) -> the module that defines it
_LENT = {
    **dict.fromkeys(
        (
            ("artifacts", "download_artifacts"),
            ("artifacts", "list_artifacts"),
            ("artifacts", "load_dict"),
            ("artifacts", "load_image"),
            ("artifacts", "load_text"),
        ),
        "mlpack.registry.files",
    ),
    **dict.fromkeys(
        (
            ("flavors", "MetricThreshold"),
            ("flavors", "evaluate"),
            ("flavors", "make_metric"),
        ),
        "mlpack.evaluation",
    ),
    ("flavors", "get_model_info"): "mlpack.registry.info",
    **{
        (module, name): "mlpack.registry.client"
        for module in ("tracking", "tracking.client")
        for name in ("MlflowClient", "MlpackClient")
    },
    **{
        (module, name): "mlpack.registry.uri"
        for module in ("tracking", "tracking.config")
        for name in ("get_registry_uri", "set_registry_uri")
    },
    **dict.fromkeys(
        (
            ("tracking.entities", "ModelVersion"),
            ("tracking.entities", "RegisteredModel"),
            ("tracking.entities", "model_registry"),
        ),
        "mlpack.registry.entities",
    ),
    ("sklearn", "autolog"): "mlpack.autolog.sklearn",
}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    if home := _HOME.get(name):
        value = getattr(import_module(home), name)
    else:
        try:
            value = import_module(f"mlpack.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"mlpack.{name}":
                raise
            raise AttributeError(f"module 'mlpack' has no attribute {name!r}") from None
    globals()[name] = value
    return value


def _lend(module: str, name: str) -> Any:
    """What a module answers for a name that a higher layer defines; see `_LENT`."""
    home = _LENT.get((module.removeprefix("mlpack."), name))
    if home is None:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    lender = import_module(home)
    return getattr(lender, name, lender)  # entities.model_registry is the module itself


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_ALIASES, "sklearn", "pyfunc"})


class _VirtualSubmodules(Loader):
    """Makes ``import mlpack.sklearn`` work for every flavor, and for the aliases above.

    A real ``sklearn.py`` beside this file would shadow scikit-learn for anyone who runs
    Python in the repository's root, because the repository is the package. This finder is
    asked only after the ordinary one found nothing.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, name = fullname.partition(".")
        if package != "mlpack":
            return None
        if name in _ALIASES or (
            "." not in name and import_module("mlpack.flavors.discovery").is_flavor(name)
        ):
            return ModuleSpec(fullname, self)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        name = spec.name.partition(".")[2]
        if name not in _ALIASES:
            module: ModuleType = import_module("mlpack.flavor_modules").build(name)
            module.__dict__["__getattr__"] = lambda key: _lend(spec.name, key)
            return module
        real = import_module(_ALIASES[name])
        if any(alias.startswith(f"{name}.") for alias in _ALIASES):
            real.__path__ = []  # a package, as far as the import system is concerned
        spec.loader_state = real.__spec__
        return real

    def exec_module(self, module: ModuleType) -> None:
        """The module is finished; only give an aliased one its own spec back."""
        if module.__spec__ and module.__spec__.loader_state:
            module.__spec__ = module.__spec__.loader_state


if __name__ == "mlpack":  # pytest imports this file once more, as the package of its folder
    sys.meta_path.append(_VirtualSubmodules())
