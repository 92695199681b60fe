"""Any image that somebody can name: of the engine, of a registry, a folder or a file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ...errors import (
    EngineUnavailable,
    InvalidInput,
    MissingDependency,
    NotFound,
    RegistryFailed,
)
from ..base import Compression, Report, ignore
from .archive import read_archive
from .cache import Cache
from .image import Image
from .layout import is_layout, read_layout
from .repack import repacked
from .spec import Platform

_PLACE = re.compile(
    r"(layout|archive|engine|registry|oci|docker-archive|oci-archive):(.+)", re.DOTALL
)
_SAME = {"oci": "layout", "docker-archive": "archive", "oci-archive": "archive"}  # as skopeo says
_SUFFIXES = frozenset({".tar", ".tgz", ".gz", ".zst"})
_HELP = (
    "An image is named by NAME[:TAG], engine:NAME, registry:NAME, layout:FOLDER[:TAG] or "
    "archive:FILE[:TAG]."
)


def open_image(
    reference: str,
    platform: Platform | None,
    cache: Cache,
    *,
    pull: bool = False,
    compression: Compression = "gzip",
    report: Report = ignore,
) -> Image:
    """The image that a text names.

    Args:
        reference: ``engine:NAME``, ``registry:NAME``, ``layout:FOLDER[:TAG]``,
            ``archive:FILE[:TAG]``, the path of one of these, or a plain name: that of an image of
            the engine if it has it for the platform, else of one in a registry.
        platform: None takes this machine's, or the only one that there is.
        cache: keeps what comes from an engine or a registry.
        pull: look for a plain name in the registry first.
        compression: of layers that are stored as bare tars; ``none`` leaves them so, which suits
            who only looks.
        report: told how far it is.

    Raises:
        InvalidInput: it names nothing, or the image is for other platforms (says for which).
        NotFound: there is no such image.
        EngineUnavailable: ``engine:`` is asked for, and none answers.
        RegistryFailed: the registry refuses, or cannot be reached.
    """
    place = _PLACE.fullmatch(reference)
    if place is None:
        return _anywhere(reference, platform, cache, pull, compression, report)
    kind, name = _SAME.get(place[1], place[1]), place[2]
    if kind == "engine":
        return _engine(name, platform, cache, compression, report)
    if kind == "registry":
        return _registry(name, platform, cache, report)
    read: Callable[[Path, str | None, Platform | None], Image]
    read = read_layout if kind == "layout" else read_archive
    path, tag = _split(name)
    return repacked(read(path, tag, platform), cache, compression, report=report)


def is_plain_name(reference: str) -> bool:
    """Is it the name of an image on an engine or in a registry, whichever has it?"""
    if _PLACE.fullmatch(reference) or reference.startswith((".", "/", "~")):
        return False
    path, _ = _split(reference)
    return not (is_layout(path) or (path.is_file() and path.suffix in _SUFFIXES))


def _anywhere(
    name: str,
    platform: Platform | None,
    cache: Cache,
    pull: bool,
    compression: Compression,
    report: Report,
) -> Image:
    path, tag = _split(name)
    as_path = name.startswith((".", "/", "~"))
    if _is_there(path):
        if is_layout(path):
            return repacked(read_layout(path, tag, platform), cache, compression, report=report)
        # a file named python is not what python:3.11 means
        if path.is_file() and (as_path or path.suffix in _SUFFIXES):
            return repacked(read_archive(path, tag, platform), cache, compression, report=report)
    if as_path:
        raise NotFound(f"There is no image layout and no archive at {name}. {_HELP}")
    if path.suffix in _SUFFIXES and ":" not in path.name:
        raise NotFound(f"There is no file {path}. {_HELP}")
    wrong: InvalidInput | None = None
    tried = ""
    if not pull:
        try:
            return _engine(name, platform, cache, compression, report)
        except (EngineUnavailable, NotFound, MissingDependency) as error:
            tried = error.message.partition(". ")[0].rstrip(".")
        except InvalidInput as error:
            wrong = error  # for another platform; the registry may have ours
    try:
        return _registry(name, platform, cache, report)
    except NotFound:
        if wrong is not None:
            raise wrong from None
        raise
    except RegistryFailed as error:
        if wrong is not None:
            raise wrong from None
        if not tried:
            raise
        raise RegistryFailed(f"Cannot get the image {name}. {tried}. {error.message}") from None


def _engine(
    name: str,
    platform: Platform | None,
    cache: Cache,
    compression: Compression,
    report: Report,
) -> Image:
    from ..engine import connect
    from .engine import platform_of, read_engine

    client = connect()
    try:
        # before its layers are read, which takes a while
        there = platform_of(client, name)
        if platform is not None and there is not None and not there.serves(platform):
            raise InvalidInput(
                f"The engine's {name} is not for {platform} but for {there}. "
                f"registry:{name} takes it from the registry."
            )
        return read_engine(client, name, cache, compression=compression, report=report)
    finally:
        client.close()


def _registry(name: str, platform: Platform | None, cache: Cache, report: Report) -> Image:
    from ..remote.pull import read_remote
    from ..remote.reference import Reference

    wanted = platform or Platform.of_machine()
    return read_remote(Reference.parse(name), wanted, cache, report=report)


def _split(name: str) -> tuple[Path, str | None]:
    """A path and a tag; a colon that is part of the path stays there."""
    if _is_there(Path(name)):
        return Path(name), None
    path, colon, tag = name.rpartition(":")
    if colon and "/" not in tag and _is_there(Path(path)):
        return Path(path), tag or None
    # repository:tag behind the path: layout:folder:churn:1
    first, colon, rest = name.partition(":")
    if colon and _is_there(Path(first)):
        return Path(first), rest or None
    return Path(name), None


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # no file can have such a name
        return False
