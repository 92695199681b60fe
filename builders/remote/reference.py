"""Names of images in registries.

Format: https://github.com/distribution/reference, with Docker's defaults: ``python`` is
``docker.io/library/python:latest``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ...errors import InvalidInput

_HUB = "docker.io"
_HUB_NAMES = frozenset({_HUB, "index.docker.io", "registry-1.docker.io"})
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_REGISTRY = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::(\d{{1,5}}))?")
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MAX_TEXT = 1024  # of what is looked at
_MAX_NAME = 255


@dataclass(frozen=True, slots=True)
class Reference:
    """An image in a registry.

    Attributes:
        registry: host and port as people write them, such as ``docker.io`` or ``localhost:5000``.
        repository: such as ``library/python``.
        tag: None when only a digest is named.
        digest: ``sha256:…``; decides when there is a tag, too.
    """

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """From ``[host[:port]/]repository[:tag][@sha256:…]``.

        Raises:
            InvalidInput: it is not of that form; names the nearest right spelling.
        """
        found = _parse(text)
        if isinstance(found, Reference):
            return found
        better = _nearest(text)
        hint = f" Did you mean {better!r}?" if better else ""
        raise InvalidInput(f"{text[:200]!r} is no name of an image: {found}.{hint}")

    @property
    def host(self) -> str:
        """Host and port that answer."""
        return "registry-1.docker.io" if self.registry == _HUB else self.registry

    @property
    def name(self) -> str:
        """Registry and repository."""
        return f"{self.registry}/{self.repository}"

    @property
    def target(self) -> str:
        """What names the manifest in the repository: the digest if there is one, else the tag."""
        return self.digest or self.tag or "latest"

    def pinned(self, digest: str) -> Reference:
        """The same repository at a digest, which no later push changes."""
        return replace(self, tag=None, digest=digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}{f'@{self.digest}' if self.digest else ''}"


def as_reference(reference: Reference | str) -> Reference:
    """Parsed, unless it is already."""
    return reference if isinstance(reference, Reference) else Reference.parse(reference)


def digest_among(pinned: Iterable[object], name: str) -> str | None:
    """The digest by which an engine has an image from the repository of a name.

    Args:
        pinned: ``RepoDigests``, as the engine lists them.
        name: of the image; that of an id is in no repository.
    """
    wanted = _parse(name)
    if not isinstance(wanted, Reference):
        return None
    known = [_parse(str(each)) for each in pinned]
    found = [
        each.digest
        for each in known
        if isinstance(each, Reference) and each.name == wanted.name and each.digest
    ]
    return wanted.digest if wanted.digest in found else next(iter(found), None)


def has_registry(text: str) -> bool:
    """Whether a name says which registry it is in."""
    first, slash, _ = text.partition("/")
    return bool(slash) and _looks_like_host(first)


def _parse(text: str) -> Reference | str:
    """The reference, or what is wrong with the text."""
    if not text or len(text) > _MAX_TEXT:
        return "it is empty" if not text else "it is too long"
    rest, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        return "what follows @ is not sha256: and 64 hexadecimal digits"
    first, slash, others = rest.partition("/")
    registry, path = _HUB, rest
    if slash and (_looks_like_host(first)):
        registry, path = first, others
    match = _REGISTRY.fullmatch(registry)
    if match is None or int(match[1] or 1) not in range(1, 65536):
        return f"{registry!r} is not a host with an optional port"
    repository, colon, tag = path.partition(":")
    if colon and not _TAG.fullmatch(tag):
        return f"{tag!r} is no tag (letters, digits, _ . and -, 128 at most)"
    if not _REPOSITORY.fullmatch(repository):
        return (
            f"{repository!r} is no repository (lower-case letters and digits, between them single "
            ". _ - and /)"
        )
    if registry in _HUB_NAMES:
        registry = _HUB
        repository = repository if "/" in repository else f"library/{repository}"
    if len(registry) + len(repository) > _MAX_NAME:
        return f"it is longer than {_MAX_NAME} characters"
    return Reference(
        registry.lower(), repository, tag or (None if digest else "latest"), digest or None
    )


def _looks_like_host(first: str) -> bool:
    return "." in first or ":" in first or first == "localhost"


def _nearest(text: str) -> str | None:
    """What was probably meant; None if even that is no reference."""
    text = re.sub(r"^(docker|oci|https?)://", "", text.strip()[:_MAX_TEXT])
    rest, _, digest = text.partition("@")
    first, slash, others = rest.partition("/")
    host, path = (f"{first}/", others) if slash and _looks_like_host(first) else ("", rest)
    path = path.removeprefix("v2/")
    repository, _, tag = path.partition(":")
    repository = "/".join(
        cleaned
        for part in repository.lower().split("/")
        if (cleaned := re.sub(r"[^a-z0-9]*[^a-z0-9._-]+[^a-z0-9]*|\.\.+", "-", part).strip("._-"))
    )
    tag = re.sub(r"[^A-Za-z0-9_.-]+", "-", tag).lstrip(".-")[:128]
    better = host + repository + (f":{tag}" if tag else "")
    if _DIGEST.fullmatch(digest.lower()):
        better += f"@{digest.lower()}"
    return better if isinstance(_parse(better), Reference) else None
