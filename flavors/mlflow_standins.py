"""Standing in for the few MLflow classes that saved models name, where MLflow is not installed.

A pickled ``PythonModel`` names its base class in MLflow's package, and so do ours, on purpose:
then MLflow loads them with nothing of ours installed. When we read a pickle, those names become
our classes. Code that travels with a model may ``import mlflow``, too: while a model is loaded,
that finds stand-in modules, unless the real package is there.
"""

from __future__ import annotations

import importlib
import pickle
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import IO, Any

from ..errors import InvalidInput, MissingDependency, MlpackError
from .model_code import is_installed
from .python_model import FunctionModel, PythonModel, PythonModelContext, set_model
from .type_hints import REMEMBERED, hints

_MODEL = "mlflow.pyfunc.model"
_VALIDATION = "mlflow.pyfunc.utils.data_validation"


class Opaque:
    """An object of MLflow's that a pickle carries along and that nothing here asks."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args, self.kwargs = args, kwargs

    def __setstate__(self, state: Any) -> None:
        self.state = state


class TypeHints:
    """What MLflow remembers of a predict method's hints."""

    def __init__(self, input_: Any = None, output: Any = None) -> None:
        self.input, self.output = input_, output


class FuncInfo(tuple[Any, ...]):
    """What MLflow's wrapper round a predict method knows of it."""

    def __new__(cls, *values: Any) -> FuncInfo:
        """A named tuple there, a pair of values here."""
        return super().__new__(cls, values)

    input_type_hint = property(lambda self: self[0])
    input_param_name = property(lambda self: self[1])


def pass_input(args: Any, kwargs: Any, *_: Any) -> tuple[Any, Any]:
    """MLflow's wrapper has the input validated; ours was, against the signature."""
    return args, kwargs


def same(function: Any) -> Any:
    """A decorator that changes nothing."""
    return function


# (module, name) in MLflow -> ours
STAND_INS: dict[tuple[str, str], Any] = {
    (_MODEL, "PythonModel"): PythonModel,
    (_MODEL, "PythonModelContext"): PythonModelContext,
    (_MODEL, "_FunctionPythonModel"): FunctionModel,
    ("mlflow.pyfunc", "PythonModel"): PythonModel,
    ("mlflow.pyfunc", "PythonModelContext"): PythonModelContext,
    ("mlflow.pyfunc.utils", "pyfunc"): same,
    (_VALIDATION, "FuncInfo"): FuncInfo,
    (_VALIDATION, "_validate_model_input"): pass_input,
    (_VALIDATION, "pyfunc"): same,
    ("mlflow.exceptions", "MlflowException"): MlpackError,
    ("mlflow.models", "set_model"): set_model,
    ("mlflow.models", "ModelSignature"): Opaque,
    ("mlflow.models.signature", "ModelSignature"): Opaque,
    ("mlflow.models.signature", "_TypeHints"): TypeHints,
    **{
        ("mlflow.types.schema", name): Opaque
        for name in (
            "AnyType",
            "Array",
            "ColSpec",
            "DataType",
            "Map",
            "Object",
            "ParamSchema",
            "ParamSpec",
            "Property",
            "Schema",
            "TensorInfo",
            "TensorSpec",
        )
    },
}
# what people write in their own files
_WRITTEN: dict[tuple[str, str], str] = {
    ("mlflow.models", "infer_signature"): "infer_signature",
    ("mlflow.models.signature", "infer_signature"): "infer_signature",
}
_PEER_NAMES: dict[type, tuple[str, str]] = {
    PythonModel: (_MODEL, "PythonModel"),
    PythonModelContext: (_MODEL, "PythonModelContext"),
    FunctionModel: (_MODEL, "_FunctionPythonModel"),
    TypeHints: ("mlflow.models.signature", "_TypeHints"),
}
_PARENTS = {module for module, _ in STAND_INS}
_MODULES = _PARENTS | {
    ".".join(m.split(".")[:n]) for m in _PARENTS for n in range(1, m.count(".") + 1)
}
_by_value = threading.RLock()


def dumps(python_model: Any) -> bytes:
    """A model as a pickle that MLflow loads, too, with nothing of ours installed.

    Args:
        python_model: an instance of `PythonModel`.

    Raises:
        InvalidInput: something in it cannot be pickled; the message says what.
    """
    import io

    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, type) and (peer := _PEER_NAMES.get(obj)):
                return getattr, (_PeerModule(peer[0]), peer[1])
            return super().reducer_override(obj)

    def write() -> bytes:
        buffer = io.BytesIO()
        Pickler(buffer).dump(python_model)
        return buffer.getvalue()

    try:
        with _with_hints(python_model), _own_modules_by_value(python_model):
            return write()
    except Exception:
        try:  # the module's globals may not be picklable; its name always is
            with _with_hints(python_model):
                return write()
        except Exception as error:
            raise InvalidInput(
                f"The model cannot be pickled: {type(error).__name__}: {error}. Let load_context "
                "make what cannot be pickled (connections, locks, open files), or save the model "
                "as a file: python_model='my_model.py', with mlpack.models.set_model(...) in it."
            ) from error


