"""The checksums of a version's files, as far as the server can vouch for them.

Whoever loads a version trusts what agrees with its digest. So the server reads the files itself
where it can. Of a large model it reads no more than the descriptor if that agrees with the digest
of the logged model, which was recorded when the model was made. Where it cannot read, it takes a
client's word only if that digest says the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..artifacts.base import ArtifactStore, Entry
from ..errors import (
    BadModel,
    InvalidInput,
    InvalidState,
    ModelChanged,
    NotFound,
    StorageFailed,
    StorageUnavailable,
)

if TYPE_CHECKING:
    from ..tracking.entities import LoggedModel
    from .service import Service
    from .sources import Source

MOST_BYTES = 16 << 30  # that are read while a client waits
# and that are read although the descriptor says what they are: on this machine, and elsewhere
QUICK_BYTES = (4 << 30, 256 << 20)
_MOST_FILES = 100_000

Files = dict[str, str]


def files_of(service: Service, source: Source, offered: Mapping[str, str]) -> Files | None:
    """The checksum of every file of a version, None when nobody can vouch for them.

    Args:
        service: of the server.
        source: of the version.
        offered: what the client says that they are; may be empty.

    Raises:
        ModelChanged: the files are not those that were logged, or that the client has seen.
        StorageUnavailable: their place does not answer now.
    """
    from ..flavors.integrity import listed

    if source.copied is not None:
        return service.registry.get_files(source.copied.name, source.copied.version) or None
    model = source.whole_model
    described = None
    try:
        place, path, _ = service.places.find(source.place)
        described = _as_described(place, path, model)
        found = _read(place, path, _most(place) if described else MOST_BYTES) or described
    except StorageUnavailable:
        raise
    except (InvalidInput, InvalidState, NotFound, StorageFailed):
        found = None  # not the server's to read
    if found is None:
        return dict(offered) if _vouches(model, offered) else None
    if model is not None and model.digest and not _vouches(model, found):
        raise ModelChanged(
            f"The files of model {model.model_id} are not those that were logged"
            f"{_named(found, described or offered, model)}. Log it again, and register that."
        )
    differing = sorted(name for name in {*offered, *found} if offered.get(name) != found.get(name))
    if offered and differing:
        raise ModelChanged(
            f"The files that the server has differ from yours: {listed(differing)}. Upload them "
            "again, then register the model."
        )
    return found


def _vouches(model: LoggedModel | None, files: Mapping[str, str]) -> bool:
    """Whether a logged model was made of these files."""
    from ..flavors.integrity import digest

    return bool(model and model.digest and files) and digest(files) == (model and model.digest)


def _named(files: Files, recorded: Mapping[str, str], model: LoggedModel) -> str:
    """Which files differ, as far as somebody knows what they were."""
    from ..flavors.integrity import differences, listed

    return f": {listed(differences(files, recorded))}" if _vouches(model, recorded) else ""


def _as_described(place: ArtifactStore, path: str, model: LoggedModel | None) -> Files | None:
    """What the model's own descriptor says, if the digest on record is of that."""
    from ..flavors.descriptor import MLMODEL
    from ..registry.checks import described_files

    if model is None or not model.digest:
        return None
    try:
        files = described_files(place, f"{path}/{MLMODEL}" if path else MLMODEL)
    except (BadModel, InvalidInput, NotFound):  # damaged, a link, gone, too large
        return None
    return files if _vouches(model, files) else None


def _most(place: ArtifactStore) -> int:
    """How much of a place is read only to see that nobody changed it."""
    from ..artifacts.local import LocalArtifacts

    return QUICK_BYTES[not isinstance(place, LocalArtifacts)]


def _read(place: ArtifactStore, path: str, most: int) -> Files | None:
    """Every file's checksum; None when there is none, or more than can be waited for."""
    from ..flavors.integrity import NOTE_OF_MLFLOW, is_only_a_note

    above = f"{path}/" if path else ""
    entries: list[Entry] = []
    size = 0
    for entry in place.walk(path):
        entries.append(entry)
        size += entry.size or 0
        if size > most or len(entries) > _MOST_FILES:
            return None
    found = {entry.path.removeprefix(above): entry.path for entry in entries}
    if NOTE_OF_MLFLOW in found and is_only_a_note(lambda name: place.read(above + name)):
        del found[NOTE_OF_MLFLOW]
    return {name: _checksum(place, full) for name, full in found.items()} or None


def _checksum(place: ArtifactStore, path: str) -> str:
    """Of a file on this machine it may be known already."""
    from ..artifacts.local import LocalArtifacts
    from ..flavors.integrity import checksum
    from ..registry.checks import streamed_checksum

    if isinstance(place, LocalArtifacts):
        try:
            return checksum(place.fetch(path))
        except OSError:
            raise StorageFailed(f"The file {path!r} cannot be read.") from None
    return streamed_checksum(place, path)
