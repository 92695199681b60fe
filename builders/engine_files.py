"""Files out of an engine's image, without reading all of it, and without running any of it."""

from __future__ import annotations

import io
import tarfile
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import InvalidInput
from .oci.engine import explained

_LARGEST = 64 << 20  # a database of packages
_PATIENCE = 3.0


def read_files(client: Any, identity: str, paths: Iterable[str]) -> dict[str, bytes]:
    """Files of an image, by their path.

    A container is created for that, never started, and removed again.

    Args:
        client: of the engine.
        identity: of the image.
        paths: of files or folders, below the root; what is not there is left out, as are links.

    Raises:
        BuildFailed: the engine refuses.
        EngineUnavailable: the engine broke off.
        InvalidInput: a file is larger than one of its kind ever is.
    """
    found: dict[str, bytes] = {}
    with explained(), _container(client, identity) as container:
        for path in paths:
            archive = _archive(client, container, path)
            if archive is not None:
                found.update(_files(archive, path))
    return found


@contextmanager
def _container(client: Any, identity: str) -> Iterator[str]:
    # by a name of ours, so that it can be removed even if the answer never came
    name = f"mlpack-look-{uuid.uuid4().hex}"
    created = False
    try:
        client.api.create_container(identity, ["-"], name=name)
        created = True
        yield name
    finally:
        _remove(client, name, created)


def _remove(client: Any, name: str, created: bool) -> None:
    from docker.errors import DockerException, NotFound
    from requests.exceptions import RequestException

    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            client.api.remove_container(name, v=True, force=True)
            return
        except NotFound:
            # stopped while it was being created: it may still come
            if created or time.monotonic() > deadline:
                return
            time.sleep(0.1)
        except (DockerException, RequestException):
            return  # the engine is gone; the first error says so


def _archive(client: Any, container: str, path: str) -> bytes | None:
    from docker.errors import NotFound

    try:
        pieces, _ = client.api.get_archive(container, f"/{path}")
    except NotFound:
        return None
    archive = bytearray()
    for piece in pieces:
        archive += piece
        if len(archive) > _LARGEST:
            raise InvalidInput(f"/{path} in the image is larger than a file of its kind ever is.")
    return bytes(archive)


def _files(archive: bytes, path: str) -> Iterator[tuple[str, bytes]]:
    above = path.rstrip("/").rpartition("/")[0]
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isreg() else None
                if content is not None:
                    yield f"{above}/{member.name}".lstrip("/"), content.read()
    except tarfile.TarError:
        raise InvalidInput(f"The engine's archive of /{path} cannot be read.") from None
