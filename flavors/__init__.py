"""Models on disk: descriptor, signature, environment, and one short file per framework.

Every name is resolved on first use, as in the package above. Nothing here imports anything of
ours but ``errors`` and ``uris``: these folders alone go into a scoring image.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .base import Flavor, FlavorConfig, Predictor, Trust
    from .descriptor import Model
    from .infer import infer_signature
    from .load import load_model, load_native
    from .loaded import LoadedModel
    from .python_model import PythonModel, PythonModelContext, set_model
    from .save import save_model
    from .schema import (
        Array,
        ColSpec,
        DataType,
        Map,
        Object,
        ParamSchema,
        ParamSpec,
        Property,
        Schema,
        TensorSpec,
    )
    from .signature import ModelSignature
    from .wrap import wrap

_HOME = {
    **dict.fromkeys(("Flavor", "FlavorConfig", "Predictor", "Trust"), "base"),
    **dict.fromkeys(("PythonModel", "PythonModelContext", "set_model"), "python_model"),
    **dict.fromkeys(
        (
            "Array",
            "ColSpec",
            "DataType",
            "Map",
            "Object",
            "ParamSchema",
            "ParamSpec",
            "Property",
            "Schema",
            "TensorSpec",
        ),
        "schema",
    ),
    "LoadedModel": "loaded",
    "Model": "descriptor",
    "ModelSignature": "signature",
    "infer_signature": "infer",
    "load_model": "load",
    "load_native": "load",
    "save_model": "save",
    "wrap": "wrap",
}

__all__ = [
    "Array",
    "ColSpec",
    "DataType",
    "Flavor",
    "FlavorConfig",
    "LoadedModel",
    "Map",
    "Model",
    "ModelSignature",
    "Object",
    "ParamSchema",
    "ParamSpec",
    "Predictor",
    "Property",
    "PythonModel",
    "PythonModelContext",
    "Schema",
    "TensorSpec",
    "Trust",
    "infer_signature",
    "load_model",
    "load_native",
    "save_model",
    "set_model",
    "wrap",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        from .. import _lend  # such as mlpack.models.evaluate: of a higher layer

        return _lend(__name__, name)
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
