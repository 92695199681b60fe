"""Images of a Docker engine: read once, and loaded without sending what it has.

Format: https://docs.docker.com/engine/api/v1.41/ (``/images/{name}/get``, ``/images/load``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ...errors import BuildFailed, EngineUnavailable, NotFound
from ..base import Compression, Progress, Report, ignore
from ..remote.reference import Reference, digest_among
from .archive import archive_stream, own_image, read_archive
from .cache import Cache
from .image import Bundle, Image
from .repack import repacked
from .select import familiar_name, image_of
from .spec import Descriptor, Platform

_KIND = "engine-image"
_COMPRESSIONS: tuple[Compression, ...] = ("gzip", "zstd", "none")
_MOST_ASKED = 300
_REPORT_EVERY = 1 << 22


def read_engine(
    client: Any,
    name: str,
    cache: Cache,
    *,
    compression: Compression = "gzip",
    report: Report = ignore,
) -> Image:
    """An image of the engine.

    The engine gives it away once; from then on the cache knows it by its id. Its diff_ids are the
    engine's own, so that `load` need not send its layers back.

    Args:
        client: of the engine.
        name: name and tag, or id.
        cache: where its layers go.
        compression: of layers that the engine has unpacked; ``none`` suits who only looks.
        report: told how far it is.

    Raises:
        NotFound: the engine has no such image.
        EngineUnavailable: the engine broke off.
    """
    found = _inspect(client, name)
    if found is None:
        raise NotFound(f"The engine has no image {name!r}. `docker pull {name}` fetches one.")
    identity = str(found["Id"])
    origin = digest_among(found.get("RepoDigests") or (), name)
    image = _known(cache, identity, compression)
    if image is None:
        with cache.making(f"engine {identity}"):
            known = _known(cache, identity, compression)
            image = known or _save(client, found, name, cache, compression, report)
    return replace(image, origin=origin)


def load(
    bundle: Bundle, client: Any, report: Report = ignore, *, cache: Cache | None = None
) -> str:
    """Load an image into the engine under the bundle's name.

    Layers that another image of the engine has, on top of the same ones, are not sent. Of several
    platforms the engine's own is taken.

    Args:
        bundle: what to load.
        client: of the engine.
        report: told how far it is.
        cache: remembers the image, so that `read_engine` need not ask the engine for it.

    Returns:
        The image's id.

    Raises:
        BuildFailed: the engine refused it; the message says why.
        EngineUnavailable: the engine broke off.
    """
    image = own_image(bundle, _platform(client))
    name = familiar_name(bundle.name)
    here = _inspect(client, image.config_descriptor.digest)
    if here is not None:
        with explained():
            client.api.tag(here["Id"], *name.rsplit(":", 1))
    else:
        count = _present(client, image.diff_ids, name)
        without = {layer.digest for layer in image.layers[:count]}
        without -= {layer.digest for layer in image.layers[count:]}
        if not (without and _try(client, bundle, image, without, report)):
            _send(client, bundle, image, (), report)
    loaded = _inspect(client, name)
    if loaded is None:
        raise BuildFailed(f"The engine took the image, but has none of the name {name}.")
    identity = str(loaded["Id"])
    if cache is not None:
        for compression in _COMPRESSIONS:
            _remember(cache, identity, image, compression)
    return identity


def pinned_in_registry(client: Any, name: str, platform: Platform) -> Reference | None:
    """An image of the engine, for a platform, as the registry has it that it came from.

    Returns:
        Its repository with a digest; None when the engine does not have it, or not from a registry.
    """
    found = _inspect(client, name)
    if found is None or not _platform_in(found).serves(platform):
        return None
    digest = digest_among(found.get("RepoDigests") or (), name)
    return Reference.parse(name).pinned(digest) if digest else None


def platform_of(client: Any, name: str) -> Platform | None:
    """What an image of the engine runs on; None when there is no such image."""
    found = _inspect(client, name)
    return None if found is None else _platform_in(found)


def _platform_in(found: dict[str, Any]) -> Platform:
    where = {"os": found.get("Os"), "architecture": found.get("Architecture")}
    return Platform.from_dict({**where, "variant": found.get("Variant")})


def _platform(client: Any) -> Platform:
    with explained():
        version = client.api.version()
    return Platform.from_dict({"os": version.get("Os"), "architecture": version.get("Arch")})


def _inspect(client: Any, name: str) -> dict[str, Any] | None:
    from docker.errors import ImageNotFound

    with explained():
        try:
            return dict(client.api.inspect_image(name))
        except ImageNotFound:
            return None


def _known(cache: Cache, identity: str, compression: Compression) -> Image | None:
    """An image that the cache has all of."""
    found = cache.recall(_KIND, f"{compression} {identity}")
    try:
        image = found and image_of(Descriptor.from_dict(found), cache, None, identity)
    except NotFound:
        return None
    if not image or not all(cache.path(layer.digest, layer.size) for layer in image.layers):
        return None
    return image


def _remember(cache: Cache, identity: str, image: Image, compression: Compression) -> None:
    cache.add([image.manifest], image.descriptor.media_type, image.descriptor)
    config = image.config_descriptor
    cache.add([image.config], config.media_type, config)
    cache.remember(_KIND, f"{compression} {identity}", image.descriptor.to_dict())


def _save(
    client: Any,
    found: dict[str, Any],
    name: str,
    cache: Cache,
    compression: Compression,
    report: Report,
) -> Image:
    """Through a file of the engine's, which is gone when the cache has what is in it."""
    with cache.spooled(_saved(client, found, name, report)) as path:
        read = read_archive(path, None, _platform_in(found))
        image = repacked(read, cache, compression, copy=True, report=report)
    _remember(cache, str(found["Id"]), image, compression)
    return image


