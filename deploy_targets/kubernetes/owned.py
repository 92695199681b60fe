"""What we applied of an object last, read from the object itself.

The cluster keeps for each field who manages it, and how (``metadata.managedFields``). An object
that is applied again as it was, or with another template, must name all fields of ours and none of
others: what is left out is removed, and what is named is taken over.

Format: https://kubernetes.io/docs/reference/using-api/server-side-apply/ (FieldsV1).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .common import Manifest

MANAGER = "mlpack"


def owned(found: Manifest) -> Manifest:
    """The part of an object that was applied by us, as a manifest to apply again."""
    about = found["metadata"]
    entries = [
        each.get("fieldsV1") or {}
        for each in about.get("managedFields") or ()
        if (each.get("manager"), each.get("operation")) == (MANAGER, "Apply")
        and not each.get("subresource")
    ]
    made: Manifest = _part(found, entries[0]) if entries else {"spec": found["spec"]}
    made.pop("status", None)
    names = {key: about[key] for key in ("name", "namespace") if key in about}
    inner = {key: (made.get("metadata") or {}).get(key) for key in ("labels", "annotations")}
    if not entries:  # somebody took the notes away; then all of it is applied
        inner = {key: about.get(key) for key in inner}
    return {
        "apiVersion": found["apiVersion"],
        "kind": found["kind"],
        **made,
        "metadata": {**names, **{key: dict(value) for key, value in inner.items() if value}},
    }


def _part(value: Any, fields: Mapping[str, Any]) -> Any:
    inner = {key: below for key, below in fields.items() if key != "."}
    if not inner:
        return value
    if isinstance(value, Mapping):
        return {
            key: _part(each, inner[f"f:{key}"])
            for key, each in value.items()
            if f"f:{key}" in inner
        }
    if isinstance(value, list):
        kept = [(each, _of_item(each, inner)) for each in value]
        return [_part(each, below) for each, below in kept if below is not None]
    return value


def _of_item(item: Any, fields: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What of an item of a list is meant: items are named by some of their fields, or by value."""
    for key, below in fields.items():
        how, _, text = key.partition(":")
        named = json.loads(text)
        if how == "v" and named == item:
            return {}
        # a default (a port's protocol) is part of the name, and may be left out of the item
        if (
            how == "k"
            and isinstance(item, Mapping)
            and all(item.get(name, value) == value for name, value in named.items())
        ):
            found: Mapping[str, Any] = below
            return found
    return None
