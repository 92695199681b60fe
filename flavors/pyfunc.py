"""Anything that predicts: a `PythonModel`, a function, a file of code, a loader module.

The key in ``MLmodel`` is ``python_function``; other flavors write it, too, so that any tool can
load their models, and this flavor loads those whose own flavor is not known here.
"""

from __future__ import annotations

import bz2
import gzip
import importlib
import importlib.util
import inspect
import lzma
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import BadModel, InvalidInput, MissingDependency
from ..uris import LocalUri, parse, safe_relative
from .base import FlavorConfig, Predictor, Trust
from .descriptor import PYFUNC
from .mlflow_standins import dumps, importable_mlflow, load
from .model_files import check_code_allowed, check_pickle_allowed, model_file
from .pickle_scan import modules_in_pickle
from .python_model import (
    FunctionModel,
    PythonModel,
    PythonModelContext,
    overrides_stream,
    take_declared_model,
    takes_context,
)
from .type_hints import converter, signature_from_hints

PICKLE_FILE = "python_model.pkl"
ARTIFACTS = "artifacts"
DATA = "data"
_FROM_PICKLE = "mlflow.pyfunc.model"
_FROM_CODE = "mlflow.pyfunc.loaders.code_model"
_OPEN: dict[str, Callable[[Path], Any]] = {
    "": lambda path: path.open("rb"),
    "lzma": lzma.open,
    "bzip2": bz2.open,
    "gzip": gzip.open,
}


class PyfuncFlavor:
    """See `Flavor`."""

    name = PYFUNC
    extra = ""

    def claims(self, model: object) -> bool:
        """A `PythonModel`, a function, or the path of a file of code."""
        if isinstance(model, str | Path):
            return Path(model).suffix == ".py"
        return isinstance(model, PythonModel) or (callable(model) and not isinstance(model, type))

    def save(
        self,
        model: Any,
        folder: Path,
        *,
        artifacts: Mapping[str, str | Path] | None = None,
        model_config: Mapping[str, Any] | None = None,
        streamable: bool | None = None,
        loader_module: str | None = None,
        data_path: str | Path | None = None,
        **unknown: Any,
    ) -> FlavorConfig:
        """Write the model.

        Args:
            model: a `PythonModel`, a function of one argument, or the path of a Python file
                that calls ``mlpack.models.set_model``; None with ``loader_module``.
            folder: the model folder.
            artifacts: name -> file or folder of this machine that the model reads.
            model_config: plain values that the model finds in its context.
            streamable: whether it has ``predict_stream``; found out by default.
            loader_module: a module (in ``code_paths``, or installed) whose
                ``_load_pyfunc(path)`` returns an object with ``predict``.
            data_path: what that function is given.

        Raises:
            InvalidInput: an option is wrong or unknown, or the model cannot be pickled.
        """
        if unknown:
            raise InvalidInput(
                f"pyfunc knows no option {sorted(unknown)[0]!r}; it knows artifacts, "
                "model_config, streamable, loader_module and data_path."
            )
        if model_config is not None and not isinstance(model_config, Mapping):
            raise InvalidInput("model_config must be a dict of plain values.")
        config = {"config": dict(model_config)} if model_config else {}
        if loader_module is not None:
            if model is not None or artifacts:
                raise InvalidInput(
                    "loader_module takes data_path; it does not go with a model or artifacts."
                )
            return _save_loader(folder, loader_module, data_path, config)
        if data_path is not None:
            raise InvalidInput("data_path goes with loader_module; a PythonModel has artifacts.")
        if artifacts:
            config["artifacts"] = _copy_artifacts(artifacts, folder)
        if isinstance(model, str | Path):
            return _save_code(Path(model), folder, config)
        return _save_pickle(_as_python_model(model), folder, config, streamable)

    def load(self, folder: Path, config: Mapping[str, Any], trust: Trust) -> Any:
        """The model with its context: `BoundModel`, or what a loader module returned."""
        loader = config.get("loader_module")
        if not isinstance(loader, str):
            raise BadModel(f"The model at {folder} is damaged: it names no loader_module.")
        with importable_mlflow():
            if loader == _FROM_PICKLE:
                python_model = _load_pickle(folder, config, trust)
            elif loader == _FROM_CODE:
                python_model = _load_code(folder, config, trust)
            else:
                return _load_other(folder, loader, config, trust)
            context = PythonModelContext(_artifact_paths(folder, config), config.get("config"))
            if hasattr(python_model, "load_context"):
                python_model.load_context(context)
        return BoundModel(python_model, context)

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predictor:
        """Wrap what `load` returned."""
        if isinstance(model, BoundModel):
            return model
        return _OtherPredictor(model, str(config.get("predict_fn") or "predict"))

    def requirements(self, model: Any) -> list[str]:
        """cloudpickle, and pandas for a model that is fed with data frames."""
        if model is None or isinstance(model, str | Path):
            return ["pandas"]
        python_model = _as_python_model(model)
        return (
            ["cloudpickle"] if converter(python_model) is not _FRAMES else ["cloudpickle", "pandas"]
        )


