"""The store and the places of files that a server's settings name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..artifacts.local import LocalArtifacts
from ..artifacts.open import open_artifacts
from ..errors import InvalidInput
from ..registry.sql.store import SqlRegistry
from ..tracking.sql.store import SqlStore
from ..tracking.uri import family, redact, sqlite_file
from ..uris import LocalUri, parse
from .places import Places

if TYPE_CHECKING:
    from ..artifacts.base import ArtifactStore
    from .settings import ServerSettings

DEFAULT_STORE = "mlruns"
DEFAULT_DESTINATION = "mlartifacts"
# Seconds that a request waits for another process that writes to the same SQLite file: clients
# repeat what was refused, but they do not wait for ever, and a server has only so many threads.
_PATIENCE = 10
_LONGEST_READ = 30  # seconds, for the same reason


@dataclass(frozen=True)
class Backend:
    """What the server serves.

    Attributes:
        store: the runs.
        places: the files.
        registry: the registered models, in the same database.
        store_name: of the store, for people.
        files_name: of the place of files, for people.
    """

    store: SqlStore
    places: Places
    registry: SqlRegistry
    store_name: str
    files_name: str


def open_backend(settings: ServerSettings) -> Backend:
    """Open what the settings name.

    Without an address for files these are where the database says that its files are, so that a
    folder of local runs shows them through a server, too.

    Raises:
        MlpackError: the database does not open or is of an older schema; an address that names
            no place of files.
    """
    uri = settings.backend_store_uri or DEFAULT_STORE
    kind = family(uri)
    if kind == "http":
        raise InvalidInput(f"The backend store {uri!r} is itself a server; name its database.")
    new_root = settings.default_artifact_root or settings.artifacts_destination
    if new_root is None and kind != "sqlite":
        new_root = DEFAULT_DESTINATION
    proxied = settings.serve_artifacts and settings.default_artifact_root is None
    store = SqlStore(uri, _plain(new_root) if new_root else None, proxied, _PATIENCE)
    store.database.longest_read = _LONGEST_READ
    store.search_experiments(max_results=1)  # opens it, and checks its schema
    root = store.artifact_root
    _check_root(settings, root)
    destination = settings.artifacts_destination or root
    transfers = _destination(destination, uri) if settings.serve_artifacts else None
    if settings.presigned_downloads and not hasattr(transfers, "signed_url"):
        raise InvalidInput(
            "--presigned-downloads needs an object store as --artifacts-destination: s3://…, "
            "gs://… or az://…"
        )
    roots = (_plain(each) for each in (destination, root, *settings.allowed_artifact_roots))
    places = Places(transfers, None if settings.any_local_folder else tuple(roots))
    files = (
        redact(destination) if settings.serve_artifacts else f"{redact(root)} (not through here)"
    )
    registry = SqlRegistry(store.database, proxied=True)
    return Backend(store, places, registry, redact(store.uri), files)


def _destination(address: str, store_uri: str) -> ArtifactStore:
    """The place of files; a database file in it stays out of reach."""
    found = parse(address)
    if isinstance(found, LocalUri) and family(store_uri) == "sqlite":
        return LocalArtifacts(found.path, database=sqlite_file(store_uri)[0])
    return open_artifacts(address)


def _check_root(settings: ServerSettings, root: str) -> None:
    """A database keeps the root it was made with; another one given later would do nothing."""
    wanted = settings.default_artifact_root
    if wanted is None or _plain(wanted) == _plain(root):
        return
    raise InvalidInput(
        f"The database keeps its files below {redact(root)} since it was made; it cannot be moved "
        f"to {redact(wanted)} by --default-artifact-root. Leave the option out, or give single "
        "experiments a place of their own with artifact_location."
    )


def _plain(root: str) -> str:
    """A folder as a full path, anything else as it is."""
    found = parse(root)
    return str(found.path.absolute()) if isinstance(found, LocalUri) else root.rstrip("/")
