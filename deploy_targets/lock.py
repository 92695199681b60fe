"""One change of a deployment at a time on this machine."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import InvalidState, StorageFailed
from .base import check_name


@contextmanager
def lock(name: str, target: str = "local", place: str = "") -> Iterator[None]:
    """Hold the deployment ``name`` on a target; a killed holder lets go by dying.

    Args:
        name: of the deployment.
        target: of which it is.
        place: tells apart those of one name on one target (a namespace of a cluster).

    Raises:
        InvalidInput: ``name`` cannot name a deployment, and might lead out of the folder.
        InvalidState: somebody else is changing it now.
        StorageFailed: the lock's file cannot be made.
    """
    check_name(name)
    cache = os.environ.get("XDG_CACHE_HOME")
    folder = (Path(cache) if cache else Path.home() / ".cache") / "mlpack" / "deployments"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        within = f".{hashlib.sha256(place.encode()).hexdigest()[:12]}" if place else ""
        file = (folder / f"{target}.{name}{within}.lock").open("w")
    except OSError as error:
        raise StorageFailed(f"Cannot write {folder}: {error.strerror or error}.") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InvalidState(
                f"Another mlpack is changing the deployment {name!r} right now. "
                "Try again when it is done."
            ) from None
        yield
