"""From an address to a place for files."""

from __future__ import annotations

from ..errors import InvalidInput
from ..uris import LocalUri, RemoteUri, parse
from .base import ArtifactStore
from .local import LocalArtifacts
from .object_places import SCHEMES


def open_artifacts(uri: str, *, tracking_uri: str | None = None) -> ArtifactStore:
    """The place that an address names; nothing is asked or made yet.

    Args:
        uri: a folder, a ``file:`` address, an object store's (see `ObjectArtifacts`), or a
            tracking server's (see `ProxiedArtifacts`).
        tracking_uri: the tracking server of ``mlflow-artifacts:/…``.

    Raises:
        InvalidInput: the address is malformed, or names no place of files.
    """
    parsed = parse(uri)
    if isinstance(parsed, LocalUri):
        return LocalArtifacts(parsed.path.expanduser().absolute())
    if isinstance(parsed, RemoteUri) and parsed.scheme in SCHEMES:
        from .object_store import ObjectArtifacts

        return ObjectArtifacts(uri)
    if isinstance(parsed, RemoteUri):
        from .proxy import ProxiedArtifacts

        return ProxiedArtifacts(uri, tracking_uri)
    raise InvalidInput(f"{uri!r} is the address of a model, not of a place for files.")
