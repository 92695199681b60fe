"""Manifests and indexes as a registry sends them: bounded, checked, never mistaken for each other.

Format: https://github.com/opencontainers/image-spec (1.1) and Docker's schema 2.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from ...errors import InvalidInput, RegistryFailed
from ..oci.spec import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    INDEXES,
    MANIFESTS,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    Platform,
    sha256,
)
from .connections import read_short
from .reference import Reference
from .session import Session

MAX_MANIFEST = 4 << 20  # what registries must accept, by the specification
ACCEPT = ", ".join((OCI_INDEX, OCI_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST))
_TRIES = 3
_FOUND = frozenset({200})
_PERHAPS = frozenset({200, 404})


def head_manifest(session: Session, target: str) -> Descriptor | None:
    """What a tag or digest leads to, without fetching it; None when nothing.

    Raises:
        RegistryFailed: the registry refuses.
    """
    url = session.url(f"manifests/{target}")
    with session.request("HEAD", url, expected=_PERHAPS, headers={"Accept": ACCEPT}) as response:
        digest = response.headers.get("Docker-Content-Digest", "")
        length = response.headers.get("Content-Length", "")
        if response.status == 404:
            return None
        if length.isdecimal() and len(length) < 9 and digest.startswith("sha256:"):
            found = {"digest": digest, "size": int(length), "mediaType": _type_of(response)}
            return Descriptor.from_dict(found)
    found_too = get_manifest(session, target)  # a registry that does not tell
    return found_too[0] if found_too else None


def get_manifest(
    session: Session, target: str, *, missing_ok: bool = True
) -> tuple[Descriptor, bytes] | None:
    """A manifest or an index, checked against the digest that was asked for or announced.

    Args:
        session: of the repository.
        target: tag or digest.
        missing_ok: answer None when there is none, rather than raise.

    Raises:
        NotFound: there is none.
        InvalidInput: what comes is not what was asked for, too large, or of an old kind.
        RegistryFailed: the registry refuses or breaks off.
    """
    url, expected = session.url(f"manifests/{target}"), _PERHAPS if missing_ok else _FOUND
    with read(session, url, MAX_MANIFEST, expected, {"Accept": ACCEPT}) as (response, content):
        if response.status == 404:
            return None
        media_type, digest = _type_of(response), sha256(content)
        announced = response.headers.get("Docker-Content-Digest")
    name = session.reference
    for wanted in (target if ":" in target else None, announced):
        if wanted and wanted.startswith("sha256:") and wanted != digest:
            raise InvalidInput(f"{name}: the registry sent something else than {wanted}.")
    parsed = parse(content, media_type, name)
    return Descriptor(str(parsed["mediaType"]), digest, len(content)), content


def put_manifest(session: Session, target: str, media_type: str, content: bytes) -> dict[str, str]:
    """Store a manifest under a tag or its digest; the answer's headers.

    Raises:
        RegistryFailed: the registry refuses, or stored something else.
    """
    digest = sha256(content)
    url, headers = session.url(f"manifests/{target}"), {"Content-Type": media_type}
    expected = frozenset({200, 201, 202})
    with session.request("PUT", url, expected=expected, headers=headers, body=content) as response:
        told = response.headers.get("Docker-Content-Digest", digest)
        if told.startswith("sha256:") and told != digest:
            raise RegistryFailed(f"{session.origin} stored {told} in place of {digest}.")
        return {name.lower(): value for name, value in response.headers.items()}


@contextmanager
def read(
    session: Session, url: str, most: int, expected: frozenset[int], headers: Mapping[str, str]
) -> Iterator[tuple[BaseHTTPResponse, bytes]]:
    """A short answer with its body; fetched anew when the connection breaks.

    Raises:
        InvalidInput: it is longer than allowed.
        MlpackError: as for `Session.request`.
    """
    for left in reversed(range(_TRIES)):
        with session.request("GET", url, expected=expected, headers=headers) as response:
            try:
                content = read_short(response, most)
            except HTTPError:
                if left:
                    continue
                raise
            if len(content) > most:
                raise InvalidInput(
                    f"{session.reference}: the registry sent more than {most} bytes for what "
                    "should be short."
                )
            break
    yield response, content


def parse(content: bytes, media_type: str, name: Reference) -> dict[str, Any]:
    """A manifest or an index, with its ``mediaType``.

    Raises:
        InvalidInput: it is neither, could be taken for both, or is of Docker's first schema.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InvalidInput(f"{name}: the registry sent no manifest. Is it a registry's address?")
    if found.get("schemaVersion") == 1 or "manifest.v1" in media_type.replace("image.manifest", ""):
        raise InvalidInput(
            f"{name} is stored in Docker's first format (schema 1), which nobody should use any "
            "more. Pull it with an engine and push it again."
        )
    told = found.get("mediaType") or media_type
    told = told if told in INDEXES | MANIFESTS else _guess(found)
    lists, other = ("manifests", "layers") if told in INDEXES else ("layers", "manifests")
    if not isinstance(found.get(lists), list) or other in found:
        raise InvalidInput(f"{name} is neither an image nor a list of images ({told[:100]!r}).")
    if media_type in INDEXES | MANIFESTS and (media_type in INDEXES) != (told in INDEXES):
        raise InvalidInput(f"{name}: the registry says that it is {media_type}, but it is {told}.")
    return {**found, "mediaType": told}


def choose(index: Mapping[str, Any], platform: Platform, name: Reference) -> Descriptor:
    """The image for a platform out of an index.

    Raises:
        InvalidInput: there is none; names those that there are.
    """
    images = [
        each
        for each in map(Descriptor.from_dict, index["manifests"])
        if each.platform and each.platform.os != "unknown" and each.media_type in MANIFESTS
    ]  # what builders attach has the platform unknown/unknown
    for each in images:
        if each.platform == platform:
            return each
    for each in images:
        assert each.platform is not None
        found = each.platform
        near = (found.os, found.architecture) == (platform.os, platform.architecture)
        if near and platform.variant is None:
            return each
    raise wrong_platform(name, platform, [str(each.platform) for each in images])


def wrong_platform(name: Reference, platform: Platform, found: list[str]) -> InvalidInput:
    """The error that says what there is."""
    there = ", ".join(sorted(set(found))) or "no image at all"
    return InvalidInput(f"{name} has no image for {platform}; it has {there}.")


def _type_of(response: BaseHTTPResponse) -> str:
    return response.headers.get("Content-Type", "").partition(";")[0].strip()


def _guess(found: Mapping[str, Any]) -> str:
    """Of what names no type: OCI leaves it optional."""
    return OCI_INDEX if "manifests" in found else OCI_MANIFEST
