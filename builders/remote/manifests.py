"""Manifests and indexes as a registry sends them: bounded, checked, never mistaken for each other.

Format: https://github.com/opencontainers/image-spec (1.1) and Docker's schema 2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from ...errors import InvalidInput, RegistryFailed
from ..oci.documents import LARGEST_DOCUMENT
from ..oci.documents import parse as parse_document
from ..oci.spec import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    INDEXES,
    MANIFESTS,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    sha256,
)
from .connections import read_short
from .reference import Reference
from .session import Session

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
    found_too = find_manifest(session, target)  # a registry that does not tell
    return found_too[0] if found_too else None


def find_manifest(session: Session, target: str) -> tuple[Descriptor, bytes] | None:
    """As `get_manifest`; None when there is none."""
    with _read_manifest(session, target, _PERHAPS) as (response, content):
        return None if response.status == 404 else _checked(session, target, response, content)


def get_manifest(session: Session, target: str) -> tuple[Descriptor, bytes]:
    """A manifest or an index, checked against the digest that was asked for or announced.

    Args:
        session: of the repository.
        target: tag or digest.

    Raises:
        NotFound: there is none.
        InvalidInput: what comes is not what was asked for, too large, or of an old kind.
        RegistryFailed: the registry refuses or breaks off.
    """
    with _read_manifest(session, target, _FOUND) as (response, content):
        return _checked(session, target, response, content)


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
        found = parse_document(content, "manifest")
    except InvalidInput:
        raise InvalidInput(
            f"{name}: the registry sent no manifest. Is it a registry's address?"
        ) from None
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


def _read_manifest(
    session: Session, target: str, expected: frozenset[int]
) -> AbstractContextManager[tuple[BaseHTTPResponse, bytes]]:
    url = session.url(f"manifests/{target}")
    return read(session, url, LARGEST_DOCUMENT, expected, {"Accept": ACCEPT})


def _checked(
    session: Session, target: str, response: BaseHTTPResponse, content: bytes
) -> tuple[Descriptor, bytes]:
    digest, announced = sha256(content), response.headers.get("Docker-Content-Digest")
    for wanted in (target if ":" in target else None, announced):
        if wanted and wanted.startswith("sha256:") and wanted != digest:
            raise InvalidInput(
                f"{session.reference}: the registry sent something else than {wanted}."
            )
    parsed = parse(content, _type_of(response), session.reference)
    return Descriptor(str(parsed["mediaType"]), digest, len(content)), content


def _type_of(response: BaseHTTPResponse) -> str:
    return response.headers.get("Content-Type", "").partition(";")[0].strip()


def _guess(found: Mapping[str, Any]) -> str:
    """Of what names no type: OCI leaves it optional."""
    return OCI_INDEX if "manifests" in found else OCI_MANIFEST
