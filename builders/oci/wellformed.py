"""What the rest of the house relies on, of an image that anybody may have made.

Format: https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...errors import InvalidInput
from .compress import compression_of
from .documents import descriptors, parse
from .image import Image
from .spec import Descriptor

_MOST_LAYERS = 1000


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _are_labels(value: Any) -> bool:
    return _is_table(value) and all(isinstance(each, str) for each in value.values())


def _is_history(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, Mapping) for each in value)


# each may be missing, or null
_TOP: dict[str, Callable[[Any], bool]] = {
    "architecture": _is_text,
    "config": _is_table,
    "created": _is_text,
    "history": _is_history,
    "os": _is_text,
    "variant": _is_text,
}
_CONFIG: dict[str, Callable[[Any], bool]] = {
    "Cmd": _are_texts,
    "Entrypoint": _are_texts,
    "Env": _are_texts,
    "ExposedPorts": _is_table,
    "Healthcheck": _is_table,
    "Labels": _are_labels,
    "OnBuild": _are_texts,
    "Shell": _are_texts,
    "StopSignal": _is_text,
    "User": _is_text,
    "Volumes": _is_table,
    "WorkingDir": _is_text,
}


def check_image(image: Image, what: str) -> None:
    """See to it that an image's documents have the form that they should.

    Args:
        image: from anywhere.
        what: its name, for messages.

    Raises:
        InvalidInput: they do not, or tell of different layers.
    """
    layers = descriptors(parse(image.manifest, "manifest"), "layers")
    settings = parse(image.config, "configuration")
    root = settings.get("rootfs")
    ids = root.get("diff_ids") if isinstance(root, Mapping) else None
    if not isinstance(ids, list) or len(ids) != len(layers) or len(ids) > _MOST_LAYERS:
        raise InvalidInput(f"{what}: manifest and configuration name different layers.")
    for each in ids:
        Descriptor.from_dict({"digest": each, "size": 0})
    for layer in layers:
        compression_of(layer.media_type)
    _check(settings, _TOP, what)
    _check(settings.get("config") or {}, _CONFIG, what)


def _check(
    found: Mapping[str, Any], shapes: Mapping[str, Callable[[Any], bool]], what: str
) -> None:
    for key, fits in shapes.items():
        value = found.get(key)
        if value is not None and not fits(value):
            raise InvalidInput(f"{what}: {key} in its configuration is not what it should be.")
