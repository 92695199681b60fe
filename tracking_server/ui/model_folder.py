"""A logged model's own files: what they say, how large they are, which checksums are on record."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...errors import BadModel, MlpackError
from ...flavors import yaml_text
from ...flavors.descriptor import MLMODEL, Model
from ...flavors.environment import CONDA_FILE, REQUIREMENTS_FILE, VIRTUALENV_FILE
from .file_parts import beginning
from .json_text import readable
from .model_example import Example, example_of
from .words import segment

if TYPE_CHECKING:
    from ...registry.entities import ModelVersion
    from ...tracking.entities import LoggedModel
    from ..service import Service

_LARGEST = 4 << 20  # of an MLmodel
_LARGEST_LIST = 64 << 10  # of requirements and the like
_MOST_FILES = 500


@dataclass(frozen=True)
class OneFile:
    """A file of the model.

    Attributes:
        path: below the model's folder.
        size: None for one that is on record and not there.
        checksum: on record, ``sha256:…``; None if there is none.
    """

    path: str
    size: int | None
    checksum: str | None

    @property
    def address(self) -> str:
        """Below the model's page of files."""
        return "/".join(map(segment, self.path.split("/")))


@dataclass
class Folder:
    """What the files of a model say, as far as they can be read.

    Attributes:
        descriptor: the ``MLmodel``.
        problem: why there is no descriptor.
        requirements: the text of requirements.txt.
        environments: name -> text of the other files that describe the environment.
        example: a request that it answers.
        files: all of them, and those on record that are not there.
        note: why there are no files, or not all.
        is_vouched: the checksums are those of the digest on record; None where there is nothing to
            compare.
    """

    descriptor: Model | None = None
    problem: str = ""
    requirements: str = ""
    environments: dict[str, str] = field(default_factory=dict)
    example: Example = field(default_factory=Example)
    files: list[OneFile] = field(default_factory=list)
    note: str = ""
    is_vouched: bool | None = None

    @property
    def size(self) -> int:
        """Of all files that are there."""
        return sum(file.size or 0 for file in self.files)

    @property
    def metadata(self) -> dict[str, str]:
        """What its maker wrote into the descriptor."""
        told = self.descriptor.metadata if self.descriptor else None
        return {
            str(key): value if isinstance(value, str) else readable(value)
            for key, value in (told or {}).items()
        }


def folder_of(service: Service, model: LoggedModel, versions: Sequence[ModelVersion]) -> Folder:
    """Look at a model's files; whatever is wrong with them is told, not raised.

    Args:
        service: of the server.
        model: whose.
        versions: that it is registered as; the registry keeps checksums, too.
    """
    found, place = Folder(), _Place(service, model)
    own: dict[str, str] = {}
    try:
        raw = place.head(MLMODEL, _LARGEST + 1)
        own = _describe(found, raw)
    except MlpackError as error:
        found.problem = error.message
    else:
        found.requirements = place.text(REQUIREMENTS_FILE)
        texts = {name: place.text(name) for name in (CONDA_FILE, VIRTUALENV_FILE)}
        found.environments = {name: text for name, text in texts.items() if text}
        if found.descriptor is not None:
            found.example = example_of(found.descriptor, place.maybe)
    _list(found, place, _recorded(service, versions) or own)
    if model.digest and own:
        from ...flavors.integrity import digest

        found.is_vouched = digest(own) == model.digest
    return found


def _describe(found: Folder, raw: bytes) -> dict[str, str]:
    """Read the descriptor; the checksums that it and its own bytes give."""
    if len(raw) > _LARGEST:
        raise BadModel(f"{MLMODEL} is larger than {_LARGEST >> 20} MB, too large for this page.")
    found.descriptor = Model.from_dict(yaml_text.load(raw, MLMODEL))
    if not found.descriptor.files:
        return {}
    own = {str(name): str(checksum) for name, checksum in found.descriptor.files.items()}
    return {**own, MLMODEL: f"sha256:{hashlib.sha256(raw).hexdigest()}"}


def _recorded(service: Service, versions: Sequence[ModelVersion]) -> dict[str, str]:
    for version in versions:
        if files := service.registry.get_files(version.name, version.version):
            return files
    return {}


def _list(found: Folder, place: _Place, recorded: dict[str, str]) -> None:
    try:
        there = place.files()
    except MlpackError as error:
        found.note = error.message
        return
    if len(there) > _MOST_FILES:
        found.note = f"Only the first {_MOST_FILES} files are listed here; see the tab Files."
    shown = dict(list(there.items())[:_MOST_FILES])
    found.files = [OneFile(path, size, recorded.get(path)) for path, size in shown.items()]
    if not there:
        found.note = "There are no files where the model should be."
    if len(there) <= _MOST_FILES:
        gone = [path for path in sorted(recorded) if path not in there][:_MOST_FILES]
        found.files += [OneFile(path, None, recorded[path]) for path in gone]


class _Place:
    """Where the files are; each call may raise `MlpackError`."""

    def __init__(self, service: Service, model: LoggedModel) -> None:
        self.service, self.location = service, model.artifact_location

    def head(self, name: str, most: int) -> bytes:
        """The first bytes of a file."""
        return beginning(self.service, self.location, name, most)

    def maybe(self, name: str, most: int) -> bytes | None:
        """The same; None when it cannot be read."""
        try:
            return self.head(name, most)
        except MlpackError:
            return None

    def text(self, name: str) -> str:
        """The beginning of a file of text; '' when it cannot be read."""
        raw = self.maybe(name, _LARGEST_LIST) or b""
        return raw.decode("utf-8", "replace").strip()

    def files(self) -> dict[str, int | None]:
        """Sizes by path; one more than are shown at most."""
        store, folder, prefix = self.service.places.find(self.location)
        cut = len(prefix) + 1 if prefix else 0
        found: dict[str, int | None] = {}
        for entry in store.walk(folder):
            found[entry.path[cut:]] = entry.size
            if len(found) > _MOST_FILES:
                break
        return found
