"""From an address to a place for files."""

from __future__ import annotations

from ..errors import InvalidInput
from ..uris import LocalUri, RemoteUri, parse
from .base import ArtifactStore
from .local import LocalArtifacts


def open_artifacts(uri: str, *, tracking_uri: str | None = None) -> ArtifactStore:
    """The place that an address names; nothing is asked or made yet.

    Args:
        uri: a folder or ``file:`` address.
        tracking_uri: the tracking server of ``mlflow-artifacts:/…``.

    Raises:
        InvalidInput: the address is malformed, or names no place of files.
    """
    parsed = parse(uri)
    if isinstance(parsed, LocalUri):
        return LocalArtifacts(parsed.path.expanduser().absolute())
    if isinstance(parsed, RemoteUri):
        raise InvalidInput(f"Files at {parsed.scheme}: are not supported yet.")
    raise InvalidInput(f"{uri!r} names a model, not a place of files.")