class BoundModel:
    """A user's model with its context: a `Predictor`.

    Attributes:
        python_model: the user's own object.
        context: what it was given to load from.
    """

    def __init__(self, python_model: Any, context: PythonModelContext) -> None:
        self.python_model = python_model
        self.context = context
        self._convert = converter(python_model)
        function = (
            python_model.func if type(python_model) is FunctionModel else python_model.predict
        )
        self._call = self._bind(function)
        self.streams = overrides_stream(python_model)

    def predict(self, data: Any, params: Mapping[str, Any]) -> Any:
        """Score a batch."""
        return self._call(self._convert(data), params)

    def predict_stream(self, data: Any, params: Mapping[str, Any]) -> Iterator[Any]:
        """Score one input, in pieces."""
        call = self._bind(self.python_model.predict_stream)
        pieces: Iterator[Any] = call(self._convert(data), params)
        return pieces

    def _bind(self, function: Any) -> Callable[[Any, Mapping[str, Any]], Any]:
        """The function in the form (data, params), however many arguments it takes."""
        names = inspect.signature(function).parameters
        before = (self.context,) if takes_context(function) else ()
        if "params" in names:
            # a model may keep or change what it is given
            return lambda data, params: function(*before, data, params=dict(params))
        return lambda data, params: function(*before, data)


class _OtherPredictor:
    """An object of a loader module: ``predict(data)`` or ``predict(data, params)``."""

    def __init__(self, model: Any, method: str) -> None:
        self._call = getattr(model, method, None)
        if self._call is None:
            raise BadModel(f"The model, a {type(model).__name__}, has no method {method!r}.")
        self._takes_params = "params" in inspect.signature(self._call).parameters
        self._stream = getattr(model, "predict_stream", None)
        self.streams = self._stream is not None

    def predict(self, data: Any, params: Mapping[str, Any]) -> Any:
        """Score a batch."""
        data = _FRAMES(data)
        assert self._call is not None
        return self._call(data, params=dict(params)) if self._takes_params else self._call(data)

    def predict_stream(self, data: Any, params: Mapping[str, Any]) -> Iterator[Any]:
        """Score one input, in pieces."""
        assert self._stream is not None
        data = _FRAMES(data)
        takes_params = "params" in inspect.signature(self._stream).parameters
        pieces: Iterator[Any] = (
            self._stream(data, params=dict(params)) if takes_params else self._stream(data)
        )
        return pieces


# what `converter` returns for a model that wants data frames
_FRAMES: Callable[[Any], Any] = converter(FunctionModel(lambda data: data))


def _as_python_model(model: Any) -> Any:
    if isinstance(model, PythonModel):
        return model
    if isinstance(model, type):
        raise InvalidInput(
            f"{model.__name__} is a class; give an instance of it: {model.__name__}(...)."
        )
    if callable(model):
        return FunctionModel(model)
    if hasattr(model, "predict"):
        return model  # a PythonModel of MLflow's own
    raise InvalidInput(
        f"A {type(model).__name__} is no model. Give a subclass of mlpack.pyfunc.PythonModel, a "
        "function of one argument, or a Python file."
    )


def _save_pickle(
    python_model: Any, folder: Path, config: dict[str, Any], streamable: bool | None
) -> FlavorConfig:
    import cloudpickle

    path = folder / PICKLE_FILE
    path.write_bytes(dumps(python_model))
    if streamable is None:
        streamable = overrides_stream(python_model)
    return FlavorConfig(
        keys={},
        pyfunc={
            **config,
            "loader_module": _FROM_PICKLE,
            "python_model": PICKLE_FILE,
            "cloudpickle_version": cloudpickle.__version__,
            "streamable": streamable,
            "code": None,
        },
        modules=frozenset(modules_in_pickle(path)),
        is_pickle=True,
        signature=signature_from_hints(python_model),
        reload=True,
    )


def _save_code(source: Path, folder: Path, config: dict[str, Any]) -> FlavorConfig:
    from .source_scan import imports_of

    if not source.is_file():
        raise InvalidInput(f"There is no file {source} to save as a model.")
    path = folder / source.name
    shutil.copyfile(source, path)
    return FlavorConfig(
        keys={},
        pyfunc={
            **config,
            "loader_module": _FROM_CODE,
            "model_code_path": path.name,
            "streamable": False,
        },
        modules=frozenset(imports_of(path)),
        is_pickle=True,
        reload=True,
    )


