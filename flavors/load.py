"""A model folder back into memory."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from ..errors import BadModel, MissingDependency, MlpackError
from .base import Flavor, Trust
from .descriptor import PYFUNC, Model
from .discovery import get_flavor, is_flavor, names
from .integrity import manifest, verify, verify_digest
from .loaded import LoadedModel
from .model_code import importable_code
from .model_files import check_code_allowed

# a flavor's key -> the distribution whose version it records
_VERSION_KEYS = {"sklearn_version": "scikit-learn", "cloudpickle_version": "cloudpickle"}


def load_model(
    path: str | Path,
    *,
    trust: Trust | None = None,
    expected_digest: str | None = None,
    expected_files: Mapping[str, str] | None = None,
    verify: bool = True,
) -> LoadedModel:
    """Load a model behind the uniform ``predict``.

    Args:
        path: the model folder.
        trust: what the caller vouches for; by default reviewed types only.
        expected_digest: recorded by the caller when the model was logged or registered; a folder
            that matches is trusted altogether.
        expected_files: the checksums that the digest is of, if those were recorded, too; they
            tell which files differ.
        verify: compare the files with the checksums in the descriptor.

    Raises:
        BadModel: no model folder, or a damaged one; its subclasses `ModelChanged` (a file
            differs), `ModelTooNew` and `ModelUntrusted` (types that nobody vouched for).
        MissingDependency: what the model needs is not installed; the message says what.

    Warns:
        UserWarning: the model was made with other versions than those installed.
    """
    folder = Path(path)
    model, trust = _check(folder, trust, expected_digest, expected_files, verify)
    if PYFUNC not in model.flavors:
        raise BadModel(
            f"The model at {folder} cannot predict: it was saved without python_function. "
            "Load the object itself: load_native, or mlpack.<flavor>.load_model."
        )
    flavor = _flavor_of(model, folder)
    config = _config(model, flavor)
    native = _load(flavor, folder, config, trust)
    with _clear_errors(flavor, folder):
        predictor = flavor.predictor(native, config)
    return LoadedModel(model, folder, native, predictor)


def load_native(
    path: str | Path,
    *,
    flavor: str | None = None,
    trust: Trust | None = None,
    expected_digest: str | None = None,
    expected_files: Mapping[str, str] | None = None,
    verify: bool = True,
) -> Any:
    """Load the framework's own object.

    Args:
        path: the model folder.
        flavor: which of the model's flavors; by default the one that is not python_function.
        trust: as `load_model`, and so the rest.

    Raises:
        BadModel: as `load_model`, or the model does not have that flavor.
        MissingDependency: as `load_model`.
    """
    folder = Path(path)
    model, trust = _check(folder, trust, expected_digest, expected_files, verify)
    wanted = get_flavor(flavor) if flavor else _flavor_of(model, folder)
    if flavor and wanted.name not in model.flavors:
        raise BadModel(
            f"The model at {folder} has no flavor {flavor!r}; it has "
            f"{', '.join(sorted(model.flavors))}."
        )
    return _load(wanted, folder, _config(model, wanted), trust)


def _check(
    folder: Path,
    trust: Trust | None,
    expected_digest: str | None,
    expected_files: Mapping[str, str] | None,
    check: bool,
) -> tuple[Model, Trust]:
    files = None
    if expected_digest:
        files = manifest(folder)
        verify_digest(folder, expected_digest, files, expected_files)
        trust = Trust(everything=True)
    model = Model.read(folder)
    if check and model.files:
        verify(folder, model, manifest(folder) if files is None else files)
    _warn_of_versions(model)
    return model, trust or Trust()


def _flavor_of(model: Model, folder: Path) -> Flavor:
    """The most particular flavor of a model that is installed here."""
    own = sorted(name for name in model.flavors if name != PYFUNC)
    for name in own:
        if is_flavor(name):
            return get_flavor(name)
    loader = str(model.pyfunc.get("loader_module", ""))
    if own and loader == f"mlflow.{own[0]}":
        raise MissingDependency(
            f"The model at {folder} is of the flavor {own[0]!r}, and there is no such flavor here, "
            f"only {', '.join(names())}. Upgrade (pip install -U mlpack-toolkit), or install the "
            "plug-in that adds it."
        )
    by_loader = loader.removeprefix("mlflow.")
    return get_flavor(by_loader if loader != by_loader and is_flavor(by_loader) else PYFUNC)


def _config(model: Model, flavor: Flavor) -> dict[str, Any]:
    return {**model.pyfunc, **model.flavors.get(flavor.name, {})}


def _load(flavor: Flavor, folder: Path, config: Mapping[str, Any], trust: Trust) -> Any:
    with _clear_errors(flavor, folder), _code(folder, config, trust):
        return flavor.load(folder, config, trust)


def _code(folder: Path, config: Mapping[str, Any], trust: Trust) -> AbstractContextManager[None]:
    """The model's own modules, as far as they may be used.

    A format that is data only stays so: code beside it counts for the types that the caller
    vouches for, and never in the place of an installed library, whose types are reviewed.
    """
    if not config.get("code"):
        return nullcontext()
    if config.get("serialization_format") == "skops" and not trust.everything:
        return importable_code(folder, config, shadow=False) if trust.types else nullcontext()
    # whether to warn is for the flavor, which knows what else runs code
    check_code_allowed(
        folder / str(config["code"]), Trust(everything=True) if trust.warned else trust
    )
    return importable_code(folder, config)


@contextmanager
def _clear_errors(flavor: Flavor, folder: Path) -> Iterator[None]:
    """What goes wrong inside of a framework, as one of our errors."""
    try:
        yield
    except MlpackError:
        raise
    except ModuleNotFoundError as error:
        missing = (error.name or str(error)).partition(".")[0]
        raise MissingDependency(_how_to_install(flavor, folder, missing)) from error
    except FileNotFoundError as error:
        raise BadModel(f"The model at {folder} is damaged: {error.filename} is missing.") from error
    except Exception as error:
        raise BadModel(
            f"The model at {folder} cannot be loaded: {type(error).__name__}: {error}"
        ) from error


def _how_to_install(flavor: Flavor, folder: Path, missing: str) -> str:
    own = {"sklearn": "sklearn", "skops": "sklearn", "pandas": "sklearn"}
    if flavor.extra and own.get(missing, missing) == flavor.extra:
        command = f"pip install 'mlpack-toolkit[{flavor.extra}]'"
    elif (folder / "requirements.txt").is_file():
        command = f"pip install -r {folder / 'requirements.txt'}"
    else:
        command = f"pip install {missing}"
    return f"The model at {folder} needs {missing!r}, which is not installed. Try: {command}"


def _warn_of_versions(model: Model) -> None:
    """One warning about everything that differs from where the model was made."""
    from importlib import metadata

    here = {"Python": (model.pyfunc.get("python_version"), platform.python_version())}
    for keys in model.flavors.values():
        for key, distribution in _VERSION_KEYS.items():
            if key in keys:
                try:
                    here[distribution] = (keys[key], metadata.version(distribution))
                except metadata.PackageNotFoundError:
                    continue
    different = [
        f"{name} {then} (here {now})"
        for name, (then, now) in here.items()
        if then is not None and _minor(str(then)) != _minor(now)
    ]
    if different:
        warnings.warn(
            f"The model was made with {', '.join(different)}; it may not load or may predict "
            "differently. Its requirements.txt has the exact versions.",
            stacklevel=4,
        )


def _minor(version: str) -> tuple[str, ...]:
    return tuple(version.split(".")[:2])
