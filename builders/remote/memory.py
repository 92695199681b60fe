"""Which repositories of a registry have a blob: where a push may take it from, rather than send it.

Only a hint: a registry that does not have the blob there any more lets us send it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from ...errors import StorageFailed
from ..oci.cache import Cache
from .reference import Reference

_KIND = "repositories"
_MOST = 4  # of one blob; each costs a request when it is wrong


def note(cache: Cache, digests: Iterable[str], reference: Reference) -> None:
    """These blobs are in the reference's repository."""
    for digest in digests:
        known = repositories(cache, digest, reference.registry)
        if known[:1] != [reference.repository]:
            others = [each for each in known if each != reference.repository]
            value = {"names": [reference.repository, *others][:_MOST]}
            with suppress(StorageFailed):  # a full disk costs the hint, not the push
                cache.remember(_KIND, f"{reference.registry} {digest}", value)


def repositories(cache: Cache, digest: str, registry: str) -> list[str]:
    """Those that had the blob, the latest first."""
    names = (cache.recall(_KIND, f"{registry} {digest}") or {}).get("names")
    return [each for each in names if isinstance(each, str)] if isinstance(names, list) else []
