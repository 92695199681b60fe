"""Uploads in parts: each part is a file in the place itself until all are there and are joined.

    .mlpack-uploads/<id>/manifest        the path of the file to be, and how many parts it has
    .mlpack-uploads/<id>/parts/<n>.<tag> a part; sent again, it is another file beside the first

Nothing is kept in memory between calls, so any process that has the place may take the next part.
Whoever knows an upload's id may add to it; it can become no other file than it was begun for.
Ids and tags begin with the time, by which what was given up is found.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote

from ..errors import InvalidInput, InvalidState, NotFound, StorageFailed
from ..uris import safe_relative
from .base import HIDDEN, ArtifactStore
from .local import LocalArtifacts

MOST_PARTS = 10_000
DAY = 86_400
_FOLDER = f"{HIDDEN}uploads"
_ID = re.compile(r"[0-9a-f]{56}")
_TAG = re.compile(r"\d{1,5}\.([0-9a-f]{32})")
_AT_ONCE = 1 << 30


def visible_path(path: str) -> str:
    """A path that a client may use: below the place, and not among what is kept for uploads.

    Raises:
        InvalidInput: it is not.
    """
    clean = safe_relative(path)
    decoded = clean
    while (once := unquote(decoded)) != decoded:
        decoded = once
    if any(name.strip().casefold().startswith(HIDDEN) for name in decoded.split("/")):
        raise InvalidInput(f"The path {path!r} is not allowed: names on '{HIDDEN}…' are reserved.")
    return clean


class Uploads:
    """The uploads to a place.

    Args:
        place: where the files go, and their parts before.
    """

    def __init__(self, place: ArtifactStore) -> None:
        self._place = place

    def begin(self, path: str, parts: int) -> str:
        """Start an upload; those that were given up for a day are forgotten.

        Args:
            path: of the file to be.
            parts: how many there will be.

        Returns:
            The upload's id, which is its key, too: nobody can guess it.

        Raises:
            InvalidInput: the path is not allowed, or the number of parts is not.
        """
        if not 1 <= parts <= MOST_PARTS:
            raise InvalidInput(
                f"A file can be sent in 1 to {MOST_PARTS} parts, not in {parts}; send larger ones."
            )
        upload = _stamped(24)
        self._note(upload, {"path": visible_path(path), "parts": parts})
        self.forget(self.abandoned())
        return upload

    def put(
        self, upload: str, number: int, pieces: Iterable[bytes], size: int | None = None
    ) -> str:
        """Take a part, which may come again; ``size`` is a hint.

        Returns:
            Its tag, by which `finish` names what was sent.

        Raises:
            NotFound: there is no such upload.
            InvalidState: the file is complete.
            InvalidInput: there is no such part.
        """
        manifest = self._manifest(upload)
        if "joined" in manifest:
            raise InvalidState("This upload is complete; its file takes no more parts.")
        if not 1 <= number <= manifest["parts"]:
            raise InvalidInput(f"This upload has parts 1 to {manifest['parts']}, not {number}.")
        tag = _stamped(12)
        self._place.write(f"{_parts(upload)}/{number}.{tag}", pieces, size)
        return tag

    def finish(self, upload: str, path: str, tags: Sequence[tuple[int, str]]) -> None:
        """Join the parts into the file, which appears whole or not at all.

        May be called again with the same parts, as by a client that did not see the answer.

        Args:
            upload: its id.
            path: that it was begun for.
            tags: number and tag of each part.

        Raises:
            NotFound: there is no such upload.
            InvalidState: it was finished with other parts.
            InvalidInput: it is for another path; a part is missing or was not received so.
        """
        manifest = self._checked(upload, path)
        tags = sorted(tags)
        if [number for number, _ in tags] != list(range(1, manifest["parts"] + 1)):
            raise InvalidInput(f"Name each part from 1 to {manifest['parts']} once.")
        names = [f"{_parts(upload)}/{number}.{tag}" for number, tag in tags]
        if not _is_joined(manifest, names):
            try:
                self._join(manifest["path"], names, self._size_received(upload, tags))
            except (NotFound, InvalidInput):
                # another call may have been faster, and parts are gone
                if not _is_joined(self._manifest(upload), names):
                    raise
            self._note(upload, {**manifest, "joined": names})
        with suppress(StorageFailed):  # `forget` will come by
            self._place.delete(_parts(upload))

    def cancel(self, upload: str, path: str) -> None:
        """Forget an upload and its parts.

        Raises:
            NotFound: there is no such upload.
            InvalidInput: it is for another path.
        """
        self._checked(upload, path)
        self.forget([upload])

    def abandoned(self, seconds: float = DAY) -> list[str]:
        """Uploads to which nothing was added for a time, those that are complete included."""
        before = time.time() - seconds
        newest: dict[str, int] = {}
        for entry in self._place.walk(_FOLDER):
            upload, _, name = entry.path.removeprefix(f"{_FOLDER}/").partition("/")
            if _ID.fullmatch(upload):
                tag = _TAG.search(name)
                changed = _time(tag[1] if tag else upload)
                newest[upload] = max(changed, newest.get(upload, 0))
        return sorted(upload for upload, changed in newest.items() if changed < before)

    def forget(self, uploads: Iterable[str]) -> None:
        """Remove what is kept of uploads."""
        for upload in uploads:
            self._place.delete(f"{_FOLDER}/{upload}")

    def _checked(self, upload: str, path: str) -> dict[str, Any]:
        manifest = self._manifest(upload)
        if manifest["path"] != visible_path(path):
            raise InvalidInput(f"This upload was not begun for {path!r}.")
        return manifest

    def _size_received(self, upload: str, tags: Iterable[tuple[int, str]]) -> int:
        received = {entry.path: entry.size or 0 for entry in self._place.list(_parts(upload))}
        size = 0
        for number, tag in tags:
            name = f"{_parts(upload)}/{number}.{tag}"
            if name not in received:
                raise InvalidInput(
                    f"Part {number} was not received with that ETag. Send it again and name the "
                    "ETag of the answer."
                )
            size += received[name]
        return size

    def _join(self, path: str, names: Iterable[str], size: int) -> None:
        place = self._place
        if isinstance(place, LocalArtifacts):
            with place.new_file(path) as temporary, temporary.open("wb") as file:
                for name in names:
                    _append(file, place.fetch(name))
        else:
            pieces = chain.from_iterable(map(place.read, names))
            place.write(path, _read_aside(pieces), size)

    def _manifest(self, upload: str) -> dict[str, Any]:
        if _ID.fullmatch(upload):
            with suppress(NotFound):
                found: dict[str, Any] = json.loads(b"".join(self._place.read(_manifest(upload))))
                return found
        raise NotFound("There is no such upload; begin it anew (one is kept for a day).")

    def _note(self, upload: str, manifest: dict[str, Any]) -> None:
        self._place.write(_manifest(upload), [json.dumps(manifest).encode()])


def _manifest(upload: str) -> str:
    return f"{_FOLDER}/{upload}/manifest"


def _parts(upload: str) -> str:
    return f"{_FOLDER}/{upload}/parts"


def _is_joined(manifest: dict[str, Any], names: list[str]) -> bool:
    """Whether the file is there.

    Raises:
        InvalidState: it is, but made of other parts.
    """
    if manifest.get("joined", names) != names:
        raise InvalidState("This upload was completed with other parts.")
    return "joined" in manifest


def _stamped(count: int) -> str:
    """The time, and so many random bytes."""
    return f"{int(time.time()):08x}{secrets.token_hex(count)}"


def _time(stamped: str) -> int:
    return int(stamped[:8], 16)


def _read_aside(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Read in another thread: where the object-store library writes, it cannot read."""
    source = iter(pieces)
    with ThreadPoolExecutor(1, thread_name_prefix="mlpack-join") as reader:
        upcoming = reader.submit(next, source, None)
        while (piece := upcoming.result()) is not None:
            upcoming = reader.submit(next, source, None)
            yield piece


def _append(file: IO[bytes], part: Path) -> None:
    """Add a file to another, within the file system where that is possible."""
    try:
        source = part.open("rb", buffering=0)
    except FileNotFoundError:
        raise NotFound("A part of the upload is gone.") from None
    with source:
        with suppress(OSError, AttributeError):  # not every system can
            while os.copy_file_range(source.fileno(), file.fileno(), _AT_ONCE):
                pass
        shutil.copyfileobj(source, file, 1 << 20)  # the rest
        file.flush()
