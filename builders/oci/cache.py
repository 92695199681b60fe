"""The user's cache of image layers and manifests: by digest, bounded, shared by all builds."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ...errors import InvalidInput, NotFound
from .blob_reader import BlobDamaged, checked
from .cache_room import Room, touch
from .spec import DOCKER_CONFIG, INDEXES, MANIFESTS, OCI_CONFIG, Descriptor

DEFAULT_LIMIT = 10 * 10**9
_DESCRIBING = MANIFESTS | INDEXES | {OCI_CONFIG, DOCKER_CONFIG}
_KINDS = ("layers", "manifests", "other")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")
# what may come between two looks at how full it is
_SLACK = 0.02


@dataclass(frozen=True)
class CacheInfo:
    """What a cache holds.

    Attributes:
        folder: where it is.
        limit: bytes that it may take.
        kinds: of each kind how many there are and how many bytes they take.
        size: bytes in all.
    """

    folder: Path
    limit: int
    kinds: Mapping[str, tuple[int, int]]
    size: int


@dataclass(frozen=True)
class Cleared:
    """What `Cache.clear` removed, and what it left because a build that runs uses it."""

    removed: int
    freed: int
    kept: int
    kept_size: int


class Cache:
    """Blobs by digest, and small records by key; a `Blobs`.

    Processes and threads may share it. What is added appears whole or not at all. What was not
    used for longest goes first when it grows above its limit.

    Args:
        folder: where; made for the user alone.
        limit: bytes.

    Raises:
        StorageFailed: the folder cannot be used.
    """

    def __init__(self, folder: Path, limit: int = DEFAULT_LIMIT) -> None:
        self.folder = folder
        self.limit = limit
        self._room = Room(folder)
        self._added = 0
        self._since = time.time_ns()

    @classmethod
    def of_user(cls) -> Cache:
        """The user's own.

        ``MLPACK_CACHE_DIR`` names its folder (default: ``mlpack/images`` in ``XDG_CACHE_HOME`` or
        ``~/.cache``), ``MLPACK_CACHE_LIMIT`` its limit, such as ``20GB``.

        Raises:
            InvalidInput: the limit cannot be read.
            StorageFailed: the folder cannot be used.
        """
        limit = os.environ.get("MLPACK_CACHE_LIMIT")
        return cls(user_folder(), parse_size(limit) if limit else DEFAULT_LIMIT)

    def open(self, blob: Descriptor) -> AbstractContextManager[BinaryIO]:
        """A blob's bytes; reading to the end checks them.

        Raises:
            NotFound: it is not here.
            BlobDamaged: its bytes are not what was stored; it is removed, so that the next build
                makes it anew.
        """
        path = self.path(blob.digest, blob.size)
        try:
            file = path.open("rb", buffering=0) if path else None
        except FileNotFoundError:
            file = None
        if path is None or file is None:
            raise NotFound(f"The cache has no blob {blob.digest} any more. Build again.")
        return checked(file, blob, lambda: path.unlink(missing_ok=True))

    def path(self, digest: str, size: int | None = None) -> Path | None:
        """Where a blob is, and mark it as used; None when it is not here.

        Args:
            digest: its digest.
            size: if given, a blob of another size is damaged, and removed.
        """
        hexadecimal = digest.removeprefix("sha256:")
        with self._room.locked():
            for kind in _KINDS:
                path = self.folder / "blobs" / kind / hexadecimal
                with suppress(FileNotFoundError):
                    if size is not None and path.stat().st_size != size:
                        path.unlink()
                        continue
                    touch(path)
                    return path
        return None

    def add(
        self,
        content: Iterable[bytes],
        media_type: str,
        expected: Descriptor | str | None = None,
    ) -> Descriptor:
        """Store a blob; it is there when all of it is.

        Args:
            content: its bytes, in pieces of any size.
            media_type: what it is.
            expected: its digest, or its descriptor, if that is known: other bytes are refused.

        Raises:
            BlobDamaged: the bytes do not have the digest or the size.
            StorageFailed: it cannot be written; nothing of it stays.
        """
        return self.added(content, media_type, expected)[0]

    def added(
        self,
        content: Iterable[bytes],
        media_type: str,
        expected: Descriptor | str | None = None,
    ) -> tuple[Descriptor, bool]:
        """The same as `add`; says, too, whether it was there already."""
        digest = expected.digest if isinstance(expected, Descriptor) else expected
        most = expected.size if isinstance(expected, Descriptor) else None
        found, size = hashlib.sha256(), 0
        with self._room.temporary() as (temporary, file):
            for piece in content:
                found.update(piece)
                size += len(piece)
                if most is not None and size > most:
                    break
                self._room.write(file, piece)
            made = Descriptor(media_type, f"sha256:{found.hexdigest()}", size)
            if digest not in (None, made.digest) or most not in (None, size):
                raise BlobDamaged(f"The blob {digest} has not come as it should: other bytes.")
            there = self.path(made.digest, size) is not None
            self._room.settle(temporary, file, self._place(made))
        self._grown(size)
        return made, there

    @contextmanager
    def spooled(self, content: Iterable[bytes]) -> Iterator[Path]:
        """A file that is gone when the block, or the process, ends.

        Raises:
            StorageFailed: it cannot be written.
        """
        with self._room.temporary() as (path, file):
            for piece in content:
                self._room.write(file, piece)
            self._room.flush(file)
            yield path

    def making(self, key: str) -> AbstractContextManager[None]:
        """Alone with what is made under a key: another build that makes the same waits."""
        return self._room.making(hashlib.sha256(key.encode()).hexdigest())

    def remember(self, kind: str, key: str, value: Mapping[str, Any]) -> None:
        """Keep a small record, in place of an earlier one.

        Args:
            kind: what sort of record it is: a word, such as ``layer``.
            key: any text.
            value: what JSON can hold.
        """
        text = json.dumps({"key": key, "value": value}, sort_keys=True).encode()
        with self._room.temporary() as (temporary, file):
            self._room.write(file, text)
            self._room.settle(temporary, file, self._record(kind, key))

    def recall(self, kind: str, key: str) -> dict[str, Any] | None:
        """A record as it was kept; None when there is none."""
        path = self._record(kind, key)
        try:
            with self._room.locked():
                found = json.loads(path.read_bytes())
                touch(path)
            if found["key"] == key and isinstance(found["value"], dict):
                return dict(found["value"])
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError):
            pass
        path.unlink(missing_ok=True)  # damaged
        return None

    @contextmanager
    def hold(self) -> Iterator[Cache]:
        """While it lasts, nothing that was used or added since it began is removed by anybody."""
        with self._room.hold():
            yield self
        self._trim(self._room.held_since())

    def info(self) -> CacheInfo:
        """What is in it."""
        kinds: dict[str, tuple[int, int]] = {}
        for each in self._room.files():
            count, size = kinds.get(each.kind, (0, 0))
            kinds[each.kind] = (count + 1, size + each.size)
        total = sum(size for _, size in kinds.values())
        return CacheInfo(self.folder, self.limit, kinds, total)

    def clear(self, older_than: float = 0.0) -> Cleared:
        """Remove what was not used for so many seconds; what a running build uses stays."""
        before = time.time_ns() - int(older_than * 1e9)
        held = self._room.held_since()
        swept = self._room.sweep()
        removed = freed = kept = kept_size = 0
        with self._room.locked(alone=True):
            for each in self._room.files():
                if each.used > before:
                    continue
                if held is not None and each.used >= held:
                    kept, kept_size = kept + 1, kept_size + each.size
                else:
                    each.path.unlink(missing_ok=True)
                    removed, freed = removed + 1, freed + each.size
        return Cleared(removed, freed + swept, kept, kept_size)

    def _place(self, blob: Descriptor) -> Path:
        kind = "other"
        if "layer" in blob.media_type or "rootfs" in blob.media_type:
            kind = "layers"
        elif blob.media_type in _DESCRIBING:
            kind = "manifests"
        return self.folder / "blobs" / kind / blob.digest.removeprefix("sha256:")

    def _record(self, kind: str, key: str) -> Path:
        if not _NAME.fullmatch(kind):
            raise InvalidInput(f"{kind!r} is not a kind of record.")
        return self.folder / "records" / kind / f"{hashlib.sha256(key.encode()).hexdigest()}.json"

    def _grown(self, size: int) -> None:
        """Trim now and then: looking at every file for every blob would cost more than it saves."""
        self._added += size
        if self._added > self.limit * _SLACK:
            # what came through this object is about to be used, with a hold or without one
            self._trim(min(self._room.held_since() or self._since, self._since))

    def _trim(self, held: int | None) -> None:
        self._added = 0
        if sum(each.size for each in self._room.files()) <= self.limit:
            return
        with self._room.locked(alone=True):
            files = self._room.files()
            excess = sum(each.size for each in files) - self.limit
            for each in files:
                if excess <= 0 or (held is not None and each.used >= held):
                    return
                each.path.unlink(missing_ok=True)
                excess -= each.size


def user_folder() -> Path:
    """Where the user's cache is, whether it is there yet or not."""
    own = os.environ.get("MLPACK_CACHE_DIR")
    if own:
        return Path(own).expanduser().absolute()
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(xdg) if xdg.startswith("/") else Path("~/.cache").expanduser()) / "mlpack/images"


def parse_size(text: str) -> int:
    """Bytes in ``20GB``, ``512 MB`` or ``1000``.

    Raises:
        InvalidInput: it is none of them.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise InvalidInput(f"{text!r} is not a size such as 20GB (in MLPACK_CACHE_LIMIT).")
    return int(float(match[1]) * 1000 ** " kmgt".index(match[2].lower() or " "))
