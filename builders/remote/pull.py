"""An image out of a registry: its manifest at once, its layers when they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import BinaryIO

from urllib3.exceptions import HTTPError

from ...errors import InvalidInput, NotFound, RegistryFailed
from ...http_client import number
from ..base import Progress, Report, ignore
from ..oci.cache import Cache
from ..oci.documents import read_document
from ..oci.image import Image
from ..oci.select import image_of
from ..oci.spec import INDEXES, MANIFESTS, Descriptor, Platform
from ..publish import Credentials
from . import memory
from .connections import content_range
from .manifests import get_manifest, head_manifest, parse
from .parallel import each, pause
from .reference import Reference, as_reference
from .session import Session

_PIECE = 1 << 20
_BREAKS = 5  # without a byte between them


class RemoteBlobs:
    """The blobs of a repository, fetched into the cache when they are first opened; a `Blobs`.

    Attributes:
        reference: where they are.
    """

    def __init__(self, session: Session, cache: Cache, report: Report = ignore) -> None:
        self.reference = session.reference
        self._session = session
        self._cache = cache
        self._report = report

    def reporting(self, report: Report) -> RemoteBlobs:
        """The same; ``report`` is called while blobs are fetched."""
        return RemoteBlobs(self._session, self._cache, report)

    def open(self, blob: Descriptor) -> AbstractContextManager[BinaryIO]:
        """A blob's bytes.

        Raises:
            NotFound: the registry does not have it.
            InvalidInput: what came is not the blob.
            RegistryFailed: the registry refuses or breaks off, again and again.
        """
        self.fetch(blob, self._report)
        return self._cache.open(blob)

    def fetch(self, blob: Descriptor, report: Report = ignore) -> None:
        """Into the cache, unless it is there."""
        if self._cache.path(blob.digest, blob.size) is not None:
            report(Progress("cached", f"{blob.digest[7:19]} is in the cache"))
        elif blob.media_type in INDEXES | MANIFESTS:
            found, content = get_manifest(self._session, blob.digest)
            if (found.media_type in INDEXES) != (blob.media_type in INDEXES):
                raise InvalidInput(f"{self.reference}: {blob.digest} is no {blob.media_type}.")
            self._cache.add([content], found.media_type, blob)
        else:
            self._cache.add(self._pieces(blob, report), blob.media_type, blob)

    def _pieces(self, blob: Descriptor, report: Report) -> Iterator[bytes]:
        """All of it, taken up again where a connection broke."""
        done, breaks = 0, 0
        shown = f"pulling {blob.digest[7:19]}"
        while done < blob.size:
            before = done
            try:
                for piece in self._from(blob, done):
                    done += len(piece)
                    if done > blob.size:
                        raise InvalidInput(
                            f"{self.reference}: the registry sent more than the {blob.size} bytes "
                            f"of {blob.digest}."
                        )
                    yield piece
                    report(Progress("bytes", shown, done=done, total=blob.size))
                if done < blob.size:
                    raise HTTPError  # ended early, in all politeness
            except HTTPError:
                breaks = 1 if done > before else breaks + 1
                if breaks >= _BREAKS:
                    raise RegistryFailed(
                        f"{self._session.origin} broke off at byte {done} of {blob.digest}, again "
                        "and again. Try again later."
                    ) from None
                pause(number("HTTP_REQUEST_BACKOFF_FACTOR", 0.5) * 2 ** (breaks - 1))

    def _from(self, blob: Descriptor, start: int) -> Iterator[bytes]:
        """From a place on; HTTPError when the connection breaks."""
        headers = {"Range": f"bytes={start}-"} if start else {}
        url = self._session.url(f"blobs/{blob.digest}")
        expected = frozenset({200, 206, 404})
        broken: HTTPError | None = None
        with self._session.request("GET", url, expected=expected, headers=headers) as response:
            if response.status == 404:
                raise NotFound(f"{self.reference.name} has no blob {blob.digest}.")
            skip = start
            if response.status == 206:
                place = content_range(response.headers.get("Content-Range"))
                if place != start:
                    raise RegistryFailed(
                        f"{self._session.origin} sent another part of {blob.digest} than asked for."
                    )
                skip = 0
            try:
                for piece in response.stream(_PIECE):
                    yield piece[skip:]
                    skip = max(0, skip - len(piece))
            except HTTPError as error:
                broken = error  # outside of what puts it into words for the user
        if broken is not None:
            raise broken


def read_remote(
    reference: Reference | str,
    platform: Platform,
    cache: Cache,
    *,
    credentials: Credentials | None = None,
    report: Report = ignore,
) -> Image:
    """An image of one platform.

    Manifest and configuration are fetched, unless the cache has what the tag leads to now; with
    a digest and all of it in the cache the registry is not asked at all.

    Args:
        reference: of an image, or of an index of several.
        platform: that is wanted.
        cache: where everything goes.
        credentials: of the registry; default: what Docker's configuration says.
        report: called with what happens.

    Raises:
        InvalidInput: the reference cannot be used, there is no image for the platform (names
            those that there are), or the registry sent something else than it should.
        NotFound: there is no such image.
        RegistryFailed: the registry refuses or does not answer; says what to do.
    """
    reference = as_reference(reference)
    session = Session(reference, "pull", credentials)
    root = _root(session, cache, report)
    image = image_of(root, RemoteBlobs(session, cache), platform, str(reference))
    image = replace(image, origin=root.digest)
    memory.note(cache, (layer.digest for layer in image.layers), reference)
    return image


def download(image: Image, report: Report = ignore) -> None:
    """Fetch all layers of an image that are not in the cache yet, several at once.

    Nothing happens to an image that is not from a registry.

    Raises:
        MlpackError: as for `RemoteBlobs.open`.
    """
    blobs = image.blobs
    if not isinstance(blobs, RemoteBlobs):
        return
    layers = list({layer.digest: layer for layer in image.layers}.values())
    each(layers, blobs.fetch, report)


def _root(session: Session, cache: Cache, report: Report) -> Descriptor:
    """What the reference leads to; it is in the cache now.

    It is asked for with HEAD first, which unlike GET counts against no limit of pulls.
    """
    name, kind = session.reference, ""
    digest = name.digest
    if digest is None and (head := head_manifest(session, name.target)):
        digest, kind = head.digest, head.media_type
    path = cache.path(digest) if digest else None
    if path is not None and digest is not None:
        known = Descriptor(kind, digest, path.stat().st_size)
        parsed = parse(read_document(cache, known), kind, name)
        return replace(known, media_type=str(parsed["mediaType"]))
    report(Progress("log", f"asking {name.registry} for {name.repository}"))
    found, content = get_manifest(session, digest or name.target)
    cache.add([content], found.media_type, found)
    return found
