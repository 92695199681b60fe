"""From a name and a platform to one image: indexes, nested ones too, and what may be in them.

Nothing here trusts what it reads: documents are bounded, and have the digest that led to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from ...errors import InvalidInput, NotFound
from .documents import descriptors, parse, read_document
from .image import Blobs, Image
from .spec import (
    DOCKER_CONFIG,
    INDEXES,
    MANIFESTS,
    OCI_CONFIG,
    Descriptor,
    Platform,
)
from .wellformed import check_image

REF_NAME = "org.opencontainers.image.ref.name"
FULL_NAME = "io.containerd.image.name"  # what containerd and Docker keep the whole name in
_DEEPEST = 4


class NotForPlatform(InvalidInput):
    """An image is for other platforms than the one asked for.

    Attributes:
        platforms: that it is for.
    """

    def __init__(self, message: str, platforms: tuple[Platform, ...] = ()) -> None:
        super().__init__(message)
        self.platforms = platforms


def by_name(index: Mapping[str, Any], name: str | None, where: str) -> Descriptor:
    """The entry of a layout's index that has a name, or the only image in it.

    Args:
        index: ``index.json``.
        name: a tag, a whole name, or a digest; None for the only one.
        where: the layout, for messages.

    Raises:
        NotFound: there is none of that name; says which there are.
        InvalidInput: no name is given, and there are several.
    """
    images = [
        each
        for each in descriptors(index, "manifests")
        if each.media_type in INDEXES | MANIFESTS and each.artifact_type is None
    ]
    known = ", ".join(sorted({_shown(each) for each in images} - {""})[:20]) or "none with a name"
    if name is None:
        found = list({each.digest: each for each in images}.values())
        if len(found) > 1:
            raise InvalidInput(f"{where} holds several images; name one of them: {known}.")
    else:
        found = [each for each in images if _is_called(each, name)]
    if not found:
        asked = f" {name!r}; there is: {known}" if name else ""
        raise NotFound(f"{where} holds no image{asked}.")
    if len({each.digest for each in found}) > 1:
        raise InvalidInput(f"{where} holds several images {name!r}; name one of them: {known}.")
    return found[0]


def _is_called(entry: Descriptor, name: str) -> bool:
    whole = entry.annotations.get(FULL_NAME)
    tag = entry.annotations.get(REF_NAME)
    return (
        name in (entry.digest, tag)
        or name.removeprefix(":") == tag
        or (whole is not None and full_name(whole) == full_name(name))
    )


def _shown(entry: Descriptor) -> str:
    whole = entry.annotations.get(FULL_NAME)
    return familiar_name(whole) if whole else entry.annotations.get(REF_NAME, "")


def full_name(name: str) -> str:
    """A name as containerd writes it: ``docker.io/library/churn:latest``."""
    last = name.rpartition("/")[2]
    tagged = name if ":" in last else f"{name}:latest"
    first, slash, _ = tagged.partition("/")
    if not slash:
        return f"docker.io/library/{tagged}"
    if "." in first or ":" in first or first == "localhost":
        return tagged
    return f"docker.io/{tagged}"


def familiar_name(name: str) -> str:
    """A name as people write it: ``churn:latest``."""
    return full_name(name).removeprefix("docker.io/").removeprefix("library/")


def image_of(root: Descriptor, blobs: Blobs, platform: Platform | None, what: str) -> Image:
    """The image for a platform that an index or a manifest leads to.

    Args:
        root: of the index or manifest.
        blobs: where everything is.
        platform: None takes this machine's, or the only one that there is.
        what: the image's name, for messages.

    Raises:
        NotForPlatform: there is none for the platform; says what there is.
        InvalidInput: a document is damaged, too large, or no image's.
        NotFound: a document is not there.
    """
    found = list(_manifests(root, blobs, _DEEPEST))
    _check_unique(found, what)
    here = [platform] if platform else [Platform.of_machine()]
    fits = [each for each in found if each.platform is None or each.platform.serves(here[0])]
    if not fits and platform is None and len(found) == 1:
        fits = found
    image = _read(fits[0], blobs, what) if fits else None
    known = tuple(dict.fromkeys(each.platform for each in found if each.platform))
    if image is None or (platform and not image.platform.serves(platform)):
        there = known or ((image.platform,) if image else ())
        told = ", ".join(sorted(map(str, there)))
        raise NotForPlatform(
            f"{what} is not for {here[0]}; it is for {told or 'nothing'}. "
            "Name one of these with --platform, or another image.",
            there,
        )
    return replace(image, platforms=known if root.media_type in INDEXES else ())


def _check_unique(found: Iterable[Descriptor], what: str) -> None:
    """Of two images for one platform each reader might take another."""
    digests: dict[Platform, str] = {}
    for each in found:
        where = each.platform
        if where and where.os == "linux" and digests.setdefault(where, each.digest) != each.digest:
            raise InvalidInput(f"{what} names two different images for {where}.")


def _manifests(root: Descriptor, blobs: Blobs, depth: int) -> Iterator[Descriptor]:
    if root.media_type in MANIFESTS:
        yield root
        return
    if root.media_type not in INDEXES:
        raise InvalidInput(
            f"An image's manifest is of an unknown type, {root.media_type[:80]!r}. Old images "
            "(schema 1) have to be pushed again by a newer tool."
        )
    if depth == 0:
        raise InvalidInput("The image's indexes are nested too deeply.")
    for each in descriptors(parse(read_document(blobs, root), "index"), "manifests"):
        attests = each.platform is not None and each.platform.os == "unknown"
        if each.artifact_type is None and not attests and each.media_type in INDEXES | MANIFESTS:
            yield from _manifests(each, blobs, depth - 1)


def _read(root: Descriptor, blobs: Blobs, what: str) -> Image:
    content = read_document(blobs, root)
    manifest = parse(content, "manifest")
    config = Descriptor.from_dict(manifest.get("config") or {})
    if config.media_type not in (OCI_CONFIG, DOCKER_CONFIG):
        raise InvalidInput(f"{what} is not a container image but {config.media_type[:80]!r}.")
    settings_bytes = read_document(blobs, config)
    settings = parse(settings_bytes, "configuration")
    described = Descriptor(
        root.media_type, root.digest, root.size, root.platform or Platform.from_dict(settings)
    )
    image = Image(described, content, settings_bytes, blobs)
    check_image(image, what)
    return image
