"""Which part of an image each of its layers is, whichever builder made it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..oci.image import Image
from .inventory import MODEL, RUNTIME, Inventory, LayerFacts

# what the history says of a step: ours without an engine, then a Dockerfile's
_STEPS = (
    ("model", re.compile(r"^mlpack: model|/opt/ml/model/|/opt/mlpack/sbom")),
    ("runtime", re.compile(r"^mlpack: runtime|/opt/mlpack/runtime/|install\.py\W+runtime")),
    ("system", re.compile(r"^mlpack: system|/opt/mlpack/system|system\.py")),
    (
        "dependencies",
        re.compile(r"^mlpack: dependencies|/opt/mlpack/install/|install\.py\W+dependencies"),
    ),
)


def parts_of(image: Image, inventory: Inventory) -> list[str]:
    """One name a layer: ``base``, ``system``, ``dependencies``, ``runtime`` or ``model``.

    '' is a layer above ours that somebody else put there; an image that we did not make has no
    other.
    """
    steps = _steps(image)
    parts = [
        _by_step(step) or _by_content(layer)
        for step, layer in zip(steps, inventory.layers, strict=True)
    ]
    first = next((number for number, part in enumerate(parts) if part), 0)
    return ["base"] * first + parts[first:]


def history_of(image: Image) -> list[Mapping[str, Any]]:
    """The entry of the history of each layer; empty ones where it does not fit the layers."""
    told = image.settings.get("history")
    entries = [
        each
        for each in (told if isinstance(told, list) else ())
        if isinstance(each, Mapping) and not each.get("empty_layer")
    ]
    return entries if len(entries) == len(image.layers) else [{} for _ in image.layers]


def _steps(image: Image) -> Sequence[str]:
    return [str(each.get("created_by") or "") for each in history_of(image)]


def _by_step(step: str) -> str:
    return next((part for part, pattern in _STEPS if pattern.search(step)), "")


def _by_content(layer: LayerFacts) -> str:
    if MODEL in layer.places:
        return "model"
    if RUNTIME in layer.places:
        return "runtime"
    return "dependencies" if {"opt/venv", "opt/mlpack"} & set(layer.places) else ""
