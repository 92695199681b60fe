"""An image into a registry: only what is missing, and the name last, so that nobody sees half.

Protocol: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#push.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...errors import InvalidInput, RegistryFailed
from ..base import Progress, Report, ignore
from ..oci.cache import Cache
from ..oci.image import Blobs, Bundle, Image
from ..oci.spec import Descriptor
from ..publish import Credentials
from . import memory
from .manifests import head_manifest, put_manifest
from .parallel import each
from .pull import RemoteBlobs
from .reference import Reference, as_reference, has_registry
from .referrers import attach_all
from .session import Session
from .upload import Held, PushedBlob, put_blob

_UNKNOWN_KIND = frozenset({400, 404, 405, 415})


@dataclass(frozen=True)
class Pushed:
    """An image in a registry.

    Attributes:
        reference: registry, repository and tag.
        digest: what it leads to.
        uploaded: bytes of blobs that had to be sent.
        blobs: what became of each; none when the reference led to the digest already.
    """

    reference: str
    digest: str
    uploaded: int
    blobs: tuple[PushedBlob, ...]


def push(
    bundle: Bundle,
    reference: Reference | str,
    *,
    credentials: Credentials | None = None,
    mount_from: Iterable[str] = (),
    report: Report = ignore,
    cache: Cache | None = None,
) -> Pushed:
    """Put a bundle into a registry, and what is attached to it beside it.

    Layers go first, several at once, then configurations, manifests, the index, and with the
    last of them the tag. If the tag leads there already, one request tells so.

    Args:
        bundle: what to push.
        reference: where to; a digest in it must be the bundle's.
        credentials: of the registry; default: what Docker's configuration says.
        mount_from: repositories that are likely to have layers, such as the base image's, with
            or without the registry; those of other registries are passed over.
        report: called with what happens, from the calling thread.
        cache: that remembers which repositories have what; default: the user's.

    Raises:
        InvalidInput: the reference cannot be used, or a blob is not what it should be.
        NotFound: the registry wants the repository to be created first.
        RegistryFailed: the registry refuses, or does not answer; says why and what to do.
    """
    reference = as_reference(reference)
    if reference.digest not in (None, bundle.digest):
        raise InvalidInput(f"{reference} names another image than {bundle.digest}.")
    cache = cache or Cache.of_user()
    with Session(reference, "push", credentials) as session:
        blobs: list[PushedBlob] = []
        head = head_manifest(session, reference.target)
        if head is not None and head.digest == bundle.digest:
            report(Progress("cached", f"{reference} is there already"))
        else:
            places = _places(mount_from, reference)
            blobs = _push_blobs(session, bundle, cache, places, report)
            _push_manifests(session, bundle, report)
        _attach(session, bundle, report)
    memory.note(cache, _digests(bundle.images), reference)
    sent = sum(blob.sent for blob in blobs)
    return Pushed(str(reference), bundle.digest, sent, tuple(blobs))


def check_access(reference: Reference | str, credentials: Credentials | None = None) -> None:
    """See whether a registry answers and knows the login, before an image is made for it.

    Raises:
        InvalidInput: the reference cannot be used.
        RegistryFailed: the registry refuses, or does not answer.
    """
    reference = as_reference(reference)
    with Session(reference, "push", credentials) as session:
        head_manifest(session, reference.target)


def remote_digest(reference: Reference | str, credentials: Credentials | None = None) -> str | None:
    """The digest that a tag leads to, without downloading anything; None when it is missing.

    Raises:
        InvalidInput: the reference cannot be used.
        RegistryFailed: the registry refuses, or does not answer.
    """
    reference = as_reference(reference)
    with Session(reference, "pull", credentials) as session:
        head = head_manifest(session, reference.target)
    return head.digest if head else None


def _push_blobs(
    session: Session, bundle: Bundle, cache: Cache, places: Sequence[str], report: Report
) -> list[PushedBlob]:
    def put(item: tuple[Descriptor, Blobs], tell: Report) -> PushedBlob:
        blob, blobs = item
        likely = [*places, *memory.repositories(cache, blob.digest, session.reference.registry)]
        if isinstance(blobs, RemoteBlobs):
            likely += _places([str(blobs.reference)], session.reference)
            blobs = blobs.reporting(tell)
        return put_blob(session, blob, blobs, list(dict.fromkeys(likely)), tell)

    layers = {layer.digest: (layer, im.blobs) for im in bundle.images for layer in im.layers}
    configs: dict[str, tuple[Descriptor, Blobs]] = {
        image.config_descriptor.digest: (image.config_descriptor, Held(image.config))
        for image in bundle.images
    }
    done = each(layers.values(), put, report)
    return done + each(configs.values(), put, report)


def _push_manifests(session: Session, bundle: Bundle, report: Report) -> None:
    target = session.reference.target
    if bundle.index is None:
        image = bundle.images[0]
        put_manifest(session, target, image.descriptor.media_type, image.manifest)
    else:
        for image in bundle.images:
            descriptor = image.descriptor
            put_manifest(session, descriptor.digest, descriptor.media_type, image.manifest)
        put_manifest(session, target, bundle.root.media_type, bundle.index)
    report(Progress("log", f"{session.reference} is {bundle.digest}"))


def _attach(session: Session, bundle: Bundle, report: Report) -> None:
    """A registry of old that knows only images costs the attachments, not the push."""
    try:
        attach_all(session, bundle.attachments, report)
    except RegistryFailed as error:
        if error.http_status not in _UNKNOWN_KIND:
            raise
        kinds = ", ".join(sorted({each.artifact_type for each in bundle.attachments}))
        where = session.reference.registry
        report(Progress("notice", f"{where} takes nothing beside images; not attached: {kinds}."))


def _places(names: Iterable[str], reference: Reference) -> list[str]:
    """Repositories of the reference's registry."""
    found = []
    for name in names:
        parsed = Reference.parse(name)
        if parsed.registry == reference.registry:
            found.append(parsed.repository)
        elif not has_registry(name):
            found.append(name.partition("@")[0].partition(":")[0])
    return found


def _digests(images: Iterable[Image]) -> Iterable[str]:
    return {layer.digest for image in images for layer in image.layers}
