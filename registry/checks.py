"""The checksums of a model's files, wherever they are, before they are put on record."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ..artifacts.local import LocalArtifacts
from ..artifacts.transfer import in_parallel
from ..errors import BadModel, ModelChanged, NotFound
from ..flavors.descriptor import MLMODEL, Model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..artifacts.base import ArtifactStore

_AT_A_TIME = 8
_SHOWN = 5
_LARGEST = 16 << 20  # bytes of a file that is read whole


def check_is_model(place: ArtifactStore, called: str) -> None:
    """Refuse a place without a model.

    Args:
        place: where the files should be.
        called: by whoever asked, for the message.

    Raises:
        BadModel: there is no ``MLmodel`` in it; the message says where there is one.
    """
    try:
        place.size(MLMODEL)
        return
    except NotFound:
        pass
    below = [entry for entry in place.list("") if entry.is_dir]
    near = [
        e.path for e in below if any(f.path == f"{e.path}/{MLMODEL}" for f in place.list(e.path))
    ]
    if near:
        hint = f"There is one in {', '.join(near[:_SHOWN])}, below it."
    else:
        hint = "Log the model with log_model, or name the folder that save_model made."
    raise BadModel(f"There is no model at {called}: it has no file {MLMODEL}. {hint}")


def files_of(place: ArtifactStore) -> dict[str, str]:
    """The checksum of every file of a place; those that are not on this machine are streamed.

    Raises:
        BadModel: it holds a symbolic link or a special file.
        StorageFailed: it cannot be read.
    """
    from ..flavors.integrity import NOTE_OF_MLFLOW, is_only_a_note, manifest

    if isinstance(place, LocalArtifacts):
        return manifest(place.root)
    found: dict[str, str] = {}

    def read(path: str) -> None:
        found[path] = streamed_checksum(place, path)

    names = [entry.path for entry in place.walk("")]
    if NOTE_OF_MLFLOW in names and is_only_a_note(place.read):
        names.remove(NOTE_OF_MLFLOW)
    in_parallel(read, names, _AT_A_TIME)
    return dict(sorted(found.items()))


def streamed_checksum(place: ArtifactStore, path: str) -> str:
    """The checksum of one file, read piece by piece from wherever it is."""
    sha = hashlib.sha256()
    for piece in place.read(path):
        sha.update(piece)
    return f"sha256:{sha.hexdigest()}"


def described(place: ArtifactStore) -> Model:
    """The descriptor of a model.

    Raises:
        BadModel: it is damaged.
    """
    return _parsed(read_small(place, MLMODEL))


def described_files(place: ArtifactStore, descriptor: str = MLMODEL) -> dict[str, str]:
    """What a model's own descriptor says of its files, with the checksum of the descriptor.

    Args:
        place: where it is.
        descriptor: its path there.

    Raises:
        NotFound: it is not there.
        BadModel: it is damaged, or larger than descriptors are.
    """
    raw = read_small(place, descriptor)
    own = {MLMODEL: f"sha256:{hashlib.sha256(raw).hexdigest()}"}
    return {str(name): str(sha) for name, sha in _parsed(raw).files.items()} | own


def read_small(place: ArtifactStore, name: str) -> bytes:
    """A descriptor or a list of requirements, whole.

    Raises:
        NotFound: there is no file of that name.
        BadModel: it is larger than these are.
    """
    raw = bytearray()
    for piece in place.read(name):
        raw += piece
        if len(raw) > _LARGEST:
            raise BadModel(f"The file {name} of a model is over {_LARGEST >> 20} MB.")
    return bytes(raw)


def _parsed(raw: bytes) -> Model:
    from ..flavors import yaml_text

    return Model.from_dict(yaml_text.load(raw, MLMODEL))


def check_unchanged(
    files: Mapping[str, str], digest: str, called: str, recorded: Mapping[str, str]
) -> None:
    """Refuse files that are not those that a digest is of.

    Args:
        files: their checksums now.
        digest: on record.
        called: how the user calls the model.
        recorded: their checksums as far as there is a record; tells which differ.

    Raises:
        ModelChanged: they differ; the message names them.
    """
    from ..flavors.integrity import differences, listed
    from ..flavors.integrity import digest as digest_of

    if digest_of(files) == digest:
        return
    problems = differences(files, recorded) if len(recorded) > 1 else []
    problems = problems or [f"{MLMODEL} differs"]
    raise ModelChanged(
        f"The files of {called} were changed since the model was logged: {listed(problems)}. It "
        "is not registered; log it again."
    )
