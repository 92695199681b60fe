"""An image into a registry, for targets that run it from there."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..errors import NotFound, RegistryFailed
from .base import BuildSpec, Progress, Report, ignore
from .engine import connect


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
        image: what to build, or the name of an image on the engine.
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
    from docker.errors import APIError, ImageNotFound

    from .docker import DockerBuilder

    source = image
    if isinstance(image, BuildSpec):
        platforms = (platform,) if platform else image.platforms
        source = DockerBuilder().build(replace(image, platforms=platforms), report).id
    client = connect()
    try:
        found = client.images.get(source)
        repository, _, tag = reference.rpartition(":")
        found.tag(repository, tag)
        login = (
            {"username": credentials.username, "password": credentials.password}
            if (credentials)
            else None
        )
        digest, uploaded = "", 0
        for line in client.api.push(repository, tag, stream=True, decode=True, auth_config=login):
            if "error" in line:
                raise RegistryFailed(f"{repository} did not take the image: {line['error']}")
            digest = (line.get("aux") or {}).get("Digest", digest)
            report(Progress("log", str(line.get("status", ""))))
        return Published(reference, digest, int(found.attrs["Size"]), uploaded)
    except ImageNotFound:
        raise NotFound(f"The engine has no image {image!r}.") from None
    except APIError as error:
        raise RegistryFailed(f"{reference}: {error.explanation}") from None
    finally:
        client.close()
