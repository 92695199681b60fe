"""An image out of a registry: its manifest at once, its layers when they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO

from urllib3.exceptions import HTTPError

from ...errors import InvalidInput, NotFound, RegistryFailed
from ...http_client import number
from ..base import Progress, Report, ignore
from ..oci.cache import Cache
from ..oci.image import Image
from ..oci.spec import INDEXES, Descriptor, Platform
from ..oci.wellformed import check_image
from ..publish import Credentials
from . import memory
from .connections import content_range
from .manifests import MAX_MANIFEST, choose, get_manifest, head_manifest, parse, wrong_platform
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
            return
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
    found, content = _manifest(session, cache, reference.target, report)
    if found.media_type in INDEXES:
        chosen = choose(parse(content, found.media_type, reference), platform, reference)
        found, content = _manifest(session, cache, chosen.digest, report)
        if found.media_type in INDEXES:
            raise InvalidInput(f"{reference} lists a list of images as an image.")
    manifest = parse(content, found.media_type, reference)
    config = Descriptor.from_dict(manifest.get("config") or {})
    blobs = RemoteBlobs(session, cache)
    image = Image(
        Descriptor(found.media_type, found.digest, found.size, platform=platform),
        content,
        _short(blobs, config, reference),
        blobs,
    )
    _check(image, platform, reference)
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


def _manifest(
    session: Session, cache: Cache, target: str, report: Report
) -> tuple[Descriptor, bytes]:
    """From the cache if it is there: HEAD, unlike GET, counts against no limit of pulls."""
    name = session.reference
    digest = target if ":" in target else None
    kind = ""
    if digest is None and (head := head_manifest(session, target)):
        digest, kind = head.digest, head.media_type
    path = cache.path(digest) if digest else None
    if path is not None and digest is not None and path.stat().st_size <= MAX_MANIFEST:
        size = path.stat().st_size
        with cache.open(Descriptor(kind, digest, size)) as file:
            content = file.read()
        parsed = parse(content, kind, name)
        return Descriptor(str(parsed["mediaType"]), digest, size), content
    report(Progress("log", f"asking {name.registry} for {name.repository}"))
    found = get_manifest(session, digest or target, missing_ok=False)
    assert found is not None
    cache.add([found[1]], found[0].media_type, found[0])
    return found


def _short(blobs: RemoteBlobs, config: Descriptor, name: Reference) -> bytes:
    if config.size > MAX_MANIFEST:
        raise InvalidInput(f"The configuration of {name} has {config.size} bytes: too many.")
    with blobs.open(config) as file:
        return file.read()


def _check(image: Image, platform: Platform, name: Reference) -> None:
    """That the rest of the house can rely on it."""
    try:
        found = Platform.from_dict(image.settings)
        counted = (len(image.layers), len(image.diff_ids))
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        raise InvalidInput(f"{name} is no image that runs: its configuration is none.") from None
    if counted[0] != counted[1]:
        raise InvalidInput(f"{name} has {counted[0]} layers, but names {counted[1]}.")
    check_image(image, str(name))
    if (found.os, found.architecture) != (platform.os, platform.architecture):
        raise wrong_platform(name, platform, [str(found)])
    if platform.variant and found.variant not in (None, platform.variant):
        raise wrong_platform(name, platform, [str(found)])
