"""An image into a registry, for targets that run it from there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .base import BuildSpec, Output, Report, ignore
from .engine import connect
from .oci.image import Bundle
from .record import record_build

if TYPE_CHECKING:
    from .oci.cache import Cache


@dataclass(frozen=True)
class Credentials:
    """Of a registry, when they are not in Docker's configuration (ECR, ACR: short-lived)."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.username!r}, ***)"


@dataclass(frozen=True)
class Published:
    """An image in a registry.

    Attributes:
        reference: registry, repository and tag.
        digest: of its manifest, ``sha256:…``; with the repository it names the image for ever.
        size: bytes as they are stored in the registry, base included.
        uploaded: bytes that had to be sent; 0 when all was there.
    """

    reference: str
    digest: str
    size: int
    uploaded: int

    @property
    def pinned(self) -> str:
        """``repository@sha256:…``, which no later push changes."""
        name = self.reference
        if ":" in name.rpartition("/")[2]:
            name = name.rpartition(":")[0]
        return f"{name}@{self.digest}"


def publish(
    image: BuildSpec | str,
    reference: str,
    *,
    credentials: Credentials | None = None,
    platform: str | None = None,
    builder: str = "auto",
    report: Report = ignore,
) -> Published:
    """Build an image, unless it is one already, and put it into a registry.

    Blobs that the registry has are not sent again; if it has all of it, nothing is.

    Args:
        image: what to build, or an image that is there: its name on the engine or in a registry,
            ``layout:FOLDER``, ``archive:FILE``.
        reference: registry, repository and tag to push to.
        credentials: of the registry; default: what Docker's configuration says.
        platform: that the place runs, such as ``linux/amd64``; default: the spec's own.
        builder: ``auto``, ``docker`` or ``oci``.
        report: called with what happens.

    Raises:
        InvalidInput: the reference cannot be used.
        NotFound: there is no such image.
        BuildFailed: the image could not be built.
        RegistryFailed: the registry refused, or broke off; says why and what to do.
    """
    from .oci.cache import Cache
    from .oci.open import open_image
    from .oci.spec import Platform
    from .remote.push import push
    from .remote.reference import Reference

    Reference.parse(reference)  # refused before the work begins
    with Cache.of_user().hold() as cache:
        if isinstance(image, BuildSpec):
            spec = replace(
                image,
                platforms=(platform,) if platform else image.platforms,
                outputs=(Output("registry"),),
            )
            made_by, bundle = _built(spec, cache, builder, report)
        else:
            wanted = Platform.parse(platform) if platform else None
            found = open_image(image, wanted, cache, report=report)
            spec, made_by, bundle = None, "", Bundle(reference, (found,))
        pushed = push(bundle, reference, credentials=credentials, report=report)
    if spec is not None:
        platforms = [str(each.platform) for each in bundle.images]
        record_build(spec, reference, pushed.digest, platforms, made_by, report)
    return Published(reference, pushed.digest, _size(bundle), pushed.uploaded)


def _built(
    spec: BuildSpec,
    cache: Cache,
    builder: str,
    report: Report,
) -> tuple[str, Bundle]:
    """The name of the builder, and what it made."""
    from .choose import choose
    from .oci.build import make_bundle, prepared_here

    if choose(builder, spec) == "oci":
        return "oci", make_bundle(prepared_here(spec), cache, report)[0]
    from .docker import DockerBuilder
    from .docker_bundle import bundle_of_engine

    made = DockerBuilder().make(replace(spec, outputs=()), report)
    client = connect()
    try:
        return "docker", bundle_of_engine(client, made.id, made.sboms[0], spec, cache, report)
    finally:
        client.close()


def _size(bundle: Bundle) -> int:
    """Bytes in a registry: every blob once."""
    blobs = {blob.digest: blob.size for blob, _ in bundle.contents()}
    beside = {blob.digest for each in bundle.attachments for blob, _ in each.contents()}
    return sum(size for digest, size in blobs.items() if digest not in beside)
