"""Files in S3, Azure Blob Storage or Google Cloud Storage, through `obstore`."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from ..errors import InvalidState, NotFound
from ..uris import safe_relative
from .base import HIDDEN, Entry
from .object_errors import in_our_words
from .object_places import connect, locate
from .remote import Advance, RemoteArtifacts
from .transfer import in_parallel, prefix

_PIECE = 8 << 20  # of what is read, and of a part; S3 takes no parts under 5 MiB
_PARTS_AT_A_TIME = 4
_MOST_PARTS = 9_000  # S3 takes 10,000
_SMALLEST_PIECE, _LARGEST_PIECE = 5 << 20, 32 << 20  # of a stream: whoever sends it may lie
_STREAM_PIECE = 16 << 20  # of a stream that does not tell its length: 144 GiB at most
_DELETE_AT_A_TIME = 250

_large_files = threading.BoundedSemaphore(2)  # at a time: each holds several parts in memory
_first_used_in: int | None = None


class ObjectArtifacts(RemoteArtifacts):
    """An `ArtifactStore` below a prefix of a bucket.

    Nothing is asked before the first use. An upload appears whole or not at all, since that is
    how these services work; the parts of one that broke off are told to go.

    Args:
        uri: ``s3://bucket/prefix``, ``gs://…``, ``az://container/prefix``,
            ``abfss://container@account.dfs.core.windows.net/prefix`` or
            ``wasbs://container@account.blob.core.windows.net/prefix``.

    Raises:
        InvalidInput: the address is malformed.
        MissingDependency: obstore is not installed.
    """

    workers = 16

    def __init__(self, uri: str) -> None:
        place = locate(uri)
        self.name = place.name
        self._root = place.prefix
        self._place = place
        self._store: Any = None

    def list(self, folder: str = "") -> list[Entry]:
        """What is directly in a folder, sorted; nothing when there is no such folder."""
        base = self._key(folder)
        with in_our_words(self._place, folder):
            found = self._use().list_with_delimiter(base or None)
        folders = [Entry(self._relative(each), True, None) for each in found["common_prefixes"]]
        # consoles mark a folder by an empty object of its name
        files = [self._entry(each) for each in found["objects"] if each["path"] != base]
        shown = (entry for entry in folders + files if not _is_hidden(entry.path, folder))
        return sorted(shown, key=lambda entry: entry.path)

    def walk(self, folder: str = "") -> Iterator[Entry]:
        """Every file below a folder, sorted."""
        return (entry for entry in self._walk(folder) if not _is_hidden(entry.path, folder))

    def _walk(self, folder: str) -> Iterator[Entry]:
        base = self._key(folder)
        with in_our_words(self._place, folder):
            found = self._use().list(base or None, chunk_size=1000).collect()
        files = sorted(map(self._entry, found), key=lambda entry: entry.path)
        folders = {above for entry in files for above in _folders_of(entry.path)}
        for entry in files:
            if entry.size or (entry.path not in folders and self._key(entry.path) != base):
                yield entry

    def size(self, path: str) -> int:
        """Bytes of a file; `NotFound` when there is none of that name."""
        with in_our_words(self._place, path):
            return int(self._use().head(self._key(safe_relative(path)))["size"])

    def read(self, path: str, offset: int = 0) -> Iterator[bytes]:
        """The bytes of a file from an offset on, in pieces.

        Raises:
            NotFound: there is no such file; at once, not with the first piece.
            StorageFailed: the service does not answer or does not allow it.
        """
        # a range that starts at the end is refused by the services
        if offset and offset >= self.size(path):
            return iter(())
        options = {"range": {"offset": offset}} if offset else None
        with in_our_words(self._place, path):
            answer = self._use().get(self._key(safe_relative(path)), options=options)

        def pieces() -> Iterator[bytes]:
            with in_our_words(self._place, path):
                for piece in answer.stream(min_chunk_size=1 << 20):
                    yield bytes(piece)

        return pieces()

    def write(self, path: str, chunks: Iterable[bytes], size: int | None = None) -> None:
        """Make a file of pieces as they come; if they break off, nothing of it is kept.

        Memory is that of a few parts, which are small where ``size`` is known. The pieces must not
        come from an object store in the same thread.

        Raises:
            InvalidInput: the path leaves the root.
            StorageFailed: the service does not answer or does not allow it.
        """
        key, store = self._key(safe_relative(path)), self._use()
        piece = _STREAM_PIECE
        if size is not None:
            piece = min(max(_SMALLEST_PIECE, -(-size // _MOST_PARTS)), _LARGEST_PIECE)
        rest, head, length = iter(chunks), [], 0
        for chunk in rest:
            head.append(chunk)
            length += len(chunk)
            if length > piece:
                break
        with in_our_words(self._place, path):
            if length <= piece:
                store.put(key, b"".join(head))
            else:
                store.put(
                    key,
                    chain(head, rest),
                    use_multipart=True,
                    chunk_size=piece,
                    max_concurrency=_PARTS_AT_A_TIME,
                )

    def signed_url(self, path: str, seconds: int) -> str:
        """An address by which anybody can read a file for a time.

        Raises:
            StorageFailed: the credentials are not of the kind that can sign.
        """
        from datetime import timedelta

        import obstore

        key, lasts = self._key(safe_relative(path)), timedelta(seconds=seconds)
        with in_our_words(self._place, path):
            return str(obstore.sign(self._use(), "GET", key, lasts))

    def delete(self, path: str) -> None:
        """Remove a file or folder ('' for everything); nothing happens when there is none.

        Raises:
            InvalidInput: the path leaves the root.
            StorageFailed: the service does not answer or does not allow it.
        """
        keys = [self._key(entry.path) for entry in self._walk(path)]
        if path:
            keys.append(self._key(safe_relative(path)))
        batches = [keys[i : i + _DELETE_AT_A_TIME] for i in range(0, len(keys), _DELETE_AT_A_TIME)]
        in_parallel(self._delete_all, batches, 4)

    def _delete_all(self, keys: Sequence[str]) -> None:
        try:
            with in_our_words(self._place, ""):
                self._use().delete(keys)
        except NotFound:
            # some services say so of one key and leave the others behind it
            if len(keys) > 1:
                in_parallel(self._delete_all, [[key] for key in keys], self.workers)

    def _send(self, source: Path, path: str, advance: Advance) -> None:
        key, store = self._key(path), self._use()
        size = source.stat().st_size
        with source.open("rb") as file, in_our_words(self._place, path):
            if size <= _PIECE:
                advance(size)  # before: what was put is not given up any more
                store.put(key, file.read())
                return
            piece = max(_PIECE, -(-size // _MOST_PARTS))

            def pieces() -> Iterator[bytes]:
                while data := file.read(piece):
                    yield data
                    advance(len(data))

            with _large_files:
                store.put(
                    key,
                    pieces(),
                    use_multipart=True,
                    chunk_size=piece,
                    max_concurrency=_PARTS_AT_A_TIME,
                )

    def _receive(self, path: str, size: int, target: Path, advance: Advance) -> None:
        key, store = self._key(path), self._use()
        with in_our_words(self._place, path), target.open("r+b", buffering=0) as file:
            if size <= _PIECE:
                _write(file.fileno(), store.get(key).bytes(), 0)
                advance(size)
                return
            # pieces side by side; all of one version, or none
            about = store.head(key)
            size = int(about["size"])
            options = {"if_match": about["e_tag"]} if about["e_tag"] else {}

            def receive(start: int) -> None:
                part = {"range": (start, min(start + _PIECE, size))}
                data = store.get(key, options=options | part).bytes()
                _write(file.fileno(), data, start)
                advance(len(data))

            with _large_files:
                in_parallel(receive, range(0, size, _PIECE), _PARTS_AT_A_TIME)

    def _use(self) -> Any:
        """The connection, made on first use; refused where the library would hang for ever."""
        global _first_used_in
        if _first_used_in is None:
            _first_used_in = os.getpid()
        elif _first_used_in != os.getpid():
            raise InvalidState(
                f"This process was forked from one that had used {self.name} already, which the "
                "object-store library does not survive. Start processes by 'spawn' "
                "(multiprocessing.get_context('spawn'))."
            )
        if self._store is None:
            self._store = connect(self._place)
        return self._store

    def _key(self, path: str) -> str:
        below = safe_relative(path) if path else ""
        return "/".join(part for part in (self._root, below) if part)

    def _relative(self, key: str) -> str:
        return key[len(self._root) :].lstrip("/") if self._root else key

    def _entry(self, found: dict[str, Any]) -> Entry:
        return Entry(self._relative(found["path"]), False, int(found["size"]))


def _is_hidden(path: str, folder: str) -> bool:
    """Whether it is hidden from one who looks into a folder above."""
    return any(name.startswith(HIDDEN) for name in path[len(prefix(folder)) :].split("/"))


def _folders_of(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


def _write(file: int, data: Any, offset: int) -> None:
    """All of it: a disk that is nearly full takes a part without a word."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(file, rest, offset)
        rest, offset = rest[written:], offset + written
