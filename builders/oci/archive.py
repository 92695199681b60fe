"""An image as one file: what ``docker save`` writes and ``docker load`` reads, and OCI's layout.

What is written is both at once, as engines themselves do since version 25: a layout whose
``manifest.json`` tells older engines where things are. Read is that, what older engines and other
tools write, and a plain layout, compressed or not.

Format: https://github.com/moby/docker-image-spec/blob/v1.3.1/spec.md, "Combined Image JSON +
Filesystem Changeset Format".
"""

from __future__ import annotations

import hashlib
import json
import secrets
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...errors import InvalidInput, NotFound
from ...flavors.staging import storage_failed
from ..base import Progress, Report, ignore
from ..tar_stream import TAR_END, member_header, padding
from .archive_file import ArchiveFile
from .blob_reader import pieces
from .compress import compression_of, decompressed, guess_compression, media_type
from .documents import parse
from .image import Blobs, Bundle, Image
from .layout_index import INDEX, MARK, MARK_CONTENT, index_of
from .select import by_name, familiar_name, full_name, image_of
from .spec import OCI_CONFIG, OCI_MANIFEST, Descriptor, Platform, canonical
from .wellformed import check_image

_MANIFEST = "manifest.json"


def read_archive(file: Path, name: str | None = None, platform: Platform | None = None) -> Image:
    """An image in an archive.

    Layers of what older engines wrote are not compressed; `repacked` compresses them.

    Args:
        file: of ``docker save``, or a tar of an OCI image layout; may be compressed.
        name: name and tag, or tag, in the archive; None when there is only one.
        platform: None takes this machine's, or the only one that there is.

    Raises:
        NotFound: the file, or the image in it, is not there.
        InvalidInput: it is no image, damaged, or for other platforms.
    """
    archive = ArchiveFile(file)
    what = f"{file}{f':{name}' if name else ''}"
    if INDEX in archive and MARK in archive:
        index = parse(archive.document(INDEX), INDEX)
        if index.get("manifests") or _MANIFEST not in archive:
            return image_of(by_name(index, name, str(file)), archive, platform, what)
    if _MANIFEST not in archive:
        raise InvalidInput(f"{file} is no archive of an image: it has no {_MANIFEST}.")
    image = _read_docker(archive, name, what)
    if platform and not image.platform.serves(platform):
        raise InvalidInput(
            f"{what} is not for {platform} but for {image.platform}. Name another image."
        )
    return image


def write_archive(bundle: Bundle, file: Path, report: Report = ignore) -> None:
    """Write an image as a file for ``docker load``.

    Engines since 20.10 load it; those before 23 only know gzip, and layers that are not
    compressed. Of several platforms, an engine that cannot keep several loads one.

    Args:
        bundle: what to write; attachments are in the layout, and engines ignore them.
        file: replaced when all is written; a pipe is written to.
        report: told how far it is.

    Raises:
        BlobDamaged: a layer in the cache is damaged.
        StorageFailed: it cannot be written; what was there is still there.
    """
    if any(compression_of(layer.media_type) == "zstd" for layer in bundle.images[0].layers):
        report(Progress("notice", "Engines before 23.0 cannot load layers compressed with zstd."))
    content = archive_stream(bundle, report=report)
    try:
        special = file.exists() and not stat.S_ISREG(file.stat().st_mode)
    except OSError as error:
        raise storage_failed(file, error) from error
    temporary = file if special else file.with_name(f".{file.name[:100]}.{secrets.token_hex(6)}")
    try:
        with temporary.open("wb" if special else "xb") as out:
            for piece in content:
                out.write(piece)
        if not special:
            temporary.replace(file)
    except OSError as error:
        raise storage_failed(file, error) from error
    finally:
        if not special:
            with suppress(OSError):
                temporary.unlink()


