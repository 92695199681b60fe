"""Puts the bill of materials into an image that an engine built.

What was installed is known only when the build is over. So the engine builds twice: first all of
the image, without a name; then, on top of it, one layer with the bill and nothing else, which gets
the name. Which image became which is remembered, so that a build of nothing new does this once.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from .. import __version__
from ..errors import StorageFailed
from .base import ignore
from .build_log import BuildLog
from .docker_contents import Contents, read_contents
from .engine_build import run_build
from .inspect.databases import read_metadata
from .inspect.sbom import PATH, hashes_of, sbom
from .labels import BASE_DIGEST, BASE_NAME, Base, tagged
from .lock.lock import Lock
from .oci.cache import Cache
from .oci.engine import explained
from .oci.spec import Platform
from .prepare import Prepared
from .runtime_wheel import runtime_files
from .tar_stream import Entry, tar_stream

_KIND = "docker-sbom-1"  # changes when the same image would get another bill
_NAMED = 4


@dataclass(frozen=True)
class Finished:
    """An image with its bill of materials.

    Attributes:
        id: of the image.
        bill: CycloneDX, as it is in the image.
        system: the base's, for people.
        dependencies: the most telling of what was installed, in a few words.
        locked: it came from the lock.
        cached: it was there already.
    """

    id: str
    bill: bytes
    system: str
    dependencies: str
    locked: bool
    cached: bool


def finish(
    client: Any, inner: str, prepared: Prepared, base: Base, lock: Lock | None, platform: Platform
) -> Finished:
    """Make the image whole, and give it its name.

    Args:
        client: of the engine.
        inner: id of what was built.
        prepared: what it was built from.
        base: what is known of the base image.
        lock: that it was to be installed from.
        platform: of the image.

    Raises:
        BuildFailed: the engine refuses; nothing of this step stays.
        EngineUnavailable: the engine broke off.
    """
    name = tagged(prepared.spec.name)
    cache = _cache()
    key = f"{__version__} {inner}"
    known = cache.recall(_KIND, key) if cache else None
    if known is not None and _tagged(client, known["id"], name):
        return Finished(**{**known, "bill": known["bill"].encode()}, cached=True)
    contents = read_contents(client, inner)
    bill = _bill(contents, prepared, base, lock, platform)
    log = BuildLog(ignore, (), inner)
    run_build(client, tar_stream(_context(inner, bill)), log, name=name)
    with explained():
        made = str(client.api.inspect_image(log.image_id or name)["Id"])
    system = contents.base.system
    told: dict[str, Any] = {
        "id": made,
        "system": system.title if system else "",
        "dependencies": _told(contents),
        "locked": contents.locked,
    }
    if cache is not None:
        with suppress(StorageFailed):
            cache.remember(_KIND, key, {**told, "bill": bill.decode()})
    return Finished(**told, bill=bill, cached=not log.made)


def _cache() -> Cache | None:
    """An engine's build gets along without one."""
    with suppress(StorageFailed):
        return Cache.of_user()
    return None


def _tagged(client: Any, identity: str, name: str) -> bool:
    """Give an image its name, if the engine still has it."""
    from docker.errors import NotFound

    with explained():
        try:
            client.api.tag(identity, *name.rsplit(":", 1))
        except NotFound:
            return False
    return True


def _bill(
    contents: Contents, prepared: Prepared, base: Base, lock: Lock | None, platform: Platform
) -> bytes:
    labels = prepared.settings(base).clean_labels
    metadata = next(data for path, data in runtime_files() if path.endswith("/METADATA"))
    runtime = read_metadata(metadata)
    assert runtime is not None
    return sbom(
        labels=labels,
        platform=platform,
        base=contents.base,
        distributions=(*contents.distributions, runtime),
        requirements=prepared.requirements.lines,
        hashes=hashes_of(lock.text) if lock and contents.locked else None,
        base_name=labels.get(BASE_NAME),
        base_digest=labels.get(BASE_DIGEST),
    )


def _context(inner: str, bill: bytes) -> Iterable[Entry]:
    name = PATH.rpartition("/")[2]
    lines = f"FROM {inner}\nCOPY {name} /{PATH}\n".encode()
    return [Entry("Dockerfile", lines, len(lines)), Entry(name, bill, len(bill))]


def _told(contents: Contents) -> str:
    """The largest distributions by name, the others by number."""
    names = [f"{each.name} {each.version}" for each in contents.distributions]
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
