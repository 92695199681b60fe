"""``index.json``: which images a layout holds, and under which names.

Format: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md#indexjson-file
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...errors import InvalidInput, NotFound
from .documents import parse, read_document
from .image import Blobs, Bundle
from .select import FULL_NAME, REF_NAME, familiar_name, full_name
from .spec import OCI_INDEX, Descriptor, canonical

MARK = "oci-layout"
MARK_CONTENT = b'{"imageLayoutVersion":"1.0.0"}'
INDEX = "index.json"


def index_of(
    bundle: Bundle,
    before: Mapping[str, Any] | None = None,
    subject: Callable[[Descriptor], str | None] = lambda _: None,
) -> bytes:
    """``index.json`` of a layout that holds a bundle.

    Args:
        bundle: what is put in; it takes the place of an image of the same name.
        before: the index as it was, if the layout is not new.
        subject: of an attachment in it, the digest of the manifest that it is about.
    """
    full = full_name(bundle.name)
    tag = full.rpartition(":")[2]
    others = [(each, Descriptor.from_dict(each)) for each in (before or {}).get("manifests", [])]
    replaced = {found.digest for _, found in others if _is_named(found, full, tag)}
    attached = {each.descriptor.digest for each in bundle.attachments}
    kept = [
        entry
        for entry, found in others
        if not _is_named(found, full, tag)
        and found.digest not in attached
        and not (found.artifact_type and subject(found) in replaced)
    ]
    taken = any(Descriptor.from_dict(each).annotations.get(REF_NAME) == tag for each in kept)
    annotations = {FULL_NAME: full, REF_NAME: familiar_name(full) if taken else tag}
    root = {**bundle.root.to_dict(), "annotations": annotations}
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, **(before or {})}
    index["manifests"] = [
        *kept,
        root,
        *(each.descriptor.to_dict() for each in bundle.attachments),
    ]
    return canonical(index)


def _is_named(entry: Descriptor, full: str, tag: str) -> bool:
    """Has an entry this name? Other tools write only the tag."""
    whole = entry.annotations.get(FULL_NAME)
    return entry.annotations.get(REF_NAME) == tag if whole is None else whole == full


def subject_of(attachment: Descriptor, blobs: Blobs) -> str | None:
    """The digest of what an attachment is about; None when nobody can tell."""
    try:
        found = parse(read_document(blobs, attachment), "manifest").get("subject")
        return Descriptor.from_dict(found or {}).digest
    except (InvalidInput, NotFound):
        return None
