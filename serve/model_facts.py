"""What a server tells of a model: its schema, where it comes from, what it runs on.

Everything here goes to whoever may ask the server, so nothing of this machine does: no paths, no
addresses of package indexes, no credentials.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..errors import MlpackError
from ..flavors.schema import ColSpec, Schema, TensorSpec
from .encode import to_plain

if TYPE_CHECKING:
    from ..flavors.loaded import LoadedModel

_MOST_BYTES = 256 * 1024  # of a requirements file that is shown
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*@")
_REQUIREMENT = re.compile(r"[A-Za-z0-9]")  # options and comments begin otherwise


def model_facts(name: str, model: LoadedModel, version: str = "") -> dict[str, Any]:
    """Plain values about a model, in the order in which people read them.

    Args:
        name: under which it is served.
        model: loaded.
        version: of the registered model, '' if it is none.
    """
    metadata = model.metadata
    python = metadata.flavors.get("python_function", {}).get("python_version")
    return {
        "name": name,
        "version": version or None,
        "flavors": _flavors(metadata.flavors),
        "run_id": metadata.run_id,
        "model_id": metadata.model_id,
        "digest": _digest(Path(model.folder)),
        "created": metadata.utc_time_created,
        "size_bytes": metadata.model_size_bytes,
        "metadata": to_plain(metadata.metadata),
        "python": python if isinstance(python, str) else None,
        "mlpack": __version__,
        "mlflow": metadata.mlflow_version,
        "requirements": requirements(Path(model.folder)),
        "signature": signature_facts(model),
    }


def signature_facts(model: LoadedModel) -> dict[str, Any] | None:
    """Inputs, outputs and params as lists of ``{"name", "type", …}``; None without a signature."""
    signature = model.signature
    if signature is None:
        return None
    params = [
        {"name": p.name, "type": _param_type(p), "default": p.to_dict()["default"]}
        for p in signature.params or ()
    ]
    return {
        "inputs": _schema_facts(signature.inputs),
        "outputs": _schema_facts(signature.outputs),
        "params": params,
    }


def requirements(folder: Path) -> list[str]:
    """The lines of the model's requirements that name distributions."""
    try:
        with (folder / "requirements.txt").open("rb") as file:
            text = file.read(_MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return []
    lines = (line.strip() for line in text.splitlines())
    return [_CREDENTIALS.sub("", line) for line in lines if _REQUIREMENT.match(line)]


def _flavors(flavors: dict[str, dict[str, Any]]) -> dict[str, str | None]:
    """The frameworks and the versions that saved the model."""
    native = {name: keys for name, keys in flavors.items() if name != "python_function"}
    found = {}
    for name, keys in native.items():
        version = keys.get(f"{name}_version")
        found[name] = version if isinstance(version, str) else None
    return found or {"pyfunc": None}


def _digest(folder: Path) -> str | None:
    from ..flavors.integrity import digest, manifest

    try:
        return digest(manifest(folder))
    except MlpackError:  # the folder went away after the model was loaded
        return None


def _schema_facts(schema: Schema | None) -> list[dict[str, Any]]:
    return [] if schema is None else [_input_facts(spec) for spec in schema]


def _input_facts(spec: ColSpec | TensorSpec) -> dict[str, Any]:
    if isinstance(spec, TensorSpec):
        shape = ", ".join("any" if size < 0 else str(size) for size in spec.shape)
        return {"name": spec.name, "type": f"{spec.dtype} tensor ({shape})", "required": True}
    return {"name": spec.name, "type": repr(spec.type), "required": spec.required}


def _param_type(param: Any) -> str:
    return f"list of {param.dtype!r}" if param.shape is not None else repr(param.dtype)
