"""Which files the server reads and writes for its clients, and which never.

A client names files only relative to what is recorded: a run, a model, the server's own
destination. What is recorded is looked at again here, because a database may come from a server
that let clients record any path (CVE-2023-1177, CVE-2024-1558 and their relatives).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeGuard
from urllib.parse import unquote, urlsplit

from ..artifacts.object_places import SCHEMES, locate
from ..artifacts.uploads import visible_path
from ..errors import InvalidInput, InvalidState
from ..uris import LocalUri, RemoteUri, Uri, parse, safe_relative

if TYPE_CHECKING:
    from ..artifacts.base import ArtifactStore

PROXY = "/api/2.0/mlflow-artifacts/artifacts/"


class Places:
    """The server's places for files.

    Args:
        destination: what ``mlflow-artifacts:`` stands for; None when files do not go through
            this server.
        roots: folders and addresses in object stores below which recorded locations may lie;
            None for anywhere, where whoever starts the server is also the one who recorded them.

    Raises:
        InvalidInput: a root is neither.
    """

    def __init__(
        self, destination: ArtifactStore | None, roots: tuple[str, ...] | None = ()
    ) -> None:
        self._destination = destination
        self._anywhere = roots is None
        parsed = [parse(root) for root in roots or ()]
        self._folders = [root.path.absolute() for root in parsed if isinstance(root, LocalUri)]
        self._prefixes = [locate(root.uri) for root in parsed if is_object_store(root)]

    @property
    def destination(self) -> ArtifactStore:
        """Where files go that come through this server.

        Raises:
            InvalidState: they do not.
        """
        if self._destination is None:
            raise InvalidState(
                "This server does not transfer files (it runs with --no-serve-artifacts); write "
                "to the run's artifact_uri directly."
            )
        return self._destination

    @property
    def transfers(self) -> bool:
        """Whether files go through this server."""
        return self._destination is not None

    def find(self, location: str, path: str = "") -> tuple[ArtifactStore, str, str]:
        """Where the files of a recorded location are.

        Args:
            location: of a run or a model, as recorded.
            path: below it, from a client.

        Returns:
            the place; the path in it; and of that the part that ``location`` stands for, which
            clients do not see.

        Raises:
            InvalidInput: the path leaves the location, or the location is not the server's to
                read.
        """
        path = visible_path(path) if path else ""
        proxied = proxied_path(location)
        if proxied is not None:
            prefix = visible_path(proxied) if proxied else ""
            return self.destination, "/".join(filter(None, (prefix, path))), prefix
        self._check(location)
        return _open(location), path, ""

    def _check(self, location: str) -> None:
        """Whoever may record a location must not read with the server's credentials there."""
        parsed = parse(location)
        if isinstance(parsed, LocalUri):
            folder = parsed.path.expanduser().resolve()
            allowed = any(folder.is_relative_to(root.resolve()) for root in self._folders)
        elif is_object_store(parsed):
            place = locate(location)
            if place.prefix:
                visible_path(place.prefix)
            allowed = any(place.is_below(root) for root in self._prefixes)
        else:
            raise InvalidInput(f"{location!r} is no place of files.")
        if not (allowed or self._anywhere):
            raise InvalidInput(
                "The files are recorded in a place outside of what this server may read; start it "
                "with --allowed-artifact-roots and that place to show them. Clients with access "
                "of their own can read them all the same."
            )


def check_location(location: str) -> str:
    """A location for files that a client may record.

    Raises:
        InvalidInput: a path or ``file:`` address, which would be one of the server's own disk; or
            an address with a way out of it, a query or a fragment.
    """
    parsed = parse(location)
    if not isinstance(parsed, RemoteUri):
        raise InvalidInput(
            f"The artifact_location {location!r} is not allowed over REST: it would be a folder "
            "on the server's disk. Leave it out, or give mlflow-artifacts:/… or an address in an "
            "object store such as s3://bucket/path."
        )
    parts = urlsplit(location)
    path = parts.path.lstrip("/")
    if path:
        safe_relative(path)
    if parts.query or parts.fragment or "?" in location or "#" in location:
        raise InvalidInput(
            f"The artifact_location {location!r} may not have a query or a fragment."
        )
    if parts.scheme in ("http", "https") and proxied_path(location) is None:
        raise InvalidInput(
            f"The artifact_location {location!r} is not of a server that transfers files "
            f"(http://host{PROXY}…)."
        )
    return location.rstrip("/")


def is_object_store(parsed: Uri) -> TypeGuard[RemoteUri]:
    return isinstance(parsed, RemoteUri) and parsed.scheme in SCHEMES


def proxied_path(location: str) -> str | None:
    """The path below the destination that a location means; None if it means something else."""
    parts = urlsplit(location)
    if parts.scheme == "mlflow-artifacts":
        return unquote(parts.path).strip("/")
    if parts.scheme in ("http", "https") and PROXY in parts.path:
        return unquote(parts.path.partition(PROXY)[2]).strip("/")
    return None


@lru_cache(maxsize=64)
def _open(location: str) -> ArtifactStore:
    from ..artifacts.open import open_artifacts

    return open_artifacts(location)
