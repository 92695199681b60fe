"""What is said about an image, pushed beside it: SBOMs, signatures.

Protocol: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md, "Listing
Referrers" and "Referrers Tag Schema", the way of registries that do not know referrers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from ...errors import InvalidInput, RegistryFailed
from ..base import Progress, Report, ignore
from ..oci.documents import LARGEST_DOCUMENT
from ..oci.image import Attachment
from ..oci.spec import OCI_INDEX, Descriptor, canonical
from ..publish import Credentials
from .addresses import next_address
from .manifests import find_manifest, get_manifest, head_manifest, parse, put_manifest, read
from .reference import Reference, as_reference
from .session import Session
from .upload import Held, put_blob

_MOST_PAGES = 100
_MAX_CONTENT = 64 << 20
_TRIES = 5


def attach(
    attachment: Attachment,
    reference: Reference | str,
    *,
    credentials: Credentials | None = None,
    report: Report = ignore,
) -> Descriptor:
    """Push something about an image into the image's repository.

    Args:
        attachment: what, and about which manifest.
        reference: of the repository; tag and digest in it do not count.
        credentials: of the registry; default: what Docker's configuration says.
        report: called with what happens.

    Returns:
        Of the manifest that was made.

    Raises:
        RegistryFailed: the registry refuses, or does not answer.
    """
    with Session(as_reference(reference), "push", credentials) as session:
        return attach_all(session, [attachment], report)[0]


def attach_all(
    session: Session, attachments: Iterable[Attachment], report: Report = ignore
) -> list[Descriptor]:
    """As `attach`, in a session; what is there already costs one request."""
    return [_attach(session, each, report) for each in attachments]


def list_referrers(
    reference: Reference | str,
    digest: str,
    *,
    artifact_type: str | None = None,
    credentials: Credentials | None = None,
) -> list[Descriptor]:
    """What a registry has about a manifest; of attachments their manifests.

    Args:
        reference: of the repository.
        digest: of the manifest that they are about.
        artifact_type: only of this type.
        credentials: of the registry; default: what Docker's configuration says.

    Raises:
        InvalidInput: the registry answers with something else.
        RegistryFailed: the registry refuses, or does not answer.
    """
    with Session(as_reference(reference), "pull", credentials) as session:
        found = _by_api(session, digest, artifact_type)
        if found is None:
            found = _entries(_fallback(session, digest))
    # a registry that does not know the filter sends everything
    return [each for each in found if artifact_type in (None, each.artifact_type)]


def read_referrer(
    reference: Reference | str, referrer: Descriptor, *, credentials: Credentials | None = None
) -> bytes:
    """The content of an attachment, which is in one blob.

    Raises:
        InvalidInput: it is of another form, too large, or not what its digest says.
        NotFound: it is not there.
        RegistryFailed: the registry refuses, or does not answer.
    """
    with Session(as_reference(reference), "pull", credentials) as session:
        _, manifest = get_manifest(session, referrer.digest)
        layers = json.loads(manifest).get("layers")
        if not isinstance(layers, list) or len(layers) != 1:
            raise InvalidInput(f"{referrer.digest} does not hold one file.")
        blob = Descriptor.from_dict(layers[0])
        url = session.url(f"blobs/{blob.digest}")
        with read(session, url, _MAX_CONTENT, frozenset({200}), {}) as (_, content):
            if Descriptor.of(blob.media_type, content).digest != blob.digest:
                raise InvalidInput(f"The registry sent something else than {blob.digest}.")
            return content


def _attach(session: Session, attachment: Attachment, report: Report) -> Descriptor:
    made, subject = attachment.descriptor, attachment.subject
    if head_manifest(session, made.digest) is not None and _is_listed(session, made, subject):
        return made
    *blobs, _ = attachment.contents()
    for blob, content in blobs:
        put_blob(session, blob, Held(content), (), report)
    answer = put_manifest(session, made.digest, made.media_type, attachment.manifest)
    if answer.get("oci-subject") != subject.digest:  # the registry keeps no list
        _add_to_list(session, subject, made)
    report(Progress("log", f"attached {attachment.artifact_type} as {made.digest}"))
    return made


def _by_api(session: Session, digest: str, artifact_type: str | None) -> list[Descriptor] | None:
    """None when the registry does not have it."""
    query = f"?{urlencode({'artifactType': artifact_type})}" if artifact_type else ""
    url: str | None = session.url(f"referrers/{quote(digest, safe=':')}{query}")
    found: list[Descriptor] = []
    for _ in range(_MOST_PAGES):
        assert url is not None
        headers, expected = {"Accept": OCI_INDEX}, frozenset({200, 404})
        with read(session, url, LARGEST_DOCUMENT, expected, headers) as (response, content):
            kind = response.headers.get("Content-Type", "").partition(";")[0].strip()
            if response.status == 404 or kind != OCI_INDEX:
                return None  # some proxies answer everything
            found += _entries(parse(content, OCI_INDEX, session.reference))
            link = response.headers.get("Link", "")
            if 'rel="next"' not in link:
                return found
            url = next_address(session.origin, url, link.partition("<")[2].partition(">")[0])
    raise RegistryFailed(f"{session.origin} lists referrers without an end.")


def _fallback(session: Session, digest: str) -> Mapping[str, Any]:
    """The list that clients keep under a tag."""
    found = find_manifest(session, _tag(digest))
    if found is None:
        return {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}
    listed = parse(found[1], found[0].media_type, session.reference)
    if "manifests" not in listed:
        raise InvalidInput(f"{session.reference.name}:{_tag(digest)} is no list of referrers.")
    return listed


def _is_listed(session: Session, made: Descriptor, subject: Descriptor) -> bool:
    found = _by_api(session, subject.digest, None)
    if found is None:
        found = _entries(_fallback(session, subject.digest))
    return any(each.digest == made.digest for each in found)


def _add_to_list(session: Session, subject: Descriptor, made: Descriptor) -> None:
    """Two at once may overwrite each other, so look whether ours came to stay."""
    tag = _tag(subject.digest)
    for _ in range(_TRIES):
        listed = _fallback(session, subject.digest)
        if any(each.digest == made.digest for each in _entries(listed)):
            return
        changed = {**listed, "manifests": [*listed["manifests"], made.to_dict()]}
        put_manifest(session, tag, str(listed["mediaType"]), canonical(changed))
    raise RegistryFailed(f"{session.reference.name}:{tag} is changed by others all along.")


def _entries(index: Mapping[str, Any]) -> list[Descriptor]:
    return [Descriptor.from_dict(each) for each in index["manifests"]]


def _tag(digest: str) -> str:
    return digest.replace(":", "-")[:128]