def _saved(client: Any, found: dict[str, Any], name: str, report: Report) -> Iterator[bytes]:
    total, done, told = int(found.get("Size") or 0), 0, 0
    with explained(), _patient(client):
        for piece in client.api.get_image(found["Id"]):
            yield piece
            done += len(piece)
            if done - told >= _REPORT_EVERY:
                told = done
                message = f"Reading {name} from the engine"
                report(Progress("bytes", message, "base", min(done, total), total))


def _present(client: Any, diff_ids: Sequence[str], name: str) -> int:
    """How many layers, from the base up, the engine has on top of each other."""
    repository = name.rpartition(":")[0]
    with explained():
        if "containerd.snapshotter" in str(client.api.info().get("DriverStatus")):
            return 0  # kept by their compressed bytes, and wanted whole
        images = client.api.images()
    # the last build of the same model has most, then whatever is new
    images.sort(
        key=lambda each: (
            any(tag.startswith(f"{repository}:") for tag in each.get("RepoTags") or ()),
            each.get("Created", 0),
        ),
        reverse=True,
    )
    most = 0
    for each in images[:_MOST_ASKED]:
        found = _inspect(client, each["Id"]) or {}
        theirs = (found.get("RootFS") or {}).get("Layers") or []
        count = 0
        for ours, other in zip(diff_ids, theirs, strict=False):
            if ours != other:
                break
            count += 1
        most = max(most, count)
        if most == len(diff_ids):
            break
    return most


def _try(client: Any, bundle: Bundle, image: Image, without: set[str], report: Report) -> bool:
    """Engines that look into what they have already want all of it, as do those just cleaned."""
    try:
        _send(client, bundle, image, without, report)
    except BuildFailed:
        return False
    return True


def _send(
    client: Any, bundle: Bundle, image: Image, without: Sequence[str] | set[str], report: Report
) -> None:
    stream = archive_stream(bundle, image=image, without=without, for_engine=True, report=report)
    with explained(), _patient(client):
        for line in client.api.load_image(_whole(stream), quiet=True):
            error = (line.get("errorDetail") or {}).get("message") or line.get("error")
            if error:
                raise BuildFailed(f"The engine did not take the image: {error}")


def _whole(stream: Iterator[bytes]) -> Iterator[bytes]:
    """No empty pieces, which would end a request."""
    return (piece for piece in stream if piece)


@contextmanager
def _patient(client: Any) -> Iterator[None]:
    """Saving and loading may be silent for minutes."""
    before = client.api.timeout
    client.api.timeout = None
    try:
        yield
    finally:
        client.api.timeout = before


@contextmanager
def explained() -> Iterator[None]:
    """What an engine says or does wrong as errors of ours."""
    from docker.errors import APIError, DockerException
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except APIError as error:
        raise BuildFailed(f"The engine refused: {error.explanation or error}") from None
    except (RequestException, HTTPError, DockerException):
        raise EngineUnavailable(
            "The connection to the Docker engine broke. Is it still running?"
        ) from None