def load(file: IO[bytes]) -> Any:
    """An object from a pickle, with our classes in the places of MLflow's.

    Raises:
        MissingDependency: it names something else of MLflow's, which is not installed.
    """
    return _Unpickler(file).load()


@contextmanager
def importable_mlflow() -> Iterator[None]:
    """While the block runs, ``import mlflow`` finds the stand-ins, unless the real one is there.

    What was imported stays: functions of the model may import it again when they are called.
    """
    finder = _Finder()
    sys.meta_path.append(finder)
    try:
        yield
    finally:
        if "mlflow" not in sys.modules or not finder.was_used:
            sys.meta_path.remove(finder)


@contextmanager
def _with_hints(python_model: Any) -> Iterator[None]:
    """Pickle a model with its type hints resolved, where MLflow remembers them, too.

    A hint that is a string (``from __future__ import annotations``) names things of its module
    that a function, pickled by itself, leaves behind.
    """
    given, returned = hints(python_model)
    own = getattr(python_model, "__dict__", None)
    if given is None or own is None or REMEMBERED in own:
        yield
        return
    own[REMEMBERED] = TypeHints(given, returned)
    try:
        yield
    finally:
        del own[REMEMBERED]


class _PeerModule:
    """Becomes an import of a module of MLflow's when it is unpickled."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return importlib.import_module, (self.name,)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in STAND_INS:
            return STAND_INS[module, name]
        if module == "importlib" and name == "import_module":
            return _import_module
        if module == "cloudpickle.cloudpickle" and name == "subimport":
            return _import_module
        if module.partition(".")[0] == "mlflow" and not _is_real():
            raise _needs_mlflow(f"{module}.{name}")
        return super().find_class(module, name)


def _import_module(name: str) -> ModuleType:
    if name in _MODULES and not (name != _MODEL and _is_real()):
        return _stand_in(name)
    return importlib.import_module(name)


def _is_real() -> bool:
    """Whether the real MLflow is installed; importing it to see would take seconds."""
    present = sys.modules.get("mlflow")
    if present is not None:
        return not isinstance(present, _StandIn)
    for finder in sys.meta_path:
        if not isinstance(finder, _Finder) and finder.find_spec("mlflow", None):
            return True
    return False


def _needs_mlflow(name: str) -> MissingDependency:
    return MissingDependency(
        f"The model uses {name}, for which mlpack has no stand-in, and MLflow is not installed. "
        "Try: pip install mlflow-skinny"
    )


class _StandIn(ModuleType):
    """A module with the few names that we stand in for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if (self.__name__, name) in _WRITTEN:
            return getattr(importlib.import_module("mlpack.flavors"), name)
        raise AttributeError(
            f"{self.__name__}.{name} is not there: MLflow is not installed, and mlpack stands in "
            "only for what saved models need. Try: pip install mlflow-skinny"
        )


def _stand_in(name: str) -> ModuleType:
    module = _StandIn(name, "A stand-in; see mlpack.flavors.mlflow_standins.")
    module.__path__ = []
    module.__spec__ = ModuleSpec(name, None, is_package=True)
    for (home, attribute), value in STAND_INS.items():
        if home == name:
            setattr(module, attribute, value)
    return module


class _Finder(MetaPathFinder, Loader):
    """Asked last, so that the real package comes first."""

    was_used = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _MODULES:
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        self.was_used = True
        return _stand_in(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is left to do."""


@contextmanager
def _own_modules_by_value(python_model: Any) -> Iterator[None]:
    """Put the classes of the user's own modules into the pickle instead of their names.

    Such a module says ``import mlpack``, so MLflow could not import it where we are not.
    """
    import cloudpickle

    names = {base.__module__ for base in type(python_model).__mro__}
    if isinstance(python_model, FunctionModel):
        names.add(getattr(python_model.func, "__module__", None) or "builtins")
    own = [
        module
        for name in sorted(names - {"builtins", "__main__"})
        if name.partition(".")[0] not in ("mlpack", "mlflow", *sys.stdlib_module_names)
        and (module := sys.modules.get(name)) is not None
        and not is_installed(module)
    ]
    with _by_value:
        known = set(cloudpickle.list_registry_pickle_by_value())
        fresh = [module for module in own if module.__name__ not in known]
        for module in fresh:
            cloudpickle.register_pickle_by_value(module)
        try:
            yield
        finally:
            for module in fresh:
                cloudpickle.unregister_pickle_by_value(module)
