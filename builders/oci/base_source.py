"""Where a base image comes from: its registry where digests count, whatever is at hand elsewhere.

An engine keeps layers unpacked, and what compresses them again gives other bytes than those of
the registry that they came from. Where an image leaves this machine, the same base from two
sources should be the same, and blobs that the registry has should not be sent to it.
"""

from __future__ import annotations

import time

from ...errors import EngineUnavailable, InvalidInput, MissingDependency, NotFound, RegistryFailed
from ..base import BuildSpec, Progress, Report, ignore
from .cache import Cache
from .image import Image
from .open import is_plain_name, open_image
from .spec import Platform

_SILENT = "silent-registry"
_MINUTES = 10  # in which a registry that did not answer is not asked again


def open_base(
    spec: BuildSpec, name: str, platform: Platform, cache: Cache, report: Report = ignore
) -> Image:
    """The base image of a build.

    A plain name that the engine has is the engine's copy; but where the image leaves this machine
    it is what the registry has under the digest that the copy came with, if the registry answers.

    Args:
        spec: what is built; says where it goes.
        name: of the base image, as `open_image` reads it.
        platform: to build for.
        cache: keeps what comes from an engine or a registry.
        report: told when the engine's copy has to do.

    Raises:
        MlpackError: as for `open_image`.
    """
    leaves = any(output.kind != "engine" for output in spec.outputs)
    if leaves and not spec.pull and is_plain_name(name):
        found = _from_registry(name, platform, cache, report)
        if found is not None:
            return found
    return open_image(name, platform, cache, pull=spec.pull, report=report)


def _from_registry(name: str, platform: Platform, cache: Cache, report: Report) -> Image | None:
    """What the engine's copy was in its registry; None when there is none, or no answer."""
    from ..engine import connect
    from ..remote.pull import read_remote
    from .engine import pinned_in_registry

    try:
        client = connect()
    except (EngineUnavailable, MissingDependency):
        return None
    try:
        pinned = pinned_in_registry(client, name, platform)
    finally:
        client.close()
    if pinned is None:
        return None
    why = _silence(cache, pinned.registry)
    try:
        if not why or cache.path(pinned.target):
            return read_remote(pinned, platform, cache, report=report)
    except (RegistryFailed, NotFound, InvalidInput) as error:
        why = error.message.partition(". ")[0].rstrip(".")
        if isinstance(error, RegistryFailed):
            cache.remember(_SILENT, pinned.registry, {"at": time.time(), "why": why})
    report(
        Progress(
            "notice",
            f"The base image is the engine's copy of {name} ({why}), compressed anew, so the "
            "image's digest may differ from that of a build elsewhere. "
            f"--base-image registry:{pinned} insists on the registry's.",
            "base",
        )
    )
    return None


def _silence(cache: Cache, registry: str) -> str:
    """Why a registry was of no use a moment ago; '' when it was not asked."""
    found = cache.recall(_SILENT, registry) or {}
    at, why = found.get("at"), found.get("why")
    if isinstance(at, float) and isinstance(why, str) and 0 <= time.time() - at < _MINUTES * 60:
        return why
    return ""
