"""An image as a folder: the OCI image layout.

Format: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from ...errors import AlreadyExists, InvalidInput, NotFound, StorageFailed
from ...flavors.staging import new_folder, storage_failed
from ..base import Progress, Report, ignore
from .blob_reader import checked, pieces
from .documents import LARGEST_DOCUMENT, descriptors, parse
from .image import Blobs, Bundle, Image
from .layout_index import INDEX, MARK, MARK_CONTENT, index_of, subject_of
from .select import by_name, image_of
from .spec import Descriptor, Platform


class FolderBlobs:
    """The blobs of a layout; a `Blobs`. Links, and what is no file, are not followed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self, blob: Descriptor) -> AbstractContextManager[BinaryIO]:
        """See `Blobs.open`."""
        path = blob_path(self.folder, blob.digest)
        file = _open_file(path, f"The layout {self.folder} lacks the blob {blob.digest}.")
        return checked(file, blob)


def is_layout(folder: Path) -> bool:
    """Does a folder look like an image layout?"""
    return (folder / MARK).is_file()


def read_layout(folder: Path, tag: str | None = None, platform: Platform | None = None) -> Image:
    """An image of a layout.

    Args:
        folder: the layout.
        tag: its name in the layout, whole name or digest; None when there is only one.
        platform: None takes this machine's, or the only one that there is.

    Raises:
        NotFound: the folder, or the image in it, is not there.
        InvalidInput: the folder is no layout, the image is for other platforms, or damaged.
    """
    index = _read_index(folder)
    root = by_name(index, tag, str(folder))
    return image_of(root, FolderBlobs(folder), platform, f"{folder}{f':{tag}' if tag else ''}")


def write_layout(bundle: Bundle, folder: Path, report: Report = ignore) -> None:
    """Write an image into a layout, a new one or one that is there.

    Layers are hard links into the cache where the file system allows it. In a layout that is
    there, an image of the same name is replaced; its blobs stay, as with other tools.

    Args:
        bundle: what to write; attachments are written, too.
        folder: the layout; must not exist, be empty, or be one already.
        report: told how far it is.

    Raises:
        InvalidInput: the folder holds something else.
        BlobDamaged: a layer in the cache is damaged.
        StorageFailed: it cannot be written. A new folder is not there then; in an old one
            everything is as it was.
    """
    if not is_layout(folder):
        taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
        if taken and not is_layout(folder):  # another build may have made it in between
            raise InvalidInput(
                f"{folder} holds something that is no OCI image layout. Name another folder."
            )
        try:
            with new_folder(folder) as staging:
                _fill(bundle, staging, report)
                _write(staging / INDEX, index_of(bundle))
                _write(staging / MARK, MARK_CONTENT)
            return
        except AlreadyExists:  # another build was quicker: now there is one to add to
            if not is_layout(folder):
                raise
    with _alone(folder):
        before = _read_index(folder)
        _fill(bundle, folder, report)
        blobs = FolderBlobs(folder)
        _write(folder / INDEX, index_of(bundle, before, lambda blob: subject_of(blob, blobs)))


def blob_path(folder: Path, digest: str) -> Path:
    """Where a layout keeps a blob; digests were checked when they were read."""
    return folder / "blobs" / "sha256" / digest.removeprefix("sha256:")


def _read_index(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise NotFound(f"There is no folder {folder}.")
    if not is_layout(folder):
        raise InvalidInput(f"{folder} is no OCI image layout: it has no file {MARK}.")
    lacks = f"{folder} is no OCI image layout: it has no file {INDEX}."
    with _open_file(folder / MARK, lacks) as file:
        version = parse(file.read(LARGEST_DOCUMENT + 1), MARK).get("imageLayoutVersion")
    if version != "1.0.0":
        raise InvalidInput(f"{folder} is an image layout of an unknown version: {version!r}.")
    with _open_file(folder / INDEX, lacks) as file:
        index = parse(file.read(LARGEST_DOCUMENT + 1), INDEX)
    descriptors(index, "manifests")
    return index


def _open_file(path: Path, missing: str) -> BinaryIO:
    """A plain file; opening a pipe does not wait."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NotFound(missing) from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise InvalidInput(
                f"{path} is a symbolic link, which a layout must not hold."
            ) from None
        raise StorageFailed(f"Cannot read {path}: {error.strerror}.") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise InvalidInput(f"{path} is not a file.")
    return os.fdopen(handle, "rb", buffering=0)


def _fill(bundle: Bundle, folder: Path, report: Report) -> None:
    contents = list(bundle.contents())
    total = sum(blob.size for blob, _ in contents)
    done = 0
    try:
        (folder / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_failed(folder, error) from error
    for blob, source in contents:
        _place(blob, source, blob_path(folder, blob.digest))
        done += blob.size
        report(Progress("bytes", "Writing the image", None, done, total))


def _place(blob: Descriptor, source: bytes | Blobs, path: Path) -> None:
    if _is_link(path, source, blob) or _has(path, blob):
        return
    if isinstance(source, bytes):
        _write(path, source)
        return
    with source.open(blob) as file:
        content = pieces(file)
        linked = _cached(source, blob)
        if linked is None or not _link(linked, path, content):
            _write_pieces(path, content)


def _cached(source: bytes | Blobs, blob: Descriptor) -> Path | None:
    """The file of a blob that the cache has; see `Cache.path`."""
    find = getattr(source, "path", None)
    found: Path | None = find(blob.digest, blob.size) if find else None
    return found


def _is_link(path: Path, source: bytes | Blobs, blob: Descriptor) -> bool:
    """Is it the cache's own file, which was read and compared when it was linked?"""
    cached = _cached(source, blob)
    try:
        return cached is not None and not path.is_symlink() and path.samefile(cached)
    except OSError:
        return False


def _has(path: Path, blob: Descriptor) -> bool:
    """Is a blob there, undamaged?"""
    try:
        with _open_file(path, "") as file, checked(file, blob) as content:
            for _ in pieces(content):
                pass
        return True
    except (NotFound, InvalidInput):
        return False


def _link(cached: Path, path: Path, content: Iterable[bytes]) -> bool:
    temporary = path.with_name(f".{secrets.token_hex(8)}")
    try:
        os.link(cached, temporary)
    except OSError:
        return False  # another disk, or a file system without links
    try:
        for _ in content:
            pass  # the last read compares: what is damaged is not handed on
        temporary.replace(path)
    except OSError as error:
        raise storage_failed(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _write(path: Path, content: bytes) -> None:
    _write_pieces(path, (content,))


def _write_pieces(path: Path, content: Iterable[bytes]) -> None:
    temporary = path.with_name(f".{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            for piece in content:
                file.write(piece)
            os.fchmod(file.fileno(), 0o644)
        temporary.replace(path)
    except OSError as error:
        raise storage_failed(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two builds into one layout take turns, so that neither loses the other's name."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