def archive_stream(
    bundle: Bundle,
    *,
    image: Image | None = None,
    without: Collection[str] = (),
    for_engine: bool = False,
    report: Report = ignore,
) -> Iterator[bytes]:
    """The archive, piece by piece; its bytes depend on the bundle alone.

    Args:
        bundle: what is in it.
        image: that engines load which keep one platform; default: this machine's, or the first.
        without: digests of layers to leave out, because whoever reads it has them.
        for_engine: leave out what an engine has no use for, and decompress zstd, which not every
            engine knows.
        report: told how far it is.
    """
    chosen = image or own_image(bundle)
    if for_engine:
        bundle = Bundle(bundle.name, (chosen,))
    contents = [each for each in bundle.contents() if each[0].digest not in without]
    total, done = sum(blob.size for blob, _ in contents), 0
    yield member_header("blobs/")
    yield member_header("blobs/sha256/")
    for blob, source in contents:
        for piece in _member(blob, source, for_engine):
            yield piece
            done += len(piece)
            report(Progress("bytes", "Writing the image", None, min(done, total), total))
    manifest = [
        {
            "Config": _path(chosen.config_descriptor),
            "RepoTags": [familiar_name(bundle.name)],
            "Layers": [_path(layer) for layer in chosen.layers],
        }
    ]
    yield from _file(INDEX, index_of(bundle))
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    yield from _file(_MANIFEST, text.encode())
    yield from _file(MARK, MARK_CONTENT)
    yield TAR_END


def own_image(bundle: Bundle, platform: Platform | None = None) -> Image:
    """The image for a platform (default: this machine's); the first when there is none for it."""
    wanted = platform or Platform.of_machine()
    return next((each for each in bundle.images if each.platform.serves(wanted)), bundle.images[0])


def _path(blob: Descriptor) -> str:
    return f"blobs/sha256/{blob.digest.removeprefix('sha256:')}"


def _file(path: str, content: bytes) -> Iterator[bytes]:
    yield member_header(path, len(content))
    yield content
    yield padding(len(content))


def _member(blob: Descriptor, source: bytes | Blobs, for_engine: bool) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield from _file(_path(blob), source)
        return

    def content() -> Iterator[bytes]:
        with source.open(blob) as file:
            yield from decompressed(file, "zstd") if unpack else pieces(file)

    unpack = for_engine and compression_of(blob.media_type) == "zstd"
    size = sum(map(len, content())) if unpack else blob.size
    yield member_header(_path(blob), size)
    yield from content()
    yield padding(size)


def _read_docker(archive: ArchiveFile, name: str | None, what: str) -> Image:
    entry = _entry(archive, name, what)
    config = archive.document(str(entry.get("Config")))
    settings = parse(config, "configuration")
    paths = [str(each) for each in entry.get("Layers") or []]
    root = settings.get("rootfs")
    ids = root.get("diff_ids") if isinstance(root, dict) else None
    if not isinstance(ids, list) or len(ids) != len(paths):
        raise InvalidInput(f"{what}: {_MANIFEST} and configuration name different layers.")
    layers = [_layer(archive, path, str(each)) for path, each in zip(paths, ids, strict=True)]
    manifest = manifest_of(config, layers)
    described = Descriptor.of(OCI_MANIFEST, manifest, platform=Platform.from_dict(settings))
    image = Image(described, manifest, config, archive)
    check_image(image, what)
    return image


def manifest_of(config: bytes, layers: Iterable[Descriptor]) -> bytes:
    """A manifest for a configuration and layers that came without one."""
    return canonical(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": Descriptor.of(OCI_CONFIG, config).to_dict(),
            "layers": [layer.to_dict() for layer in layers],
        }
    )


def _entry(archive: ArchiveFile, name: str | None, what: str) -> dict[str, Any]:
    try:
        found = json.loads(archive.document(_MANIFEST))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise InvalidInput(f"{what}: {_MANIFEST} is damaged.")
    tags = [[str(tag) for tag in each.get("RepoTags") or []] for each in found]
    named = sorted(familiar_name(tag) for each in tags for tag in each)
    known = ", ".join(named[:20]) or "none with a name"
    if name is None:
        if len(found) != 1:
            raise InvalidInput(f"{what} holds {len(found)} images; name one: {known}.")
        return dict(found[0])
    for each, names in zip(found, tags, strict=True):
        if any(_same(name, tag) for tag in names):
            return dict(each)
    raise NotFound(f"{archive.path} holds no image {name!r}; there is: {known}.")


def _same(name: str, tag: str) -> bool:
    return full_name(name) == full_name(tag) or name.removeprefix(":") == tag.rpartition(":")[2]


def _layer(archive: ArchiveFile, path: str, diff_id: str) -> Descriptor:
    with archive.member(path) as file:
        compression = guess_compression(file.read(4))
        if compression == "none":
            digest = Descriptor.from_dict({"digest": diff_id, "size": 0}).digest
        else:
            file.seek(0)
            found = hashlib.sha256()
            for piece in pieces(file):
                found.update(piece)
            digest = f"sha256:{found.hexdigest()}"
    archive.place(digest, path)
    return Descriptor(media_type(compression), digest, archive.size(path))
