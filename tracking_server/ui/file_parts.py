"""Reading a part of a file, and never more of it."""

from __future__ import annotations

from ...artifacts.base import ArtifactStore
from ..service import Service


def part(store: ArtifactStore, path: str, start: int, count: int) -> bytes:
    """So many bytes of a file from an offset on; fewer at its end."""
    found = bytearray()
    for piece in store.read(path, start):
        found += piece[: count - len(found)]
        if len(found) >= count:
            break
    return bytes(found)


def beginning(service: Service, location: str, name: str, most: int) -> bytes:
    """The first bytes of a file of a run or a model.

    Args:
        service: of the server.
        location: of the run's or the model's files, as recorded.
        name: of the file below it.
        most: bytes.

    Raises:
        MlpackError: it is not there, or cannot be read.
    """
    store, path, _ = service.places.find(location, name)
    return part(store, path, 0, most)
