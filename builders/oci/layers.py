"""Layers of an image: deterministic, made in one pass, kept in the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ..base import Compression, Part, Progress, Report, ignore
from ..tar_stream import Entry as LayerEntry
from ..tar_stream import tar_stream
from .cache import Cache
from .compress import GZIP_LEVEL, ZSTD_LEVEL, compress, media_type
from .spec import Descriptor

__all__ = ["LayerEntry", "MadeLayer", "make_layer", "recall_layer", "remember_layer"]

_REPORT_EVERY = 1 << 22
_LEVELS = {"gzip": GZIP_LEVEL, "zstd": ZSTD_LEVEL, "none": 0}


@dataclass(frozen=True)
class MadeLayer:
    """A layer in the cache.

    Attributes:
        descriptor: of the layer as it is stored.
        diff_id: digest of its tar, which the configuration lists.
        size: bytes of what is in it, unpacked.
        cached: it was there already.
    """

    descriptor: Descriptor
    diff_id: str
    size: int
    cached: bool


def make_layer(
    entries: Iterable[LayerEntry] | Callable[[], Iterable[LayerEntry]],
    cache: Cache,
    *,
    compression: Compression = "gzip",
    key: str | None = None,
    report: Report = ignore,
    part: Part | None = None,
) -> MadeLayer:
    """A layer of files, in the cache when this returns.

    The files are read once, and packed, compressed and hashed on the way; neither a copy nor much
    memory is needed. Two builds that make the same layer at once make it once, if it has a key.

    Args:
        entries: what is in it, in any order; or a function that gives it, called only when the
            layer has to be made.
        cache: where the layer goes.
        compression: how it is stored.
        key: names what the entries hold, whatever that is; a layer that was made for the same key
            is taken as it is, and no file is read. Without it the files are read every time.
        report: told how far it is.
        part: that the reports name.

    Raises:
        InvalidInput: a path is not below the root, or there twice.
        ModelChanged: a file changed while it was read.
        StorageFailed: a file cannot be read, or the cache not be written.
        MissingDependency: for zstd, when its package is not installed.
    """
    if key is None:
        return _make(entries, cache, compression, report, part)
    found = _recall_made(cache, key, compression)
    if found is None:
        with cache.making(f"layer {compression} {key}"):
            found = _recall_made(cache, key, compression)
            if found is None:
                made = _make(entries, cache, compression, report, part)
                value = {"diff_id": made.diff_id, "size": made.size}
                cache.remember("layer", _key(key, compression), value)
                return made
    return found


def remember_layer(cache: Cache, diff_id: str, compression: Compression, blob: Descriptor) -> None:
    """Keep what layer of the cache holds the tar that a diff_id names."""
    cache.remember("diff", _key(diff_id, compression), blob.to_dict())


def recall_layer(cache: Cache, diff_id: str, compression: Compression) -> Descriptor | None:
    """The layer for a diff_id, if the cache has it compressed so."""
    found = cache.recall("diff", _key(diff_id, compression))
    if found is None:
        return None
    blob = Descriptor.from_dict(found)
    return blob if cache.path(blob.digest, blob.size) else None


def _key(key: str, compression: Compression) -> str:
    return f"{compression}-{_LEVELS[compression]} {key}"


def _recall_made(cache: Cache, key: str, compression: Compression) -> MadeLayer | None:
    found = cache.recall("layer", _key(key, compression))
    if found is None:
        return None
    diff_id = str(found.get("diff_id"))
    blob = recall_layer(cache, diff_id, compression)
    return MadeLayer(blob, diff_id, int(found.get("size") or 0), True) if blob else None


def _make(
    entries: Iterable[LayerEntry] | Callable[[], Iterable[LayerEntry]],
    cache: Cache,
    compression: Compression,
    report: Report,
    part: Part | None,
) -> MadeLayer:
    listed = tuple(entries() if callable(entries) else entries)
    total = sum(entry.size for entry in listed)
    packed = hashlib.sha256()

    def tar() -> Iterator[bytes]:
        done = told = 0
        for piece in tar_stream(listed):
            packed.update(piece)
            yield piece
            done += len(piece)
            if done - told >= _REPORT_EVERY:
                told = done
                report(Progress("bytes", "Packing", part, min(done, total), total))

    blob, cached = cache.added(compress(tar(), compression), media_type(compression))
    diff_id = f"sha256:{packed.hexdigest()}"
    remember_layer(cache, diff_id, compression, blob)
    return MadeLayer(blob, diff_id, total, cached)
