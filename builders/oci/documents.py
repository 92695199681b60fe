"""The JSON documents of images: bounded, and not trusted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...errors import InvalidInput
from .image import Blobs
from .spec import Descriptor

# registries refuse larger manifests; configurations with long histories stay far below this
LARGEST_DOCUMENT = 4 << 20


def read_document(blobs: Blobs, blob: Descriptor) -> bytes:
    """A manifest, index or configuration.

    Raises:
        InvalidInput: it is larger than any of them may be, or damaged.
        NotFound: it is not there.
    """
    if blob.size > LARGEST_DOCUMENT:
        raise InvalidInput(f"The image's {blob.media_type or 'manifest'} is too large to be one.")
    with blobs.open(blob) as file:
        return file.read()


def parse(content: bytes, what: str) -> dict[str, Any]:
    """A JSON object; raises `InvalidInput` if ``content`` is none."""
    if len(content) > LARGEST_DOCUMENT:
        raise InvalidInput(f"The image's {what} is too large to be one.")
    try:
        found = json.loads(content)
        json.dumps(found, ensure_ascii=False).encode()  # half of a character cannot be written
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InvalidInput(f"The image's {what} is not a JSON object; it is damaged.")
    return found


def descriptors(document: Mapping[str, Any], key: str) -> list[Descriptor]:
    """The descriptors in a list of a manifest or an index.

    Raises:
        InvalidInput: there is no such list, or something else in it.
    """
    found = document.get(key)
    if not isinstance(found, list):
        raise InvalidInput(f"The image's manifest has no list of {key}; it is damaged.")
    return [Descriptor.from_dict(each) for each in found]