def _save_loader(
    folder: Path, loader_module: str, data_path: str | Path | None, config: dict[str, Any]
) -> FlavorConfig:
    keys: dict[str, Any] = {**config, "loader_module": loader_module}
    if data_path is not None:
        source = Path(data_path)
        (folder / DATA).mkdir()
        keys["data"] = f"{DATA}/{_copy(source, folder / DATA / source.absolute().name)}"
    return FlavorConfig(
        keys={}, pyfunc=keys, modules=frozenset({loader_module}), is_pickle=True, reload=True
    )


def _copy_artifacts(artifacts: Mapping[str, str | Path], folder: Path) -> dict[str, Any]:
    if not isinstance(artifacts, Mapping):
        raise InvalidInput("artifacts must be a dict: {'name': 'path of a file or folder'}.")
    copied: dict[str, Any] = {}
    target = folder / ARTIFACTS
    target.mkdir()
    for name, given in artifacts.items():
        source = _local_path(str(name), given)
        place = target / source.absolute().name
        if place.exists():  # two of the same name: the second under its own
            place = target / safe_relative(str(name)) / source.absolute().name
            place.parent.mkdir(parents=True, exist_ok=True)
        _copy(source, place)
        copied[str(name)] = {"path": place.relative_to(folder).as_posix(), "uri": str(given)}
    return copied


def _local_path(name: str, given: str | Path) -> Path:
    uri = parse(given)
    if not isinstance(uri, LocalUri):
        raise InvalidInput(
            f"The artifact {name!r} is at {str(given)!r}; download it first and give its path."
        )
    return uri.path


def _copy(source: Path, target: Path) -> str:
    """Copy a file or folder, with links replaced by what they lead to; returns its name."""
    if not source.exists():
        raise InvalidInput(f"There is no file or folder {source}.")
    if target.is_relative_to(source.absolute()):
        raise InvalidInput(f"{source} contains the model folder itself.")
    try:
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copyfile(source, target)
    except shutil.Error as error:
        _, _, reason = error.args[0][0]
        raise InvalidInput(f"{source} cannot be copied: {reason}.") from error
    return target.name


def _load_pickle(folder: Path, config: Mapping[str, Any], trust: Trust) -> Any:
    path = model_file(folder, config, "python_model")
    compression = config.get("python_model_compression") or ""
    if compression not in _OPEN:
        raise BadModel(f"{path} is compressed with {compression!r}, which is unknown here.")
    check_pickle_allowed(path, trust)
    with _OPEN[compression](path) as file:
        python_model = load(file)
    if not hasattr(python_model, "predict"):
        raise BadModel(f"{path} holds a {type(python_model).__name__}, which cannot predict.")
    return python_model


def _load_code(folder: Path, config: Mapping[str, Any], trust: Trust) -> Any:
    # MLflow writes the path that the file had once, and looks for its name in the folder
    given = str(config.get("model_code_path") or "")
    path = model_file(folder, {"model_code_path": Path(given).name or None}, "model_code_path")
    check_code_allowed(path, trust)
    name = f"_mlpack_model_{uuid.uuid4().hex}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    take_declared_model()
    # reading bytecode back is what is unwanted: it would lie in the model's folder
    exec(compile(path.read_bytes(), str(path), "exec"), vars(module))  # noqa: S102
    declared = take_declared_model()
    if declared is None:  # the real MLflow keeps it elsewhere
        declared = getattr(sys.modules.get("mlflow.models.model"), "__mlflow_model__", None)
    if declared is None:
        raise BadModel(
            f"{path} does not say which object is the model: mlpack.models.set_model(…)."
        )
    sys.modules[name] = module
    return _as_python_model(declared)


def _load_other(folder: Path, loader: str, config: Mapping[str, Any], trust: Trust) -> Any:
    """A model whose own flavor is not known here: by its loader module."""
    data = config.get("data")
    path = model_file(folder, config, "data") if data is not None else folder
    check_code_allowed(folder / str(config.get("code") or loader), trust)
    try:
        module = importlib.import_module(loader)
    except ModuleNotFoundError as error:
        if loader.partition(".")[0] != "mlflow":
            raise
        raise MissingDependency(
            f"The model at {folder} is loaded by {loader}, and this version of mlpack does not "
            "know models of that kind. Try: pip install mlflow-skinny"
        ) from error
    function = getattr(module, "_load_pyfunc", None)
    if function is None:
        raise BadModel(f"The module {loader} has no function _load_pyfunc to load {folder} with.")
    model_config = config.get("config")
    return function(str(path), model_config) if model_config else function(str(path))


def _artifact_paths(folder: Path, config: Mapping[str, Any]) -> dict[str, str]:
    artifacts = config.get("artifacts") or {}
    if not isinstance(artifacts, dict):
        raise BadModel(f"The model at {folder} is damaged: its artifacts are no mapping.")
    paths = {}
    for name, keys in artifacts.items():
        relative = keys.get("path") if isinstance(keys, dict) else None
        path = model_file(folder, {f"artifacts.{name}": relative}, f"artifacts.{name}")
        paths[str(name)] = str(path.absolute())
    return paths
