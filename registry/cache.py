"""Models from other machines, kept on this one: downloaded once, verified by their digest.

Below ``$MLPACK_CACHE``, else ``$XDG_CACHE_HOME/mlpack`` or ``~/.cache/mlpack``. The folder may be
removed at any time.
"""

from __future__ import annotations

import atexit
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ..artifacts.base import ArtifactStore
from ..errors import BadModel, ModelChanged, StorageFailed

_PARTIAL = ".partial-"
_ABANDONED_SECONDS = 24 * 3600


def model_folder(
    place: ArtifactStore, digest: str | None, files: Mapping[str, str] | None = None
) -> Path:
    """A copy of a model's files on this machine.

    Args:
        place: where they are.
        digest: of the folder, on record in the tracking store. A model without one cannot be
            told from another of its name, so it is fetched each time, into a temporary folder.
        files: the checksums that the digest is of, if they are on record, too.

    Raises:
        NotFound: there are no files.
        ModelChanged: they are not those that the digest is of.
        StorageFailed: the place does not answer, or the disk here is full.
    """
    from ..flavors.integrity import verify_digest

    root = _root() if digest is not None else None
    if digest is None or root is None:
        return temporary_copy(place, "")
    kept = root / digest.replace(":", "-")
    if os.path.lexists(kept):
        try:
            _check_is_ours(kept)
            verify_digest(kept, digest)
        except (ModelChanged, BadModel, StorageFailed):
            _discard(kept, root)
        else:
            return kept
    _sweep(root)
    partial = Path(tempfile.mkdtemp(prefix=_PARTIAL, dir=root))
    try:
        place.fetch("", partial)
        verify_digest(partial, digest, recorded=files)
        try:
            partial.rename(kept)
        except OSError as error:
            if not kept.is_dir():
                raise StorageFailed(f"Cannot keep a model in {root}: {error.strerror}.") from error
            verify_digest(kept, digest, recorded=files)  # another process was faster
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return kept


def temporary_copy(place: ArtifactStore, path: str) -> Path:
    """A copy of a file or folder that goes when this process ends."""
    folder = Path(tempfile.mkdtemp(prefix="mlpack-"))
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:  # not when a forked child ends
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    try:
        return place.fetch(path, folder)
    except BaseException:
        remove()
        raise


def _root() -> Path | None:
    """The folder of kept models, which nobody else may write to; None where it cannot be made.

    Raises:
        StorageFailed: others may write to it.
    """
    base = os.environ.get("MLPACK_CACHE")
    if not base:
        home = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
        base = str(Path(home, "mlpack"))
    root = Path(base).absolute() / "models"
    try:
        root.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        root.mkdir(mode=0o700, exist_ok=True)
        about, above, link = root.stat(), root.parent.stat(), root.lstat()
    except OSError:
        return None
    shared = above.st_mode & stat.S_IWOTH and not above.st_mode & stat.S_ISVTX
    own = about.st_uid == link.st_uid == os.geteuid()
    if about.st_mode & 0o022 or shared or not own:
        raise StorageFailed(
            f"Others may write to {root}, where models are kept, or put another in its place. Run "
            f"chmod 700 on {root.parent if shared else 'it'}, or name another folder in "
            "MLPACK_CACHE."
        )
    return root if os.access(root, os.W_OK) else None


def _check_is_ours(kept: Path) -> None:
    """Raises `BadModel` for a link: what it leads to may be changed after it was verified."""
    if kept.is_symlink():
        raise BadModel(f"{kept} is a symbolic link.")


def _discard(folder: Path, root: Path) -> None:
    """Remove a damaged model in one step, so that nobody finds half of it."""
    aside = Path(tempfile.mkdtemp(prefix=_PARTIAL, dir=root))
    with suppress(OSError):
        folder.rename(aside / "damaged")
    shutil.rmtree(aside, ignore_errors=True)


def _sweep(root: Path) -> None:
    """Remove what downloads that were killed have left."""
    for partial in root.glob(f"{_PARTIAL}*"):
        with suppress(OSError):
            if time.time() - partial.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(partial, ignore_errors=True)
