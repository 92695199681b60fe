"""A model in memory to a model folder: all that flavors have in common."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from ..errors import InvalidInput, MlpackError
from .base import Flavor, FlavorConfig, Trust
from .descriptor import MLMODEL, PYFUNC, Model
from .discovery import flavor_for, get_flavor
from .enforce import enforce, enforce_params
from .environment import capture, write_environment
from .examples import save_example, split_example
from .infer import infer_signature
from .integrity import manifest
from .model_code import copy_code, importable_code
from .signature import ModelSignature
from .staging import new_folder


def save_model(
    model: Any,
    path: str | Path,
    *,
    flavor: str | None = None,
    signature: ModelSignature | Literal[False] | None = None,
    input_example: Any = None,
    pip_requirements: str | Path | Sequence[str] | None = None,
    extra_pip_requirements: str | Path | Sequence[str] | None = None,
    code_paths: Sequence[str | Path] | None = None,
    metadata: Mapping[str, Any] | None = None,
    run_id: str | None = None,
    model_id: str | None = None,
    artifact_path: str | None = None,
    **flavor_options: Any,
) -> Model:
    """Write a model as a folder that mlpack and MLflow load.

    Args:
        model: the object; None only where a flavor makes it from something else.
        path: the folder to make; it must not exist, or be empty.
        flavor: the name of its flavor; by default the one that claims the object.
        signature: what it takes and returns; by default inferred from the type hints of a
            function, or from ``input_example`` and what the model predicts for it. False: none.
        input_example: some data as `predict` takes it, or a pair ``(data, {param: value})``.
        pip_requirements: lines or a file, instead of what the model is found to need.
        extra_pip_requirements: lines or a file, besides.
        code_paths: the user's own modules and packages that the model needs.
        metadata: the user's own notes: text, numbers, lists and mappings.
        run_id: the run that logs the model.
        model_id: the model's id in a store.
        artifact_path: where it lies in the store.
        flavor_options: for the flavor, such as ``serialization_format`` for sklearn.

    Returns:
        the descriptor.

    Raises:
        AlreadyExists: there is something at ``path``.
        InvalidInput: an argument is wrong, or no flavor can write the object.
        MissingDependency: there is no such flavor.
        StorageFailed: the folder cannot be written. Nothing stays behind then.
    """
    chosen = get_flavor(flavor) if flavor else flavor_for(model)
    if not (signature is None or signature is False or isinstance(signature, ModelSignature)):
        raise InvalidInput(
            f"signature must be a ModelSignature or False, got {type(signature).__name__}. "
            "Make one with mlpack.infer_signature(X, predictions)."
        )
    if metadata is not None and not isinstance(metadata, Mapping):
        raise InvalidInput(f"metadata must be a dict, got {type(metadata).__name__}.")
    path = Path(path)
    with new_folder(path) as folder:
        code = copy_code(code_paths, folder)
        config = chosen.save(model, folder, **flavor_options)
        descriptor = Model.new(
            run_id=run_id,
            model_id=model_id,
            artifact_path=artifact_path,
            metadata=dict(metadata) if metadata else None,
        )
        descriptor.flavors = _flavors(chosen, config, code)
        if input_example is not None:
            data, params = split_example(input_example)
            descriptor.saved_input_example_info = save_example(data, params, folder)
        descriptor.signature = _signature(
            signature, config, descriptor, chosen, model, folder, input_example
        )
        descriptor.is_signature_from_type_hint = signature is None and config.signature is not None
        env = write_environment(
            folder,
            []
            if pip_requirements is not None
            else capture(
                config.modules, chosen.requirements(model), code_paths=list(code_paths or ())
            ),
            pip_requirements=pip_requirements,
            extra_pip_requirements=extra_pip_requirements,
        )
        if PYFUNC in descriptor.flavors:
            descriptor.pyfunc["env"] = env
        _record_files(descriptor, folder, config)
        descriptor.write(folder)
    return descriptor


def _flavors(flavor: Flavor, config: FlavorConfig, code: str | None) -> dict[str, dict[str, Any]]:
    """The descriptor's ``flavors``."""
    flavors: dict[str, dict[str, Any]] = {}
    carried = {"code": code} if code else {}
    if config.pyfunc:
        python = {"python_version": platform.python_version()}
        flavors[PYFUNC] = {**config.pyfunc, **python, **carried}
    if flavor.name != PYFUNC:
        flavors[flavor.name] = {**config.keys, **carried}
    return flavors


def _signature(
    given: ModelSignature | Literal[False] | None,
    config: FlavorConfig,
    descriptor: Model,
    flavor: Flavor,
    model: Any,
    folder: Path,
    input_example: Any,
) -> ModelSignature | None:
    """The signature to record: what was given, what type hints say, what the example shows."""
    if given is False:
        return None
    if isinstance(given, ModelSignature):
        if input_example is not None:
            _check_example(given, input_example)
        return given
    data, params = split_example(input_example)
    if config.signature is not None:
        if params:
            declared = infer_signature(params=params).params
            return replace(config.signature, params=declared)
        return config.signature
    if input_example is None:
        return None
    prediction = None
    if PYFUNC in descriptor.flavors:
        try:
            prediction = _predict(flavor, config, descriptor, model, folder, data, params)
        except Exception as error:
            warnings.warn(
                "The model could not predict its input example, so its signature has no "
                f"outputs: {type(error).__name__}: {error}",
                stacklevel=4,
            )
    return infer_signature(data, prediction, params)


def _predict(
    flavor: Flavor,
    config: FlavorConfig,
    descriptor: Model,
    model: Any,
    folder: Path,
    data: Any,
    params: Mapping[str, Any] | None,
) -> Any:
    """What the model says to its example, asked as it will be asked when it is loaded."""
    keys = {**descriptor.pyfunc, **descriptor.flavors.get(flavor.name, {})}
    if config.reload:
        with importable_code(folder, keys):
            model = flavor.load(folder, keys, Trust(everything=True))
    inputs = infer_signature(data, None, None)
    return flavor.predictor(model, keys).predict(enforce(inputs, data), dict(params or {}))


def _check_example(signature: ModelSignature, input_example: Any) -> None:
    data, params = split_example(input_example)
    try:
        enforce(signature, data)
        enforce_params(signature, params)
    except MlpackError as error:
        raise InvalidInput(f"The input example does not fit the signature: {error}") from None


def _record_files(descriptor: Model, folder: Path, config: FlavorConfig) -> None:
    files = manifest(folder)
    files.pop(MLMODEL, None)
    descriptor.model_size_bytes = sum((folder / name).stat().st_size for name in files)
    descriptor.mlpack.update(files=files, pickle=config.is_pickle)
